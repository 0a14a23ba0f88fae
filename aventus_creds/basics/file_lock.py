"""A lock of the operating system on a file, by filelock: where there is no flock, as on Windows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock


def attempt(path: Path) -> filelock.BaseFileLock | None:
    """Lock the file ``path`` and return the lock, or None if somebody else holds it. It is made if it is missing.

    It never falls back to a lock by the existence of a file: if the holder of such a lock died on another machine,
    nobody could tell, and it would stay locked for ever.

    Raises OSError: it cannot be opened or made, or the file system has no locks.
    """
    lock = filelock.FileLock(path, mode=0o600, preserve_lock_file=True, fallback_to_soft=False)
    try:
        with _without_log():
            lock.acquire(timeout=0)
    except filelock.Timeout:
        return None
    return lock


@contextmanager
def _without_log() -> Iterator[None]:
    """Keep filelock from logging each attempt of this thread: a wait would be hundreds of lines."""
    me, log = threading.get_ident(), logging.getLogger("filelock")

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != me

    log.addFilter(of_others)
    try:
        yield
    finally:
        log.removeFilter(of_others)
