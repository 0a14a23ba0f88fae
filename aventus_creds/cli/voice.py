"""How the program speaks on standard error. Standard output is only for the result of a command."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, TextIO

import click

from aventus_creds.basics import waits
from aventus_creds.basics.threads import started

COLOURS: Final = {"error": "red", "warning": "yellow"}

MARKS: Final = {"✓": ("green", "ok"), "✗": ("red", "x"), "!": ("yellow", "!")}
"""How what was checked is marked: in which colour, and by which word where the mark cannot be written."""

quiet = False
"""Whether ``-q`` was given: then only errors and warnings are said."""

debug = False
"""Whether ``--debug`` was given."""

FIRST: Final = 1.0
"""Seconds after which a wait is shown."""

_waits = False
"""Whether a wait is shown, or would be soon."""

_at_the_end: Final = ExitStack()
"""What is to be done when the command ends."""


@contextmanager
def of_one_command() -> Iterator[None]:
    """Speak as the options of one command say; in a notebook, the next one may have others."""
    global quiet, debug  # noqa: PLW0603 - a process runs one command at a time
    before = waits.show
    waits.show = show_wait
    try:
        yield
    finally:
        waits.show = before
        quiet = debug = False
        _at_the_end.close()


def say(text: str) -> None:
    """Print a message for the person, unless the command is to be quiet."""
    if not quiet:
        from aventus_creds.basics.terminal import say_wrapped  # as below

        say_wrapped(text)


def complain(kind: str, text: str) -> None:
    """Print an error or a warning.

    Args:
        kind: ``error`` or ``warning``. It goes before the text.
        text: may have several lines.
    """
    from aventus_creds.basics.terminal import columns, wrapped  # many commands say nothing

    head = f"{kind}:"
    shown = wrapped(f"{head} {text}", columns(sys.stderr)).removeprefix(head)
    click.echo(f"{colour(head, COLOURS[kind], sys.stderr)}{shown}", err=True)


@contextmanager
def show_wait(what: str) -> Iterator[None]:
    """Show at a terminal, after a second, that the command waits for ``what``: of several waits only the outermost."""
    global _waits  # noqa: PLW0603 - as above
    if _waits or quiet or debug or not is_terminal(sys.stderr):
        yield
        return
    over = threading.Event()
    turning = threading.Thread(target=_turn, args=(what, over), daemon=True)
    _waits = begun = started(turning)
    try:
        yield
    finally:
        _waits = False
        over.set()
        if begun:
            turning.join()


def _turn(what: str, over: threading.Event) -> None:
    """Turn a bar on the last line of the terminal until it is ``over``."""
    from itertools import cycle  # most waits are over by now

    from aventus_creds.basics.terminal import clear_line, show_line

    bars = cycle("|/-\\")
    seconds = FIRST
    while not over.wait(seconds):
        show_line(f"{next(bars)} waiting for {what}")
        seconds = 0.2
    clear_line()


def colour(text: str, name: str, stream: object) -> str:
    """Return ``text`` in a colour if ``stream`` is a terminal where colours are wanted (no-color.org)."""
    return click.style(text, fg=name, bold=True) if wants_colour(stream) else text


def mark(sign: str, stream: TextIO) -> str:
    """Return ``sign``, a key of MARKS, in its colour; its word where the code page of ``stream`` lacks it."""
    name, word = MARKS[sign]
    try:
        sign.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        sign = word
    return colour(sign, name, stream)


def heading(text: str, stream: object) -> str:
    """Return ``text`` in bold if ``stream`` is a terminal that shows it."""
    return click.style(text, bold=True) if wants_colour(stream) else text


def wants_colour(stream: object) -> bool:
    """Whether ``stream`` is a terminal that shows colours, and nobody has said that there should be none."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and is_terminal(stream)


def is_terminal(stream: object) -> bool:
    """Whether ``stream`` is a terminal."""
    return bool(getattr(stream, "isatty", bool)())


def show_log() -> None:
    """Print what the package logs, each request to the server among it: ``--debug``. It holds no secrets."""
    global debug  # noqa: PLW0603 - as above
    if debug:  # the option was given twice
        return
    import logging  # few commands are run with --debug

    debug = True
    log = logging.getLogger("aventus_creds")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(message)s", "%H:%M:%S"))
    _at_the_end.callback(log.setLevel, log.level)
    _at_the_end.callback(log.removeHandler, handler)
    log.setLevel(logging.DEBUG)
    log.addHandler(handler)
