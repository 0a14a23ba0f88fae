"""A token that is still good is never spoilt, and an outage is one outage."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hanging_server import DUE, EXPIRED, HangingServer, job, logged_in, stored, wait_for_stored
from support import Sent, Web, make_token

from aventus_creds import get_token
from aventus_creds.errors import AventusCredsError, LoginRequired, NetworkError, TokenRefused
from aventus_creds.session.session import ApiSession
from aventus_creds.sources import cached
from aventus_creds.sources.cached import CachedSource
from aventus_creds.sources.chain import cached_source
from aventus_creds.sources.renewals import renewals_of
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token

WriteProfiles = Callable[..., Path]


@pytest.fixture
def server(web: Web) -> HangingServer:
    return HangingServer(web)


def in_threads(count: int, ask: Callable[[], object]) -> list[object]:
    """Return what ``ask`` gave in each of so many threads, or the error that it raised."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(ask())
        except AventusCredsError as error:
            found.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


# While the token is good


def test_a_good_token_does_not_wait_for_a_server_that_hangs(
    server: HangingServer, web: Web, write_profiles: WriteProfiles
) -> None:
    """Eight threads and ten calls end while the one request still hangs; then the renewal ends by itself."""
    profile = logged_in(web, write_profiles, DUE)
    tokens = in_threads(8, lambda: get_token("prod").access_token)
    tokens += [get_token("prod").access_token for _ in range(10)]
    assert tokens == ["a0"] * 18
    assert not server.gate.is_set()
    assert server.asked == 1
    server.gate.set()
    wait_for_stored(profile, "a1")
    assert get_token("prod").access_token == "a1"


@pytest.mark.parametrize(
    "sent",
    [
        Sent(429, b"", {"Retry-After": "30"}),
        Sent(503, b"", {"Retry-After": "30"}),
        Sent(400, {"error": "invalid_grant"}),
        Sent(drop=True),
    ],
)
def test_a_failure_ahead_of_time_is_remembered_and_never_raised(
    sent: Sent, server: HangingServer, web: Web, write_profiles: WriteProfiles
) -> None:
    """Ten calls, one request."""
    profile = logged_in(web, write_profiles, DUE)
    server.answers = lambda: sent
    assert [get_token("prod").access_token for _ in range(10)] == ["a0"] * 10
    assert server.asked == 1
    assert renewals_of(default_store(), profile.key).paused


def test_another_process_remembers_it_too(
    server: HangingServer, web: Web, write_profiles: WriteProfiles
) -> None:
    """Scripts that start each second do not send a request each."""
    logged_in(web, write_profiles, DUE)
    server.answers = lambda: Sent(429, b"", {"Retry-After": "30"})
    code = "from aventus_creds import get_token; print(get_token('prod').access_token)"
    for _ in range(3):
        with job(code) as process:
            assert process.communicate(timeout=30)[0] == "a0\n"
    assert server.asked == 1


@pytest.mark.skipif(os.name != "posix", reason="stops a process")
def test_a_good_token_does_not_wait_for_a_frozen_process(
    server: HangingServer, web: Web, write_profiles: WriteProfiles
) -> None:
    """docker pause, or Ctrl-Z, while it holds the lock."""
    profile = logged_in(web, write_profiles, DUE)
    with job("from aventus_creds import get_token; get_token('prod', min_ttl=600)") as process:
        server.wait_for_request()
        process.send_signal(signal.SIGSTOP)
        assert [get_token("prod").access_token for _ in range(3)] == ["a0"] * 3
        process.send_signal(signal.SIGCONT)
        server.gate.set()
        process.communicate(timeout=30)
    assert stored(profile).access_token == "a1"


def test_a_token_that_expires_while_it_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has waited in vain for a renewal ahead of time waits on once the old token is over."""
    monkeypatch.setattr(cached, "AHEAD", 0.3)
    gate = threading.Event()

    class Slow:
        def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
            assert gate.wait(10)
            return make_token("new")

    store = MemoryStore()
    store.save("key", make_token("old", refresh_token="r", age=10, lifetime=10.2))
    source = CachedSource("key", store, Slow())
    threading.Timer(1, gate.set).start()
    assert source.token().access_token == "new"


# When it is not


def test_threads_share_a_failure(server: HangingServer, web: Web, write_profiles: WriteProfiles) -> None:
    """One request, and eight times the same error, each raised for itself."""
    logged_in(web, write_profiles, EXPIRED, timeout=1)
    found = in_threads(8, lambda: get_token("prod"))
    assert {type(error) for error in found} == {NetworkError}
    assert len({id(error) for error in found}) == 8
    assert server.asked == 1
    server.gate.set()


def test_processes_share_a_failure(server: HangingServer, web: Web, write_profiles: WriteProfiles) -> None:
    """Five jobs wait for one of them, and all end with its error; nobody is told to kill a process."""
    logged_in(web, write_profiles, EXPIRED, timeout=4)
    code = """
import sys
from aventus_creds.cli.commands import run
print("ready", flush=True)
sys.stdin.readline()
sys.exit(run(["token", "prod"]))
"""
    jobs = [job(code) for _ in range(5)]
    for process in jobs:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in jobs:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in jobs]
    server.gate.set()
    assert [code for _, code in ends] == [6] * 5
    assert len({said for said, _ in ends}) == 1
    assert "End that process" not in ends[0][0]
    assert server.asked == 1


def test_a_new_login_forgets_the_failure(
    server: HangingServer, web: Web, write_profiles: WriteProfiles
) -> None:
    profile = logged_in(web, write_profiles, EXPIRED)
    server.answers = lambda: Sent(400, {"error": "invalid_grant"})
    with pytest.raises(LoginRequired):
        get_token("prod", interactive=False)
    store = default_store()
    assert store.noted(profile.key)  # type: ignore[attr-defined]
    CachedSource(profile.key, store, None).keep(make_token("by a login"))  # type: ignore[arg-type]
    assert store.noted(profile.key) is None  # type: ignore[attr-defined]
    assert get_token("prod").access_token == "by a login"


def test_who_has_waited_long_enough_is_told_so(
    server: HangingServer, web: Web, write_profiles: WriteProfiles
) -> None:
    """Another process holds the lock for longer than any refresh takes: a network error, and nobody to kill."""
    profile = logged_in(web, write_profiles, EXPIRED)
    store = default_store()
    with store.lock(profile.key), pytest.raises(NetworkError, match="did not end in time") as caught:
        CachedSource(profile.key, store, None, limit=0.3).token()  # type: ignore[arg-type]
    assert "process" in caught.value.hint
    assert server.asked == 0


@pytest.mark.parametrize("timeout", [0.3, (0.2, 0.1)])
def test_a_requests_timeout_limits_the_refresh_too(
    timeout: Any, server: HangingServer, web: Web, write_profiles: WriteProfiles
) -> None:
    """The caller hears of it in time; the refresh goes on, and the next request has its token."""
    profile = logged_in(web, write_profiles, {})
    store = default_store()
    with store.lock(profile.key):
        store.save(profile.key, make_token("a0", refresh_token="r0", **EXPIRED))
    session = ApiSession(profile, cached_source(profile, store))
    with pytest.raises(NetworkError, match="did not end in time"):
        session.get("/", timeout=timeout)
    server.wait_for_request()
    server.gate.set()
    wait_for_stored(profile, "a1")


def test_retry_after_counts_at_the_token_endpoint(
    server: HangingServer, web: Web, write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for, unless it asks for more than anybody would wait."""
    waits: list[float] = []

    def pause(seconds: float) -> bool:
        waits.append(seconds)
        return True

    monkeypatch.setattr("aventus_creds.oauth.failures.pause", pause)
    logged_in(web, write_profiles, EXPIRED, retries=2)
    server.gate.set()
    answers = iter([Sent(429, b"", {"Retry-After": "7"}), Sent(503, b"", {"Retry-After": "0"}), None])
    server.answers = lambda: next(answers)
    assert get_token("prod").access_token == "a1"
    assert waits[0] == 7
    assert waits[1] < 2
    logged_in(web, write_profiles, EXPIRED, retries=2)
    server.asked = 0
    server.answers = lambda: Sent(429, b"", {"Retry-After": "3600"})
    with pytest.raises(TokenRefused):
        get_token("prod", interactive=False)
    assert server.asked == 1
