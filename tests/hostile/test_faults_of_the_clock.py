"""What changes under a running program: the clock, and a login that somebody ends elsewhere.

``Clock`` is the time of one machine; ``Server`` is a token endpoint whose refresh tokens serve once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from attempts import make_login
from faulty_world import EXPIRED, Server, keep
from support import Sent, Web, make_token

from aventus_creds import get_session, get_token, logout
from aventus_creds.errors import LoginRequired, LoginTimeout, NetworkError, NotSavedWarning, StoreError
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.chain import cached_source
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

EARLY: dict[str, Any] = {"age": 3590, "lifetime": 3600}
DAY = 86400


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
            monkeypatch.setattr("aventus_creds.sources.newest._first_seen", {} if once else seen)
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
