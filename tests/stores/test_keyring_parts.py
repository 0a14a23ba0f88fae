"""The keyring store: tokens in parts, on the keyring library's own Windows and macOS code.

``Vault`` stands in for the Windows credential manager, ``Keychain`` for that of macOS, ``Backend`` is a dictionary.
``Stop`` ends a writer at a step, as a kill does.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyring.backends import Windows, macOS
from keyring_backends import KEY, LONG, Backend, long_token, save, use
from support import make_token

from aventus_creds.errors import StoreError
from aventus_creds.stores.keyring.entries import Entries
from aventus_creds.stores.keyring.store import KeyringStore, _save
from aventus_creds.stores.record import encode
from aventus_creds.tokens import Token


@pytest.fixture
def store(folder: Path) -> KeyringStore:
    return KeyringStore(folder)


# Backends of the tests' own. The library finds every subclass: none of these is one that it would choose.


class Vault:
    """Windows' part of the library's Windows backend: credentials by target, none above 2560 bytes."""

    CRED_TYPE_GENERIC, CRED_PERSIST_ENTERPRISE = 1, 3

    class error(Exception):  # noqa: N801 - pywintypes' name
        winerror, funcname = 0, ""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.before: Callable[[str, str], object] = lambda step, name: None

    def _not_found(self, name: str) -> Exception:
        fault = self.error(1168, name, "Element not found.")
        fault.winerror, fault.funcname = 1168, name
        return fault

    def CredRead(self, *, Type: int, TargetName: str) -> dict[str, Any]:  # noqa: N802, N803 - pywin32's
        self.before("get", TargetName)
        if TargetName not in self.kept:
            raise self._not_found("CredRead")
        return self.kept[TargetName]

    def CredWrite(self, credential: dict[str, Any], flags: int) -> None:  # noqa: N802 - pywin32's
        self.before("set", credential["TargetName"])
        blob = credential["CredentialBlob"].encode("utf-16-le")
        if len(blob) > 2560:
            raise self.error(1783, "CredWrite", "The stub received bad data")
        self.kept[credential["TargetName"]] = {**credential, "CredentialBlob": blob}

    def CredDelete(self, *, Type: int, TargetName: str) -> None:  # noqa: N802, N803 - pywin32's
        self.before("delete", TargetName)
        if self.kept.pop(TargetName, None) is None:
            raise self._not_found("CredDelete")


class Keychain:
    """macOS' part of the library's macOS backend: an entry is replaced in two steps."""

    class Error(Exception):
        pass

    class NotFound(Error):
        pass

    class KeychainDenied(Error):
        pass

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.before: Callable[[str, str], object] = lambda step, name: None

    def find_generic_password(self, keychain: None, service: str, name: str) -> str:
        self.before("get", name)
        if name not in self.kept:
            raise self.NotFound
        return self.kept[name]

    def set_generic_password(self, keychain: None, service: str, name: str, text: str) -> None:
        self.before("delete", name)
        self.kept.pop(name, None)
        self.before("set", name)
        self.kept[name] = text

    def delete_generic_password(self, keychain: None, service: str, name: str) -> None:
        self.before("delete", name)
        if self.kept.pop(name, None) is None:
            raise self.NotFound


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Vault:
    """Have the library's own Windows backend in use, over a vault of this process."""
    vault = Vault()
    monkeypatch.setattr(Windows, "win32cred", vault, raising=False)
    monkeypatch.setattr(Windows, "pywintypes", vault, raising=False)
    use(monkeypatch, Windows.WinVaultKeyring())
    return vault


@pytest.fixture
def keychain(monkeypatch: pytest.MonkeyPatch) -> Keychain:
    """Have the library's own macOS backend in use, over a keychain of this process."""
    monkeypatch.setattr(macOS, "api", keychain := Keychain(), raising=False)
    use(monkeypatch, macOS.Keyring())
    return keychain


# Parts


@pytest.mark.parametrize("length", [10, 1280, 1281, LONG, 100_000])
def test_a_token_of_any_length_on_windows(vault: Vault, store: KeyringStore, length: int) -> None:
    """No entry is longer than Windows takes, a short token is one entry, and forgetting leaves none."""
    token = save(store, long_token("x", length))
    assert store.load(KEY) == token
    if length == 10:
        assert set(vault.kept) == {f"aventus-creds/{KEY}"}
    store.delete(KEY)
    assert store.load(KEY) is None
    assert not vault.kept


def test_nothing_piles_up_in_turns(vault: Vault, store: KeyringStore) -> None:
    """After tokens of every length, one after another, there are the last one's entries and no more."""
    for length in (50_000, LONG, 10, 9 * LONG, LONG, LONG, 10):
        token = save(store, long_token("y", length))
        assert store.load(KEY) == token
        entries = len(encode(KEY, token)) // 1280 + 2 if length > 10 else 1
        assert len(vault.kept) == entries
    other = save(store, long_token("z"), "other")
    store.delete(KEY)
    assert store.load("other") == other


def test_names_do_not_move_each_other_on_windows(vault: Vault, store: KeyringStore) -> None:
    """Each name is in a place of its own: the library keeps all of one service in one place by turns, in two steps.

    A process that stops between them would bring the other name's old token up again.
    """
    save(store, make_token("one"), "a")
    save(store, make_token("two"), "b")
    before = dict(vault.kept)
    save(store, make_token("three"), "a")
    assert {name for name in vault.kept if vault.kept[name] != before.get(name)} == {"aventus-creds/a"}


OLD, NEW = long_token("o"), long_token("n", LONG + 2000)


class Stop(Exception):
    """Ends a writer at a step, as a kill does."""


def stop_at(step: int) -> Callable[[str, str], None]:
    steps = iter(range(step + 1))

    def before(*_: str) -> None:
        if next(steps, step) == step:
            raise Stop

    return before


@pytest.mark.parametrize("old", [OLD, make_token("old"), None], ids=["long", "short", "none"])
@pytest.mark.parametrize("new", [NEW, make_token("new")], ids=["long", "short"])
@pytest.mark.parametrize("system", ["vault", "keychain"])
def test_a_writer_killed_at_any_step(
    request: pytest.FixtureRequest, folder: Path, system: str, old: Token | None, new: Token
) -> None:
    """The old token is there or the new one, the next save and delete go well, and nothing is left behind."""
    place = request.getfixturevalue(system)
    go_on, store = place.before, KeyringStore(folder)
    step, seen, finished = 0, set(), False
    while not finished:
        place.kept.clear()
        if old:
            save(store, old)
        place.before = stop_at(step)
        with suppress(StoreError):
            save(store, new)
            finished = True
        place.before = go_on
        seen.add(loaded := store.load(KEY))
        assert loaded in {old, new}
        assert not finished or loaded == new
        # Whoever comes next may be killed as well, and then somebody saves or deletes.
        place.before = stop_at(step // 2)
        with suppress(StoreError):
            save(store, new)
        place.before = go_on
        assert store.load(KEY) in {old, new}
        if step % 2:
            save(store, OLD)
            save(store, NEW)
            assert store.load(KEY) == NEW
            assert len(place.kept) == (6 if system == "vault" else 1)
        store.delete(KEY)
        assert store.load(KEY) is None
        assert not place.kept
        step += 1
    assert seen == {old, new}


@pytest.mark.parametrize("system", ["vault", "keychain"])
def test_a_logout_killed_at_any_step(request: pytest.FixtureRequest, folder: Path, system: str) -> None:
    """The token is there or it is not, and the next logout leaves nothing."""
    place = request.getfixturevalue(system)
    go_on, store, step, finished = place.before, KeyringStore(folder), 0, False
    while not finished:
        save(store, OLD)
        place.before = stop_at(step)
        with suppress(StoreError):
            store.delete(KEY)
            finished = True
        place.before = go_on
        assert store.load(KEY) in {OLD, None}
        store.delete(KEY)
        assert not place.kept
        step += 1
    assert step > 2


@pytest.mark.parametrize("system", ["vault", "keychain"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_reader_meets_a_switch(
    request: pytest.FixtureRequest, folder: Path, system: str, times: int
) -> None:
    """Whenever somebody saves between two steps of a reader, it gets one of the tokens, whole."""
    place, store = request.getfixturevalue(system), KeyringStore(folder)
    chosen = sys.modules["keyring"].get_keyring()
    tokens = [OLD, NEW, long_token("m", 2 * LONG), make_token("short")]
    go_on = place.before
    for step in range(14):
        place.before = go_on
        save(store, OLD)
        steps = iter(range(99))

        def before(*_: str, steps: Iterator[int] = steps, step: int = step) -> None:
            if next(steps) == step:
                place.before = go_on
                for token in tokens[1 : times + 1]:
                    _save(Entries(chosen, threading.Event()), KEY, encode(KEY, token).decode())

        place.before = before
        assert store.load(KEY) in tokens[: times + 1]


def test_a_reader_gives_up_in_the_end(vault: Vault, store: KeyringStore) -> None:
    """Where the token changes all the time, a load without a lock ends even so."""
    save(store, OLD)
    turns = []

    def before(step: str, name: str) -> None:
        if name.endswith(("A2", "B2")):
            turns.append(name)
            vault.before = lambda step, name: None
            _save(Entries(chosen, threading.Event()), KEY, encode(KEY, long_token("s")).decode())
            vault.before = before

    chosen = sys.modules["keyring"].get_keyring()
    vault.before = before
    assert store.load(KEY) is None
    assert 2 < len(turns) < 20


def test_damaged_parts_are_log_in_again(vault: Vault, store: KeyringStore) -> None:
    """A part that is missing, cut, changed, of another token or no text: no token, and the next save mends it."""
    save(store, OLD)
    whole = {name: dict(entry) for name, entry in vault.kept.items()}
    for name, entry in whole.items():
        blob = entry["CredentialBlob"]
        for wrong in (None, b"", blob[:-2], b"n\0" + blob[2:], b"\xff\xfe\x00", whole_other(whole, name)):
            vault.kept = {each: dict(kept) for each, kept in whole.items()}
            del vault.kept[name]
            if wrong is not None:
                vault.kept[name] = {**entry, "CredentialBlob": wrong}
            assert store.load(KEY) is None
            assert save(store, NEW) == store.load(KEY)
            store.delete(KEY)


def whole_other(whole: dict[str, dict[str, Any]], name: str) -> bytes:
    """Return the content of another entry than ``name``."""
    content: bytes = next(entry["CredentialBlob"] for other, entry in whole.items() if other != name)
    return content


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(max_size=20)
    | st.builds(
        "parts {} {} {} {}".format,
        st.sampled_from("ABC"),
        st.integers(),
        st.just("0" * 16),
        st.just("a" * 64),
    )
)
def test_any_content_is_no_token(backend: Backend, store: KeyringStore, text: str) -> None:
    """Whatever stands under the key, nothing raises."""
    backend.kept["aventus-creds", KEY] = text
    assert store.load(KEY) is None


def test_a_planted_entry_of_another_profile_is_not_taken(backend: Backend, store: KeyringStore) -> None:
    """An entry says whose it is."""
    save(store)
    backend.kept["aventus-creds", "other"] = backend.kept["aventus-creds", KEY]
    assert store.load("other") is None
