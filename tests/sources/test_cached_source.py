"""CachedSource: memory first, then the store, then whoever makes new tokens.

``Counted`` is a source that counts what is asked of it, ``Full`` a store that cannot save.
"""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from kept_tokens import EARLY, EXPIRED, Counted, cached, kept
from support import make_token

from aventus_creds.basics.forks import ForkLock
from aventus_creds.errors import (
    LifetimeTooShort,
    LoginRequired,
    NetworkError,
    NotSavedWarning,
    SecretError,
    StoreError,
    TokenRefused,
)
from aventus_creds.sources.cached import CachedSource
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

# CachedSource


def test_a_fresh_stored_token_asks_nobody(store: MemoryStore) -> None:
    """The store's token serves while it is fresh, and is read once: memory serves then."""
    source, inner = cached(store)
    token = kept(store, make_token())
    assert source.token() == token
    store.delete("key")
    assert source.token() == token
    assert inner.stale == []


def test_a_new_token_is_stored(store: MemoryStore) -> None:
    """What the inner source gives is kept for other processes."""
    source, inner = cached(store, new := make_token())
    assert source.token() == new == store.load("key")
    assert inner.stale == [None]


def test_the_inner_source_is_given_the_token_to_replace(store: MemoryStore) -> None:
    """It holds the refresh token."""
    old = kept(store, make_token("old", **EXPIRED, refresh_token="r"))
    source, inner = cached(store, make_token("new"))
    source.token()
    assert inner.stale == [old]


def test_an_api_refused_the_token(store: MemoryStore) -> None:
    """A token that is stale by an API's word is replaced although it looks fresh."""
    old = kept(store, make_token("old"))
    source, inner = cached(store, make_token("new"))
    assert source.token(stale=old).access_token == "new"
    assert inner.stale == [old]


def test_somebody_else_has_replaced_the_stale_token(store: MemoryStore) -> None:
    """Another process's newer token is taken; nothing is asked for twice."""
    old = kept(store, make_token("old"))
    source, inner = cached(store)
    source.token()
    kept(store, new := make_token("new"))
    assert source.token(stale=old) == new
    assert inner.stale == []


def test_at_least(store: MemoryStore) -> None:
    """A fresh token that will not live long enough is replaced."""
    kept(store, make_token("short", lifetime=600))
    source, _ = cached(store, make_token("long", lifetime=9000))
    assert source.token(at_least=300).access_token == "short"
    assert source.token(at_least=1200).access_token == "long"


@pytest.mark.parametrize(
    "fault",
    [
        NetworkError("away"),
        TokenRefused("busy", error="", status=503),
        SecretError("the keyring is locked"),
    ],
)
def test_a_valid_token_survives_a_failed_early_refresh(store: MemoryStore, fault: Exception) -> None:
    """While the old token lives, a refresh ahead of time that fails is no error."""
    old = kept(store, make_token("old", **EARLY))
    source, _ = cached(store, fault, fault)
    assert source.token() == old
    with pytest.raises(type(fault)):
        source.token(stale=old)


@pytest.mark.parametrize(
    "fault", [NetworkError("away"), TokenRefused("no", error="invalid_client", status=401)]
)
def test_a_fault_is_raised_as_what_it_is(store: MemoryStore, fault: Exception) -> None:
    """With an expired token, the network's fault is the network's: no login is asked for."""
    kept(store, make_token(**EXPIRED))
    source, _ = cached(store, fault)
    with pytest.raises(type(fault)):
        source.token()


def test_once_more_before_giving_up(store: MemoryStore) -> None:
    """After invalid_grant the store is read again: another machine may have refreshed without our lock."""
    kept(store, make_token("old", **EXPIRED))

    class Late(Counted):
        def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
            kept(store, make_token("by another machine"))
            return super().token(stale, at_least)

    source = CachedSource("key", store, Late(LoginRequired("refused")))
    assert source.token().access_token == "by another machine"


class Full(MemoryStore):
    def save(self, key: str, token: Token) -> None:
        raise StoreError("the disk is full")


def test_a_write_that_fails_still_gives_the_token() -> None:
    """The caller has the token, with a warning; memory serves it from then on."""
    source = CachedSource("key", Full(), inner := Counted(new := make_token()))
    with pytest.warns(NotSavedWarning, match="disk is full"):
        assert source.token() == new
    assert source.token() == new
    assert len(inner.stale) == 1


@pytest.mark.parametrize("step", [-86400, 86400])
def test_the_store_is_newer_than_memory_whatever_the_clock_says(
    store: MemoryStore, step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock jumps and another process refreshes: its token counts, for the old refresh token is used up."""
    source, inner = cached(store, make_token("newest"))
    old = kept(store, make_token("old", refresh_token="used"))
    assert source.token() == old
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + step)
    new = kept(store, make_token("new", refresh_token="one-time"))
    assert source.token(stale=old) == new
    assert source.token(stale=new).access_token == "newest"
    assert inner.stale == [new]


@pytest.mark.parametrize("step", [-86400, 0])
def test_after_a_failed_write_memory_is_newer_than_the_store(
    step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be replaced in the store is not taken up again, but what somebody writes there is."""
    store = Full()
    store._tokens["key"] = old = make_token("old", refresh_token="used")
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + step)
    source = CachedSource("key", store, inner := Counted(*map(make_token, "abc")))
    with pytest.warns(NotSavedWarning):
        assert source.token(stale=old).access_token == "a"
    with pytest.warns(NotSavedWarning):
        assert source.token(stale=source.token()).access_token == "b"
    assert [token and token.access_token for token in inner.stale] == ["old", "a"]
    store._tokens["key"] = make_token("by another")
    assert source.token(stale=source.token()).access_token == "by another"


# A store that many machines share


def test_threads_share_one_flight(store: MemoryStore) -> None:
    """Sixteen threads with an expired token make one request."""
    kept(store, make_token(**EXPIRED))
    gate = threading.Event()

    class Slow(Counted):
        def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
            gate.wait(5)
            return super().token(stale, at_least)

    source = CachedSource("key", store, inner := Slow(make_token("new")))
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(source.token().access_token)) for _ in range(16)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert got == ["new"] * 16
    assert len(inner.stale) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings(
    "ignore:.*fork:DeprecationWarning"
)  # of a process with threads, from Python 3.12 on
def test_a_fork_in_the_middle_of_a_flight(store: MemoryStore) -> None:
    """The child has no thread that would end the flight: it makes its own."""
    source, _ = cached(store, make_token("new"))
    with source.__dict__.setdefault("_flight", ForkLock()):
        child = os.fork()
        if not child:
            try:
                os._exit(source.token().access_token != "new")
            finally:
                os._exit(2)
        deadline = time.monotonic() + 5
        while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < deadline:
            time.sleep(0.02)
    if not ended[0]:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended == (child, 0)


def test_a_new_token_that_lives_too_short(store: MemoryStore) -> None:
    """min_ttl that no token of this server meets is an error now, not in the middle of the job; it is kept."""
    source, _ = cached(store, short := make_token(lifetime=600))
    with pytest.raises(LifetimeTooShort, match="7200 s were asked for"):
        source.token(at_least=7200)
    assert source.token() == short == store.load("key")
