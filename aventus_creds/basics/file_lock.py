"""A lock of the operating system on a file. Loaded when one is taken: a fresh token needs none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import filelock


class HardLock(filelock.FileLock):
    """A FileLock that never falls back to a lock by the existence of a file.

    If the holder of such a lock died on another machine, nobody could tell, and it would stay locked for ever.
    """

    def _fallback_to_soft_lock(self) -> None:
        raise NotImplementedError("the file system has no locks")


@contextmanager
def without_log() -> Iterator[None]:
    """Keep filelock from logging each attempt of this thread: a wait would be hundreds of lines."""
    me, log = threading.get_ident(), logging.getLogger("filelock")

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != me

    log.addFilter(of_others)
    try:
        yield
    finally:
        log.removeFilter(of_others)


def log_wait(path: object) -> None:
    """Log, once for each wait, what is waited for."""
    logging.getLogger(__name__).debug("waiting for %s, which another thread or process holds", path)
