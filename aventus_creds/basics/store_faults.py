"""What is wrong with a private folder or a file in it, and what to do."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from aventus_creds.basics.files import POSIX
from aventus_creds.basics.owners import left_by_root
from aventus_creds.errors import StoreError

_OPEN_ELSEWHERE: Final = "Close the program that has it open, check who may write there"
_ANOTHER_FOLDER: Final = "name another folder: AVENTUS_CREDS_STATE_DIR."


def another_owner(path: Path, status: os.stat_result) -> StoreError:
    """Return the error that ``path`` belongs to somebody else."""
    return StoreError(
        f"{path} belongs to another user (uid {status.st_uid})",
        hint=_take_back(path) or "Use a state folder of your own: AVENTUS_CREDS_STATE_DIR names one.",
    )


def link(path: Path) -> StoreError:
    """Return the error that there is a link in the place of the folder ``path``."""
    return StoreError(
        f"{path} is a link, which others may have put there",
        hint=f"Remove it and name its target's parent, or {_ANOTHER_FOLDER}",
    )


def open_share(path: Path, status: os.stat_result) -> StoreError:
    """Return the error that a new file in ``path`` is not private: it has this ``status``."""
    return StoreError(
        f"{path} is on a file system that gives others access to every file (mode {stat.S_IMODE(status.st_mode):o})",
        hint=f"Mount it with private modes (file_mode=0600, or umask=077), or {_ANOTHER_FOLDER}",
    )


def _take_back(path: Path) -> str:
    """Return how to get back what a command under sudo has left, or "" if that is not the reason."""
    if not POSIX or (left := left_by_root(path)) is None:
        return ""
    import shlex

    return f"A command under sudo has left it: sudo chown -R {os.geteuid()}:{os.getegid()} {shlex.quote(str(left))}"


def store_error(verb: str, path: Path, fault: Exception) -> StoreError:
    """Return the error that ``path`` cannot be read, written, moved … (``verb``) because of ``fault``."""
    reason = getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
    path = Path(getattr(fault, "filename", None) or path)  # which may be the temporary file or the folder
    denied = isinstance(fault, PermissionError)
    check = "Check the folder's owner, mode and free space" if POSIX or not denied else _OPEN_ELSEWHERE
    return StoreError(
        f"{path} cannot be {verb}: {reason}",
        hint=(denied and _take_back(path)) or f"{check}, or {_ANOTHER_FOLDER}",
    )
