"""Notebooks without a person: those of the repository, and a login that nobody can answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import REPOSITORY
from jupyter_apps import KERNEL, install_kernel, isolated_environment, notebook_of
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from support import free_port

from aventus_creds.sandbox import Sandbox

WriteProfiles = Callable[..., Path]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))

LOG_IN_BY_THE_LINK = """
import html, json, re, time
from aventus_creds.sandbox.robot import Robot

def link():
    shown = " ".join(str(child.get_state()) for child in button.children)
    found = re.search(r'href="([^"]+authorize[^"]+)"', shown)
    return html.unescape(found[1]) if found else ""

deadline = time.monotonic() + 10
while not link() and time.monotonic() < deadline:
    time.sleep(0.05)
assert Robot().browse(link()).status_code == 200
while link() and time.monotonic() < deadline:
    time.sleep(0.05)
print(button.session.get("/v1/me").status_code)
"""


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
    execute(nbformat.read(path, as_version=4), folder)  # type: ignore[no-untyped-call]


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


def test_a_login_by_the_button_leaves_no_secret_in_the_state_of_widgets(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """nbclient keeps the state of every widget unless told otherwise."""
    content = cells(
        'from aventus_creds import LoginButton\nbutton = LoginButton("prod")\nbutton', LOG_IN_BY_THE_LINK
    )
    execute(content, tmp_path, store_widget_state=True)
    assert content.cells[1].outputs[0].text.strip() == "200"
    text = json.dumps(content)
    assert "aventus-creds-login" in json.dumps(content.metadata.widgets)
    token = json.loads(next((tmp_path / "state").rglob("prod-*.json")).read_text("utf-8"))
    assert sandbox.logins("aventus-pkce") == 1
    for secret in (token["access_token"], "?code=", ";state=", "code_challenge="):
        assert secret not in text
