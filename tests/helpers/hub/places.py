"""Folders and users of the machine, as a hub of several users needs them."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from support import REPOSITORY
from users import ROOT

FIRST_UID = 61001
NEEDED = (Path(sys.prefix), Path(sys.base_prefix), REPOSITORY)
"""What every user of the hub must be able to read."""


def closed_folders() -> dict[Path, list[Path]]:
    """Return the folders that only root may enter, and in each of them what other users need."""
    closed: dict[Path, list[Path]] = {}
    for needed in dict.fromkeys(path.resolve() for path in NEEDED):
        for folder in reversed(needed.parents):
            if not folder.stat().st_mode & stat.S_IXOTH:
                closed.setdefault(folder, []).append(needed)
                break
    return closed


def opening(closed: dict[Path, list[Path]]) -> list[str]:
    """Return the beginning of a command, which sees the needed folders as every user may.

    Python may be installed in root's own folder. A mount namespace of the command's own puts another folder
    in its place, with nothing but what is needed; the machine stays as it is.
    """
    if not closed:
        return []
    lines = ["set -e"]
    for number, (folder, needed) in enumerate(closed.items()):
        lines += [f'new="$HUB_MOUNTS/{number}"; mkdir "$new"; mount -t tmpfs -o mode=755 none "$new"']
        for path in needed:
            inside = f'"$new/{path.relative_to(folder)}"'
            lines += [f"mkdir -p {inside}; mount --bind '{path}' {inside}"]
        lines += [f"mount --rbind \"$new\" '{folder}'"]
    return ["unshare", "--mount", "--propagation=private", "sh", "-c", "; ".join([*lines, 'exec "$@"']), "sh"]


def why_no_other_users() -> str | None:
    """Say why the servers cannot have a uid each; None where they can."""
    if not ROOT:
        return "only root can start servers of other users"
    if not closed_folders():
        return None
    if (
        shutil.which("unshare") is None
        or subprocess.run(["unshare", "--mount", "true"], check=False).returncode
    ):
        return "Python is in a folder that only root may enter, and there is no mount namespace to open it in"
    return None


def give(folder: Path, uid: int | None) -> None:
    """Make a user the owner of a folder and of all that is in it."""
    if uid is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)
