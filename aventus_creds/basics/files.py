"""Small private files, read and replaced: the one way for profiles.toml, tokens and discovery documents."""

from __future__ import annotations

import errno
import io
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from aventus_creds.basics.hidden import Hidden

POSIX: Final = os.name == "posix" and hasattr(os, "geteuid")  # a browser's Python has neither users nor modes
LARGEST_FILE: Final = 4 * 1024 * 1024
"""Bytes of a file that are read. A thousand profiles have a tenth of it."""
CHUNK: Final = 65536
TRIES: Final = 50
"""How often a file that is being replaced at this moment is tried again, PAUSE seconds apart."""
PAUSE: Final = 0.01

READ: Final = (
    os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
)
"""O_NONBLOCK: a FIFO in the place of a file would be waited for, for ever."""
NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_CREATE: Final = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
)


def open_file(path: Path, flags: int = 0) -> int:
    """Return a descriptor to read ``path`` from, opened with further ``flags``. Raises OSError.

    While somebody replaces the file, Windows refuses to open it, and a share may lose it: it is tried again.
    """
    for attempt in range(TRIES):
        try:
            return os.open(path, READ | flags)
        except OSError as fault:
            if not _is_being_replaced(fault) or attempt == TRIES - 1:
                raise
        time.sleep(PAUSE)
    raise AssertionError("the last attempt returns or raises")


def read_at_most(descriptor: int, most: int = LARGEST_FILE) -> bytes:
    """Return what can be read from ``descriptor``, or the first ``most`` bytes: a device never ends. Raises OSError."""
    content = io.BytesIO()  # a variable that shows nothing of it in a traceback
    while content.tell() < most and content.write(os.read(descriptor, CHUNK)):
        pass
    return content.getvalue()[:most]


def replace_file(path: Path, content: Hidden[bytes], mode: int = 0o600) -> None:
    """Put ``content`` in the place of ``path``, whole or not at all. Only one caller at a time. Raises OSError."""
    # One fixed name: a process that is killed here leaves one file behind, not one each time. In the same folder,
    # because a move is atomic only within one file system.
    beside = path.with_name(f"{path.name}.tmp")
    try:
        with suppress(FileNotFoundError):
            beside.unlink()
        # O_EXCL and the mode: the file is ours and private from the first moment, not only after a chmod.
        descriptor = os.open(beside, _CREATE | NO_FOLLOW, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.reveal())
            file.flush()
            # To disk before it is moved: otherwise the name may lead to an empty file after a power cut.
            os.fsync(file.fileno())
        rename(beside, path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    sync_folder(path.parent)


def rename(source: Path, target: Path) -> None:
    """Move ``source`` to the place of ``target``. Raises OSError. On Windows, readers are waited for."""
    for attempt in range(TRIES):
        try:
            source.replace(target)
        except PermissionError as fault:
            if not _is_being_replaced(fault) or attempt == TRIES - 1:
                raise
            time.sleep(PAUSE)
        else:
            return


def sync_folder(folder: Path) -> None:
    """Make the folder's new entries outlive a power cut, where the system can: not on Windows or some shares."""
    if POSIX:
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _is_being_replaced(fault: OSError) -> bool:
    """On Windows a file in use cannot be opened or replaced; on a share, somebody elsewhere may replace it."""
    return fault.errno == errno.ESTALE or (not POSIX and isinstance(fault, PermissionError))
