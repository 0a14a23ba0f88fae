"""notebooks/jupyterhub.ipynb, run on a real hub by a person who clicks, and what they see on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hub.desk import NOBODY_WAITS, Office
from notebook_desk import LOGGED_IN, fill_in
from support import REPOSITORY

from aventus_creds.sandbox import Sandbox

pytestmark = [pytest.mark.heavy, pytest.mark.hub, pytest.mark.timeout(300)]

NOTEBOOK = REPOSITORY / "notebooks" / "jupyterhub.ipynb"


def test_the_notebook(office: Office, sandbox: Sandbox, tmp_path: Path) -> None:
    """Every cell runs, the redirect comes back through the server, and the last cell has called the API."""
    office.profile(sandbox)
    ada = office.desk("ada", sandbox)
    content = json.loads(NOTEBOOK.read_text("utf-8"))
    example, way, button, use = (
        number for number, cell in enumerate(content["cells"]) if cell["cell_type"] == "code"
    )
    notebook = ada.open_file(content)
    notebook.run(example)
    assert notebook.text(example) == str(ada.jupyter.profiles)
    notebook.run(way)
    assert notebook.text(way) == f"through this server, by {office.hub.callback}"
    notebook.run(button)
    ada.says("Waiting")
    ada.link.scroll_into_view_if_needed()
    ada.page.screenshot(path=tmp_path / "waiting.png")
    tab = ada.follow_link()
    fill_in(tab, "Allow")
    tab.get_by_role("heading", name="Logged in to prod.").wait_for()
    tab.screenshot(path=tmp_path / "logged-in-page.png")
    tab.reload()
    tab.get_by_role("heading", name=NOBODY_WAITS).wait_for()
    tab.screenshot(path=tmp_path / "nobody-waits-page.png")
    ada.says(LOGGED_IN)
    notebook.run(use)
    assert "'sub': 'ada'" in notebook.text(use)
    ada.page.screenshot(path=tmp_path / "logged-in.png")
