"""Notebooks without a person: those of the repository, and a login that nobody can answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_apps import KERNEL, install_kernel, isolated_environment, notebook_of
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from support import REPOSITORY, free_port

from aventus_creds import login
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot

WriteProfiles = Callable[..., Path]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Kernels see nothing of the person's Jupyter."""
    folder = tmp_path / "jupyter"
    for name, value in isolated_environment(folder).items():
        if name.startswith(("JUPYTER", "IPYTHON")):
            monkeypatch.setenv(name, value)
    install_kernel(folder / "jupyter_data_dir")


@pytest.fixture
def sandbox(write_profiles: WriteProfiles) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": {**sandbox.profiles()["aventus"], "login_timeout": 20}})
        yield sandbox


def execute(content: Any, folder: Path, *, store_widget_state: bool = False) -> None:
    """Execute a notebook as a scheduled run does: nobody can answer."""
    client = NotebookClient(
        content,
        timeout=60,
        kernel_name=KERNEL,
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=store_widget_state,
    )
    client.execute()


def cells(*sources: str) -> Any:
    return nbformat.from_dict(notebook_of(*sources))  # type: ignore[no-untyped-call,unused-ignore]


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    """Every cell runs, in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    execute(nbformat.read(path, as_version=4), folder)  # type: ignore[no-untyped-call,unused-ignore]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_saved_without_outputs(path: Path) -> None:
    """No outputs, counts or widget state, and it is a valid notebook."""
    content = json.loads(path.read_text("utf-8"))
    nbformat.validate(content)
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in code] == [[] for _ in code]
    assert {cell["execution_count"] for cell in code} <= {None}
    assert "widgets" not in content["metadata"]


@pytest.mark.usefixtures("sandbox")
def test_a_run_that_nobody_watches_ends_at_the_login(tmp_path: Path) -> None:
    """LoginRequired at once, and no later cell runs with half a session."""
    content = cells(
        "from aventus_creds import get_session", 'session = get_session("prod")', "print('went on')"
    )
    with pytest.raises(CellExecutionError, match="LoginRequired"):
        execute(content, tmp_path)
    assert content.cells[1].outputs[-1].ename == "LoginRequired"
    assert "aventus-creds login prod" in content.cells[1].outputs[-1].evalue
    assert content.cells[2].outputs == []
    assert content.cells[2].execution_count is None


@pytest.mark.usefixtures("sandbox")
def test_a_button_that_nobody_watches_offers_no_login(sandbox: Sandbox, tmp_path: Path) -> None:
    """Headless, there is no link to be saved with the widgets' state, and no listener; a login that is there serves."""
    look = (
        "import time\nwhile button._login.state == 'checking': time.sleep(0.01)\nprint(button._login.state)"
    )
    make = 'from aventus_creds import LoginButton\nbutton = LoginButton("prod")\nbutton'
    content = cells(make, look)
    execute(content, tmp_path, store_widget_state=True)
    assert content.cells[1].outputs[0].text == "out\n"
    saved = json.dumps(content)
    assert "aventus-creds-login" in json.dumps(content.metadata.widgets)
    assert "state=" not in saved
    assert "href" not in saved
    token = login("prod", browser=Robot())
    content = cells(make, look, 'print(button.session.get("/v1/me").status_code)')
    execute(content, tmp_path, store_widget_state=True)
    assert [cell.outputs[0].text for cell in content.cells[1:]] == ["in\n", "200\n"]
    assert token.access_token not in json.dumps(content)
    assert sandbox.logins("aventus-pkce") == 1
