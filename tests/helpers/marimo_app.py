"""marimo on a loopback port: its editor, or a notebook that it serves as an application."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Literal, Self

from support import free_port

START_LIMIT = 60.0
"""Seconds that the server may take to start."""
HEAD = "import marimo\n\napp = marimo.App()\n"
FOOT = '\n\nif __name__ == "__main__":\n    app.run()\n'


class Marimo:
    """A marimo server for one notebook of cells, with files and settings of its own under ``folder``."""

    def __init__(
        self, mode: Literal["edit", "run"], folder: Path, *cells: str, environment: dict[str, str]
    ) -> None:
        self.notebook = write_notebook(folder, *cells)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "marimo.log"
        home = folder / "home"
        home.mkdir(exist_ok=True)
        own = {
            **os.environ,
            **environment,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "XDG_STATE_HOME": str(home),
        }
        options = ["--headless", "--no-token", f"--port={port}", "--skip-update-check"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "marimo",
                    "-q",
                    mode,
                    str(self.notebook),
                    *options[: 4 if mode == "edit" else 3],
                ],
                env=own,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        """Wait until the server answers."""
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=5).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise RuntimeError(self._log.read_text("utf-8")) from None
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def write_notebook(folder: Path, *cells: str) -> Path:
    """Write a notebook; names that start with an underscore are a cell's own."""
    path = folder / "notebook.py"
    body = ""
    for cell in cells:
        lines = "\n".join(f"    {line}" for line in cell.splitlines())
        body += f"\n\n@app.cell\ndef _():\n{lines}\n    return\n"
    path.write_text(HEAD + body + FOOT, encoding="utf-8")
    return path
