"""What a forked child must create again: locks.

A thread of the parent may hold one at the moment of the fork. That thread does not exist in the child, so
nothing there would ever release the lock.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Final


def in_each_child(renew: Callable[[], object]) -> None:
    """Call ``renew`` in every process forked from this one. Does nothing on Windows, which cannot fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)


class ForkLock:
    """A ``threading.Lock`` that is free in a forked child, even if a thread held it in the parent."""

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def acquire(self, timeout: float = -1) -> bool:
        """Take the lock and return whether that worked.

        Args:
            timeout: how long to wait, in seconds. -1 waits without a limit.
        """
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """Release the lock. If the process forked while holding it, it is already free in the child."""
        if self.locked():
            self._lock.release()

    def __enter__(self) -> None:
        """Take the lock."""
        self._lock.acquire()

    def __exit__(self, *exc_info: object) -> None:
        """Release the lock."""
        self.release()

    def locked(self) -> bool:
        """Whether somebody in this process holds it."""
        return self._lock.locked()

    def renew(self) -> None:
        """Replace the lock by a free one. Only for a forked child: elsewhere it would break a lock in use."""
        self._lock = threading.Lock()


_locks: Final[weakref.WeakSet[ForkLock]] = weakref.WeakSet()


def _renew_locks() -> None:
    for lock in list(_locks):
        lock.renew()


in_each_child(_renew_locks)
