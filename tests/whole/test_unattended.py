"""Scripts at night: many processes, one rotating refresh token, and processes that die in the middle.

``Workers`` are processes that each ask for a token when they are told to.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from support import free_port

from aventus_creds import LoginRequired, get_session, get_token, login
from aventus_creds.errors import LifetimeTooShort, StoreError
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token

ROUNDS = int(os.environ.get("AVENTUS_CREDS_TEST_ROUNDS", "3"))
WORKERS = 16

WORKER = """
import sys
from aventus_creds import get_token
from aventus_creds.errors import AventusCredsError
print("ready", flush=True)
for line in sys.stdin:
    try:
        print("token", get_token("prod", interactive=False).access_token[-12:], flush=True)
    except AventusCredsError as error:
        print("error", type(error).__name__, str(error).replace("\\n", " "), flush=True)
"""


@pytest.fixture
def sandbox(write_profiles: Callable[..., Path]) -> Iterator[Sandbox]:
    """A server whose refresh tokens rotate and whose families die on reuse, with a login to it."""
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": {**sandbox.profiles()["athoc"], "callback": "loopback"}})
        login("prod", browser=Robot())
        yield sandbox


def stored() -> Token:
    token = default_store().load(read_profiles().profile("prod").key)
    assert token
    return token


def expire() -> None:
    """Let the stored token be expired, with its refresh token as it was."""
    store, key, token = default_store(), read_profiles().profile("prod").key, stored()
    old = Token(
        token.access_token,
        obtained_at=token.obtained_at - 7200,
        expires_at=token.obtained_at - 3600,
        refresh_token=token.refresh_token,
        scope=token.scope,
    )
    with store.lock(key):
        store.save(key, old)


def wait_until_spent(sandbox: Sandbox) -> None:
    """Wait until the server has taken the stored refresh token, whose answer it may still hold back."""
    spent = {token.value for token in sandbox._state.refresh_tokens.values()}
    give_up = time.monotonic() + 20
    while {token.value for token in sandbox._state.refresh_tokens.values()} == spent:
        assert time.monotonic() < give_up
        time.sleep(0.01)


def refreshes(sandbox: Sandbox) -> int:
    return sum(record.grant_type == "refresh_token" for record in sandbox.journal)


class Workers:
    """Processes that each ask for a token when they are told to."""

    def __init__(self, count: int) -> None:
        self._processes = [self._start() for _ in range(count)]
        for process in self._processes:
            assert self._out(process).readline() == "ready\n"

    @staticmethod
    def _start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @staticmethod
    def _out(process: subprocess.Popen[str]) -> IO[str]:
        assert process.stdout
        return process.stdout

    def ask(self, *, kill_one_after: float | None = None) -> list[str]:
        """Let all ask at once; return what each answered. One may be killed meanwhile, and is replaced."""
        for process in self._processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        if kill_one_after is not None:
            time.sleep(kill_one_after)
            victim = random.randrange(len(self._processes))
            self._processes[victim].kill()
            self._end(self._processes.pop(victim))
        answers = [self._out(process).readline().strip() for process in self._processes]
        if kill_one_after is not None:
            self._processes.append(replacement := self._start())
            assert self._out(replacement).readline() == "ready\n"
        return answers

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()
        process.wait(10)

    def end(self) -> None:
        for process in self._processes:
            self._end(process)


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers(WORKERS)
    yield workers
    workers.end()


# Many at once


@pytest.mark.timeout(300)
def test_sixteen_processes_refresh_once(sandbox: Sandbox, workers: Workers) -> None:
    """Each round: one token request, sixteen times the same new token, no reuse seen, a valid cache."""
    for _ in range(ROUNDS):
        expire()
        before = refreshes(sandbox)
        answers = workers.ask()
        assert refreshes(sandbox) == before + 1
        assert answers == [f"token {stored().access_token[-12:]}"] * WORKERS
    assert sandbox.reuse_detections == 0


def test_sixteen_threads_refresh_once(sandbox: Sandbox) -> None:
    """The same with threads, each with a source of its own."""

    def ask(got: list[str]) -> None:
        got.append(get_token("prod").access_token)

    for _ in range(ROUNDS):
        expire()
        before = refreshes(sandbox)
        got: list[str] = []
        threads = [threading.Thread(target=ask, args=(got,)) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert refreshes(sandbox) == before + 1
        assert got == [stored().access_token] * WORKERS


@pytest.mark.timeout(300)
def test_one_of_the_processes_is_killed(sandbox: Sandbox, workers: Workers) -> None:
    """Kill -9 at a random moment: the others succeed, unless the new token died with the process.

    When the server had rotated and the answer was not stored yet, nobody has the new refresh token: then, and
    only then, all hear LoginRequired with the command to run, and a new login mends it.
    """
    lost = 0
    for _ in range(ROUNDS):
        expire()
        answers = workers.ask(kill_one_after=random.uniform(0, 0.15))
        if any(answer.startswith("error") for answer in answers):
            lost += 1
            assert sandbox.reuse_detections == lost
            assert all(
                "LoginRequired" in answer and "aventus-creds login prod" in answer for answer in answers
            )
            login("prod", browser=Robot())
        else:
            assert set(answers) == {f"token {stored().access_token[-12:]}"}
    print(f"logins lost: {lost} of {ROUNDS}")


def test_a_killed_holder_of_the_lock_blocks_nobody(sandbox: Sandbox) -> None:
    """The lock of a process that died while it waited for the server is free at once."""
    expire()
    sandbox.token_delay = 30
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()
    wait_until_spent(sandbox)
    process.kill()
    Workers._end(process)
    sandbox.token_delay = 0
    begin = time.monotonic()
    with pytest.raises(LoginRequired, match="the server refused to renew it"):
        get_token("prod", interactive=False)  # the answer died with the process, and the server saw a reuse
    assert time.monotonic() - begin < 2


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_in_the_middle_of_a_refresh(presses: int, sandbox: Sandbox) -> None:
    """The first one waits until the new token is stored: the login goes on. A second one ends it at once."""
    import signal

    expire()
    sandbox.token_delay = 20 if presses == 2 else 1.5
    code = "from aventus_creds import get_token; print('begins', flush=True); get_token('prod', interactive=False)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "begins\n"
    wait_until_spent(sandbox)
    process.send_signal(signal.SIGINT)
    assert process.stderr
    assert "Ctrl-C again ends it now" in process.stderr.readline()
    if presses == 2:
        process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert said.rstrip().endswith("KeyboardInterrupt")
    sandbox.token_delay = 0
    if presses == 1:
        assert get_token("prod", interactive=False).fresh(time.time())
        assert sandbox.reuse_detections == 0


# Faults of the server


@pytest.mark.parametrize("fault", [503, "drop"])
def test_a_passing_fault_of_the_server_loses_nothing(
    fault: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two failures, then the refresh: the same login goes on."""
    monkeypatch.setattr("aventus_creds.basics.waits.BACKOFF", 0.01)
    expire()
    sandbox.fail_next_token(2, fault)
    assert get_token("prod", interactive=False).fresh(time.time())
    assert sandbox.reuse_detections == 0


def test_a_refresh_answer_without_a_refresh_token(sandbox: Sandbox) -> None:
    """The old one is kept, and serves again where the server leaves it alive."""
    sandbox.refresh_answer_without_refresh_token = True
    sandbox.refresh_rotation = False
    before = stored().refresh_token
    for _ in range(2):
        expire()
        get_token("prod", interactive=False)
        assert stored().refresh_token == before


# min_ttl


def test_min_ttl(sandbox: Sandbox) -> None:
    """Refreshed early where the token is too short, and an error now where no token is long enough."""
    sandbox.token_lifetime = 9000
    assert get_session("prod", interactive=False, min_ttl=7200).get("/v1/me").status_code == 200
    assert refreshes(sandbox) == 1
    get_session("prod", interactive=False, min_ttl=7200)
    assert refreshes(sandbox) == 1
    with pytest.raises(LifetimeTooShort, match="10000 s were asked for"):
        get_session("prod", interactive=False, min_ttl=10000)


def test_min_ttl_of_a_login_that_cannot_be_renewed(
    sandbox: Sandbox, write_profiles: Callable[..., Path]
) -> None:
    """A person must log in: which profile, why and how is said now."""
    write_profiles({"prod": {**sandbox.profiles()["aventus"], "callback": "loopback"}})
    sandbox.token_lifetime = 600
    login("prod", browser=Robot())
    assert get_token("prod", interactive=False, min_ttl=300) == stored()
    with pytest.raises(LoginRequired, match="sooner than the 7200 s asked for"):
        get_token("prod", interactive=False, min_ttl=7200)


# The store


@pytest.mark.skipif(os.name != "posix", reason="RLIMIT_FSIZE is POSIX's")
def test_a_full_disk_loses_nothing(sandbox: Sandbox) -> None:
    """The error says that nothing is used up; the old file is whole; with space again the login goes on."""
    import resource
    import signal

    expire()
    before = stored()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (256, limits[1]))
        with pytest.raises(StoreError, match=r"cannot be written.*nothing of it is used up"):
            get_token("prod", interactive=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert stored() == before
    assert get_token("prod", interactive=False).fresh(time.time())
    assert stored() != before


# Injected


def test_an_injected_token(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, write_profiles: Callable[..., Path]
) -> None:
    """AVENTUS_CREDS_TOKEN_<PROFILE> serves as it is: no cache, no login."""
    token = get_token("prod").access_token
    write_profiles({"my-job.2": {**sandbox.profiles()["athoc"], "callback": "loopback"}})
    with pytest.raises(LoginRequired):
        get_token("my-job.2", interactive=False)
    monkeypatch.setenv("AVENTUS_CREDS_TOKEN_MY_JOB_2", token)
    assert get_session("my-job.2", interactive=False).get("/v1/me").json()["sub"] == "ada"
    sandbox.revoke_all("athoc-pkce")
    assert get_session("my-job.2", interactive=False).get("/v1/me").status_code == 401
