"""Where tokens rest between two processes: the contract, and the file store that serves by default."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from aventus_creds.errors import ConfigError, StoreError
from aventus_creds.profile_keys import STORES
from aventus_creds.tokens import Token

if TYPE_CHECKING:
    from aventus_creds.profiles import Profile


class TokenStore(Protocol):
    """Keeps one token for each key. It never judges whether a token is still good.

    Every method may raise StoreError. ``save`` and ``delete`` are called with the key's lock held.
    """

    def load(self, key: str) -> Token | None:
        """Return the token under ``key``, or None where there is none that can be read. Takes no lock.

        None under the lock, where there was one, means that the login was ended: nobody brings it back.
        """
        ...

    def save(self, key: str, token: Token) -> None:
        """Keep ``token`` under ``key`` in place of what was there: wholly, or not at all."""
        ...

    def delete(self, key: str) -> None:
        """Forget what is under ``key``, if anything."""
        ...

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Hold ``key`` against every other thread and process that uses this store.

        The lock is not reentrant. A holder that dies frees it.
        """
        ...


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


def default_store() -> TokenStore:
    """Return the store that serves where none is named."""
    from aventus_creds.stores.file import FileStore  # a caller with a store of its own needs no files

    return FileStore(state_folder())


def store_name(profile: Profile) -> str:
    """Return which store ``AVENTUS_CREDS_STORE`` names, else the profile or its file: file, keyring or redis.

    Raises ConfigError.
    """
    named = os.environ.get("AVENTUS_CREDS_STORE")
    if named and named not in STORES:  # it is not repeated: an address with its password perhaps
        raise ConfigError(f"AVENTUS_CREDS_STORE must be one of {', '.join(STORES)}")
    return named or (profile.store.type if profile.store else "file")


def store_for(profile: Profile) -> TokenStore:
    """Return the store of ``profile``'s tokens. Raises ConfigError, SecretError or StoreError."""
    name = store_name(profile)
    if name == "file":
        return default_store()
    from aventus_creds.stores.opening import open_store  # most need no other

    return open_store(name, profile.store)
