"""Fixtures for the stores: the tables that choose them, and what stands in for keyrings and for Redis."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis_stores
from chosen_store import SEAL
from keyring_backends import Backend, use
from redis_server import RedisServer
from redis_stores import MakeStore

from aventus_creds.stores.redis.store import RedisStore


@pytest.fixture
def in_redis(redis_server: RedisServer) -> dict[str, Any]:
    """What [store] says for a Redis of this test's own."""
    return {"type": "redis", "url": redis_server.url, "encryption_key": SEAL, "prefix": f"{uuid.uuid4()}:"}


@pytest.fixture
def absent_redis() -> dict[str, Any]:
    """What [store] says for a Redis that nobody runs: for tests in which nothing is asked of it."""
    return {"type": "redis", "url": "redis://127.0.0.1:1/0", "encryption_key": SEAL}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the Redis store give up soon."""
    defaults = RedisStore.__init__.__kwdefaults__
    assert defaults
    monkeypatch.setitem(defaults, "timeout", 0.3)


@pytest.fixture(params=["file", "keyring", "redis"])
def table(request: pytest.FixtureRequest) -> dict[str, Any]:
    """[store] for each store there is."""
    if request.param == "redis":
        found: dict[str, Any] = request.getfixturevalue("in_redis")
        return found
    if request.param == "keyring":
        request.getfixturevalue("secret_service").clear()
    return {"type": request.param}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    use(monkeypatch, backend := Backend())
    return backend


@pytest.fixture
def prefix() -> str:
    return f"{uuid.uuid4()}:"


@pytest.fixture
def make_store(redis_server: RedisServer, prefix: str) -> MakeStore:
    """Make stores that stand for processes on several machines: they share nothing but the server."""

    def make(keys: list[str] | None = None, **options: Any) -> RedisStore:
        return RedisStore(redis_server.url, keys or [redis_stores.SEAL], **{"prefix": prefix, **options})

    return make


@pytest.fixture
def admin(redis_server: RedisServer) -> Iterator[Any]:
    with redis_server.admin as client:
        yield client
