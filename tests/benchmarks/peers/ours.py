"""aventus_creds, as at the start of its README: ``get_session("prod").get("/v1/me")``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aventus_creds import get_session

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests


def cache_token(folder: str, url: str) -> None:
    """The profile ``prod`` is in the file that the environment names; so is the folder."""
    from time import time

    from aventus_creds import Token
    from aventus_creds.profiles.file import read_profiles
    from aventus_creds.stores.opening import default_store

    key, store, now = read_profiles().profile("prod").key, default_store(), time()
    with store.lock(key):
        store.save(key, Token("an-access-token", obtained_at=now, expires_at=now + 86400, refresh_token="r"))


def caller(folder: str, url: str) -> Callable[[], requests.Response]:
    return partial(get_session("prod").get, "/v1/me")


def authorizer(folder: str, url: str) -> Callable[[requests.PreparedRequest], object]:
    auth: Callable[[requests.PreparedRequest], object] = get_session("prod").auth
    return auth


def refresher(folder: str, url: str) -> Callable[[], object]:
    """Return what replaces the token that is stored now, as an API that refuses it makes one do."""
    source = get_session("prod").auth.source
    return lambda: source.token(stale=source.token())
