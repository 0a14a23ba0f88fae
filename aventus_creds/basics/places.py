"""Where files are on this machine: profiles.toml in the config folder, tokens in the state folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from aventus_creds.errors import AventusCredsError, ProfilesFileError, StoreError


def profiles_path() -> Path:
    """Return the path of profiles.toml: AVENTUS_CREDS_PROFILES if set, else in the user's config folder.

    The file need not exist.

    Raises:
        ProfilesFileError: the user has no home folder, and the variable is not set.
    """
    if os.environ.get("AVENTUS_CREDS_PROFILES"):
        return expand(_settled("AVENTUS_CREDS_PROFILES", ProfilesFileError))
    import platformdirs

    try:
        folder = Path(platformdirs.user_config_dir("aventus-creds", appauthor=False)).expanduser()
    except RuntimeError:  # the user has no passwd entry, as in some containers
        raise ProfilesFileError(
            "there is no home folder, where profiles.toml would be",
            hint="Set HOME, or name the file: AVENTUS_CREDS_PROFILES.",
        ) from None
    return folder.absolute() / "profiles.toml"


def state_folder() -> Path:
    """Return the folder where tokens are stored: AVENTUS_CREDS_STATE_DIR if set, else the user's state folder.

    It is the state folder and not the cache folder, because clearing caches must not log anyone out. The
    folder need not exist.

    Raises:
        StoreError: the user has no home folder, and the path cannot be told without one.
    """
    named = ""
    if os.environ.get("AVENTUS_CREDS_STATE_DIR"):
        named = _settled("AVENTUS_CREDS_STATE_DIR", StoreError)
    try:
        return (Path(named) if named else _by_platform()).expanduser().absolute()
    except RuntimeError:  # the user has no passwd entry, as in some containers
        raise StoreError(
            f"there is no home folder for {named or 'the tokens'}",
            hint="Set HOME, or name a folder for the tokens: AVENTUS_CREDS_STATE_DIR.",
        ) from None


def really(path: Path, *, windows: bool = os.name == "nt") -> Path:
    """Return where other programs find ``path``.

    The Python of the Microsoft Store gets folders of its own in the place of those under AppData.
    """
    real = Path(os.path.realpath(path)) if windows else path
    return real if "LocalCache" in real.parts else path


def _settled(variable: str, error: type[AventusCredsError]) -> str:
    """Return the path in ``variable``. A relative one is made absolute there, once.

    In the environment, because a program may change its folder before it needs the path again, in this process
    or in a child: the next call would find another file, and a refresh would be stored in another folder.
    """
    path = os.environ[variable]
    if not path.startswith("~") and not Path(path).is_absolute():
        try:
            path = os.environ[variable] = str(Path(path).absolute())
        except OSError as fault:
            raise error(
                f"{variable} is relative to the current folder, which is gone: {fault.strerror or fault}",
                hint="Give an absolute path.",
            ) from None
    return path


def _by_platform() -> Path:
    import platformdirs  # not needed when the variable is set

    return Path(platformdirs.user_state_dir("aventus-creds", appauthor=False))


def set_here(variable: str) -> str | None:
    """Return the value of a variable if this program has set it, so that the person's shell does not have it.

    None also where the system does not tell what the program was started with: only Linux does.
    """
    if sys.platform != "linux":
        return None
    value = os.environ.get(variable)
    try:
        given = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return value if value and os.fsencode(f"{variable}={value}") not in given else None


def expand(path: Path | str) -> Path:
    """Return ``path`` with a leading ``~`` replaced by the home folder, or unchanged if there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
