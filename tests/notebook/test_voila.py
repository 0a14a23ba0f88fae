"""A notebook that Voila serves: visitors neither log in nor see whose login there is. A real server and browser."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_apps import install_kernel, isolated_environment, notebook_of
from notebook_desk import LIMIT, fill_in
from support import free_port

from aventus_creds import login
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.heavy

WriteProfiles = Callable[..., Path]
BUTTON = 'from aventus_creds import LoginButton\nLoginButton("prod")'
GET = """
from aventus_creds import AventusCredsError, get_session
try:
    print("got", get_session("prod").get("/v1/me").status_code)
except AventusCredsError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def sandbox(write_profiles: WriteProfiles) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": {**sandbox.profiles()["aventus"], "login_timeout": 60}})
        yield sandbox


Visit = Callable[..., "Page"]


@pytest.fixture
def visit(chromium: Any, sandbox: Sandbox, tmp_path: Path) -> Iterator[Visit]:
    """Serve the notebook, and open its page."""
    started: list[Any] = []
    folder = tmp_path / "voila"
    folder.mkdir()

    def open_(**environment: str) -> Page:
        own = isolated_environment(folder)
        own |= {
            "AVENTUS_CREDS_PROFILES": str(tmp_path / "profiles.toml"),
            "AVENTUS_CREDS_STATE_DIR": str(tmp_path / "state"),
            **environment,
        }
        install_kernel(Path(own["JUPYTER_DATA_DIR"]))
        (folder / "served.ipynb").write_text(json.dumps(notebook_of(BUTTON, GET)), encoding="utf-8")
        url = f"http://127.0.0.1:{free_port()}/"
        command = [
            sys.executable,
            "-m",
            "voila",
            "served.ipynb",
            "--no-browser",
            f"--port={url.split(':')[2][:-1]}",
        ]
        log = (folder / "voila.log").open("wb")
        server = subprocess.Popen(
            command, env=own, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        log.close()
        started.append(server)
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{url}voila/static/", timeout=5).close()
            except urllib.request.HTTPError:
                break
            except OSError:
                assert server.poll() is None, (folder / "voila.log").read_text("utf-8")
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                break
        page: Page = chromium.new_context().new_page()
        started.append(page.context)
        page.set_default_timeout(4 * LIMIT)
        page.goto(url)
        return page

    yield open_
    for one in reversed(started):
        if isinstance(one, subprocess.Popen):
            one.terminate()
            one.wait(15)
        else:
            one.close()


def test_visitors_are_told_how_it_is(visit: Visit, tmp_path: Path) -> None:
    """No link, no button, and get_session says that the login is made outside of the page."""
    page = visit()
    page.get_by_text("This page is served to visitors").wait_for()
    page.get_by_text("LoginRequired profile prod needs a login").wait_for()
    assert page.get_by_text("log in outside of it").count() == 1
    page.screenshot(path=tmp_path / "served.png")
    assert page.locator(".aventus-creds-login").get_by_role("button").count() == 0
    assert page.locator(".aventus-creds-link").count() == 0


def test_visitors_do_not_see_whose_login_it_is(visit: Visit) -> None:
    """The owner's login serves the page, as they have made it for that; nobody is shown as them."""
    login("prod", browser=Robot())
    page = visit()
    page.get_by_text("got 200").wait_for()
    page.get_by_text("This page is served to visitors").wait_for()
    assert page.locator(".aventus-creds-login").filter(has_text="ada").count() == 0


def test_a_page_that_one_person_uses(visit: Visit) -> None:
    """With AVENTUS_CREDS_INTERACTIVE=1 the login begins at once: its link is there without another click.

    Voila shows the page when all cells have ended, so get_session does not wait there.
    """
    page = visit(AVENTUS_CREDS_INTERACTIVE="1")
    link = page.locator("a.aventus-creds-link").first
    link.wait_for()
    page.get_by_text("LoginPending").wait_for()
    with page.context.expect_page() as opened:
        link.click()
    fill_in(opened.value, "Allow")
    opened.value.get_by_role("heading", name="Logged in to prod.").wait_for()
    page.locator(".aventus-creds-status").filter(has_text="Logged in to prod").first.wait_for()
    assert page.locator(".aventus-creds-login").filter(has_text="ada").count() == 0
