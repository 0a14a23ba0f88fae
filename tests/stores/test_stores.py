"""The stores: one contract for all of them, and the store that is there without a choice."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest
from support import make_token

from aventus_creds.basics.places import state_folder
from aventus_creds.errors import (
    InvalidAnswer,
    LoginRequired,
    NetworkError,
    SecretError,
    StoreError,
    TokenRefused,
)
from aventus_creds.stores import TokenStore
from aventus_creds.stores.failures import Failure
from aventus_creds.stores.failures import decode as decode_failure
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.keyring.store import KeyringStore
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.stores.opening import default_store
from aventus_creds.stores.redis.sealing import new_key
from aventus_creds.stores.redis.store import RedisStore
from aventus_creds.stores.sharing import attempt, last_failure, note_failure

KEY = "prod-0123456789abcdef"


@pytest.fixture(params=["file", "memory", "redis", "keyring"])
def store(request: pytest.FixtureRequest, folder: Path) -> TokenStore:
    if request.param == "keyring":
        request.getfixturevalue("secret_service").clear()
        return KeyringStore(folder)
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        return RedisStore(server.url, [new_key()], prefix=f"{uuid.uuid4()}:")
    return FileStore(folder) if request.param == "file" else MemoryStore()


# The contract


def test_nothing_is_there_at_first(store: TokenStore) -> None:
    """A key that was never saved has no token, and to forget it is no error."""
    assert store.load(KEY) is None
    with store.lock(KEY):
        store.delete(KEY)


def test_what_was_saved_is_loaded(store: TokenStore) -> None:
    """Every field comes back, and each key has its own token."""
    token = make_token(refresh_token="a-refresh-token", scope="a b")
    other = make_token("another")
    with store.lock(KEY):
        store.save(KEY, token)
    with store.lock("other"):
        store.save("other", other)
    assert store.load(KEY) == token
    assert store.load("other") == other


def test_the_newest_wins_and_delete_forgets(store: TokenStore) -> None:
    """Saving replaces, deleting removes."""
    with store.lock(KEY):
        store.save(KEY, make_token("old", refresh_token="r", scope="s"))
        store.save(KEY, new := make_token("new"))
        assert store.load(KEY) == new
        store.delete(KEY)
    assert store.load(KEY) is None


def test_an_expired_token_is_loaded_as_it_is(store: TokenStore) -> None:
    """A store never judges expiry: the refresh token of an expired token is what a refresh needs."""
    with store.lock(KEY):
        store.save(KEY, token := make_token(age=10**6, refresh_token="r"))
    assert store.load(KEY) == token


def test_the_lock_excludes_other_threads(store: TokenStore) -> None:
    """Of many threads that count under the lock, none loses a step."""
    counter = [0]

    def count() -> None:
        for _ in range(10):
            with store.lock(KEY):
                seen = counter[0]
                time.sleep(0.0005)
                counter[0] = seen + 1

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter[0] == 40


def test_locks_of_two_keys_do_not_wait_for_each_other(store: TokenStore) -> None:
    """One profile's refresh holds up no other profile."""
    with store.lock(KEY), store.lock("other"):
        pass


def test_the_lock_is_free_after_an_error(store: TokenStore) -> None:
    """An exception under the lock does not keep it."""
    with contextlib.suppress(ZeroDivisionError), store.lock(KEY):
        raise ZeroDivisionError
    with store.lock(KEY):
        pass


# Where


def test_the_state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """AVENTUS_CREDS_STATE_DIR names it; else it is the user's state folder, not the cache folder."""
    assert state_folder() == tmp_path / "state"
    monkeypatch.delenv("AVENTUS_CREDS_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert "cache" not in str(state_folder()).lower().replace(str(tmp_path).lower(), "")
    if sys.platform == "linux":
        assert state_folder() == tmp_path / "xdg" / "aventus-creds"


@pytest.mark.skipif(os.name == "nt", reason="Windows itself says where the folders of a user are")
def test_without_a_home_folder_the_state_folder_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that the system does not know, as in a container, hears what to set; no folder "~" is made."""
    monkeypatch.setattr(os.path, "expanduser", str)
    for name in ("AVENTUS_CREDS_STATE_DIR", "XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StoreError, match="AVENTUS_CREDS_STATE_DIR"):
        state_folder()
    monkeypatch.setenv("AVENTUS_CREDS_STATE_DIR", "~nobody-of-that-name/state")
    with pytest.raises(StoreError, match="no home folder for ~nobody-of-that-name/state"):
        state_folder()


def test_the_default_store_is_files(folder: Path) -> None:
    """Without a choice, tokens are stored in files."""
    store = default_store()
    with store.lock(KEY):
        store.save(KEY, token := make_token())
    assert FileStore(folder).load(KEY) == token


def test_a_folder_that_cannot_be_made(folder: Path) -> None:
    """What cannot be written is said, with the folder and what to do."""
    folder.write_text("a file where the folder should be")
    store = FileStore(folder)
    with pytest.raises(StoreError, match="AVENTUS_CREDS_STATE_DIR"), store.lock(KEY):
        pass


# What a store may offer besides


def test_an_attempt_is_a_lock_or_nothing(store: TokenStore) -> None:
    """Whoever cannot have the lock at once goes on without it."""
    with attempt(store, KEY) as held:
        assert held is not False
        found: list[object] = []

        def other() -> None:
            with attempt(store, KEY) as second:
                found.append(second)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join(20)
        assert found == [False]
    with store.lock(KEY), attempt(store, "other") as held:
        assert held is not False


def test_a_failure_is_noted_for_those_who_wait(store: TokenStore) -> None:
    """Each kind of error comes back as what it was; a success, or a login, takes the note away."""
    if isinstance(store, MemoryStore):
        assert last_failure(store, KEY) is None
        return
    for error in (
        NetworkError("away", hint="try again"),
        LoginRequired("a login is needed", hint="Run: aventus-creds login prod"),
        TokenRefused("no", error="x", error_description="y", status=503),
        InvalidAnswer("odd"),
        SecretError("not there"),
    ):
        with store.lock(KEY):
            note_failure(store, KEY, Failure(1000.0, 2.0, error))
        found = last_failure(store, KEY)
        assert found is not None
        assert (found.at, found.wait) == (1000, 2)
        assert type(found.error) is type(error)
        assert (str(found.error), vars(found.error)) == (str(error), vars(error))
    with store.lock(KEY):
        note_failure(store, KEY, None)
    assert last_failure(store, KEY) is None


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b'{"at": 1}', b"\xff", b"x" * 100])
def test_a_note_that_is_damaged_is_none(content: bytes) -> None:
    assert decode_failure(content) is None
