"""A lock of the operating system on a file, by flock. Where a system has none, importing this raises ImportError.

It is our own because the lock is taken in the middle of what a person or a job waits for: filelock, which serves
elsewhere, takes fifteen times as long to load as a refresh takes. Both lock the same file in the same way, so a process
with the one and a process with the other exclude each other.
"""

from __future__ import annotations

import fcntl
import io
import os
import threading
import weakref
from contextlib import suppress
from errno import EACCES, EAGAIN, EWOULDBLOCK
from pathlib import Path
from typing import Final

_HELD_BY_OTHERS: Final = frozenset({EACCES, EAGAIN, EWOULDBLOCK})  # some file systems say EACCES
_FLAGS: Final = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
TRIES: Final = 10
"""How often the file is opened anew if it is made, removed or replaced at this very moment."""

_no_fork: Final = threading.RLock()
_open: Final[weakref.WeakSet[LockFile]] = weakref.WeakSet()


class LockFile(io.FileIO):
    """An open lock file. What is in it is never read or written.

    It is a file object and not a descriptor: an interrupt between two lines then leaves no lock behind that nobody
    can release.
    """

    def release(self) -> None:
        """Release the lock. In a forked child it was never held, and the parent's stays."""
        if self.closed:
            return
        try:
            # Not by closing alone: a program that is being started has a copy of the descriptor for a moment.
            fcntl.flock(self, fcntl.LOCK_UN)
        finally:
            self.close()

    def close(self) -> None:
        """Close it, which ends the lock too."""
        with _no_fork:  # else a child might have the descriptor, and nothing that knows of it
            super().close()

    def __del__(self) -> None:
        """Close it where an interrupt has left it. That is no mistake to warn of."""
        self.close()


def attempt(path: Path) -> LockFile | None:
    """Lock the file ``path`` and return it, or None if somebody else holds it. It is made if it is missing.

    Raises OSError: it cannot be opened or made, it is a link, or the file system has no locks.
    """
    for _ in range(TRIES):
        with _no_fork:  # no child has the descriptor, and not the file in the set
            file = LockFile(path, "r+", opener=_opened)
            _open.add(file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever opens the path next must find the same file. Else it would lock another one.
            if os.path.samestat(os.fstat(file.fileno()), path.lstat()):
                return file
        except FileNotFoundError:  # removed
            pass
        except OSError as fault:
            file.close()
            if fault.errno in _HELD_BY_OTHERS:
                return None
            raise
        file.release()
    return None


def _opened(path: str, _: int) -> int:
    """Return a descriptor of the lock file, which only its owner can open."""
    for _ in range(TRIES):
        with suppress(FileNotFoundError):
            return os.open(path, _FLAGS)
        with suppress(FileExistsError):  # somebody else has just made it
            descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
            with suppress(OSError):
                os.fchmod(descriptor, 0o600)  # whatever the umask has taken away
            return descriptor
    raise FileNotFoundError(f"{path} comes and goes")


def _close_in_child() -> None:
    """Close the copies that a forked child has: a lock would last until the child ends, even if the parent dies."""
    for file in list(_open):
        with suppress(OSError):
            file.close()
    _no_fork.release()


os.register_at_fork(before=_no_fork.acquire, after_in_parent=_no_fork.release, after_in_child=_close_in_child)
