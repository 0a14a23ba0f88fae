"""What breaks under a running program: the disk, the clock, the locks, a fork, a signal, its limits."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from attempts import make_login
from support import Seen, Sent, Web, make_token

from aventus_creds import get_session, get_token, logout
from aventus_creds.errors import (
    AventusCredsError,
    LoginRequired,
    LoginTimeout,
    NetworkError,
    NotSavedWarning,
    StoreError,
)
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.chain import cached_source
from aventus_creds.stores import TokenStore
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

posix_only = pytest.mark.skipif(os.name != "posix", reason="as POSIX has it")
EXPIRED: dict[str, Any] = {"age": 7200, "lifetime": 3600}
EARLY: dict[str, Any] = {"age": 3590, "lifetime": 3600}
DAY = 86400


class Server:
    """A token endpoint whose refresh tokens serve once, and an API that says what it was asked."""

    def __init__(self, web: Web) -> None:
        self.refreshes = self.reuses = 0
        self.delay = 0.0
        self.lifetime = 3600
        self._lock = threading.Lock()
        self.url = web.url
        web.answer = self.answer

    def answer(self, seen: Seen) -> Sent:
        if not seen.path.startswith("/token"):
            time.sleep(self.delay)
            return Sent(body=seen.path.encode())
        with self._lock:
            if parse_qs(seen.body.decode())["refresh_token"] != [f"r{self.refreshes}"]:
                self.reuses += 1
                return Sent(400, {"error": "invalid_grant"})
            self.refreshes += 1
            new = self.refreshes
        time.sleep(self.delay)
        return Sent(
            body={
                "access_token": f"a{new}",
                "refresh_token": f"r{new}",
                "token_type": "Bearer",
                "expires_in": self.lifetime,
            }
        )

    def wait_for_a_refresh(self) -> None:
        deadline = time.monotonic() + 10
        while not self.refreshes and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.refreshes


@pytest.fixture
def server(web: Web) -> Server:
    return Server(web)


@pytest.fixture
def profile(server: Server, write_profiles: Callable[..., Path]) -> Profile:
    keys = {"token_url": f"{server.url}/token", "authorize_url": f"{server.url}/authorize"}
    write_profiles({"prod": {**keys, "client_id": "c", "api_url": f"{server.url}/api", "retries": 0}})
    return read_profiles().profile("prod")


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "state")


def keep(store: TokenStore, profile: Profile, token: Token | None = None) -> Token:
    """Store a login: an expired token unless another is given, with the refresh token that serves first."""
    token = token or make_token("a0", **EXPIRED, refresh_token="r0")
    with store.lock(profile.key):
        store.save(profile.key, token)
    return token


def run(code: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | variables,
    )


def output(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate("\n", timeout=30)
    assert not err, err
    assert process.returncode == 0
    return out


def failing(code: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise OSError(code, os.strerror(code))

    return fail


# The disk


@posix_only
@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_write_that_fails_at_any_step(
    step: str, code: int, profile: Profile, server: Server, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller has the token and a warning, the old file is whole, and the next refresh is stored."""
    old = keep(files, profile)
    source = cached_source(profile, files)
    real = getattr(os, step)

    def broken(path: Any, *rest: Any, **more: Any) -> Any:
        if step != "open" or str(path).endswith(".tmp"):
            failing(code)()
        return real(path, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, step, broken)
        with pytest.warns(NotSavedWarning, match=os.strerror(code)):
            token = source.token()
    assert token.access_token == "a1"
    assert files.load(profile.key) == old
    assert not list(files.path(profile.key).parent.glob("*.tmp"))
    assert source.token(stale=token).access_token == "a2"
    assert (stored := files.load(profile.key))
    assert stored.refresh_token == "r2"
    assert server.reuses == 0


def test_a_folder_that_became_a_file(profile: Profile, server: Server, files: FileStore) -> None:
    """It is an error of the store, nothing is sent to the server, and with the folder back the login goes on."""
    keep(files, profile)
    source = cached_source(profile, files)
    folder = files.path(profile.key).parent
    folder.rename(away := folder.with_name("away"))
    folder.write_text("a file")
    with pytest.raises(StoreError, match="AVENTUS_CREDS_STATE_DIR"):
        source.token()
    assert server.refreshes == 0
    folder.unlink()
    away.rename(folder)
    assert source.token().access_token == "a1"


@posix_only
def test_a_share_that_forgot_the_file(
    profile: Profile, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ESTALE (another machine has replaced it) is tried again; an error of the disk is told, and costs nothing."""
    token, real = keep(files, profile, make_token()), os.open
    faults = [errno.ESTALE, errno.ESTALE]

    def open_(path: Any, *rest: Any, **more: Any) -> int:
        if str(path).endswith(".json") and faults:
            failing(faults.pop())()
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", open_)
    assert files.load(profile.key) == token
    source = cached_source(profile, files)
    faults.append(errno.EIO)
    with pytest.raises(StoreError, match=os.strerror(errno.EIO)):
        source.token()
    assert source.token() == token


def test_half_a_file_is_read_once(profile: Profile, server: Server, files: FileStore) -> None:
    """A share that shows half of it costs one call and no login: nothing is put aside or asked for."""
    keep(files, profile)
    path = files.path(profile.key)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    source = cached_source(profile, files)
    with pytest.raises(LoginRequired):
        source.token()
    path.write_bytes(whole)
    assert source.token().access_token == "a1"
    assert server.reuses == 0


class Late(MemoryStore):
    """A store of which this machine sees each change only at the read after ``reads`` others."""

    def __init__(self, reads: int) -> None:
        super().__init__()
        self.behind: dict[str, Token] = {}
        self.reads = reads

    def load(self, key: str) -> Token | None:
        if self.reads and key in self.behind:
            self.reads -= 1
            return self.behind[key]
        return super().load(key)


@pytest.mark.parametrize("reads", [0, 1, 2])
def test_a_write_that_is_seen_late(reads: int, profile: Profile, server: Server) -> None:
    """Another machine has refreshed. Who sees that before, or only after the server's no, takes its token."""
    store = Late(reads)
    store.behind[profile.key] = make_token("a0", **EXPIRED, refresh_token="r0")
    keep(store, profile, make_token("a1", refresh_token="r1"))
    server.refreshes = 1
    assert cached_source(profile, store).token().access_token == "a1"
    assert server.reuses == (reads == 2)  # forgiven by servers that allow a moment for it


# The clock


class Clock:
    """The time of one machine: ``set`` is how far it was set, ``asleep`` what its monotonic clock has missed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set = self.passed = self.asleep = 0.0
        wall, steady = time.time, time.monotonic
        monkeypatch.setattr(time, "time", lambda: wall() + self.passed + self.set)
        monkeypatch.setattr(time, "monotonic", lambda: steady() + self.passed - self.asleep)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("step", [-DAY, -7000, DAY])
@pytest.mark.parametrize("sources", ["one for all", "one for each call"])
def test_a_clock_that_is_set(
    step: float, sources: str, clock: Clock, profile: Profile, server: Server, files: FileStore
) -> None:
    """A token serves for its real lifetime, and is replaced once, wherever the clock is set meanwhile."""
    keep(files, profile)
    one = cached_source(profile, files)

    def token() -> Token:
        return (one if sources == "one for all" else cached_source(profile, files)).token()

    assert token().access_token == "a1"
    clock.set = step
    for _ in range(3):
        assert token().access_token == ("a1" if step < 0 else "a2")
    clock.set = 0
    clock.passed = 3000
    before = server.refreshes
    token()
    assert server.refreshes == before
    clock.set = -abs(step)
    clock.passed = 3590
    for _ in range(3):
        token()
    assert server.refreshes == before + 1
    assert server.reuses == 0


def test_a_refresh_after_the_clock_was_set_back_may_fail(
    clock: Clock, profile: Profile, web: Web, files: FileStore
) -> None:
    """In the last minute of its real lifetime the token serves on; after that the fault is told."""
    keep(files, profile, make_token("a0", refresh_token="r0"))
    source = cached_source(profile, files)
    assert source.token().access_token == "a0"
    web.answer = lambda _: Sent(drop=True)
    clock.set, clock.passed = -DAY, 3580
    assert source.token().access_token == "a0"
    clock.passed = 3610
    with pytest.raises(NetworkError):
        source.token()


@pytest.mark.parametrize("apart", [300, DAY])
@pytest.mark.parametrize("programs", ["one each", "a new one each time"])
def test_two_machines_whose_clocks_differ(
    apart: float,
    programs: str,
    clock: Clock,
    profile: Profile,
    server: Server,
    files: FileStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They share a folder and ask in turns for eight hours: no storm of refreshes, and none used twice."""
    keep(files, profile)
    machines = [(ahead, cached_source(profile, files), dict[str, Any]()) for ahead in (0.0, apart)]
    for minute in range(0, 480, 5):
        clock.passed = minute * 60
        for ahead, source, seen in machines:
            clock.set = ahead
            once = programs == "a new one each time"
            monkeypatch.setattr("aventus_creds.sources.cached._first_seen", {} if once else seen)
            (cached_source(profile, files) if once else source).token()
    assert server.refreshes <= 2 * 9
    assert server.reuses == 0


def test_eight_hours_asleep(clock: Clock, profile: Profile, server: Server, files: FileStore) -> None:
    """The monotonic clock has stood still: the first call refreshes, and no other."""
    keep(files, profile)
    source = cached_source(profile, files)
    source.token()
    clock.passed = clock.asleep = 8 * 3600
    assert [source.token().access_token for _ in range(3)] == ["a2"] * 3
    assert server.refreshes == 2


@pytest.mark.parametrize("monotonic", ["counts it", "stands still"])
def test_asleep_in_the_middle_of_a_login(monotonic: str, clock: Clock) -> None:
    """Where the monotonic clock counts the sleep, the time is over; else the person may still go on."""
    login = make_login("http://127.0.0.1:8765/callback")
    clock.passed = 8 * 3600
    clock.asleep = 0 if monotonic == "counts it" else 8 * 3600
    if monotonic == "counts it":
        with pytest.raises(LoginTimeout):
            login.attempt.result()
    else:
        assert login.attempt.deliver(login.query()).success
        assert login.attempt.result().access_token


def test_a_token_that_cannot_be_renewed_serves_to_its_end(
    profile: Profile, server: Server, files: FileStore, no_browser: Callable[[str], object]
) -> None:
    """Nothing is ahead of time where there is no refresh token: nobody is asked while it lives."""
    token = keep(files, profile, make_token(**EARLY))
    assert get_token("prod", browser=no_browser, interactive=True) == token
    assert get_session("prod", interactive=False).get("x").text == "/api/x"
    with pytest.raises(LoginRequired, match="sooner than"):
        get_token("prod", interactive=False, min_ttl=30)
    with pytest.raises(LoginRequired):
        cached_source(profile, files).token(stale=token)
    keep(files, profile, make_token(age=3599, lifetime=3600))
    with pytest.raises(LoginRequired):
        get_token("prod", interactive=False)


# A logout elsewhere


@pytest.mark.parametrize("how", ["logout", "the file removed", "the folder removed"])
@pytest.mark.parametrize("then", ["refused", "expired"])
def test_a_logout_is_one_for_every_program(
    how: str, then: str, clock: Clock, profile: Profile, server: Server, files: FileStore
) -> None:
    """A program that runs meanwhile does not bring the login back out of its memory."""
    keep(files, profile, make_token("a0", refresh_token="r0"))
    source = cached_source(profile, files)
    token = source.token()
    folder = files.path(profile.key).parent
    if how == "logout":
        assert logout("prod").why_not == "the server has no revocation endpoint"
    elif how == "the file removed":
        files.path(profile.key).unlink()
    else:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    clock.passed = 3600 if then == "expired" else 0
    for _ in range(2):
        with pytest.raises(LoginRequired):
            source.token(stale=token if then == "refused" else None)
    assert server.refreshes == server.reuses == 0
    assert files.load(profile.key) is None
    keep(files, profile, make_token("new login"))
    assert source.token().access_token == "new login"


def test_a_client_of_its_own_needs_no_folder(
    profile: Profile, web: Web, clock: Clock, files: FileStore
) -> None:
    """Without a person there is no login to end: a token is asked for, and the folder made again."""
    own = profile._replace(grant="client_credentials")
    web.answer = lambda _: Sent(body={"access_token": "own", "token_type": "Bearer", "expires_in": 3600})
    source = cached_source(own, files)
    source.token()
    path = files.path(own.key)
    for each in path.parent.iterdir():
        each.unlink()
    path.parent.rmdir()
    clock.passed = 3600
    assert source.token().access_token == "own"
    assert path.exists()


def test_what_was_never_stored_is_not_lost(
    profile: Profile, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where saving failed, an empty store is no logout: memory has the only refresh token there is."""

    class Full(MemoryStore):
        def save(self, key: str, token: Token) -> None:
            raise StoreError("the disk is full")

    store = Full()
    store._tokens[profile.key] = make_token("a0", **EXPIRED, refresh_token="r0")
    source = cached_source(profile, store)
    with pytest.warns(NotSavedWarning):
        source.token()
    store.delete(profile.key)
    with pytest.warns(NotSavedWarning):
        assert source.token(stale=source.token()).access_token == "a2"
    assert server.reuses == 0


# Locks


@posix_only
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_locks(
    code: int, profile: Profile, server: Server, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error with what to do, and no lock that only looks like one. A fresh token needs none."""
    token = keep(files, profile, make_token("a0", refresh_token="r0"))
    monkeypatch.setattr("fcntl.flock", failing(code))
    source = cached_source(profile, files)
    assert source.token() == token
    for _ in range(2):
        with pytest.raises(StoreError, match=r"\.lock cannot be locked: ") as caught:
            source.token(stale=token)
        assert "AVENTUS_CREDS_STATE_DIR" in caught.value.hint
    assert server.refreshes == 0


# Forks


FORKED_SESSION = """
    import os, sys
    from aventus_creds import get_session
    session = get_session("prod", interactive=False)
    assert session.get("first").text == "/api/first"
    child = os.fork()
    name = "child" if child == 0 else "parent"
    wrong = [f"{name}{i}" for i in range(15) if session.get(f"{name}{i}").text != f"/api/{name}{i}"]
    if child == 0:
        os._exit(len(wrong))
    _, status = os.waitpid(child, 0)
    assert session.get("last").text == "/api/last"
    print(len(wrong), status)
    """


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_session_on_both_sides_of_a_fork(profile: Profile, server: Server, files: FileStore) -> None:
    """Both use it at once, and each gets its own answers: no connection is shared."""
    keep(files, profile, make_token())
    server.delay = 0.01
    assert output(run(FORKED_SESSION)).split() == ["0", "0"]


POOL = """
    import multiprocessing, os, time
    from aventus_creds import api
    from aventus_creds.profiles.file import read_profiles
    from aventus_creds.stores.opening import default_store
    profile = read_profiles().profile("prod")
    source = api.token_source(profile, default_store(), interactive=False, browser=None)
    source.peek()
    go = multiprocessing.get_context("fork").Event()

    def ask(_):
        go.wait(10)
        return source.token().access_token

    with multiprocessing.get_context("fork").Pool(8) as pool:
        asked = pool.map_async(ask, range(8), chunksize=1)
        go.set()
        print(*asked.get(20), source.token().access_token)
    """


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_eight_children_refresh_once(profile: Profile, server: Server, files: FileStore) -> None:
    """They inherit one source, with its locks and its expired token, and ask at once, the parent too."""
    keep(files, profile)
    server.delay = 0.2
    code = POOL.replace("source.peek()", "source._cache.peek()")
    assert output(run(code)).split() == ["a1"] * 9
    assert (server.refreshes, server.reuses) == (1, 0)


FLIGHT = """
    import os, threading, time
    from aventus_creds import get_session, get_token, api
    from aventus_creds.profiles.file import read_profiles
    from aventus_creds.stores.opening import default_store
    source = api.token_source(read_profiles().profile("prod"), default_store(), interactive=False, browser=None)
    thread = threading.Thread(target=source.token)
    thread.start()
    while not source._cache._flight.locked():
        time.sleep(0.01)
    time.sleep(0.2)
    child = os.fork()
    if child == 0:
        os._exit(0 if source.token().access_token == "a1" else 1)
    thread.join()
    print(source.token().access_token, os.waitpid(child, 0)[1])
    """


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_fork_while_a_thread_refreshes(profile: Profile, server: Server, files: FileStore) -> None:
    """The child waits for the other process's lock and takes its token; no copy of the lock holds anybody up."""
    keep(files, profile)
    server.delay = 0.6
    assert output(run(FLIGHT)).split() == ["a1", "0"]
    assert (server.refreshes, server.reuses) == (1, 0)


# Signals and the end of the program


@posix_only
@pytest.mark.parametrize(("number", "times"), [("SIGTERM", 1), ("SIGHUP", 1), ("SIGTERM", 2)])
def test_a_signal_in_the_middle_of_a_refresh(
    number: str, times: int, profile: Profile, server: Server, files: FileStore
) -> None:
    """The process ends by it, once the new token is stored; a second one ends it at once."""
    keep(files, profile)
    server.delay = 0.5 if times == 1 else 20.0
    process = run("from aventus_creds import get_token; get_token('prod', interactive=False); print('done')")
    server.wait_for_a_refresh()
    for _ in range(times):
        process.send_signal(getattr(signal, number))
        time.sleep(0.1)
    out, err = process.communicate(timeout=15)
    assert process.returncode == -getattr(signal, number)
    assert (out, err) == ("", "")
    if times == 1:
        assert get_token("prod", interactive=False).access_token == "a1"
        assert (server.refreshes, server.reuses) == (1, 0)


KILLED = """
    import os
    from aventus_creds import get_token
    import aventus_creds.stores.file
    step, nth = os.environ["STEP"], int(os.environ["NTH"])
    real, calls = getattr(os, step), [0]

    def killed(*args, **more):
        mine = step != "open" or str(args[0]).endswith(".tmp")
        calls[0] += mine
        if mine and calls[0] == nth:
            if os.environ["AFTER"]:
                real(*args, **more)
            os._exit(9)
        return real(*args, **more)

    setattr(os, step, killed)
    get_token("prod", interactive=False)
    """


@posix_only
@pytest.mark.parametrize(
    ("step", "nth", "after", "stored"),
    [
        ("open", 1, "yes", "r0"),
        ("fsync", 1, "", "r0"),
        ("replace", 1, "", "r0"),
        ("replace", 1, "yes", "r1"),
        ("fsync", 2, "yes", "r1"),  # the folder's
    ],
)
def test_killed_at_each_step_of_a_write(
    step: str, nth: int, after: str, stored: str, profile: Profile, server: Server, files: FileStore
) -> None:
    """The file is the old one or the new one, whole; the lock is free; what is left goes with the next write."""
    keep(files, profile)
    process = run(KILLED, STEP=step, NTH=str(nth), AFTER=after)
    process.communicate(timeout=15)
    assert process.returncode == 9
    token = files.load(profile.key)
    assert token
    assert token.refresh_token == stored
    keep(files, profile, make_token())
    folder = files.path(profile.key).parent
    assert {path.suffix for path in folder.iterdir()} == {".json", ".lock"}


def test_the_program_ends_while_a_thread_refreshes(
    profile: Profile, server: Server, files: FileStore
) -> None:
    """A daemon thread (a notebook's panel has some) is not left between the server's answer and the disk."""
    keep(files, profile)
    server.delay = 0.5
    process = run(
        """
        import threading
        from aventus_creds import get_token
        threading.Thread(target=get_token, args=("prod",), kwargs={"interactive": False}, daemon=True).start()
        input()
        """
    )
    server.wait_for_a_refresh()
    assert output(process) == ""
    assert get_token("prod", interactive=False).access_token == "a1"
    assert (server.refreshes, server.reuses) == (1, 0)


# Limits


@posix_only
def test_no_file_can_be_opened(profile: Profile, server: Server, files: FileStore) -> None:
    """Each call is one of our errors, and with files again the login goes on."""
    import resource

    keep(files, profile, make_token("a0", refresh_token="r0"))
    source = cached_source(profile, files)
    token = source.token()
    token = source.token(stale=token)  # everything is loaded by now
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        for other, stale in ((source, token), (cached_source(profile, files), None)):
            with pytest.raises(AventusCredsError, match=os.strerror(errno.EMFILE)):
                other.token(stale=stale)
        assert source.token() == token
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert source.token(stale=token).access_token == "a2"
    assert server.reuses == 0


def test_no_thread_can_be_started(
    profile: Profile, server: Server, files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is sent without one. The server of this test has its own threads' start back."""
    keep(files, profile)
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("aventus-creds"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert get_token("prod", interactive=False).access_token == "a1"
    server.refreshes = 99
    with pytest.raises(LoginRequired):
        cached_source(profile, files).token(stale=get_token("prod"))
