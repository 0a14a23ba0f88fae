"""Decides which store holds a profile's tokens, and opens it."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from aventus_creds.errors import ConfigError
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.stores import DEFAULT_STORE, STORES

if TYPE_CHECKING:
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.profiles.store_keys import StoreSettings
    from aventus_creds.stores import TokenStore


def store_name(profile: Profile) -> str:
    """Return the name of the store for a profile's tokens, a key of STORES.

    AVENTUS_CREDS_STORE comes first, then the profile or its file, then the default.

    Raises:
        ConfigError: the variable names an unknown store.
    """
    named = os.environ.get("AVENTUS_CREDS_STORE")
    if named and named not in STORES:  # do not show the value: it may be an address with a password
        raise ConfigError(f"AVENTUS_CREDS_STORE must be one of {', '.join(STORES)}")
    return named or (profile.store.type if profile.store else DEFAULT_STORE)


def lasts(profile: Profile) -> bool:
    """Whether other programs find the login that this one stores for a profile, as far as its name tells."""
    try:
        return STORES[store_name(profile)].lasts
    except ConfigError:  # told where the store is opened
        return True


def store_for(profile: Profile) -> TokenStore:
    """Open the store for the tokens of ``profile``. Raises as ``open_store`` does.

    A client's own token can always be had again. So where there is no place for its file, as in a container
    without a home folder, it is kept in this process. So is what somebody else keeps: it needs no second place.
    """
    if not GRANTS[profile.grant].stored:
        return open_store("memory", None)
    name = store_name(profile)
    if name == DEFAULT_STORE and not GRANTS[profile.grant].attended:
        from aventus_creds.stores.spare import spare_store  # most profiles have a login

        return spare_store()
    return open_store(name, profile.store)


def open_store(name: str, settings: StoreSettings | None) -> TokenStore:
    """Open a store.

    Args:
        name: a key of STORES.
        settings: what profiles.toml says about stores. None: nothing, so the store uses its defaults.

    Raises:
        ConfigError: a setting or a package that the store needs is missing, or a setting is wrong.
        SecretError: a secret of the store cannot be read.
        StoreError: there is no place for the store's files.
    """
    module, _, function = STORES[name].opener.partition(":")
    store: TokenStore = getattr(import_module(f"aventus_creds.stores.{module}"), function)(settings)
    return store


def default_store() -> TokenStore:
    """Open the store that is used if neither the environment nor a profile names one."""
    return open_store(DEFAULT_STORE, None)
