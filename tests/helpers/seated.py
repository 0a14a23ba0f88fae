"""A person who sits at a terminal and answers what a command asks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from console_terminal import Terminal


class Person:
    """Answers each question once it is on the screen."""

    def __init__(self, terminal: Terminal, process: subprocess.Popen[bytes]) -> None:
        self._terminal = terminal
        self._process = process
        self._seen = 0

    def sees(self, text: str) -> str:
        """Wait until ``text`` is shown after what was seen before."""
        shown = self._terminal.wait_for_after(text, self._seen)
        self._seen = shown.index(text, self._seen) + len(text)
        return shown

    def answers(self, *pairs: tuple[str, str]) -> None:
        for question, answer in pairs:
            self.sees(question)
            self._terminal.type(f"{answer}\n")

    def types(self, text: str) -> None:
        self._terminal.type(text)

    def ends(self) -> tuple[int, str]:
        """Wait for the end of the program; return its exit code and the whole screen."""
        code = self._process.wait(60)
        return code, self._terminal.shown


@contextmanager
def at_terminal(*arguments: str, **environment: str) -> Iterator[Person]:
    terminal = Terminal()
    environment = {"CI": "", "NO_COLOR": "1"} | environment
    try:
        with terminal.running(sys.executable, "-m", "aventus_creds", *arguments, **environment) as process:
            yield Person(terminal, process)
    finally:
        terminal.hang_up()
        os.close(terminal.slave)
