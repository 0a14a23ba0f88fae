"""Which store keeps a profile's tokens, and how it is opened."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from aventus_creds.errors import ConfigError
from aventus_creds.profiles.stores import DEFAULT_STORE, STORES

if TYPE_CHECKING:
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.profiles.store_keys import StoreSettings
    from aventus_creds.stores import TokenStore


def store_name(profile: Profile) -> str:
    """Return which store ``AVENTUS_CREDS_STORE`` names, else the profile or its file: a key of STORES.

    Raises ConfigError.
    """
    named = os.environ.get("AVENTUS_CREDS_STORE")
    if named and named not in STORES:  # its value is not repeated: it may be an address with a password
        raise ConfigError(f"AVENTUS_CREDS_STORE must be one of {', '.join(STORES)}")
    return named or (profile.store.type if profile.store else DEFAULT_STORE)


def store_for(profile: Profile) -> TokenStore:
    """Return the store of ``profile``'s tokens. Raises ConfigError, SecretError or StoreError."""
    return open_store(store_name(profile), profile.store)


def open_store(name: str, settings: StoreSettings | None) -> TokenStore:
    """Return the store ``name``, one of STORES. Raises ConfigError, SecretError or StoreError."""
    module, _, function = STORES[name].opener.partition(":")
    store: TokenStore = getattr(import_module(f"aventus_creds.stores.{module}"), function)(settings)
    return store


def default_store() -> TokenStore:
    """Return the store that is used where none is named."""
    return open_store(DEFAULT_STORE, None)
