"""Stores by name, opened with what ``[store]`` of profiles.toml says."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING, Final

from aventus_creds.errors import ConfigError
from aventus_creds.hidden import Hidden
from aventus_creds.store_settings import StoreSettings
from aventus_creds.stores import TokenStore, default_store, state_folder

if TYPE_CHECKING:
    from aventus_creds.stores.redis import RedisStore

_opened: Final[dict[str, RedisStore]] = {}
"""One for each Redis in this process, and so one pool of connections; by a hash of what it was opened with."""
_opening = threading.Lock()


def _new_lock() -> None:
    global _opening  # noqa: PLW0603 - who held it in the other process lets go there only
    _opening = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


def open_store(name: str, settings: StoreSettings | None) -> TokenStore:
    """Return the store ``name``, one of STORES. Raises ConfigError, SecretError or StoreError."""
    if name == "file":
        return default_store()
    if name == "keyring":
        from aventus_creds.stores.keyring import KeyringStore

        return KeyringStore(state_folder())
    return _redis(settings)


def _redis(settings: StoreSettings | None) -> RedisStore:
    if settings is None or settings.url is None or not settings.encryption_keys:
        raise ConfigError(
            "the Redis store needs url and encryption_key below [store] in profiles.toml",
            hint="Write them there: aventus-creds store key makes a key. Or name another store.",
        )
    from aventus_creds.stores.redis import RedisStore

    # Hidden: a traceback may be shown with its variables.
    opening = Hidden((settings.url.read(), *(key.read() for key in settings.encryption_keys)))
    name = hashlib.sha256(repr((opening.reveal(), settings.prefix)).encode()).hexdigest()
    with _opening:
        if name not in _opened:
            _opened[name] = RedisStore(opening.reveal()[0], opening.reveal()[1:], prefix=settings.prefix)
        return _opened[name]
