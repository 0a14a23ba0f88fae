"""Environments of Python beside that of the tests."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from support import MACHINE


def environment_beside(folder: Path, *requirements: str) -> Path:
    """Make an environment that has all packages of the tests, and others before them; return its Python.

    Args:
        folder: where to make it.
        requirements: the other packages, as pip takes them. What they need in turn is installed if the tests lack it.

    Raises:
        RuntimeError: pip cannot install them.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    (packages,) = folder.glob("lib/python*/site-packages")
    ours = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"  # with the .pth files in it
    (packages / "beside.pth").write_text(ours, encoding="utf-8")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *requirements]
    done = subprocess.run(command, env=MACHINE, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return python
