"""Small private files, read and replaced: the one way for profiles.toml, tokens and discovery documents."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from aventus_creds.basics.hidden import Hidden

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

POSIX: Final = os.name == "posix" and hasattr(os, "geteuid")  # a browser's Python has neither users nor modes
LARGEST_FILE: Final = 4 * 1024 * 1024
"""Bytes of a file that are read. A thousand profiles have a tenth of it."""
CHUNK: Final = 65536
PATIENCE: Final = 0.5
"""Seconds for which a file that is being replaced at this moment is tried again, every PAUSE seconds."""
PATIENCE_TO_REPLACE: Final = 5.0
"""Seconds for which a file that somebody reads at this moment is tried again: a token must not be lost."""
PAUSE: Final = 0.01

NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)
_ALWAYS: Final = (
    getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
)  # O_NONBLOCK: a FIFO in the place of a file would be waited for, for ever
_WRITE: Final = os.O_WRONLY | NO_FOLLOW | _ALWAYS
_CREATE: Final = _WRITE | os.O_CREAT | os.O_EXCL


_DEVICES: Final = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in range(10))]
)


def safe_name(name: str, *, windows: bool = os.name == "nt") -> str:
    """Return the file name for ``name``: on Windows one that is no device's.

    Windows goes by what stands before the first dot, so aux.prod.json would be the device AUX. Letters that differ in
    case only are the same file there and on macOS: ``name`` must not depend on that.
    """
    return f"_{name}" if windows and name.partition(".")[0].upper() in _DEVICES else name


def open_file(path: Path, flags: int = 0) -> int:
    """Return a descriptor to read ``path`` from, opened with further ``flags``. Raises OSError.

    While somebody replaces the file, Windows refuses to open it, and a share may lose it: it is tried again.
    """

    def step() -> int:
        try:
            return os.open(path, os.O_RDONLY | _ALWAYS | flags)
        except PermissionError:
            if not POSIX and path.is_dir():  # Windows says the same of a file that somebody has open
                raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path)) from None
            raise

    return _patiently(step, PATIENCE)


def read_file(path: Path) -> bytes:
    """Return the content of ``path``, cut at LARGEST_FILE. Raises OSError."""
    descriptor = open_file(path)
    try:
        return read_at_most(descriptor)
    finally:
        os.close(descriptor)


def read_at_most(descriptor: int, most: int = LARGEST_FILE) -> bytes:
    """Return what can be read from ``descriptor``, or the first ``most`` bytes: a device never ends. Raises OSError."""
    content = io.BytesIO()  # a variable that shows nothing of it in a traceback
    while content.tell() < most and content.write(os.read(descriptor, CHUNK)):
        pass
    return content.getvalue()[:most]


def create_file(path: Path, content: Hidden[bytes]) -> None:
    """Make ``path`` with ``content``, private from its making. Raises OSError, also if there is such a file."""
    _fill(os.open(path, _CREATE, 0o600), content)


def replace_file(path: Path, content: Hidden[bytes], mode: int = 0o600) -> None:
    """Put ``content`` in the place of ``path``, whole or not at all. Only one caller at a time. Raises OSError."""
    beside = _beside(path)
    try:
        reserved = _open_reserved(beside, mode)
        _fill(_create(beside, mode) if reserved is None else reserved, content)
        rename(beside, path)
    except OSError as fault:
        if fault.filename2:  # the move failed: what is in the way is the old file, not the new one
            fault.filename = fault.filename2
        with suppress(OSError):
            beside.unlink()
        raise
    sync_folder(path.parent)


def reserve_file(path: Path, size: int, mode: int = 0o600) -> None:
    """Make room for the next ``replace_file``: of ``size`` bytes at most, it then needs none. Raises OSError.

    The room is a file beside ``path``. It stays until ``replace_file`` takes it.
    """
    beside = _beside(path)
    try:
        # Random bytes: a file system that compresses would keep no room for zeros.
        _fill(_create(beside, mode), Hidden(os.urandom(size)))
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise


def _beside(path: Path) -> Path:
    # One fixed name: a process that is killed leaves one file behind, not one each time. In the same folder,
    # because a move is atomic only within one file system.
    return path.with_name(f"{path.name}.tmp")


def _create(beside: Path, mode: int) -> int:
    with suppress(FileNotFoundError):
        remove_file(beside)
    # O_EXCL and the mode: the file is ours and private from the first moment, not only after a chmod.
    return os.open(beside, _CREATE, mode)


def _open_reserved(beside: Path, mode: int) -> int | None:
    """Return a descriptor of what ``reserve_file`` left, or None if something else is there, or nothing."""
    try:
        descriptor = os.open(beside, _WRITE)
    except OSError:
        return None
    status = os.fstat(descriptor)
    # Not a FIFO, not another name of somebody's file, and not readable by more users than the new file.
    ours = not POSIX or (status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == mode)
    if ours and stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        return descriptor
    os.close(descriptor)
    return None


def _fill(descriptor: int, content: Hidden[bytes]) -> None:
    """Make ``content`` all that the file holds, on the disk too, and close it. Room that it has is not given back."""
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.reveal())
        file.truncate()
        file.flush()
        # To disk before it is moved: otherwise the name may lead to an empty file after a power cut.
        _sync(file.fileno())


def make_folders(path: Path) -> None:
    """Create the folder ``path`` and every missing one above it, each private from its making. Raises OSError."""
    try:
        path.mkdir(mode=0o700)  # its argument parents would give the mode to the last folder only
    except FileNotFoundError:
        if path.parent == path:
            raise
        make_folders(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError:  # on some shares and drives not FileExistsError
        if not path.is_dir():
            raise


def rename(source: Path, target: Path) -> None:
    """Move ``source`` to the place of ``target``. Raises OSError. On Windows, readers are waited for."""
    _patiently(lambda: source.replace(target), PATIENCE_TO_REPLACE)


def remove_file(path: Path) -> None:
    """Remove ``path``. Raises OSError. On Windows, readers are waited for."""
    _patiently(path.unlink, PATIENCE_TO_REPLACE)


def sync_folder(folder: Path) -> None:
    """Make the folder's new entries outlive a power cut, where the system can: not on Windows or some shares."""
    if POSIX:
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                _sync(descriptor)
            finally:
                os.close(descriptor)


def _sync(descriptor: int) -> None:
    """Write what the file holds to the disk. Raises OSError.

    On macOS, fsync leaves it in the memory of the drive: fsync(2) there names F_FULLFSYNC for all the way.
    """
    if sys.platform == "darwin":
        import fcntl

        with suppress(OSError):  # a file system that does not know it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def _patiently(step: Callable[[], T], seconds: float) -> T:
    """Return what ``step`` returns. While somebody else uses its file, it is tried again. Raises OSError."""
    give_up = time.monotonic() + seconds
    while True:
        try:
            return step()
        except OSError as fault:
            if not _is_being_replaced(fault) or time.monotonic() > give_up:
                raise
        time.sleep(PAUSE)


def _is_being_replaced(fault: OSError) -> bool:
    """On Windows a file in use cannot be opened or replaced; on a share, somebody elsewhere may replace it."""
    return fault.errno == errno.ESTALE or (not POSIX and isinstance(fault, PermissionError))
