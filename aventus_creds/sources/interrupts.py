"""Hold back Ctrl-C, and signals that end the process, during work that must not stop half-way."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from aventus_creds.basics.forks import in_each_child
from aventus_creds.basics.threads import wait_for
from aventus_creds.basics.waits import program_ends, program_goes_on

if TYPE_CHECKING:
    import signal
else:
    try:
        import _signal as signal  # the interpreter's own; signal makes enums of it, a tenth of a first refresh
    except ImportError:
        import signal

FATAL: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
"""How systemd, docker and kill end a process, a terminal that closes, and a console of Windows."""

LONGEST_EXIT: Final = 120.0
"""Seconds that the end of the program waits for refreshes at most. Each request has a time limit of its own."""

_under_way: Final[set[threading.Event]] = set()
in_each_child(_under_way.clear)  # those threads exist in the parent only


@contextmanager
def first_interrupt_waits(spending: Callable[[], bool]) -> Iterator[None]:
    """Hold back the first Ctrl-C or fatal signal while the block waits for something that is ``spending``.

    This is for a refresh. If the server rotates refresh tokens, the new one exists only in this process
    between the server's answer and the write to disk. The signal acts when the block has ended; a second one acts at
    once, and so does the first as long as nothing is spent. Meanwhile no request is tried again: a server may ask
    for minutes before that.

    A signal that already has a handler of its own (an IDE's, a notebook kernel's) is left alone: if that raises, the
    refresh goes on without this block. In a thread other than the main one, Python allows no handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    defaults = {signal.SIGINT: signal.default_int_handler, **dict.fromkeys(FATAL, signal.SIG_DFL)}
    ours = {number: default for number, default in defaults.items() if signal.getsignal(number) is default}
    pressed = 0

    def note(number: int, frame: Any) -> None:
        nonlocal pressed
        if pressed:
            _under_way.clear()  # the person does not want to wait at the end of the program either
        if pressed or not spending():
            _end(number, frame)
        pressed = number
        program_ends()
        if number == signal.SIGINT:
            from aventus_creds.basics.terminal import say  # most refreshes are not interrupted

            say("Finishing the refresh of the login; Ctrl-C again ends it now.")

    for number in ours:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, default in ours.items():
            signal.signal(number, default)
        if pressed:  # whatever the block ended with: somebody wants the program to stop
            program_goes_on()
            _end(pressed)


def end_waits_for(ended: threading.Event) -> None:
    """Make the end of the program wait for ``ended``: the interpreter stops daemon threads at any point."""
    for other in [other for other in _under_way if other.is_set()]:
        _under_way.discard(other)
    _under_way.add(ended)


@atexit.register
def _wait_for_others() -> None:
    program_ends()
    deadline = time.monotonic() + LONGEST_EXIT
    for ended in list(_under_way):
        wait_for(ended, deadline - time.monotonic())


def _end(number: int, frame: Any = None) -> None:
    """Do what the signal does by default."""
    if number == signal.SIGINT:
        signal.default_int_handler(number, frame)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
