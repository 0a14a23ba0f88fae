"""A person at a notebook in a browser, and all that is stored and sent meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from jupyter_apps import OpenNotebook, Server

from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.people import ADA
from aventus_creds.sandbox.robot import Robot

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

WriteProfiles = Callable[..., Path]
BUTTON = 'from aventus_creds import LoginButton\nbutton = LoginButton("prod")\nbutton'
SECRET_NAMES = {
    *("code", "state", "nonce", "code_verifier", "code_challenge", "client_secret"),
    *("access_token", "refresh_token", "id_token", "token"),
}
LOGGED_IN = re.compile(r"Logged in to prod as ada until .*\d\d:\d\d")
LIMIT = 10000
"""Milliseconds that anything in a page may take."""
only_lab = pytest.mark.parametrize("jupyter", ["lab"], indirect=True)


class Wiretap:
    """Stands before the sandbox and keeps every secret that comes or goes, to look for it elsewhere."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.heard: set[str] = set()
        self._app = sandbox._server.app
        sandbox._server.app = self

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        self._note(parse_qs(environ["QUERY_STRING"]))
        self._note(parse_qs(body.decode()))

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            self._note(parse_qs(urlsplit(dict(headers).get("Location", "")).query))
            return start_response(status, headers, *rest)

        answer = b"".join(self._app(environ, start))
        try:
            found = json.loads(answer)
        except ValueError:
            found = {}
        self._note({name: [value] for name, value in found.items()} if isinstance(found, dict) else {})
        return [answer]

    def _note(self, values: dict[str, list[Any]]) -> None:
        for name in SECRET_NAMES & values.keys():
            self.heard.update(value for value in values[name] if isinstance(value, str) and len(value) > 7)


class Desk:
    """A person at a notebook: what they do there, and where to look."""

    def __init__(self, jupyter: Server, page: Page, folder: Path, sandbox: Sandbox) -> None:
        self.jupyter = jupyter
        self.page = page
        self.sandbox = sandbox
        self.folder = folder
        self.wiretap = Wiretap(sandbox)
        self.name = f"{folder.name}.ipynb"

    def open(self, *cells: str) -> OpenNotebook:
        """Open a notebook of ``cells``, which count from 1: cell 0 says whose profiles these are."""
        self.jupyter.write(self.name, self.setup(), *cells)
        self.notebook = self.jupyter.open(self.page, self.name)
        self.notebook.run(0)
        return self.notebook

    def setup(self) -> str:
        """Return the first cell."""
        return "import os\n" + "\n".join(
            f"os.environ[{name!r}] = {str(self.folder / file)!r}"
            for name, file in (
                ("AVENTUS_CREDS_PROFILES", "profiles.toml"),
                ("AVENTUS_CREDS_STATE_DIR", "state"),
            )
        )

    def kept(self) -> Iterable[Path]:
        """Return the files that may hold the notebook, or a copy of it."""
        return self.jupyter.work.rglob(f"*{self.name}*")

    @property
    def panel(self) -> Locator:
        """The login panels, of which most tests have one."""
        return self.page.locator(".aventus-creds-login")

    @property
    def link(self) -> Locator:
        """The link to the login."""
        return self.panel.locator("a.aventus-creds-link")

    @property
    def paste_box(self) -> Locator:
        """Where the redirect's address can be pasted."""
        return self.panel.locator(".aventus-creds-paste input")

    def button(self, name: str) -> Locator:
        """Return the panel's button of that name."""
        return self.panel.get_by_role("button", name=name)

    def says(self, text: str | re.Pattern[str]) -> None:
        """Wait until the status says ``text``, or the line below it that counts down."""
        self.panel.locator(".aventus-creds-status, .aventus-creds-time").filter(
            has_text=text
        ).first.wait_for()

    def address(self) -> str:
        """Log in without a browser and return the redirect's address, as a person would copy it."""
        return Robot().redirect_address(self.link.get_attribute("href") or "")

    @property
    def fold(self) -> Locator:
        """What the field for pasting is folded under."""
        return self.panel.locator("summary")

    def paste(self, address: str) -> None:
        """Unfold the field if need be, paste an address and press Enter."""
        if self.fold.count() and not self.paste_box.is_visible():
            self.fold.click()
        self.paste_box.fill(address)
        self.paste_box.press("Enter")

    def follow_link(self, link: Locator | None = None) -> Page:
        """Click the link and return the new tab with the sandbox's login form."""
        with self.page.context.expect_page() as opened:
            (link or self.link).click()
        tab = opened.value
        tab.set_default_timeout(LIMIT)
        return tab

    def log_in(self, link: Locator | None = None) -> None:
        """Click the link, fill in the form in the new tab, and close the tab as it says."""
        tab = self.follow_link(link)
        fill_in(tab, "Allow")
        tab.get_by_role("heading", name="Logged in to prod.").wait_for()
        assert tab.get_by_text("You can close this tab.").is_visible()
        tab.close()

    def found_in_files(self) -> list[str]:
        """Save the notebook and return what is secret in it, or in any copy of it."""
        saved = self.notebook.save()
        assert saved["metadata"]["widgets"], "the state of widgets was not saved"
        assert "VBox(" not in json.dumps(saved)
        files = [path.read_text("utf-8", errors="replace") for path in self.kept()]
        secrets = [secret for secret in self.wiretap.heard for text in files if secret in text]
        addresses = [
            found for text in files for found in re.findall(r"[?&;](?:code|state)=[^\"\\]{0,9}", text)
        ]
        return secrets + addresses


def fill_in(tab: Page, button: str) -> None:
    tab.get_by_label("Username").fill(ADA.username)
    tab.get_by_label("Password").fill(ADA.password)
    tab.get_by_role("button", name=button).click()


def keys(sandbox: Sandbox, **changed: Any) -> dict[str, Any]:
    """Return the profile's keys."""
    return {**sandbox.profiles()["aventus"], "login_timeout": 60, **changed}
