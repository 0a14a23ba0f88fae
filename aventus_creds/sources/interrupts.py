"""Hold back Ctrl-C, and signals that end the process, during work that must not stop half-way."""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aventus_creds.basics.forks import in_each_child
from aventus_creds.basics.terminal import say

FATAL: Final = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
"""SIGTERM is how systemd, docker and kill end a process; SIGHUP is what it gets when its terminal closes."""

LONGEST_EXIT: Final = 10.0
"""Seconds that the end of the program waits for refreshes in its other threads."""

_under_way: Final[set[threading.Event]] = set()
in_each_child(_under_way.clear)  # those threads exist in the parent only


@contextmanager
def first_interrupt_waits() -> Iterator[None]:
    """Hold back the first Ctrl-C or fatal signal until the block has ended. A second one acts at once.

    This is for a refresh. If the server rotates refresh tokens, the new one exists only in this process
    between the server's answer and the write to disk. An interrupt in between would lose the login.

    A signal that already has a handler of its own (an IDE's, a notebook kernel's) is left alone. In a thread
    other than the main one, Python allows no handlers: there, the end of the program waits for the block
    instead.
    """
    if threading.current_thread() is not threading.main_thread():
        with _exit_waits():
            yield
        return
    defaults = {signal.SIGINT: signal.default_int_handler, **dict.fromkeys(FATAL, signal.SIG_DFL)}
    ours = {number: default for number, default in defaults.items() if signal.getsignal(number) is default}
    pressed = 0

    def note(number: int, frame: Any) -> None:
        nonlocal pressed
        if pressed:
            _end(number, frame)
        pressed = number
        if number == signal.SIGINT:
            say("Finishing the refresh of the login; Ctrl-C again ends it now.")

    for number in ours:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, default in ours.items():
            signal.signal(number, default)
        if pressed in FATAL:
            _end(pressed)
    if pressed:
        _end(pressed)


@contextmanager
def _exit_waits() -> Iterator[None]:
    """Make the interpreter wait for the block: at its end it stops daemon threads at any point."""
    _under_way.add(ended := threading.Event())
    try:
        yield
    finally:
        _under_way.discard(ended)
        ended.set()


@atexit.register
def _wait_for_others() -> None:
    deadline = time.monotonic() + LONGEST_EXIT
    for ended in list(_under_way):
        ended.wait(max(0.0, deadline - time.monotonic()))


def _end(number: int, frame: Any = None) -> None:
    """Do what the signal does by default."""
    if number == signal.SIGINT:
        signal.default_int_handler(number, frame)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
