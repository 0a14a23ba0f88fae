"""The login in marimo, in its editor and as an application: a real server, a real browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from marimo_app import Marimo, write_notebook
from notebook_desk import LIMIT, fill_in
from support import free_port

from aventus_creds import login
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.heavy

WriteProfiles = Callable[..., Path]
BUTTON = 'from aventus_creds import LoginButton\n_button = LoginButton("prod")\n_button'
GET = (
    "from aventus_creds import get_session\nimport marimo as mo\n"
    '_session = get_session("prod")\nmo.md(str(_session.get("/v1/me").json()))'
)


@pytest.fixture
def sandbox(write_profiles: WriteProfiles) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": {**sandbox.profiles()["aventus"], "login_timeout": 60}})
        yield sandbox


class Visitor:
    """Somebody at a page of marimo."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.folder = folder
        page.set_default_timeout(2 * LIMIT)
        self.link = page.locator("a.aventus-creds-link")
        self.panel = page.locator(".aventus-creds-login")

    def says(self, text: str | re.Pattern[str]) -> None:
        self.panel.filter(has_text=text).first.wait_for()

    def log_in(self) -> None:
        with self.page.context.expect_page() as opened:
            self.link.click()
        fill_in(opened.value, "Allow")
        opened.value.get_by_role("heading", name="Logged in to prod.").wait_for()
        opened.value.close()

    def paste(self, address: str) -> None:
        field = self.page.get_by_label("Address of the new tab")
        if not field.is_visible():
            self.page.locator("summary").click()
        field.fill(address)
        field.press("Enter")

    def button(self, name: str) -> Any:
        return self.panel.get_by_role("button", name=name)


Open = Callable[..., Visitor]


@pytest.fixture
def open_in_marimo(chromium: Any, sandbox: Sandbox, tmp_path: Path) -> Iterator[Open]:
    """Open a notebook of cells, in the editor or as an application, and run it."""
    opened: list[Any] = []
    folder = tmp_path / "marimo"
    folder.mkdir()

    def open_(mode: Literal["edit", "run"], *cells: str, headers: dict[str, str] | None = None) -> Visitor:
        marimo = Marimo(mode, folder, *cells, environment={})
        opened.append(marimo)
        marimo.__enter__()
        context = chromium.new_context(
            extra_http_headers=headers or {}, viewport={"width": 700, "height": 600}
        )
        opened.append(context)
        page = context.new_page()
        page.goto(marimo.url)
        if mode == "edit":
            page.locator(".cm-content").first.wait_for(timeout=30000)
            page.get_by_test_id("run-button").first.wait_for(state="attached", timeout=30000)
            page.keyboard.press("Control+Shift+R")
        return Visitor(page, folder)

    yield open_
    for one in reversed(opened):
        one.close() if hasattr(one, "close") else one.__exit__()


def test_a_button_in_the_editor(open_in_marimo: Open, tmp_path: Path) -> None:
    """Log in by the link, log out, paste a wrong and the right address: the panel follows by itself."""
    visitor = open_in_marimo("edit", BUTTON)
    visitor.log_in()
    visitor.says("as ada until")
    assert visitor.link.count() == 0
    visitor.page.screenshot(path=tmp_path / "in.png")
    visitor.button("Log out").click()
    visitor.says("the server has revoked the login")
    visitor.page.screenshot(path=tmp_path / "out.png")
    visitor.button("Log in to prod").click()
    visitor.link.wait_for()
    address = Robot().redirect_address(visitor.link.get_attribute("href") or "")
    visitor.paste("http://127.0.0.1/callback?code=x&state=y")
    visitor.panel.get_by_role("alert").wait_for()
    assert visitor.link.is_visible()
    visitor.page.screenshot(path=tmp_path / "wrong.png")
    visitor.paste(address)
    visitor.says("as ada until")
    deadline = time.monotonic() + 20  # marimo writes what cells show into a file every few seconds
    while found := secrets_in(visitor.folder):
        assert time.monotonic() < deadline, found


def secrets_in(folder: Path) -> list[str]:
    """Return the parts of addresses that hold a secret, in all files of a notebook."""
    texts = [path.read_text("utf-8") for path in folder.rglob("*") if path.suffix in {".py", ".json"}]
    return [found for text in texts for found in re.findall(r"(?:code|state)=.{0,9}", text)]


def test_get_session_in_the_editor(open_in_marimo: Open) -> None:
    """The cell shows the link and waits, and goes on by itself; the link is gone then."""
    visitor = open_in_marimo("edit", GET)
    visitor.log_in()
    visitor.page.get_by_text("'sub': 'ada'").wait_for()
    assert visitor.link.count() == 0


def test_an_api_that_wants_more(
    open_in_marimo: Open, sandbox: Sandbox, write_profiles: WriteProfiles
) -> None:
    """The cell ends with LoginPending, the button in another cell offers that login, and then the cell runs."""
    write_profiles({"prod": {**sandbox.profiles()["oidc"], "login_timeout": 60}})
    login("prod", browser=Robot().browse)
    sandbox.api_wants = {"acr_values": "gold"}
    visitor = open_in_marimo("edit", BUTTON, GET)
    visitor.page.get_by_text("a login of the class gold").first.wait_for()
    visitor.link.wait_for()
    assert "acr_values=gold" in (visitor.link.get_attribute("href") or "")
    visitor.log_in()
    visitor.says("as ada until")
    visitor.page.locator(".cm-content").last.click()
    visitor.page.keyboard.press("Control+Enter")
    visitor.page.get_by_text("'sub': 'ada'").wait_for()


def test_an_application_on_ones_own_machine(open_in_marimo: Open) -> None:
    """marimo run, for the person who started it: both ways work. Nobody is told whose login it is."""
    visitor = open_in_marimo("run", BUTTON, GET)
    visitor.link.first.wait_for()
    visitor.link = visitor.link.first
    visitor.log_in()
    visitor.page.get_by_text("'sub': 'ada'").wait_for()
    visitor.says("Logged in to prod")
    assert "ada" not in visitor.panel.first.inner_text()


def test_an_application_for_visitors(open_in_marimo: Open, sandbox: Sandbox) -> None:
    """Through a proxy, it offers no login: all visitors would share it."""
    visitor = open_in_marimo("run", BUTTON, GET, headers={"X-Forwarded-For": "203.0.113.7"})
    visitor.says("This page is served to visitors")
    assert visitor.link.count() == 0
    assert not sandbox.journal


def test_a_notebook_as_a_script(sandbox: Sandbox, tmp_path: Path) -> None:
    """python notebook.py is a script like any other: nobody is asked without a terminal, or the address is printed."""
    notebook = write_notebook(tmp_path, GET.replace("mo.md(", "print("))
    command = [sys.executable, str(notebook)]
    ended = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False
    )
    assert "Run: aventus-creds login prod" in ended.stderr
    said = {**os.environ, "AVENTUS_CREDS_INTERACTIVE": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=said, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
    ) as script:
        assert script.stdout
        assert script.stderr
        address = next(line.strip() for line in script.stderr if line.strip().startswith("http"))
        Robot().browse(address)
        assert "ada" in script.stdout.read()
        script.stderr.read()
