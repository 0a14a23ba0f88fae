"""A folder that only its owner can enter, whose files are replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import AbstractContextManager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aventus_creds.basics.files import (
    NO_FOLLOW,
    POSIX,
    open_file,
    read_at_most,
    rename,
    replace_file,
    sync_folder,
)
from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from filelock import FileLock

LOCK_TIMEOUT: Final = 600
"""Seconds to wait for a lock. Its holder makes a few requests, each with a limit of its own."""


class PrivateFolder:
    """Small files of one user. The folder is 0700 and its files 0600, from their creation on."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> bytes | None:
        """Return the content of the file ``name``, or None where there is none.

        Raises StoreError when it cannot be read, is no regular file or belongs to somebody else. A file that
        others could read is repaired. A larger file is cut at LARGEST_FILE.
        """
        path = self.path / name
        try:
            descriptor = open_file(path, NO_FOLLOW)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise _store_error("read", path, fault) from None
        try:
            self._check(path, descriptor)
            return read_at_most(descriptor)
        except OSError as fault:
            raise _store_error("read", path, fault) from None
        finally:
            os.close(descriptor)

    def write(self, name: str, content: bytes) -> None:
        """Put ``content`` in place of the file ``name``. The caller holds the lock of that name.

        Raises StoreError when it cannot be written; what was there is whole then.
        """
        hidden = Hidden(content)
        del content  # see basics/hidden.py
        path = self.path / name
        try:
            self.make()
            replace_file(path, hidden)
        except OSError as fault:
            raise _store_error("written", path, fault) from None

    def rename(self, name: str, new: str) -> None:
        """Move the file ``name`` to ``new`` in this folder. The caller holds the lock of ``name``."""
        try:
            rename(self.path / name, self.path / new)
        except OSError as fault:
            raise _store_error("moved", self.path / name, fault) from None

    def remove(self, name: str) -> None:
        """Remove the file ``name``, if it is there. The caller holds the lock of that name."""
        try:
            with suppress(FileNotFoundError):
                (self.path / name).unlink()
                sync_folder(self.path)
        except OSError as fault:
            raise _store_error("removed", self.path / name, fault) from None

    def lock(self, name: str, *, needed: bool = False) -> AbstractContextManager[object]:
        """Return a lock between threads and processes. Its file stays: removing it would be a race.

        In a folder that nothing can be written to, it locks nothing: there is no write to guard, unless it is
        ``needed`` for writes elsewhere. Raises StoreError when the lock file cannot be made otherwise, or is
        held for ``LOCK_TIMEOUT`` seconds.
        """
        return _Lock(self, self.path / f"{name}.lock", needed=needed)

    def turn(self, name: str, file: str) -> AbstractContextManager[bool]:
        """Return the lock ``name``; or one that gives False, and is not held, once ``file`` has been replaced."""
        before = self._version(file)
        return _Lock(
            self, self.path / f"{name}.lock", needed=False, unless=lambda: self._version(file) != before
        )

    def _version(self, name: str) -> tuple[int, int] | None:
        try:
            status = (self.path / name).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def make(self) -> None:
        """Make the folder where it is missing. Raises OSError, or StoreError where it is another user's."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700, exist_ok=True)
        status = self.path.stat()
        if POSIX and status.st_uid != os.geteuid():
            raise _another_owner(self.path, status)
        if POSIX and status.st_mode & 0o077:
            self.path.chmod(0o700)

    def is_read_only(self, fault: OSError) -> bool:
        """Whether ``fault`` means that nothing can be written here at all, now."""
        if fault.errno in {errno.EACCES, errno.EPERM}:
            nearest = next(path for path in (self.path, *self.path.parents) if os.path.exists(path))  # noqa: PTH110 - no error where a parent is closed
            return not os.access(
                nearest, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids
            )
        return fault.errno in {errno.EROFS, errno.ENOSPC, errno.EDQUOT}

    def _check(self, path: Path, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(f"{path} is no regular file", hint="Remove it, and log in again.")
        if not POSIX:
            return
        if status.st_uid != os.geteuid():
            raise _another_owner(path, status)
        if status.st_mode & 0o077:
            with suppress(OSError):  # read-only, or a share without modes: refusing it would protect nothing
                os.fchmod(descriptor, 0o600)


class _Lock:
    """A FileLock that speaks this package's errors. A new one for each use: it is not shared by threads."""

    def __init__(
        self, folder: PrivateFolder, path: Path, *, needed: bool, unless: Callable[[], bool] = lambda: False
    ) -> None:
        self._folder = folder
        self._path = path
        self._needed = needed
        self._unless = unless

    def __enter__(self) -> bool:
        from filelock import Timeout  # a fresh token needs no lock

        from aventus_creds.basics.waits import spread

        self._lock = _file_lock()(self._path, mode=0o600)
        give_up = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                self._folder.make()
                self._lock.acquire(timeout=0)
            except Timeout:
                if self._unless():
                    return False
            except (OSError, NotImplementedError) as fault:
                if self._needed or not isinstance(fault, OSError) or not self._folder.is_read_only(fault):
                    raise _store_error("locked", self._path, fault) from None
                return True
            else:
                return True
            if time.monotonic() > give_up:
                raise StoreError(
                    f"{self._path} has been locked for {LOCK_TIMEOUT} s by another process",
                    hint="End that process, or name another folder: AVENTUS_CREDS_STATE_DIR.",
                )
            time.sleep(spread(0.01, 0.04))

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()


@cache
def _file_lock() -> type[FileLock]:
    import filelock

    class HardLock(filelock.FileLock):
        def _fallback_to_soft_lock(self) -> None:
            # It would lock by a file's existence: a holder that dies on another machine would lock it for ever.
            raise NotImplementedError("the file system has no locks")

    return HardLock


def _another_owner(path: Path, status: os.stat_result) -> StoreError:
    return StoreError(
        f"{path} belongs to another user (uid {status.st_uid})",
        hint="Use a state folder of your own: AVENTUS_CREDS_STATE_DIR names one.",
    )


def _store_error(verb: str, path: Path, fault: Exception) -> StoreError:
    reason = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
    path = getattr(fault, "filename", None) or path  # the file beside it, or the folder
    return StoreError(
        f"{path} cannot be {verb}: {reason}",
        hint="Check the folder's owner, mode and free space, or name another: AVENTUS_CREDS_STATE_DIR.",
    )
