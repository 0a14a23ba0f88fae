"""Whose a file is, and who else may change it. The rules are those of OpenSSH's StrictModes.

They are about POSIX modes and owners. On Windows the access rights of the user's folder protect the files.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from aventus_creds.basics.files import POSIX
from aventus_creds.structs import Struct

ROOT: Final = 0


class Weakness(Struct):
    """Who else may change a file, and the command that ends it."""

    what: str
    fix: str


def weakness(path: Path, status: os.stat_result) -> Weakness | None:
    """Return how other users may change ``path`` or put another file in its place, or None.

    A link is judged by its target. Root is trusted, and so is a group without any other user. In a sticky
    folder such as /tmp, others cannot replace a file.

    Args:
        path: the file.
        status: the result of fstat for it.
    """
    if not POSIX:
        return None
    real = Path(os.path.realpath(path))
    if found := _weakness(real, status):
        return Weakness(f"{path} {found.what}", found.fix)
    for folder in real.parents:
        with suppress(OSError):  # moved meanwhile: then the folder above says who can do that
            if found := _weakness(folder, folder.stat()):
                what = f"{path} can be replaced by others: its folder {folder} {found.what}"
                return Weakness(what, found.fix)
    return None


def _weakness(path: Path, status: os.stat_result) -> Weakness | None:
    if status.st_uid not in {ROOT, os.geteuid()}:
        return Weakness(
            f"belongs to another user (uid {status.st_uid})",
            f"sudo chown {os.geteuid()} {_quoted(path)}, or name a copy of your own: AVENTUS_CREDS_PROFILES",
        )
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return None
    if status.st_mode & stat.S_IWOTH:
        return Weakness("can be changed by everybody", f"chmod o-w {_quoted(path)}")
    if status.st_mode & stat.S_IWGRP and (
        _has_access_list(path) or not _is_private(status.st_gid, os.geteuid())
    ):
        return Weakness(
            f"can be changed by the group {_group_name(status.st_gid)}", f"chmod g-w {_quoted(path)}"
        )
    return None


def _quoted(path: Path) -> str:
    import shlex  # most files are in order

    return shlex.quote(str(path))


@lru_cache(maxsize=8)
def _is_private(gid: int, uid: int) -> bool:
    """Whether the group has no member but this user and root, as Debian and Fedora make one for each user."""
    import grp
    import pwd

    accounts = pwd.getpwall()
    names = {account.pw_name for account in accounts if account.pw_gid == gid}
    with suppress(KeyError):  # a group without a name, as in many containers
        names.update(grp.getgrgid(gid).gr_mem)
    trusted = {account.pw_name for account in accounts if account.pw_uid in {ROOT, uid}}
    # A group without members may be that of programs with the setgid bit, which anybody can run.
    return names <= trusted and (bool(names) or gid in {os.getegid(), *os.getgroups()})


def _group_name(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _has_access_list(path: Path) -> bool:
    """Whether more users than the mode shows may have access (POSIX ACL). The group's bits are then their mask."""
    try:
        return bool(os.getxattr(path, "system.posix_acl_access"))
    except (OSError, AttributeError):  # none, none on this file system, or another system than Linux
        return False


def new_file_in(folder: Path) -> os.stat_result:
    """Return the owner and mode that a private file gets in ``folder``. Shares may give others than we asked for.

    Raises:
        OSError: no file can be made there.
    """
    from tempfile import TemporaryFile  # needed on odd shares only

    with TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno())


def can_write(folder: Path) -> bool:
    """Whether this user may make files in ``folder``, as far as its mode and its file system tell.

    On Windows the mode tells nothing, so it is tried. (The module tempfile tries such a folder for ever there.)
    """
    if POSIX:
        return os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids)
    probe = folder / f"probe-{os.getpid()}.tmp"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT, 0o600))
        probe.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def is_read_only(path: Path) -> bool:
    """Whether ``path`` is on a file system that is mounted read-only."""
    with suppress(OSError):
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    return False


def left_by_root(path: Path) -> Path | None:
    """Return the uppermost of ``path`` and its folders that root has made in a folder of this user, or None."""
    inside = False
    for each in reversed((path, *path.parents)):
        try:
            owner = each.lstat().st_uid
        except OSError:
            return None
        if inside and owner == ROOT != os.geteuid():
            return each
        inside = inside or owner == os.geteuid()
    return None
