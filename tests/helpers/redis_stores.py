"""One entry in a Redis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support import make_token

from aventus_creds.stores.redis.sealing import new_key
from aventus_creds.stores.redis.store import RedisStore
from aventus_creds.tokens import Token

KEY = "prod-0123456789abcdef"
SEAL = new_key()
REFRESHABLE: dict[str, Any] = {"refresh_token": "a-refresh-token"}
MakeStore = Callable[..., RedisStore]


def save(store: RedisStore, token: Token | None = None, key: str = KEY) -> Token:
    token = token or make_token(**REFRESHABLE)
    with store.lock(key):
        store.save(key, token)
    return token


def entry(prefix: str, key: str = KEY) -> str:
    return f"{prefix}{{{key}}}"
