"""CachedSource over a store that many machines share.

``Counted`` is a source that counts what is asked of it; ``Shared`` is a store in which others save too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from kept_tokens import EARLY, EXPIRED, Counted, cached, kept
from support import make_token

from aventus_creds.errors import NetworkError, NotSavedWarning, StoreConflict, StoreError
from aventus_creds.sources.cached import CachedSource
from aventus_creds.sources.renewals import renewals_of
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

# A store that many machines share


class Shared(MemoryStore):
    """A store whose saves meet ``conflicts``, whose ``turns`` are as told, and that may be ``away``."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.conflicts: list[Token | None] = []  # what somebody else saves, at each save of ours
        self.turns: list[bool] = []
        self.holding: list[bool] = []
        self.loads = 0

    def load(self, key: str) -> Token | None:
        self.loads += 1
        if self.away:
            raise StoreError("Redis is away")
        return super().load(key)

    def save(self, key: str, token: Token) -> None:
        if self.conflicts:
            if theirs := self.conflicts.pop(0):
                super().save(key, theirs)
            raise StoreConflict("somebody was quicker")
        super().save(key, token)

    def delete(self, key: str) -> None:
        if self.conflicts:
            self.conflicts.pop(0)
            raise StoreConflict("somebody was quicker")
        super().delete(key)

    @contextlib.contextmanager
    def turn(self, key: str) -> Iterator[bool]:
        if self.turns and not self.turns.pop(0):
            yield False
        else:
            with self.lock(key):
                yield True

    def holds(self, key: str) -> bool:
        return self.holding.pop(0) if self.holding else True


@pytest.fixture
def shared() -> Shared:
    return Shared()


def test_a_newer_token_of_somebody_else_is_taken(shared: Shared) -> None:
    """The save of a late holder is refused: what stands in the store serves, here too."""
    kept(shared, make_token("old", **EXPIRED, refresh_token="r"))
    shared.conflicts = [theirs := make_token("theirs")]
    source, _ = cached(shared, make_token("ours"))
    assert source.token() == theirs
    assert source.token() == theirs == shared.load("key")


def test_our_token_serves_where_somebody_elses_will_not(shared: Shared) -> None:
    """It is kept in memory, with a warning; when it is used up, what stands in the store goes on."""
    kept(shared, make_token("old", **EXPIRED, refresh_token="r"))
    shared.conflicts = [theirs := make_token("theirs", **EXPIRED, refresh_token="newer")]
    source, inner = cached(shared, ours := make_token("ours"), make_token("next"))
    with pytest.warns(NotSavedWarning, match="quicker"):
        assert source.token() == ours
    assert source.token() == ours
    assert source.token(stale=ours).access_token == "next"
    assert inner.stale[1] == theirs


def test_the_store_is_not_read_between_the_refresh_and_the_save(shared: Shared) -> None:
    """What it read then, a store would count as seen, and let be overwritten."""
    kept(shared, make_token("old", **EXPIRED, refresh_token="r"))

    class Noting(Counted):
        def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
            shared.loads = 0
            return super().token(stale, at_least)

    assert CachedSource("key", shared, Noting(make_token("new"))).token().access_token == "new"
    assert shared.loads == 0


def test_a_persons_login_is_saved_again(shared: Shared) -> None:
    """And a logout is repeated; both give up where it never ends."""
    source, _ = cached(shared)
    shared.conflicts = [make_token("theirs")] * 3
    source.keep(mine := make_token("mine"))
    assert shared.load("key") == mine
    shared.conflicts = [None] * 3
    assert source.forget() == mine
    assert shared.load("key") is None
    shared.conflicts = [None] * 50
    with pytest.raises(StoreConflict):
        source.keep(mine)
    assert source.token() == mine


@pytest.mark.parametrize("renewed", [False, True])
def test_without_the_turn_the_store_is_read_again(shared: Shared, *, renewed: bool) -> None:
    """Nothing is asked for before the key is held: not after a turn that was passed, nor with a lock that lapsed."""
    kept(shared, make_token("old", **EXPIRED, refresh_token="r"))
    shared.turns, shared.holding = [False, True], [False]
    source, inner = cached(shared, make_token("new"))

    if renewed:
        shared.turns = [False]

        def theirs(key: str) -> bool:
            kept(shared, make_token("theirs"))
            return False

        shared.holds = theirs  # type: ignore[method-assign]  # somebody takes over just now
    assert source.token().access_token == ("theirs" if renewed else "new")
    assert len(inner.stale) == (not renewed)


def test_a_living_token_serves_while_the_store_is_away(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where an API has refused it, or a longer one is asked for; the store is not asked each time."""
    old = kept(shared, make_token("old", **EARLY, refresh_token="r"))
    source, _ = cached(shared, NetworkError("away"), make_token("new"))
    assert source.token() == old
    shared.away, shared.loads = True, 0
    assert [source.token() for _ in range(5)] == [old] * 5
    assert shared.loads == 1
    with pytest.raises(StoreError, match="Redis is away"):
        source.token(stale=old)
    with pytest.raises(StoreError, match="Redis is away"):
        source.token(at_least=5)
    shared.away = False
    monkeypatch.setattr("aventus_creds.sources.cached.STORE_AWAY", 0)
    source._away_until = 0
    renewals_of(shared, "key").pause(0)
    assert source.token().access_token == "new"


def test_an_expired_token_is_an_error_while_the_store_is_away(shared: Shared) -> None:
    """There is nothing to serve then, nor is anything asked for that could not be stored."""
    kept(shared, make_token("old", **EXPIRED, refresh_token="r"))
    source, inner = cached(shared)
    source.peek()
    shared.away = True
    with pytest.raises(StoreError, match="Redis is away"):
        source.token()
    assert inner.stale == []
