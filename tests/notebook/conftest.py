"""Fixtures for notebooks in a browser: the servers, a browser, and a person at a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_apps import AppName, Jupyter
from notebook_desk import LIMIT, Desk, WriteProfiles, keys
from support import free_port

from aventus_creds.sandbox import Sandbox

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[AppName, Jupyter]]:
    """Both servers, which start side by side: tests come in any order."""
    names: tuple[AppName, ...] = ("lab", "notebook")
    servers = {name: Jupyter(name, tmp_path_factory.mktemp(name)) for name in names}
    try:
        for server in servers.values():
            server.wait()
        yield servers
    finally:
        for server in servers.values():
            server.stop()


@pytest.fixture(scope="module")
def context(chromium: Any) -> Iterator[BrowserContext]:
    """A person's browser, which keeps what it has loaded."""
    context: BrowserContext = chromium.new_context()
    yield context
    context.close()


@pytest.fixture(params=["lab", "notebook"])
def jupyter(servers: dict[AppName, Jupyter], request: pytest.FixtureRequest) -> Jupyter:
    app: AppName = request.param
    return servers[app]


@pytest.fixture
def sandbox(write_profiles: WriteProfiles) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": keys(sandbox)})
        yield sandbox


@pytest.fixture
def desk(jupyter: Jupyter, context: BrowserContext, sandbox: Sandbox, tmp_path: Path) -> Iterator[Desk]:
    """A person at a notebook. After every test that opened one, its file holds no secret."""
    lab = [page for page in context.pages if jupyter.app == "lab" and page.url.startswith(jupyter.url)]
    page = lab[0] if lab else context.new_page()
    page.set_default_timeout(LIMIT)
    if not lab:
        page.on("dialog", lambda dialog: dialog.accept())  # an unsaved notebook is left
    desk = Desk(jupyter, page, tmp_path, sandbox)
    try:
        yield desk
        found = desk.found_in_files()
    finally:
        page.screenshot(path=tmp_path / "last.png")
        desk.notebook.close()
        for tab in context.pages:
            if tab is not page and not tab.url.startswith(jupyter.url):
                tab.close()
    assert found == []
