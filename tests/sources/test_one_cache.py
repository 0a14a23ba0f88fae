"""One cache for each profile and store in a process, and what it sees of other processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import make_token

from aventus_creds.errors import StoreError
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.chain import MOST_CACHES, _caches, shared_source
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

WriteProfiles = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "tokens")


def delete(store: FileStore, key: str) -> None:
    """Log out, as another process does."""
    with store.lock(key):
        store.delete(key)


def test_it_is_one(profile: Profile, store: FileStore, tmp_path: Path) -> None:
    """The same profile and store have one cache, others have their own, and not all are kept for ever."""
    first = shared_source(profile, store)
    assert shared_source(profile, FileStore(tmp_path / "tokens")) is first
    assert shared_source(profile._replace(scope="other"), store) is not first
    assert shared_source(profile, MemoryStore()) is not first
    for _ in range(MOST_CACHES):  # a program that makes a store for each call
        shared_source(profile, MemoryStore())
    assert len(_caches) == MOST_CACHES
    assert shared_source(profile, store) is not first


def test_a_logout_elsewhere_is_one_here(profile: Profile, store: FileStore) -> None:
    """What was deleted from the store is not answered from memory, though it looks fresh."""
    source = shared_source(profile, store)
    source.keep(make_token())
    source.token()
    delete(store, profile.key)
    assert source.peek() is None
    source.keep(make_token())
    delete(store, profile.key)
    assert shared_source(profile, store) is source
    assert source._newest.memory is None


def test_a_login_elsewhere_is_one_here(profile: Profile, store: FileStore) -> None:
    """A token that another process has stored replaces the one in memory, before that is due."""
    source = shared_source(profile, store)
    source.keep(make_token(access_token="old"))
    store.save(profile.key, make_token(access_token="new"))
    assert shared_source(profile, store).token().access_token == "new"


class Away(MemoryStore):
    """A store that can go away."""

    away = False

    def load(self, key: str) -> Token | None:
        if self.away:
            raise StoreError("the store is away")
        return super().load(key)


def test_a_store_that_is_away_costs_no_login(profile: Profile) -> None:
    """The token in memory is used while the store cannot be read, and one that was never stored as well."""
    store = Away()
    source = shared_source(profile, store)
    kept = make_token()
    source.keep(kept)
    store.away = True
    assert shared_source(profile, store).token() == kept
    store.away = False
    unsaved = make_token(access_token="unsaved")
    source.remember(unsaved)
    with store.lock(profile.key):
        store.delete(profile.key)
    assert shared_source(profile, store).token() == unsaved


def test_an_edited_profile_is_used(profile: Profile, store: FileStore) -> None:
    """Keys that do not change the token (a new secret, a longer timeout) take effect in the same process."""
    source = shared_source(profile, store)
    inner = source.inner
    shared_source(profile._replace(timeout=1.5), store)
    assert source.inner is not inner
