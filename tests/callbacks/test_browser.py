"""A real browser: Chromium fills in the sandbox's login form and shows the listener's page.

``Login`` is a login in a thread, which leaves the browser to the test.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import free_port

from aventus_creds import AventusCredsError, login
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot


@pytest.fixture(params=["light", "dark"])
def page(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    context = chromium.new_context(color_scheme=request.param)
    page = context.new_page()
    page.set_default_timeout(15000)
    yield page
    context.close()


@pytest.fixture
def sandbox(write_profiles: Callable[..., Path]) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        keys = sandbox.profiles()["aventus"]
        write_profiles({"prod": {**keys, "callback": "loopback", "login_timeout": 30}})
        yield sandbox


class Login:
    """A login in a thread, which leaves the browser to the test: ``url`` is where it should go."""

    def __init__(self) -> None:
        self.url = ""
        self.error: AventusCredsError | None = None
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._asked.wait(10)

    def _run(self) -> None:
        try:
            login("prod", browser=self._open)
        except AventusCredsError as error:
            self.error = error

    def _open(self, url: str) -> None:
        self.url = url
        self._asked.set()

    def end(self) -> None:
        self._thread.join(10)
        assert not self._thread.is_alive()


def fill_in(page: Any, button: str) -> None:
    robot = Robot()
    page.get_by_label("Username").fill(robot._answers["username"])
    page.get_by_label("Password").fill(robot._answers["password"])
    page.get_by_role("button", name=button).click()


def looks_right(page: Any) -> None:
    """The page's own style is applied (the CSP's hash fits), nothing else was asked for, nothing failed."""
    card = page.locator("main")
    assert card.evaluate("node => getComputedStyle(node).borderRadius") == "16px"
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    background = page.locator("body").evaluate("node => getComputedStyle(node).backgroundColor")
    assert background == ("rgb(18, 22, 28)" if dark else "rgb(244, 246, 249)")


@pytest.mark.usefixtures("sandbox")
def test_a_login_in_a_real_browser(page: Any, tmp_path: Path) -> None:
    """The form, the redirect, the page that says what happened; nothing is wrong in the browser's console."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    attempt = Login()
    page.goto(attempt.url)
    fill_in(page, "Allow")
    page.get_by_role("heading", name="Logged in to prod.").wait_for()
    assert page.get_by_text("You can close this tab.").is_visible()
    page.screenshot(path=tmp_path / "success.png")
    looks_right(page)
    attempt.end()
    assert attempt.error is None
    assert [text for text in complaints if "favicon" not in text and "404" not in text] == []


@pytest.mark.usefixtures("sandbox")
def test_a_refusal_in_a_real_browser(page: Any, tmp_path: Path) -> None:
    """Deny: the page says that the login failed and why, and so does the exception."""
    attempt = Login()
    page.goto(attempt.url)
    fill_in(page, "Deny")
    page.get_by_role("heading", name="The login failed").wait_for()
    assert page.get_by_text("access_denied").is_visible()
    page.screenshot(path=tmp_path / "refusal.png")
    looks_right(page)
    attempt.end()
    assert "access_denied" in str(attempt.error)


@pytest.mark.usefixtures("sandbox")
def test_other_requests_of_a_browser_do_not_end_the_login(page: Any) -> None:
    """A stray page, a favicon and a forged redirect in a real browser; then the true login."""
    attempt = Login()
    callback = free_callback(attempt.url)
    for stray in ("/favicon.ico", "/", "/callback?code=x&state=y", "/callback?error=access_denied"):
        assert page.goto(callback + stray).status in {400, 404}
    page.goto(attempt.url)
    fill_in(page, "Allow")
    page.get_by_role("heading", name="Logged in to prod.").wait_for()
    attempt.end()
    assert attempt.error is None


def free_callback(url: str) -> str:
    """Return the origin of the redirect URI in an authorization request."""
    from urllib.parse import parse_qs, urlsplit

    parts = urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0])
    return f"{parts.scheme}://{parts.netloc}"
