"""Finds programs, and never in the current folder: who can write there would choose what is run."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from aventus_creds.basics.files import POSIX
from aventus_creds.basics.places import expand


def find_program(name: str, folder: Path) -> Path:
    """Return the file of a program.

    Args:
        name: a path, or a bare name, which is looked up in the folders of PATH. Of PATH, only absolute folders
            count: an empty or relative one means the current folder. So does a bare name by itself on Windows.
        folder: where a relative path starts from.

    Raises:
        IsADirectoryError: the path leads to a folder.
        FileNotFoundError: there is no such program.
    """
    path = expand(name)
    if path.name != name:
        candidates = _spellings(folder / path)
    else:
        places = [place for place in map(Path, os.get_exec_path()) if place.is_absolute()]
        candidates = [each for place in places for each in _spellings(place / name) if _may_run(each)]
    for candidate in candidates:
        if os.path.isfile(candidate):  # noqa: PTH113 - gives no error if a folder of PATH is closed
            return candidate
    if path.name != name and os.path.isdir(folder / path):  # noqa: PTH112 - as above
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)


def _spellings(path: Path) -> list[Path]:
    """Return ``path`` with what Windows lets one leave out: ``gh`` may be gh.exe, ``az`` is az.cmd."""
    if POSIX:
        return [path]
    endings = os.environ.get("PATHEXT", ".COM;.EXE;.BAT;.CMD").lower().split(os.pathsep)
    if path.suffix.lower() in endings:
        return [path]
    return [path.with_name(path.name + ending) for ending in endings]


def _may_run(path: Path) -> bool:
    return not POSIX or os.access(path, os.X_OK)
