"""The lock of a name in a private folder: how it is waited for. Loaded when one is taken: a fresh token needs none."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aventus_creds.basics.store_faults import store_error
from aventus_creds.basics.waits import spread, waiting_for
from aventus_creds.errors import StoreError

try:
    from aventus_creds.basics.flock import attempt
except ImportError:  # Windows
    from aventus_creds.basics.file_lock import attempt  # type: ignore[assignment] # another kind of lock

if TYPE_CHECKING:
    from aventus_creds.basics.private_folder import PrivateFolder

logger: Final = logging.getLogger(__name__)

LOCK_TIMEOUT: Final = 600
"""Seconds to wait for a lock. Its holder makes a few requests, and each of them has its own time limit."""

SHORTEST_PAUSE: Final = 0.002
LONGEST_PAUSE: Final = 0.04
"""Seconds between two attempts to take a lock."""


class FolderLock:
    """A lock on a file that raises this package's errors. Each use makes a new one, so threads never share one.

    Args:
        folder: where the file is.
        path: the file.
        needed: whether it guards writes elsewhere, so that it must be had even where nothing can be written.
        unless: stops the wait as soon as it returns True.
    """

    def __init__(
        self, folder: PrivateFolder, path: Path, *, needed: bool, unless: Callable[[], bool]
    ) -> None:
        self._folder = folder
        self._path = path
        self._needed = needed
        self._unless = unless
        self._release: Callable[[], object] | None = None

    def __enter__(self) -> bool:
        """Wait for the lock, and return whether it is held, or guards nothing. Raises StoreError."""
        if self._attempt():
            return True
        if self._unless():
            return False
        logger.debug("waiting for %s, which another thread or process holds", self._path)
        with waiting_for("another process"):
            return self._wait()

    def _wait(self) -> bool:
        begun = time.monotonic()
        while (waited := time.monotonic() - begun) < LOCK_TIMEOUT:
            # In proportion to the wait, so that a short one ends soon and a long one costs little. At random, so
            # that processes that started together do not all try at the same moment.
            time.sleep(min(max(waited / 8, SHORTEST_PAUSE), LONGEST_PAUSE) * spread(0.5, 1))
            if self._unless():  # asked first: what somebody else has done needs no lock, and no queue for it
                return False
            if self._attempt():
                return True
        raise StoreError(
            f"{self._path} has been locked for {LOCK_TIMEOUT} s by another process",
            hint="End that process, or name another folder: AVENTUS_CREDS_STATE_DIR.",
        )

    def __exit__(self, *exc_info: object) -> None:
        """Release the lock, if it is held."""
        if self._release is not None:
            self._release()

    def _attempt(self) -> bool:
        """Return whether the lock is held now, or guards nothing. False: somebody else holds it."""
        try:
            # Each time: people log out by removing the folder, also while others wait for a lock in it.
            self._folder.make()
            # No blocking wait: it could not notice that the file was replaced.
            with suppress(FileNotFoundError):  # the folder is gone again
                if held := attempt(self._path):
                    self._release = held.release
        except OSError as fault:
            if self._needed or not self._folder.is_read_only(fault):
                raise store_error("locked", self._path, fault) from None
            return True
        return self._release is not None
