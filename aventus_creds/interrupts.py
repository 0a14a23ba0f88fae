"""Ctrl-C in the middle of something that must not be cut in two."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aventus_creds.terminal import say


@contextmanager
def first_interrupt_waits() -> Iterator[None]:
    """Hold the first Ctrl-C back until the block has ended; a second one ends it at once.

    For a refresh: between the server's answer and the disk, a refresh token that rotates exists nowhere else.
    Where Ctrl-C is handled by somebody else (another thread's, an IDE, a notebook's kernel), it stays so.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    pressed = False

    def note(number: int, frame: Any) -> None:
        nonlocal pressed
        if pressed:
            signal.default_int_handler(number, frame)
        pressed = True
        say("Finishing the refresh of the login; Ctrl-C again ends it now.")

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed:
        raise KeyboardInterrupt
