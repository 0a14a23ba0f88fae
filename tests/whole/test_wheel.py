"""The built wheel: what only an installation does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from environments import environment_beside
from jupyter_apps import EXTENSION, isolated_environment
from support import REPOSITORY

pytestmark = pytest.mark.heavy


def run(*command: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a command in ``folder``, and return what it says, without colours."""
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    said = re.sub(r"\x1b\[\d*m", "", done.stdout + done.stderr)
    assert done.returncode == 0, said
    return said


def test_installing_it_enables_the_extension(tmp_path: Path) -> None:
    """A Jupyter server of the environment finds the extension enabled, and can load it."""
    build = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(REPOSITORY))
    run(sys.executable, *build, folder=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    python = environment_beside(tmp_path / "installed", "--no-deps", "--ignore-installed", str(wheel))
    environment = isolated_environment(tmp_path / "jupyter")
    environment.pop("PYTHONPATH", None)  # the wheel is to be found, and not the tree
    listing = (str(python), "-P", "-m", "jupyter_server.extension.serverextension", "list")
    said = run(*listing, folder=tmp_path, environment=environment)
    ours = said.partition(f"Config dir: {tmp_path / 'installed'}")[2].partition("Config dir:")[0]
    assert f"{EXTENSION} enabled" in ours, said
    assert re.search(rf"{EXTENSION} .*OK", ours), said
