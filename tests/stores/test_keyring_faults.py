"""The keyring store: where there is no keyring that keeps secrets, and one that fails.

``Backend`` keeps entries in a dictionary, ``Silent`` none at all; ``Chain`` asks several, as the library's own does.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.backends.chainer import ChainerBackend
from keyring.errors import InitError, KeyringError, KeyringLocked, PasswordDeleteError, PasswordSetError
from keyring_backends import KEY, Backend, save, use
from redis_server import wait_until
from redis_stores import everything, links
from support import HELPERS, make_token, variables_shown

from aventus_creds.basics import waits
from aventus_creds.errors import ConfigError, SecretError, StoreError
from aventus_creds.profiles.secrets import SecretRef
from aventus_creds.stores.keyring import entries as keyring_entries
from aventus_creds.stores.keyring.store import KeyringStore


@pytest.fixture
def store(folder: Path) -> KeyringStore:
    return KeyringStore(folder)


SECRET = "a-token-that-nobody-may-see"


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
        (Better(), "test_keyring_faults.Better keeps secrets unencrypted"),
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


OF_ANOTHER_SYSTEM = "macOS.Keyring" if os.name == "nt" else "Windows.WinVaultKeyring"


@pytest.mark.parametrize(
    "name", ["no.such.Backend", "Backend", f"keyring.backends.{OF_ANOTHER_SYSTEM}", "os.path"]
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


@pytest.mark.parametrize(("fault", "words"), FAULTS, ids=lambda value: type(value).__name__)
def test_every_fault_of_a_secret_in_the_keyring_is_a_secret_error(
    backend: Backend, fault: Exception, words: str
) -> None:
    """Also one that is no KeyringError: its type is named, its text and its frames are not kept."""

    def before(*_: str) -> None:
        raise fault

    backend.before = before
    with pytest.raises(SecretError, match=f"cannot be read: {type(fault).__name__}\\n") as caught:
        SecretRef("keyring", "my-service", username="ann").read()
    assert SECRET not in everything(caught.value)
    assert list(links(caught.value)) == [caught.value]


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_without_a_lock_nothing_is_saved(
    backend: Backend, store: KeyringStore, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The keyring can be written to where the folder of the locks cannot: two refreshes at once would log out."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("aventus_creds.basics.folder_lock.attempt", refuse)
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


@pytest.mark.usefixtures("backend")
def test_the_wait_for_it_is_told(store: KeyringStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be asking for its password: a command at a terminal says what it waits for."""
    told: list[str] = []

    def show(what: str) -> AbstractContextManager[None]:
        told.append(what)
        return nullcontext()

    monkeypatch.setattr(waits, "show", show)
    token = save(store)
    told.clear()
    assert store.load(KEY) == token
    assert told == ["the system's keyring"]


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
from keyring_backends import Backend, KEY, save
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
