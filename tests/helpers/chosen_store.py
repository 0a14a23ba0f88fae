"""A profile whose tokens rest in a store that was chosen."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Web, make_token

from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.profile import Profile
from aventus_creds.stores.opening import open_store
from aventus_creds.tokens import Token

WriteProfiles = Callable[..., Path]
Prints = pytest.CaptureFixture[str]
KEYS = {"issuer": "https://as.example.com", "client_id": "c", "api_url": "https://api.example.com"}
PROFILE = '[profiles.prod]\nissuer = "https://as.example.com"\nclient_id = "c"\n'
PASSWORD = "the-redis-password"
SECRET_URL = f"redis://:{PASSWORD}@127.0.0.1:1/0"
SEAL = base64.urlsafe_b64encode(bytes(range(32))).decode()  # workers of one test run must agree on it


def at(web: Web) -> dict[str, str]:
    """Return the keys of a profile whose server answers."""
    return {
        "authorize_url": f"{web.url}/a",
        "token_url": f"{web.url}/t",
        "client_id": "c",
        "api_url": web.url,
    }


def profile(name: str = "prod") -> Profile:
    return read_profiles().profile(name)


def put(store: str, name: str = "prod", token: Token | None = None) -> Token:
    token = token or make_token(refresh_token="a-refresh-token")
    place, key = open_store(store, profile(name).store), profile(name).key
    with place.lock(key):
        place.save(key, token)
    return token


def kept(store: str, name: str = "prod") -> Token | None:
    return open_store(store, profile(name).store).load(profile(name).key)
