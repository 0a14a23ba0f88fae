"""The keyring store: on a real gnome-keyring, on the library's Windows and macOS code, and where there is none."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, AnyStr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends import Windows, fail, macOS, null
from keyring.backends.chainer import ChainerBackend
from keyring.errors import InitError, KeyringError, KeyringLocked, PasswordDeleteError, PasswordSetError
from redis_server import wait_until
from secret_service import SecretService
from support import HELPERS, free_port, make_token, variables_shown

from aventus_creds import login
from aventus_creds.errors import ConfigError, StoreError
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.keyring import entries as keyring_entries
from aventus_creds.stores.keyring.entries import Entries
from aventus_creds.stores.keyring.store import KeyringStore, _save
from aventus_creds.stores.record import encode
from aventus_creds.tokens import Token

KEY = "prod-0123456789abcdef"
SECRET = "a-token-that-nobody-may-see"
LONG = 4000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(folder: Path) -> KeyringStore:
    return KeyringStore(folder)


def save(store: KeyringStore, token: Token | None = None, key: str = KEY) -> Token:
    token = token or make_token()
    with store.lock(key):
        store.save(key, token)
    return token


def long_token(text: str = "x", length: int = LONG) -> Token:
    return make_token(text * length, refresh_token="r")


# Backends of the tests' own. The library finds every subclass: none of these is one that it would choose.


class Backend(KeyringBackend):
    """Keeps entries in this process; ``before`` is called ahead of each step, and may end it with an error."""

    priority = -1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.before: Callable[[str, str], object] = lambda step, name: None

    def get_password(self, service: str, username: str) -> str | None:
        self.before("get", username)
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.before("set", username)
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.before("delete", username)
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


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


def use(monkeypatch: pytest.MonkeyPatch, backend: KeyringBackend) -> None:
    monkeypatch.setattr("keyring.core._keyring_backend", backend)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    use(monkeypatch, backend := Backend())
    return backend


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


# Where there is no keyring that keeps secrets


class PlaintextKeyring(Backend):
    """Named as that of keyrings.alt."""


class Better(PlaintextKeyring):
    """Still the same."""


class Silent(Backend):
    """Takes everything and keeps nothing, under an innocent name."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Chain(ChainerBackend):
    """The library's chain, of given backends."""

    __module__ = "keyring.backends.chainer"
    priority = -9
    backends: list[KeyringBackend] = []  # noqa: RUF012 - the library's own is a class's too


def chain(*backends: KeyringBackend) -> KeyringBackend:
    made = Chain()
    made.backends = list(backends)
    return made


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (fail.Keyring(), "there is no keyring on this system"),
        (null.Keyring(), "its null backend keeps nothing"),
        (chain(), "there is no keyring on this system"),
        (chain(fail.Keyring()), "there is no keyring on this system"),
        (PlaintextKeyring(), "keeps secrets unencrypted"),
        (Better(), "test_keyring_store.Better keeps secrets unencrypted"),
        (chain(PlaintextKeyring(), Backend()), "keeps secrets unencrypted"),
    ],
)
def test_what_keeps_no_secrets_is_refused(
    monkeypatch: pytest.MonkeyPatch, store: KeyringStore, folder: Path, chosen: KeyringBackend, words: str
) -> None:
    """By each method, with a way out; and no file takes the token in silence."""
    use(monkeypatch, chosen)
    for method in (lambda: store.load(KEY), lambda: save(store), lambda: store.delete(KEY)):
        with pytest.raises(ConfigError, match=words) as caught:
            method()
        assert "AVENTUS_CREDS_STORE=file" in caught.value.hint
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {f"{KEY}.lock"}
    assert not getattr(chosen, "kept", None)


def test_the_first_of_a_chain_is_the_store(monkeypatch: pytest.MonkeyPatch, store: KeyringStore) -> None:
    """A token that only a later one has does not come up where the first has none."""
    first, second = Backend(), Backend()
    use(monkeypatch, chain(first, second))
    token = save(store)
    assert store.load(KEY) == token
    assert (len(first.kept), len(second.kept)) == (1, 0)
    first.kept, second.kept = {}, first.kept
    assert store.load(KEY) is None


def test_a_backend_that_forgets_is_noticed(monkeypatch: pytest.MonkeyPatch, store: KeyringStore) -> None:
    """What was saved is read once, so that nobody logs in for nothing."""
    use(monkeypatch, Silent())
    with pytest.raises(StoreError, match="does not keep what it is given"):
        save(store)


def test_the_library_is_not_installed(monkeypatch: pytest.MonkeyPatch, store: KeyringStore) -> None:
    """The message says how to get it."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        store.load(KEY)
    assert caught.value.hint == "pip install 'aventus-creds[keyring]'"


@pytest.mark.parametrize(
    "name", ["no.such.Backend", "Backend", "keyring.backends.Windows.WinVaultKeyring", "os.path"]
)
def test_a_backend_that_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, store: KeyringStore, name: str
) -> None:
    """PYTHON_KEYRING_BACKEND with a mistake is a mistake in the configuration, not a traceback."""
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", name)
    with pytest.raises(ConfigError, match="cannot load the backend") as caught:
        store.load(KEY)
    assert "PYTHON_KEYRING_BACKEND" in caught.value.hint


# Faults


def caused(fault: Exception, cause: Exception) -> Exception:
    fault.__cause__ = cause
    return fault


def leaked(name: str) -> Exception:
    """Return an error that SecretStorage knows, and that the library lets through."""
    kind: type[Exception] = type(name, (Exception,), {})
    with suppress(ImportError):  # not Linux
        from secretstorage import exceptions

        kind = getattr(exceptions, name)
    return kind(SECRET)


class SimpleError(Exception):
    """Named as nothing in particular."""


FAULTS = [
    (KeyringLocked(SECRET), "is locked"),
    (leaked("LockedException"), "is locked"),
    (leaked("PromptDismissedException"), "is locked"),
    (caused(InitError(SECRET), leaked("PromptDismissedException")), "is locked"),
    (caused(InitError(SECRET), leaked("SecretServiceNotAvailableException")), "does not run any more"),
    (leaked("SecretServiceNotAvailableException"), "does not run any more"),
    (InitError(SECRET), "failed: InitError"),
    (KeyringError(SECRET), "failed: KeyringError"),
    (PasswordSetError(SECRET), "failed: PasswordSetError"),
    (PasswordDeleteError(SECRET), "failed: PasswordDeleteError"),
    (SimpleError(SECRET), "failed: SimpleError"),
    (OSError(1783, SECRET), "failed: OSError"),
    (ConnectionResetError(SECRET), "failed: ConnectionResetError"),
    (TimeoutError(SECRET), "failed: TimeoutError"),
]


@pytest.mark.parametrize(("fault", "words"), FAULTS, ids=lambda value: type(value).__name__)
def test_every_fault_is_a_store_error(
    backend: Backend, store: KeyringStore, fault: Exception, words: str
) -> None:
    """With a hint, and without a word of the backend's own; the token is in no variable of a traceback."""

    def before(*_: str) -> None:
        raise fault

    backend.kept["aventus-creds", KEY] = "something to delete"
    backend.before = before
    token = make_token(SECRET, refresh_token=SECRET)
    for method in (lambda: store.load(KEY), lambda: save(store, token), lambda: store.delete(KEY)):
        with pytest.raises(StoreError, match=words) as caught:
            method()
        error = caught.value
        assert "AVENTUS_CREDS_STORE=file" in error.hint
        assert SECRET not in f"{error} {error!r}" + variables_shown(error)
        assert error.__context__ is None
        assert error.__cause__ is None


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_without_a_lock_nothing_is_saved(
    backend: Backend, store: KeyringStore, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The keyring can be written to where the folder of the locks cannot: two refreshes at once would log out."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with pytest.raises(StoreError, match="cannot be locked") as caught, store.lock(KEY):
        pass
    assert "AVENTUS_CREDS_STATE_DIR" in caught.value.hint


def test_an_entry_that_goes_while_it_is_read(backend: Backend, store: KeyringStore) -> None:
    """A Secret Service's item may be deleted between its search and its reading: then it is searched again."""
    save(store)

    def before(*_: str) -> None:
        backend.kept.clear()
        backend.before = lambda step, name: None
        raise leaked("ItemNotFoundException")

    backend.before = before
    assert store.load(KEY) is None


def test_an_entry_that_stays_is_an_error(backend: Backend, store: KeyringStore) -> None:
    """A logout that forgets nothing does not look like one."""
    save(store)
    backend.delete_password = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="does not delete"):
        store.delete(KEY)


def test_a_keyring_that_does_not_answer(
    backend: Backend, store: KeyringStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait has an end, also for those who wait behind it; what was given up does not go on later."""
    old = save(store)
    monkeypatch.setattr(keyring_entries, "WAIT", 0.2)
    gate, arrived = threading.Event(), threading.Event()

    def before(step: str, name: str) -> None:
        arrived.set()
        assert gate.wait(30)

    backend.before = before
    with ThreadPoolExecutor(2) as pool:
        asked: list[Future[Any]] = [pool.submit(save, store, make_token("new"))]
        assert arrived.wait(10)
        asked.append(pool.submit(store.load, KEY))
        for waiting in asked:
            with pytest.raises(
                StoreError, match=r"gave no answer in 0 s: does it ask for its password"
            ) as caught:
                waiting.result(10)
            assert "Unlock it" in caught.value.hint
    # Who waited behind it has left no thread that waits on.
    wait_until(lambda: sum(thread.name == "aventus-creds keyring" for thread in threading.enumerate()) == 1)
    backend.before = lambda step, name: None
    gate.set()
    monkeypatch.setattr(keyring_entries, "WAIT", 30)
    assert store.load(KEY) == old


def test_at_the_end_of_the_interpreter(
    backend: Backend, store: KeyringStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no thread starts any more, the work is done without one."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    token = save(store)
    assert store.load(KEY) == token


FORKING = """
import os, sys, threading
from pathlib import Path
import keyring.core
sys.path.insert(0, sys.argv[2])
from test_keyring_store import Backend, KEY, save
from aventus_creds.stores.keyring.store import KeyringStore
keyring.core._keyring_backend = backend = Backend()
store = KeyringStore(Path(sys.argv[1]))
token = save(store)
inside, go_on = threading.Event(), threading.Event()
def before(step, name):
    inside.set()
    go_on.wait(30)
backend.before = before
thread = threading.Thread(target=store.load, args=(KEY,))
thread.start()
inside.wait(30)
backend.before = lambda step, name: None
child = os.fork()
if not child:
    os._exit(0 if store.load(KEY) == token else 1)
status = os.waitpid(child, 0)[1]
go_on.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_while_another_thread_asks(folder: Path) -> None:
    """The child does not wait for a thread that it does not have."""
    tests = str(HELPERS)
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORKING, folder, tests], check=True, timeout=50)


# A real gnome-keyring


@pytest.fixture
def own_service(secret_service: SecretService, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretService]:
    """Run a gnome-keyring that the test may lock, stop and freeze."""
    with SecretService() as service:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.address)
        yield service


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have entries of the Secret Service as short as those of Windows."""
    monkeypatch.setitem(keyring_entries.LIMITS, "keyring.backends.SecretService", 1280)


def test_a_token_of_100_kilobytes(secret_service: SecretService, store: KeyringStore) -> None:
    """It is one entry, under the service and the key; what is forgotten twice is no error."""
    token = save(store, long_token("x", 100_000))
    assert store.load(KEY) == token
    assert KEY in secret_service.names()
    for _ in range(2):
        store.delete(KEY)
        assert store.load(KEY) is None
    assert KEY not in secret_service.names()


@pytest.mark.usefixtures("in_parts")
def test_parts_in_a_secret_service(secret_service: SecretService, store: KeyringStore) -> None:
    """Longer, shorter, whole and gone."""
    for length in (LONG, 2 * LONG, 10):
        token = save(store, long_token("x", length), "parts")
        assert store.load("parts") == token
    assert {name for name in secret_service.names() if name.startswith("parts")} == {"parts"}
    save(store, long_token(), "parts")
    store.delete("parts")
    assert not {name for name in secret_service.names() if name.startswith("parts")}


def test_many_threads(secret_service: SecretService, store: KeyringStore) -> None:
    """Each with its own key, saving and loading at once."""

    def work(number: int) -> None:
        for turn in range(2):
            token = save(store, make_token(f"{number}-{turn}"), f"thread-{number}")
            assert store.load(f"thread-{number}") == token

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))


ONCE = """
import sys
from pathlib import Path
from support import make_token
from aventus_creds.stores.keyring.store import KeyringStore
arguments = []
events = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system")
sys.addaudithook(lambda event, args: event in events and arguments.append(repr(args)))
store = KeyringStore(Path(sys.argv[1]))
for work in (
    lambda: store.save("once", make_token("SECRET")),
    lambda: store.load("once"),
    lambda: store.delete("once"),
)[slice(*map(int, sys.argv[2:]))]:
    try:
        with store.lock("once"):
            print(work(), "SECRET" in "".join(arguments))
    except Exception as error:
        print(type(error).__name__, error)
"""


def once(folder: Path, first: int = 0, end: int = 2, **environment: str) -> str:
    """Return what a new process says that looks for a keyring itself, saves a token, loads it and deletes it."""
    done = subprocess.run(
        [sys.executable, "-c", ONCE, folder, str(first), str(end)],
        env={**os.environ, "PYTHONPATH": str(HELPERS), **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=50,
    )
    return done.stdout


def test_a_process_finds_it(secret_service: SecretService, folder: Path) -> None:
    """By the library's own search; and everybody could see the arguments of a program that is given the token."""
    assert re.fullmatch("None False\n<Token until .*> False\n", once(folder))


def test_without_d_bus(folder: Path) -> None:
    """As in a container or a cron job: an error that says what to do, and no file."""
    said = once(folder)
    assert said.startswith("ConfigError there is no keyring on this system, or none can be reached\nStart")
    assert "AVENTUS_CREDS_STORE=file" in said
    said = once(folder, DBUS_SESSION_BUS_ADDRESS=f"unix:path={folder}/gone")
    assert said.startswith("ConfigError there is no keyring on this system")
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["once.lock"]


def test_the_null_backend_by_the_environment(folder: Path) -> None:
    """It would lose each token without a word."""
    said = once(folder, PYTHON_KEYRING_BACKEND="keyring.backends.null.Keyring")
    assert said.startswith("ConfigError the keyring library is switched off")


def test_locked_and_back(own_service: SecretService, folder: Path, store: KeyringStore) -> None:
    """Without a display a locked keyring is an error at once; unlocked, the token is there as before."""
    assert once(folder, 0, 1) == "None False\n"
    own_service.lock()
    # In a process of its own: the library does not close its connection then, and Python warns of that.
    said = once(folder, 0, 3).splitlines()
    assert said[::2] == ["StoreError the system's keyring is locked, and could not be unlocked"] * 3
    assert all("AVENTUS_CREDS_STORE=file" in hint for hint in said[1::2])
    own_service.stop()
    own_service.start()
    assert store.load("once") is not None


def test_frozen_and_gone(
    own_service: SecretService, folder: Path, store: KeyringStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A keyring that stands still is waited for, with an end; one that died is an error."""
    token = save(store)
    own_service.freeze()
    with monkeypatch.context() as patch:
        patch.setattr(keyring_entries, "WAIT", 0.3)
        with pytest.raises(StoreError, match="gave no answer"):
            store.load(KEY)
    own_service.thaw()
    assert store.load(KEY) == token
    own_service.__exit__()
    with pytest.raises(StoreError, match="the system's keyring does not run any more"):
        store.load(KEY)


WRITER = """
import sys
from pathlib import Path
from test_keyring_store import long_token
from aventus_creds.stores.keyring import entries as keyring_entries
from aventus_creds.stores.keyring.store import KeyringStore
keyring_entries.LIMITS["keyring.backends.SecretService"] = 1280
store, key, number = KeyringStore(Path(sys.argv[1])), sys.argv[2], 0
print("ready", flush=True)
while True:
    number += 1
    with store.lock(key):
        store.save(key, long_token("ab"[number % 2], 2000 + 500 * (number % 5)))
"""


@pytest.mark.usefixtures("in_parts")
def test_processes_killed_while_they_write(
    secret_service: SecretService, store: KeyringStore, folder: Path
) -> None:
    """Kill -9 at any moment leaves a whole token and a free lock; readers meanwhile see whole ones only."""
    key = "killed"
    save(store, long_token(), key)
    environment = {
        **os.environ,
        "PYTHONPATH": str(HELPERS),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring",
    }
    for pause in (0.0, 0.2):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, folder, key], stdout=subprocess.PIPE, env=environment
        )
        try:
            assert pipe(writer.stdout).readline() == b"ready\n"
            time.sleep(pause)
            assert store.load(key) is not None
        finally:
            writer.kill()
            writer.wait(10)
            pipe(writer.stdout).close()
        with store.lock(key):
            assert store.load(key) is not None
    save(store, long_token(), key)
    save(store, make_token(), key)
    assert {name for name in secret_service.names() if name.startswith(key)} == {key}


# Many processes, one login

WORKER = """
import sys
from pathlib import Path
from aventus_creds.errors import AventusCredsError
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.keyring.store import KeyringStore
from aventus_creds.sources.chain import cached_source
profile = read_profiles().profile("prod")
store = KeyringStore(Path(sys.argv[1]))
store.load("warm")
print("ready", flush=True)
for line in sys.stdin:
    try:
        print("token", cached_source(profile, store).token().access_token[-12:], flush=True)
    except AventusCredsError as error:
        print("error", type(error).__name__, str(error), flush=True)
"""


def test_eight_processes_refresh_once(
    secret_service: SecretService, store: KeyringStore, folder: Path, write_profiles: Callable[..., Path]
) -> None:
    """Each round: one token request, eight times the same new token, and no reuse of a refresh token."""
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": {**sandbox.profiles()["athoc"], "callback": "loopback"}})
        login("prod", browser=Robot(), store=store)
        key = read_profiles().profile("prod").key
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", WORKER, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring"},
            )
            for _ in range(8)
        ]
        for worker in workers:
            assert pipe(worker.stdout).readline() == "ready\n"
        for round_ in range(1, 3):
            stored = store.load(key)
            assert stored
            save(store, make_token("expired", age=7200, refresh_token=stored.refresh_token), key)
            for worker in workers:
                pipe(worker.stdin).write("go\n")
                pipe(worker.stdin).flush()
            answers = {pipe(worker.stdout).readline() for worker in workers}
            stored = store.load(key)
            assert stored is not None
            assert answers == {f"token {stored.access_token[-12:]}\n"}
            assert sum(record.grant_type == "refresh_token" for record in sandbox.journal) == round_
        assert sandbox.reuse_detections == 0
        for worker in workers:
            worker.communicate(timeout=10)


def pipe(end: IO[AnyStr] | None) -> IO[AnyStr]:
    assert end
    return end
