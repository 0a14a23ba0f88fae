"""Ctrl-C, or a signal that ends the process, in the middle of something that must not be cut in two."""

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
"""How systemd, docker and kill end a process, and how a terminal that goes away does."""

LONGEST_EXIT: Final = 10.0
"""Seconds that a program's end waits for what its other threads have under way."""

_under_way: Final[set[threading.Event]] = set()
in_each_child(_under_way.clear)  # those threads are the other process's


@contextmanager
def first_interrupt_waits() -> Iterator[None]:
    """Hold the first Ctrl-C or fatal signal back until the block has ended; a second one ends it at once.

    For a refresh: between the server's answer and the disk, a refresh token that rotates exists nowhere else.
    Where a signal is handled by somebody else (another thread's, an IDE, a notebook's kernel), it stays so.
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
    """Let the interpreter end only after the block: it would leave a daemon thread in the middle."""
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
    """Do what the signal does where nobody handles it."""
    if number == signal.SIGINT:
        signal.default_int_handler(number, frame)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
