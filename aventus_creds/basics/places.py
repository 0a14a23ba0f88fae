"""Where things are on this machine: profiles.toml in the config folder, tokens in the state folder."""

from __future__ import annotations

import os
from pathlib import Path

from aventus_creds.errors import ProfilesFileError, StoreError


def profiles_path() -> Path:
    """Where profiles.toml is: ``AVENTUS_CREDS_PROFILES``, else the user's config folder.

    Raises ProfilesFileError where the user has no home folder.
    """
    if named := os.environ.get("AVENTUS_CREDS_PROFILES"):
        return expand(named)
    import platformdirs

    try:
        folder = Path(platformdirs.user_config_dir("aventus-creds", appauthor=False)).expanduser()
    except RuntimeError:  # a user without an entry in the system's list, as in some containers
        raise ProfilesFileError(
            "there is no home folder, where profiles.toml would be",
            hint="Set HOME, or name the file: AVENTUS_CREDS_PROFILES.",
        ) from None
    return folder / "profiles.toml"


def state_folder() -> Path:
    """Where tokens are kept: ``AVENTUS_CREDS_STATE_DIR``, else the user's state folder.

    The state folder and not the cache folder: who cleans caches must not be logged out by it. Raises
    StoreError where the user has no home folder.
    """
    named = os.environ.get("AVENTUS_CREDS_STATE_DIR")
    try:
        return (Path(named) if named else _by_platform()).expanduser()
    except RuntimeError:  # a user without an entry in the system's list, as in some containers
        raise StoreError(
            f"there is no home folder for {named or 'the tokens'}",
            hint="Set HOME, or name a folder for the tokens: AVENTUS_CREDS_STATE_DIR.",
        ) from None


def _by_platform() -> Path:
    import platformdirs  # needed only here

    return Path(platformdirs.user_state_dir("aventus-creds", appauthor=False))


def expand(path: Path | str) -> Path:
    """Return ``path`` with a leading ``~`` replaced; that of an unknown user stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
