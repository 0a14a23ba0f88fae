"""A folder that only its owner can open. A file in it is replaced completely, or not at all.

Several processes use the folder at once, any of them may be killed at any point, and the power may fail.
Readers take no lock, so what they see under a name must always be a complete file: it is written under
another name first, and moved into place in one step.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from aventus_creds.basics.files import (
    NO_FOLLOW,
    POSIX,
    make_folders,
    open_file,
    read_at_most,
    remove_file,
    rename,
    replace_file,
    reserve_file,
    safe_name,
    sync_folder,
)
from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.owners import ROOT, can_write, new_file_in
from aventus_creds.basics.store_faults import another_owner, link, open_share, store_error
from aventus_creds.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable


class PrivateFolder:
    """Small files of one user. The folder has mode 0700 and its files 0600, from the moment they are created.

    Args:
        path: the folder. It is created by the first write or lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()  # the current folder may change

    def place(self, name: str) -> Path:
        """Return the path of the file ``name``."""
        return self.path / safe_name(name)

    def read(self, name: str) -> bytes | None:
        """Return the content of the file ``name``, or None if there is no such file.

        Raises StoreError when it cannot be read, is no regular file or belongs to somebody else. A file that
        others could read is repaired. A larger file is cut at LARGEST_FILE. A link is followed only inside the
        folder, as in a mounted Kubernetes secret.
        """
        path = self.place(name)
        try:
            descriptor = open_file(self._target(path), NO_FOLLOW)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise store_error("read", path, fault) from None
        try:
            # Check the open file, not the path: the path may name another file by the time it is read.
            self._check(path, descriptor)
            return read_at_most(descriptor)
        except OSError as fault:
            raise store_error("read", path, fault) from None
        finally:
            os.close(descriptor)

    def write(self, name: str, content: bytes) -> None:
        """Replace the file ``name`` by ``content``. The caller holds the lock of that name.

        Raises:
            StoreError: it cannot be written. The old file is then still there, unchanged.
        """
        hidden = Hidden(content)
        del content  # see basics/hidden.py
        path = self.place(name)
        try:
            self.make()
            replace_file(path, hidden)
        except OSError as fault:
            raise store_error("written", path, fault) from None

    def reserve(self, name: str, size: int) -> None:
        """Make room for the next ``write`` of ``name``, which then does not fail because the disk is full.

        The caller holds the lock of that name, until it has written.

        Args:
            name: the file that will be written.
            size: how many bytes will be written at most.

        Raises:
            StoreError: there is no room, or nothing can be written here.
        """
        path = self.place(name)
        try:
            self.make()
            reserve_file(path, size)
        except OSError as fault:
            raise store_error("written", path, fault) from None

    def rename(self, name: str, new: str) -> None:
        """Move the file ``name`` to ``new`` in this folder. The caller holds the lock of ``name``.

        Raises:
            StoreError: it cannot be moved, or does not exist.
        """
        try:
            rename(self.place(name), self.place(new))
        except OSError as fault:
            raise store_error("moved", self.place(name), fault) from None

    def remove(self, name: str) -> None:
        """Remove the file ``name`` if it exists. The caller holds the lock of that name.

        Raises:
            StoreError: it cannot be removed.
        """
        try:
            with suppress(FileNotFoundError):
                remove_file(self.place(name))
                sync_folder(self.path)
        except OSError as fault:
            raise store_error("removed", self.place(name), fault) from None

    def lock(self, name: str, *, needed: bool = False) -> AbstractContextManager[object]:
        """Return a lock between threads and processes, to be used with ``with``.

        The lock file is never removed. If it were, a process that waits with the old file open and one that
        creates a new file could both hold the lock.

        Args:
            name: what to lock. The lock file is ``name.lock``, beside the data.
            needed: whether the lock guards writes elsewhere. If not, it locks nothing in a folder that cannot
                be written to, since there is no write to guard.

        Raises:
            StoreError: on entering it, the lock file cannot be made, or the lock is not free within
                LOCK_TIMEOUT seconds (see folder_lock).
        """
        return self._lock(name, needed=needed)

    def turn(self, name: str, file: str) -> AbstractContextManager[bool]:
        """Return the lock ``name``, but stop waiting for it as soon as ``file`` has been replaced.

        Its ``with`` gives True if the lock is held, and False if the file was replaced first. Waiting for the
        lock is then pointless: another process has just done the work. Raises as ``lock`` does.
        """
        before = self._version(file)
        return self._lock(name, needed=False, unless=lambda: self._version(file) != before)

    def attempt(self, name: str, *, needed: bool = False) -> AbstractContextManager[bool]:
        """Return the lock ``name``; it gives False, and is not held, if somebody else holds it."""
        return self._lock(name, needed=needed, unless=lambda: True)

    def _lock(
        self, name: str, *, needed: bool, unless: Callable[[], bool] = lambda: False
    ) -> AbstractContextManager[bool]:
        from aventus_creds.basics.folder_lock import FolderLock  # a fresh token needs no lock

        return FolderLock(self, self.place(f"{name}.lock"), needed=needed, unless=unless)

    def _version(self, name: str) -> tuple[int, int] | None:
        try:
            status = self.place(name).stat()
        except OSError:
            return None
        # Each write makes a new file, so the inode differs. The time too: inode numbers are used again.
        return status.st_ino, status.st_mtime_ns

    def make(self) -> None:
        """Create the folder if it is missing, and correct its mode.

        Raises:
            OSError: it cannot be created, or it is an administrator's, and not to be written to.
            StoreError: it is another user's, who could replace any file in it; or others can read what is
                written there, and the mode cannot be changed.
        """
        make_folders(self.path)
        if not POSIX:
            return
        # By descriptor, and not followed: a link in its place would have its target changed.
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | NO_FOLLOW)
        except OSError:
            if self.path.is_symlink():
                raise link(self.path) from None
            raise
        try:
            self._close_to_others(descriptor)
        finally:
            os.close(descriptor)

    def _close_to_others(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if not self._is_ours(status.st_uid):
            raise another_owner(self.path, status)
        if status.st_mode & 0o077:
            with suppress(OSError):  # a share that refuses it may have private files all the same
                os.fchmod(descriptor, 0o700)
            if os.fstat(descriptor).st_mode & 0o077 and self._new_file.st_mode & 0o077:
                raise open_share(self.path, self._new_file)

    def _is_ours(self, uid: int) -> bool:
        """Whether files of ``uid`` in this folder are this user's, or an administrator's who keeps them here."""
        if uid == os.geteuid():
            return True
        if uid == ROOT and not can_write(self.path):
            return True
        # Some shares show one owner for all files. Then nobody can tell whose they are, so others must not be
        # able to put any there. In a set-user-ID program the real user is one of the others.
        with suppress(OSError):
            return uid == self._new_file.st_uid != os.getuid() and not self.path.stat().st_mode & 0o022
        return False

    @cached_property
    def _new_file(self) -> os.stat_result:
        """The owner and mode that new files get here. Raises OSError."""
        return new_file_in(self.path)

    def _target(self, path: Path) -> Path:
        """Return ``path``, or where it leads as a link within this folder."""
        if not path.is_symlink():
            return path
        target = Path(os.path.realpath(path))
        return target if target.is_relative_to(os.path.realpath(self.path)) else path

    def is_read_only(self, fault: OSError) -> bool:
        """Whether ``fault`` means that nothing at all can be written here at the moment."""
        if fault.errno in {errno.EACCES, errno.EPERM}:
            # The same errors come from one file with the wrong owner or mode. Only if the folder itself takes
            # no new files (or its nearest parent, if it does not exist yet) is there really nothing to write.
            nearest = next(path for path in (self.path, *self.path.parents) if os.path.exists(path))  # noqa: PTH110 - gives no error if a parent is closed
            return not can_write(nearest)
        return fault.errno in {errno.EROFS, errno.ENOSPC, errno.EDQUOT}

    def _check(self, path: Path, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(f"{path} is no regular file", hint="Remove it, and log in again.")
        if not POSIX:
            return
        if not self._is_ours(status.st_uid):
            raise another_owner(path, status)
        if status.st_mode & 0o077:
            # If this fails, the disk is read-only or the share has no modes. Refusing the file would protect
            # nothing.
            with suppress(OSError):
                os.fchmod(descriptor, 0o600)
