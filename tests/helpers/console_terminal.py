"""A pseudo-terminal at which a person sits, for the tests of the login by paste."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from aventus_creds.callbacks.console import ConsoleCallback

if sys.platform != "win32":  # which has no pseudo-terminals: its tests are skipped
    import fcntl
    import pty
    import termios

URI = "https://app.example.com/callback"
Start = Callable[..., ConsoleCallback]


class Terminal:
    """A pseudo-terminal: ``type`` is the keyboard, ``shown`` what has appeared on the screen so far."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        self._shown = b""
        self._closed = False

    @property
    def shown(self) -> str:
        while not self._closed and select.select([self._master], [], [], 0)[0]:
            self._shown += os.read(self._master, 65536)
        return self._shown.decode()

    def wait_for(self, text: str) -> str:
        """Wait until ``text`` is on the screen, and return all that is."""
        return self.wait_for_after(text, 0)

    def wait_for_after(self, text: str, start: int) -> str:
        """Wait until ``text`` is on the screen behind its first ``start`` characters, and return all that is."""
        deadline = time.monotonic() + 20
        while self.shown.find(text, start) < 0:
            assert time.monotonic() < deadline, self.shown
            time.sleep(0.005)
        return self.shown

    def type(self, text: str) -> None:
        """Type or paste; what the screen shows meanwhile is read, lest the other side blocks."""
        rest = text.encode()
        while rest:
            assert select.select([], [self._master], [], 5)[1]
            rest = rest[os.write(self._master, rest[:512]) :]
            assert self.shown is not None

    def attributes(self) -> Any:
        return termios.tcgetattr(self.slave)

    def is_raw(self) -> bool:
        return not self.attributes()[3] & (termios.ECHO | termios.ICANON)

    def wait_until_raw(self) -> None:
        deadline = time.monotonic() + 20
        while not self.is_raw():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def hang_up(self) -> None:
        """Close the window."""
        if not self._closed:
            self._closed = True
            os.close(self._master)

    def resize(self, columns: int) -> None:
        """Make the window so wide."""
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    @contextmanager
    def running(self, *command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a program whose terminal this is, as a window does with a shell."""
        with subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *command],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            env={**os.environ, "PS1": "$ ", **environment},
        ) as process:
            try:
                yield process
            finally:
                process.send_signal(signal.SIGHUP)
                process.kill()


_TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Streams(dict[str, Any]):
    """What ``sys`` gets once the test itself runs: pytest sets its own streams between fixtures and test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._monkeypatch = monkeypatch

    def put_in_place(self) -> None:
        for name, stream in self.items():
            self._monkeypatch.setattr(sys, name, stream)


def paste(terminal: Terminal, text: str) -> None:
    terminal.wait_for("Paste here: ")
    terminal.type(text)
