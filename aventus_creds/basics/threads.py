"""Threads that are started and waited for, and Ctrl-C at any moment."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOST: Final = {("release unlocked lock",), ("cannot release un-acquired lock",)}


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block, let what a signal raises be itself: KeyboardInterrupt, or what the caller's handler raises.

    It may reach a wait that has just ended, before that has its lock back. The lock then cannot be released, and
    Python raises a RuntimeError in its place (github.com/python/cpython/issues/78667).
    """
    try:
        yield
    except RuntimeError as fault:
        if fault.args in _LOST and fault.__context__ is not None:
            raise fault.__context__ from None
        raise


def wait_for(event: threading.Event, seconds: float = math.inf) -> bool:
    """Wait until ``event`` is set, and return True, or False after ``seconds``. Ctrl-C ends the wait at any moment.

    It waits in steps: on Windows, Ctrl-C does not interrupt a wait.
    """
    until = time.monotonic() + seconds
    with interruptible():
        while not event.wait(max(0.0, min(0.2, until - time.monotonic()))):
            if time.monotonic() >= until:
                return False
    return True


def started(thread: threading.Thread) -> bool:
    """Start ``thread``. Return False where none is to be had: there are too many, or the interpreter is ending.

    Whatever a signal raises meanwhile, the thread runs: its work must not be done once more.
    """
    with interruptible():
        try:
            thread.start()
        except RuntimeError as fault:
            if fault.args in _LOST:
                raise
            return False
    return True


def must_share_a_thread() -> bool:
    """Whether a token request has to be sent in the thread that needs the token: a program's tests use requests-mock.

    While requests-mock answers a request, its thread holds a lock. A refresh after a 401 happens then, and from
    any other thread it would wait for that lock until requests-mock gives up.
    """
    if "requests_mock" not in sys.modules:
        return False
    import requests

    return requests.Session.send.__module__.startswith("requests_mock")
