"""One entry in a Redis."""

from __future__ import annotations

import socket
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import make_token

from aventus_creds.stores.redis.sealing import new_key
from aventus_creds.stores.redis.store import RedisStore
from aventus_creds.tokens import Token

KEY = "prod-0123456789abcdef"
SEAL = new_key()
REFRESHABLE: dict[str, Any] = {"refresh_token": "a-refresh-token"}
MakeStore = Callable[..., RedisStore]


def _has_keep_alive() -> bool:
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        except (AttributeError, OSError):
            return False
    return True


connects = pytest.mark.skipif(
    not _has_keep_alive(),
    reason="no connection to a Redis: wine lacks Windows' TCP_KEEPIDLE, which redis-py sets",
)
"""Marks a test that connects to a Redis of its own, without redis-server."""


def save(store: RedisStore, token: Token | None = None, key: str = KEY) -> Token:
    token = token or make_token(**REFRESHABLE)
    with store.lock(key):
        store.save(key, token)
    return token


def entry(prefix: str, key: str = KEY) -> str:
    return f"{prefix}{{{key}}}"


def links(error: BaseException | None) -> Iterator[BaseException]:
    """Yield ``error`` and all that a reporter of errors follows from it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def everything(error: BaseException) -> str:
    """Return the error and its context, and the variables of all their frames but those of the tests."""
    found = []
    for each in links(error):
        found.append(f"{each} {each!r}")
        for frame, _ in traceback.walk_tb(each.__traceback__):
            if Path(__file__).parents[1] not in Path(frame.f_code.co_filename).parents:
                found += [f"{name} = {value!r}" for name, value in frame.f_locals.items()]
    return "\n".join(found)
