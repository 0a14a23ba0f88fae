"""A person of a hub at their notebook, in a browser of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tomli_w
from notebook_desk import Desk, keys

from aventus_creds.sandbox import Sandbox
from hub.hub import Hub, HubUser

if TYPE_CHECKING:
    from jupyter_apps import OpenNotebook
    from playwright.sync_api import Locator, Page

LIMIT: Final = 60000
"""Milliseconds that anything in a page may take, which comes by way of a proxy and of a hub."""
NOBODY_WAITS: Final = "No login on this server is waiting for this"
"""The heading of a server's page for a redirect of a login that it does not know."""


def codes_exchanged(sandbox: Sandbox) -> int:
    """Return how often a code was sent to the token endpoint."""
    return sum(record.endpoint == "token" for record in sandbox.journal)


class HubDesk(Desk):
    """A user of a hub at a notebook; their profiles, tokens and settings are where a user has them."""

    jupyter: HubUser

    def __init__(self, user: HubUser, page: Page, name: str, sandbox: Sandbox) -> None:
        super().__init__(user, page, user.home / name, sandbox)

    def setup(self) -> str:
        return "import os\nprint(os.getuid())"

    def kept(self) -> Iterator[Path]:
        """Return every file in the user's home but the tokens, and what is no text."""
        for path in self.jupyter.home.rglob("*"):
            if path.is_file() and not path.is_relative_to(self.jupyter.tokens):
                yield path

    def open_file(self, content: dict[str, Any]) -> OpenNotebook:
        """Open a notebook that is there already, on the kernel of the tests."""
        self.jupyter.write(self.name)
        content["metadata"]["kernelspec"] = self.jupyter.saved(self.name)["metadata"]["kernelspec"]
        (self.jupyter.work / self.name).write_text(json.dumps(content), encoding="utf-8")
        self.notebook = self.jupyter.open(self.page, self.name)
        return self.notebook

    def waits(self, profile: str = "prod") -> None:
        """Open a notebook, and run the cell that needs a login, up to the link."""
        make = f'from aventus_creds import get_session\nsession = get_session("{profile}")'
        self.open(make, 'print(session.get("/v1/me").status_code)')
        self.notebook.start(1)
        self.link.wait_for()

    def goes_on(self) -> None:
        """The cell that waited has ended, and its session is that of a login."""
        self.notebook.join(1, LIMIT / 1000)
        self.notebook.run(2)
        assert self.notebook.text(2) == "200"

    def address_of_link(self) -> str:
        """Return where the link leads, as one may send it to somebody."""
        return self.link.get_attribute("href") or ""

    def follow_link(self, link: Locator | None = None) -> Page:
        tab = super().follow_link(link)
        tab.set_default_timeout(LIMIT)
        return tab

    def visit(self, address: str) -> Page:
        """Open an address in a new tab of this person's browser."""
        tab = self.page.context.new_page()
        tab.set_default_timeout(LIMIT)
        tab.goto(address)
        return tab

    def close(self) -> None:
        """Leave the notebook, and end the kernels."""
        self.notebook.close()


class Office:
    """The users of a hub with a browser each: gives each a desk."""

    def __init__(self, hub: Hub, chromium: Any) -> None:
        self.hub = hub
        self._chromium = chromium
        self._pages: dict[str, Page] = {}
        self._desks: list[HubDesk] = []
        self._number = 0

    def profile(self, sandbox: Sandbox, **changed: Any) -> None:
        """Give every user the same profiles, with the hub's own address for the redirect, and no login yet."""
        changed.setdefault("redirect_uri", self.hub.callback)
        sandbox.register(changed["redirect_uri"])
        values = keys(sandbox, **changed)
        # A second client would be another login; another scope is another login of the same client.
        profiles = {
            "prod": values,
            "hub-1": {**values, "scope": "openid"},
            "hub-2": {**values, "scope": "openid profile"},
        }
        for user in self.hub.users.values():
            user.write_profiles(tomli_w.dumps({"profiles": profiles}))

    def desk(self, name: str, sandbox: Sandbox, *, new_page: bool = False) -> HubDesk:
        """Return a desk of the user ``name``, in the page they have, or in another page of their browser."""
        self.hub.users[name].start()
        page = self.page(name)
        if new_page:
            page = page.context.new_page()
            page.set_default_timeout(LIMIT)
        self._number += 1
        desk = HubDesk(self.hub.users[name], page, f"{name}-{self._number}", sandbox)
        self._desks.append(desk)
        return desk

    def page(self, name: str) -> Page:
        """Return the page of a user who is logged in to the hub."""
        if name not in self._pages:
            # The certificate is of an authority that only this test knows.
            context = self._chromium.new_context(ignore_https_errors=True)
            context.set_default_timeout(LIMIT)
            page = self.hub.log_in(context, name)
            page.on("dialog", lambda dialog: dialog.accept())  # an unsaved notebook is left
            self._pages[name] = page
        return self._pages[name]

    def leave(self, desk: HubDesk) -> None:
        """Have a person close their browser without saving, as their kernels go on."""
        self._desks.remove(desk)
        del self._pages[desk.jupyter.name]
        desk.page.context.close()

    def clear(self, shots: Path) -> list[str]:
        """End what a test has begun; return what is secret in the files of those who opened a notebook."""
        found: list[str] = []
        for desk in (desk for desk in self._desks if hasattr(desk, "notebook")):
            desk.page.screenshot(path=shots / f"last-{desk.name}.png")
            found += desk.found_in_files()
            desk.close()
        for page in self._pages.values():
            for tab in page.context.pages:
                if tab is not page:
                    tab.close()
        self._desks.clear()
        return found

    def close(self) -> None:
        """Close the browsers."""
        for page in self._pages.values():
            page.context.close()
