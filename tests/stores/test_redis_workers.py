"""Many processes on several machines, one login in Redis: one refresh a round, and what each sees when things break.

``Worker`` is a process of a host of its own, ``Team`` the login that all of them share. ``SlowSandbox`` holds back
the answer to one token request, whose grant has taken effect by then.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
from redis_server import RedisServer, wait_until
from support import free_port

from aventus_creds import login
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import default_store
from aventus_creds.stores.redis.sealing import new_key
from aventus_creds.stores.redis.store import RedisStore
from aventus_creds.tokens import Token

ROUNDS = int(os.environ.get("AVENTUS_CREDS_TEST_ROUNDS", "3"))
HOSTS = 3
WORKERS = 8 if ROUNDS >= 20 else 2
"""Processes on each host."""

SEAL = new_key()

# ``again`` keeps the source, and with it what is in memory, as a service that runs for days does.
WORKER = """
import os, sys, warnings
from aventus_creds.errors import AventusCredsError
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.redis.store import RedisStore
from aventus_creds.sources.chain import cached_source
warnings.simplefilter("ignore")
for line in sys.stdin:
    word, *arguments = line.split()
    if word == "open":
        os.environ["AVENTUS_CREDS_PROFILES"], url, seal, lifetime, timeout = arguments
        profile = read_profiles().profile("prod")
        store = RedisStore(url, [seal], lock_lifetime=float(lifetime), timeout=float(timeout))
        store.load("warm")
        print("ready", flush=True)
        continue
    if word == "go":
        source = cached_source(profile, store)
    try:
        print("token", source.token().access_token[-12:], flush=True)
    except AventusCredsError as error:
        print("error", type(error).__name__, str(error).replace("\\n", " "), flush=True)
"""


class Worker:
    """A process of a host of its own: its state folder is nobody else's."""

    def __init__(self, host: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "AVENTUS_CREDS_STATE_DIR": str(host)},
        )
        self.alive = True

    def ask(self, *words: str) -> None:
        self._pipe(self._process.stdin).write(f"{' '.join(words or ['go'])}\n")
        self._pipe(self._process.stdin).flush()

    def answer(self) -> str:
        return self._pipe(self._process.stdout).readline().strip()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            self._pipe(pipe).close()
        self._process.wait(10)
        self.alive = False

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe
        return pipe


class SlowSandbox(Sandbox):
    """A sandbox that can hold back the answer to one token request, whose grant has taken effect by then."""

    def __init__(self, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # the redirect URI
        self._held = threading.Lock()
        self._arrived = threading.Event()
        self._gate = threading.Event()

    def hold_next(self) -> None:
        """Hold back the answer to the next request until ``let_go``."""
        self._arrived.clear()
        self._gate.clear()
        self._held.acquire()

    def wait_for_it(self) -> None:
        assert self._arrived.wait(30)

    def let_go(self) -> None:
        self._gate.set()

    def delay_token_answer(self) -> None:
        if self._held.locked() and not self._arrived.is_set():
            self._arrived.set()
            self._held.release()
            self._gate.wait(60)


@pytest.fixture
def sandbox(write_profiles: Callable[..., Path]) -> Iterator[SlowSandbox]:
    """A server whose refresh tokens rotate and whose families die on reuse."""
    with SlowSandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": {**sandbox.profiles()["athoc"], "callback": "loopback"}})
        yield sandbox
        sandbox.let_go()


@pytest.fixture(scope="module")
def pool() -> Iterator[list[Worker]]:
    """Keep worker processes from test to test: to start one takes longer than most tests."""
    workers: list[Worker] = []
    yield workers
    for worker in workers:
        worker.kill()


@pytest.fixture
def start(
    pool: list[Worker], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., list[Worker]]]:
    """Give ``each`` workers on every host, with a store of their own at ``url``."""
    failed_before = request.session.testsfailed

    def begin(url: str, each: int, *, lifetime: float = 30, timeout: float = 5) -> list[Worker]:
        while len(pool) < HOSTS * each:
            pool.append(Worker(tmp_path_factory.mktemp(f"host-{len(pool) % HOSTS}")))
        for worker in (workers := pool[: HOSTS * each]):
            worker.ask("open", os.environ["AVENTUS_CREDS_PROFILES"], url, SEAL, str(lifetime), str(timeout))
        assert [worker.answer() for worker in workers] == ["ready"] * len(workers)
        return workers

    yield begin
    if request.session.testsfailed > failed_before:  # nobody knows in which state they are
        for worker in pool:
            worker.kill()
    pool[:] = [worker for worker in pool if worker.alive]


class Team:
    """The login that all share, as somebody sees it who looks into the store."""

    def __init__(self, server: RedisServer, sandbox: SlowSandbox) -> None:
        self._store = RedisStore(server.url, [SEAL])
        self._sandbox = sandbox
        self.key = read_profiles().profile("prod").key

    def log_in(self) -> None:
        login("prod", browser=Robot())
        token = default_store().load(self.key)
        assert token
        self.save(token)

    def save(self, token: Token) -> None:
        with self._store.lock(self.key):
            self._store.save(self.key, token)

    @property
    def stored(self) -> Token:
        token = self._store.load(self.key)
        assert token
        return token

    def expire(self, in_seconds: float = -3600) -> None:
        """Let the stored token expire, or have expired, with its refresh token as it was."""
        token, end = self.stored, time.time() + in_seconds
        self.save(
            Token(
                token.access_token,
                obtained_at=end - 1,
                expires_at=end,
                refresh_token=token.refresh_token,
                scope=token.scope,
            )
        )

    @property
    def refreshes(self) -> int:
        return sum(record.grant_type == "refresh_token" for record in self._sandbox.journal)

    @property
    def served(self) -> str:
        """What a worker says that has the stored token."""
        return f"token {self.stored.access_token[-12:]}"


@pytest.fixture
def team(redis_server: RedisServer, sandbox: SlowSandbox) -> Team:
    team = Team(redis_server, sandbox)
    team.log_in()
    return team


@pytest.mark.timeout(600)
def test_three_hosts_refresh_once(
    team: Team, sandbox: SlowSandbox, redis_server: RedisServer, start: Callable[..., list[Worker]]
) -> None:
    """Each round: one token request, every process on every host the same new token, no reuse seen."""
    workers = start(redis_server.url, WORKERS)
    for _ in range(ROUNDS):
        team.expire()
        before = team.refreshes
        for worker in workers:
            worker.ask()
        answers = [worker.answer() for worker in workers]
        assert team.refreshes == before + 1
        assert answers == [team.served] * len(workers)
    assert sandbox.reuse_detections == 0


@pytest.mark.parametrize("grace", [0, 60])
def test_the_holder_is_killed_in_the_middle_of_a_refresh(
    grace: float,
    team: Team,
    sandbox: SlowSandbox,
    redis_server: RedisServer,
    start: Callable[..., list[Worker]],
) -> None:
    """The others go on when its lock has lapsed. Where the server lets the used refresh token serve once more,
    nobody notices; else the new token has died with the process, and all are told the command to run.
    """
    holder, *others = start(redis_server.url, 1, lifetime=0.5, timeout=1)
    sandbox.refresh_grace = grace
    team.expire()
    before = team.refreshes
    sandbox.hold_next()
    holder.ask()
    sandbox.wait_for_it()
    for worker in others:
        worker.ask()
    holder.kill()
    answers = [worker.answer() for worker in others]
    if grace:
        assert answers == [team.served] * len(others)
        assert team.refreshes == before + 1  # and the one whose answer is still held back
        assert sandbox.reuse_detections == 0
    else:
        assert all("LoginRequired" in answer and "aventus-creds login prod" in answer for answer in answers)
        assert sandbox.reuse_detections == 1


@pytest.mark.parametrize("persist", [True, False])
def test_redis_restarts_in_the_middle_of_a_refresh(
    *, persist: bool, sandbox: SlowSandbox, tmp_path: Path, start: Callable[..., list[Worker]]
) -> None:
    """With what it knew or without: the holder finishes, the others have its token, one request was made.

    Without, the holder takes its lock again, those who waited leave it the time, and its save brings the login
    back. Long-running workers have the old token in memory, and its refresh token, which they must not use.
    """
    with RedisServer(tmp_path / "redis", persist=persist) as server:
        team = Team(server, sandbox)
        team.log_in()
        workers = start(server.url, 1, lifetime=2, timeout=10)
        team.expire(in_seconds=0.8)
        for worker in workers:
            worker.ask()
        assert [worker.answer() for worker in workers] == [team.served] * len(workers)
        time.sleep(0.8)
        before = team.refreshes
        holder, *others = workers
        sandbox.hold_next()
        holder.ask("again")
        sandbox.wait_for_it()
        for worker in others:
            worker.ask("again")
        with server.admin as admin:
            wait_until(lambda: sum("b" in client["flags"] for client in admin.client_list()) >= len(others))
        server.restart()
        with server.admin as admin:  # from the disk, or by its holder
            wait_until(lambda: admin.keys("*:lock"))
        sandbox.let_go()
        answers = [worker.answer() for worker in workers]
        assert answers == [team.served] * len(workers)
        assert team.refreshes == before + 1
        assert sandbox.reuse_detections == 0


@pytest.mark.parametrize("what", ["redis", "holder"])
def test_frozen_past_the_locks_lifetime(
    what: str, sandbox: SlowSandbox, tmp_path: Path, start: Callable[..., list[Worker]]
) -> None:
    """Redis, or the holder, stands still for longer than a lock lives: the late holder does not overwrite."""
    sandbox.refresh_rotation = False
    with RedisServer(tmp_path / "redis") as server:
        team = Team(server, sandbox)
        team.log_in()
        late, other, _ = start(server.url, 1, lifetime=0.6, timeout=1)
        team.expire()
        before = team.refreshes
        sandbox.hold_next()
        late.ask()
        sandbox.wait_for_it()
        late.freeze()
        if what == "redis":
            server.freeze()
            time.sleep(0.8)
            server.thaw()
        other.ask()
        newer = other.answer()
        assert newer == team.served
        sandbox.let_go()
        late.thaw()
        assert late.answer() == newer == team.served
        assert team.refreshes == before + 2


def test_workers_whose_redis_is_away(
    sandbox: SlowSandbox, tmp_path: Path, start: Callable[..., list[Worker]]
) -> None:
    """An unexpired token in memory goes on serving; without one the error says what is away, and it passes."""
    with RedisServer(tmp_path / "redis", persist=True) as server:
        team = Team(server, sandbox)
        team.log_in()
        known, *_, fresh = start(server.url, 1, timeout=0.2)
        token = team.stored
        lasting = Token(
            token.access_token,
            obtained_at=time.time() - 3570,
            expires_at=time.time() + 30,
            refresh_token=token.refresh_token,
            scope=token.scope,
        )
        team.save(lasting)
        sandbox.fail_next_token(1, 503)
        known.ask()
        served = known.answer()
        assert served == f"token {token.access_token[-12:]}"
        server.kill()
        for _ in range(2):
            known.ask("again")
            assert known.answer() == served
        fresh.ask()
        assert "StoreError redis://127.0.0.1" in fresh.answer()
        server.start()
        fresh.ask()
        assert fresh.answer() == team.served


def test_threads_of_one_process_go_to_redis_one_at_a_time(
    team: Team, sandbox: SlowSandbox, redis_server: RedisServer
) -> None:
    """Sixteen threads with sources of their own on one store: one request, and one thread that waits in Redis."""
    from aventus_creds.sources.chain import cached_source

    store, profile = RedisStore(redis_server.url, [SEAL]), read_profiles().profile("prod")
    team.expire()
    before = team.refreshes
    sandbox.hold_next()
    got: list[str] = []
    redis_server.forget_calls()
    threads = [
        threading.Thread(target=lambda: got.append(cached_source(profile, store).token().access_token))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    sandbox.wait_for_it()
    sandbox.let_go()
    for thread in threads:
        thread.join()
    assert got == [team.stored.access_token] * 16
    assert team.refreshes == before + 1
    assert redis_server.calls().get("xread", 0) == 0
