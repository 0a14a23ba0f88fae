"""A real kernel without a front end: the test runs cells, answers questions and reads what would be shown."""

from __future__ import annotations

import html
import queue
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from jupyter_apps import install_kernel, isolated_environment
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from support import MACHINE, REPOSITORY, unavailable

LIMIT = 60.0
"""Seconds that a cell may take: ipywidgets is loaded in it, on a machine that does other things as well."""


def environment_with(folder: Path, *packages: str) -> str:
    """Make an environment with ``packages`` and this package; skip the test if there is none, except in CI.

    Returns:
        its Python.
    """
    python = str(folder / "bin" / "python")
    uv = shutil.which("uv")
    make = [uv, "venv", "-q", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    install = [uv, "pip", "install", "-q", "-p", python] if uv else [python, "-m", "pip", "install", "-q"]
    try:
        for command in ([*make, str(folder)], [*install, *packages, "-e", str(REPOSITORY)]):
            subprocess.run(command, env=MACHINE, check=True, timeout=100, capture_output=True)
    except (OSError, subprocess.SubprocessError) as fault:
        unavailable(f"{', '.join(packages)} cannot be installed: {fault}")
    return python


class Kernel:
    """A kernel of ``python``, which sees the files under ``folder`` and the variables of ``environment``."""

    def __init__(
        self,
        folder: Path,
        python: str,
        environment: dict[str, str],
        *,
        launcher: str = "ipykernel_launcher",
    ) -> None:
        own = isolated_environment(folder / "jupyter")
        install_kernel(folder / "jupyter" / "jupyter_data_dir", python, launcher)
        specs = KernelSpecManager(kernel_dirs=[str(folder / "jupyter" / "jupyter_data_dir" / "kernels")])
        self._manager = KernelManager(kernel_name="aventus-creds-tests", kernel_spec_manager=specs)
        self._manager.start_kernel(env={**own, **environment}, cwd=str(folder))
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self.shown: list[dict[str, Any]] = []
        """What the cells have shown, newest last, without what was replaced."""
        self.answers: list[str] = []
        """What is typed at the next questions."""
        self.questions: list[str] = []

    def __enter__(self) -> Self:
        self._client.wait_for_ready(timeout=LIMIT)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.context.destroy(linger=0)

    def run(self, code: str, *, allow_stdin: bool = True) -> str:
        """Run a cell to its end, and return its texts and errors."""
        self.start(code, allow_stdin=allow_stdin)
        return self.join()

    def start(self, code: str, *, allow_stdin: bool = True) -> None:
        """Run a cell without waiting for its end."""
        self.shown = []
        self._texts: list[str] = []
        self._ended = False
        self._asked = self._client.execute(code, allow_stdin=allow_stdin)

    def join(self) -> str:
        """Wait for the end of the cell."""
        self.wait(lambda: self._ended)
        return "".join(self._texts)

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def link(self) -> str:
        """Wait for the plain link to a login, and return its address."""
        found: list[str] = []

        def look() -> bool:
            shown = "".join(str(one.get("text/html", "")) for one in self.shown)
            found.extend(re.findall('href="([^"]+)"', shown))
            return bool(found)

        self.wait(look)
        return html.unescape(found[0])

    def wait(self, until: Callable[[], bool]) -> None:
        """Take the kernel's messages until the condition holds."""
        deadline = time.monotonic() + LIMIT
        while not until():
            assert time.monotonic() < deadline, (self._texts, self.shown)
            try:
                self._take(self._client.get_iopub_msg(timeout=0.05))
            except queue.Empty:
                self._answer()

    def _take(self, message: dict[str, Any]) -> None:
        if message["parent_header"].get("msg_id") != self._asked:
            return
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            self._texts.append(content["text"])
        elif kind == "error":
            self._texts += ["\n".join(content["traceback"])]
        elif kind in {"display_data", "execute_result", "update_display_data"}:
            place = content.get("transient", {}).get("display_id")
            self.shown = [one for one in self.shown if place is None or one["place"] != place]
            self.shown.append({**content["data"], "place": place})
        elif kind == "status" and content["execution_state"] == "idle":
            self._ended = True

    def _answer(self) -> None:
        if self._client.stdin_channel.msg_ready():
            question = self._client.get_stdin_msg(timeout=1)
            self.questions.append(question["content"]["prompt"])
            self._client.input(self.answers.pop(0))
