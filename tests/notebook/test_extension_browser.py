"""A login through the extension of a single JupyterLab, in a real browser: one click, and nothing to paste."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_apps import Jupyter
from notebook_desk import BUTTON, LOGGED_IN, Desk, WriteProfiles, fill_in, keys, only_lab

from aventus_creds.sandbox import Sandbox

pytestmark = pytest.mark.heavy


@pytest.fixture
def sandbox(jupyter: Jupyter, write_profiles: WriteProfiles) -> Iterator[Sandbox]:
    """Its client has the address of the Jupyter server, as the browser has it."""
    with Sandbox(redirect_uri=f"{jupyter.url}/aventus-creds/callback") as sandbox:
        write_profiles({"prod": keys(sandbox, redirect_uri="jupyter", callback="jupyter")})
        yield sandbox


@only_lab
def test_one_click_and_the_server_takes_the_redirect(desk: Desk, tmp_path: Path) -> None:
    """At the server's own address, which the profile need not know. Notebook, panel and page as with a listener."""
    notebook = desk.open(BUTTON, 'print(button.session.get("/v1/me").status_code)')
    notebook.run(1)
    desk.link.wait_for()
    assert desk.fold.count() == 1, "pasting is the other way"
    tab = desk.follow_link()
    fill_in(tab, "Allow")
    tab.get_by_role("heading", name="Logged in to prod.").wait_for()
    assert tab.url.startswith(f"{desk.jupyter.url}/aventus-creds/callback?")
    tab.screenshot(path=tmp_path / "page.png")
    tab.reload()
    tab.get_by_role("heading", name="No login on this server is waiting for this").wait_for()
    tab.screenshot(path=tmp_path / "again.png")
    tab.close()
    desk.says(LOGGED_IN)
    notebook.run(2)
    assert notebook.text(2) == "200"
