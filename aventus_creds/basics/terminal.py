"""Speaking to the person at the terminal: on standard error, for standard output belongs to their program."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO


def say(text: str) -> None:
    """Print ``text``, where there is a standard error: pythonw and some daemons have none."""
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - what this room is for


def is_terminal() -> bool:
    """Whether standard error is a terminal, still open."""
    return sys.stderr is not None and sys.stderr.isatty()


def in_foreground(terminal: TextIO) -> bool:
    """Whether this process may use ``terminal``: it does not run behind a shell's prompt."""
    if os.name == "posix":
        with suppress(OSError, ValueError):  # it is no terminal, or not the one that controls this process
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    return True


def count_down(seconds: float, rest: str) -> bool:
    """Show how long is left, and ``rest``, in place of the terminal's last line. Returns whether it was shown."""
    if not is_terminal() or not in_foreground(sys.stderr):
        return False
    minutes, left = divmod(max(0, round(seconds)), 60)
    sys.stderr.write(f"\r\x1b[K{minutes}:{left:02} left.{rest}")
    sys.stderr.flush()
    return True


def clear_line() -> None:
    """Take a countdown off the terminal."""
    if is_terminal():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
