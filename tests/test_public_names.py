"""The public names for people who type them: what editors complete, and what type checkers know."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from support import unavailable

import aventus_creds
from aventus_creds import errors

TREE = ast.parse(Path(aventus_creds.__file__).read_text("utf-8"))


def for_type_checkers() -> dict[str, str]:
    """Return the names that a type checker sees, and the modules where they are."""
    (block,) = [
        node
        for node in TREE.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    return {
        alias.name: (node.module or "").removeprefix("aventus_creds.")
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module != "typing"
        for alias in node.names
    }


def test_type_checkers_see_the_table() -> None:
    """What is loaded lazily and what a type checker reads are the same names of the same modules."""
    assert for_type_checkers() == aventus_creds._ROOMS
    assert sorted(aventus_creds._ROOMS) == sorted(aventus_creds.__all__)


def test_every_base_of_the_errors_is_public() -> None:
    """Who must act is a question of ``except``: each group can be caught by its name."""
    bases = {
        kind.__base__
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.AventusCredsError)
    }
    names = {base.__name__ for base in bases if base} - {"Exception"}
    assert names <= set(aventus_creds.__all__)
    assert aventus_creds.SecretError is errors.SecretError


def test_version() -> None:
    """As the package says that was installed."""
    assert aventus_creds.__version__ == importlib.metadata.version("aventus-creds")


@pytest.mark.parametrize(
    ("code", "some"),
    [
        ("import aventus_creds\naventus_creds.", {*aventus_creds.__all__, "__version__"}),
        ("from aventus_creds import ", set(aventus_creds.__all__)),
        (
            "from aventus_creds import get_session\nget_session('prod').",
            {"get", "post", "headers", "profile"},
        ),
        ("from aventus_creds import get_token\nget_token('prod').", {"access_token", "expires_at", "fresh"}),
        (
            "import aventus_creds\ntry: ...\nexcept aventus_creds.LoginRequired as error:\n  error.",
            {"hint", "message"},
        ),
    ],
)
def test_editors_complete_them(code: str, some: set[str]) -> None:
    """As IPython and many editors do, by jedi."""
    pytest.importorskip("jedi", reason="it comes with IPython, which is not installed here")
    ask = "import jedi, sys; print(*(found.name for found in jedi.Script(sys.argv[1]).complete()))"
    done = subprocess.run([sys.executable, "-c", ask, code], capture_output=True, text=True, check=False)
    assert some - set(done.stdout.split()) == set(), done.stderr


def type_checker(name: str) -> str:
    program = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if not program:
        unavailable(f"{name} is not installed")
    return program


@pytest.mark.heavy  # pyright is a package of npm
@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_name_that_is_not_there_is_an_error_of_type_checkers(tmp_path: Path, checker: str) -> None:
    """And the names that are there are none."""
    program = type_checker(checker)
    file = tmp_path / "script.py"
    names = sorted({*aventus_creds.__all__, "__version__"} - {"LoginButton"})
    file.write_text(f"from aventus_creds import {', '.join(names)}\nfrom aventus_creds import get_sesion\n")
    python = "--python-executable" if checker == "mypy" else "--pythonpath"
    done = subprocess.run(
        [program, python, sys.executable, str(file)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=110,
        check=False,
    )
    complaints = [line for line in done.stdout.splitlines() if "error:" in line]
    assert len(complaints) == 1, done.stdout
    assert "get_sesion" in complaints[0]
    assert "script.py:2" in complaints[0]


def test_it_is_a_package_with_types() -> None:
    """The marker file is beside the code (PEP 561)."""
    assert isinstance(aventus_creds, ModuleType)
    assert Path(aventus_creds.__file__).with_name("py.typed").exists()
