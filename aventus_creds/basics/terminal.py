"""Talk to the person at the terminal, on standard error: standard output belongs to their program."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO


def say(text: str) -> None:
    """Print ``text``, unless there is no standard error, as under pythonw and in some daemons."""
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - what this module is for


def is_terminal() -> bool:
    """Whether standard error is a terminal and still open."""
    return sys.stderr is not None and sys.stderr.isatty()


def in_foreground(terminal: TextIO) -> bool:
    """Whether this process may use ``terminal``: it is not a background job of the shell."""
    if os.name == "posix":
        with suppress(OSError, ValueError):  # not a terminal, or not this process's controlling terminal
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    return True


def count_down(seconds: float, rest: str) -> bool:
    """Show the time left on the terminal's last line, replacing what is there.

    Args:
        seconds: the time left. Negative values are shown as 0.
        rest: text to show after the time.

    Returns:
        Whether anything was shown: nothing is without a terminal, or in a background job.
    """
    if not is_terminal() or not in_foreground(sys.stderr):
        return False
    minutes, left = divmod(max(0, round(seconds)), 60)
    sys.stderr.write(f"\r\x1b[K{minutes}:{left:02} left.{rest}")
    sys.stderr.flush()
    return True


def clear_line() -> None:
    """Remove a countdown from the terminal."""
    if is_terminal():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
