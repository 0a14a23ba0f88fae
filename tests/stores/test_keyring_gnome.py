"""The keyring store on a real gnome-keyring: its faults, processes that are killed, and many that share a login."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, AnyStr

import pytest
from keyring_backends import KEY, LONG, long_token, save
from secret_service import SecretService, again_if_the_daemon_dies
from support import PATH_WITH_HELPERS, free_port, make_token

from aventus_creds import login
from aventus_creds.errors import StoreError
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.keyring import entries as keyring_entries
from aventus_creds.stores.keyring.store import KeyringStore


@pytest.fixture
def store(folder: Path) -> KeyringStore:
    return KeyringStore(folder)


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


@again_if_the_daemon_dies
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
        env={**os.environ, "PYTHONPATH": PATH_WITH_HELPERS, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=50,
    )
    return done.stdout


def test_a_process_finds_it(secret_service: SecretService, folder: Path) -> None:
    """By the library's own search; and everybody could see the arguments of a program that is given the token."""
    assert re.fullmatch("None False\n<Token until .*> False\n", once(folder))


@pytest.mark.skipif(os.name != "posix", reason="the keyring of Windows needs no D-Bus")
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
from keyring_backends import long_token
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


@again_if_the_daemon_dies
@pytest.mark.usefixtures("in_parts")
def test_processes_killed_while_they_write(
    secret_service: SecretService, store: KeyringStore, folder: Path
) -> None:
    """Kill -9 at any moment leaves a whole token and a free lock; readers meanwhile see whole ones only."""
    key = "killed"
    save(store, long_token(), key)
    environment = {
        **os.environ,
        "PYTHONPATH": PATH_WITH_HELPERS,
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


@again_if_the_daemon_dies
def test_eight_processes_refresh_once(
    secret_service: SecretService, store: KeyringStore, folder: Path, write_profiles: Callable[..., Path]
) -> None:
    """Each round: one token request, eight times the same new token, and no reuse of a refresh token."""
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": {**sandbox.profiles()["athoc"], "callback": "loopback"}})
        login("prod", browser=Robot(), store=store)
        key = read_profiles().profile("prod").key
        with ExitStack() as workers_end:
            workers = [workers_end.enter_context(running_worker(folder)) for _ in range(8)]
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


@contextmanager
def running_worker(folder: Path) -> Iterator[subprocess.Popen[str]]:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring"},
    )
    try:
        yield worker
        worker.communicate(timeout=10)
    finally:
        worker.kill()
        worker.communicate()


def pipe(end: IO[AnyStr] | None) -> IO[AnyStr]:
    assert end
    return end
