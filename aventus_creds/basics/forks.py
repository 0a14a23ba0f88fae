"""What a forked child gets anew: locks, which a thread of its parent may hold and will never release in the child."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Final


def in_each_child(renew: Callable[[], object]) -> None:
    """Call ``renew`` in each process that is forked from this one; where nothing forks (Windows), never."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)


class ForkLock:
    """A ``threading.Lock`` that is free in a forked child, whoever held it in the parent."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def acquire(self, timeout: float = -1) -> bool:
        """Take the lock, waiting ``timeout`` seconds (-1: for ever), and return whether it was taken."""
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """Let the lock go. In a child that was forked while it was held here, it is free already."""
        if self._lock.locked():
            self._lock.release()

    def __enter__(self) -> None:
        """Take the lock."""
        self._lock.acquire()

    def __exit__(self, *exc_info: object) -> None:
        """Let the lock go."""
        self.release()

    def renew(self) -> None:
        """Be free, whoever holds it: for a forked child alone."""
        self._lock = threading.Lock()


_locks: Final[weakref.WeakSet[ForkLock]] = weakref.WeakSet()


def _renew_locks() -> None:
    for lock in list(_locks):
        lock.renew()


in_each_child(_renew_locks)
