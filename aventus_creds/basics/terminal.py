"""Talk to the person at the terminal, on standard error: standard output belongs to their program."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from functools import lru_cache
from typing import Final, TextIO

COMMAND: Final = r"\b(?:aventus-creds|chmod|chown|pip|sudo|winpty) "
"""How a command begins that a message tells people to run."""

_shown_on: TextIO | None = None
"""Where the last line is what ``show_line`` wrote."""


def say(text: str) -> None:
    """Print ``text``, unless there is no standard error, as under pythonw and in some daemons."""
    if sys.stderr is not None:
        clear_line()
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - what this module is for


def say_wrapped(text: str) -> None:
    """Print a text, broken into lines at its spaces if the terminal is narrower."""
    say(wrapped(text, columns(sys.stderr)))


def wrapped(text: str, width: int, indent: str = "") -> str:
    """Return ``text`` with its lines broken at spaces. A line with a command stays whole: people copy it.

    What is left of a line is as far to the right as its beginning.

    Args:
        text: the text. It may have several lines.
        width: how many characters a line may have; 0: any number.
        indent: put before each line but the first. It counts for all of them.
    """
    lines = text.split("\n")
    if width:
        lines = [piece for line in lines for piece in _pieces(line, max(1, width - len(indent)))]
    return f"\n{indent}".join(lines)


def _pieces(line: str, width: int) -> list[str]:
    import textwrap

    if re.search(COMMAND, line):
        return [line]
    margin = line[: len(line) - len(line.lstrip())]
    broken = textwrap.wrap(
        line, width, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
    )
    return broken or [""]


def columns(stream: TextIO | None) -> int:
    """Return how many characters a line of ``stream`` has, or 0 if it is no terminal, or that is unknown."""
    with suppress(AttributeError, OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns  # type: ignore[union-attr]
    return 0


def is_terminal() -> bool:
    """Whether standard error is a terminal and still open."""
    return _descriptor() is not None


def in_foreground(terminal: int) -> bool:
    """Whether this process may use a terminal: it is not a background job of the shell.

    Args:
        terminal: its file descriptor.
    """
    if os.name == "posix":
        with suppress(OSError):  # not a terminal, or not this process's controlling terminal
            return os.tcgetpgrp(terminal) == os.getpgrp()
    return True


def count_down(seconds: float, rest: str) -> None:
    """Show the time left on the terminal's last line, replacing what is there.

    Args:
        seconds: the time left. Negative values are shown as 0.
        rest: text to show after the time.
    """
    minutes, left = divmod(max(0, round(seconds)), 60)
    show_line(f"{minutes}:{left:02} left.{rest}")


def show_line(line: str) -> None:
    """Show ``line`` as the terminal's last one, replacing what is there. What is said next takes its place.

    It is cut where the terminal ends: a second line would scroll the others away. Nothing is shown without a
    terminal that can rewrite a line, or in a background job.
    """
    global _shown_on  # noqa: PLW0603 - a process has one terminal
    terminal = _descriptor()
    if terminal is None or not _rewrites_lines() or not in_foreground(terminal):
        return
    width = columns(sys.stderr)
    sys.stderr.write(f"\r\x1b[K{line[: width - 1] if width else line}")
    sys.stderr.flush()
    _shown_on = sys.stderr


def clear_line() -> None:
    """Remove from the terminal what ``show_line`` or ``count_down`` has written."""
    global _shown_on
    stream, _shown_on = _shown_on, None
    if stream is not None and stream is sys.stderr and is_terminal():
        stream.write("\r\x1b[K")
        stream.flush()


def _descriptor() -> int | None:
    """Return standard error's file descriptor if it is a terminal. The consoles of some programs have none."""
    try:
        return sys.stderr.fileno() if sys.stderr.isatty() else None
    except (AttributeError, OSError, ValueError):
        return None


def _rewrites_lines() -> bool:
    """Whether the terminal understands control sequences. Emacs's shell, for example, does not."""
    if os.name == "nt":
        return _console_acts_on_sequences()
    return os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}


_ACT_ON_SEQUENCES: Final = 0x0004  # ENABLE_VIRTUAL_TERMINAL_PROCESSING


@lru_cache(maxsize=1)
def _console_acts_on_sequences() -> bool:
    """Have a console of Windows act on control sequences, and return whether it does: by itself it shows them."""
    import ctypes
    import msvcrt

    try:
        kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
        console = ctypes.c_void_p(msvcrt.get_osfhandle(sys.stderr.fileno()))  # type: ignore[attr-defined,unused-ignore]
        mode = ctypes.c_ulong()
        return bool(
            kernel.GetConsoleMode(console, ctypes.byref(mode))
            and kernel.SetConsoleMode(console, mode.value | _ACT_ON_SEQUENCES)
        )
    except (AttributeError, OSError, ValueError):  # it is no console
        return False
