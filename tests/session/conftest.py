"""Fixtures for the session: an API, another origin, and a session between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from session_source import FIRST, Source
from sockets import Authority
from support import Web, make_profile

from aventus_creds.session.session import ApiSession
from aventus_creds.sources.source import TokenSource


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def foreign() -> Iterator[Web]:
    """Run a server that is not the API."""
    with Web() as server:
        yield server


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let no retry wait, and keep how long each would have waited."""
    waits: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=waits.append, time=time.time))
    return waits


@pytest.fixture
def make_session() -> Iterator[Callable[..., ApiSession]]:
    """Make sessions for an API, and close them in the end."""
    made = []

    def make(api: Web | str, source: TokenSource | None = None, **keys: Any) -> ApiSession:
        keys.setdefault("timeout", 5)
        profile = make_profile(api_url=api if isinstance(api, str) else api.url, **keys)
        made.append(ApiSession(profile, source or Source(FIRST)))
        return made[-1]

    yield make
    for session in made:
        session.close()
