"""Sources: memory, store, refresh and person, over a real token endpoint."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from support import Sent, Web, free_port, make_profile, make_token

from aventus_creds.basics.forks import ForkLock
from aventus_creds.errors import (
    ConfigError,
    LifetimeTooShort,
    LoginRequired,
    NetworkError,
    NotSavedWarning,
    SecretError,
    StoreConflict,
    StoreError,
    TokenRefused,
)
from aventus_creds.logins.login import log_in_in_turn
from aventus_creds.logins.person import may_ask
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.attended import AttendedSource
from aventus_creds.sources.cached import CachedSource
from aventus_creds.sources.injected import InjectedSource
from aventus_creds.sources.renewing import ClientCredentialsSource, NobodySource, RefreshingSource
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

EXPIRED: dict[str, Any] = {"age": 7200, "lifetime": 3600}
EARLY: dict[str, Any] = {"age": 3590, "lifetime": 3600}  # to be refreshed, and good for ten seconds more


class Counted:
    """A source that counts how often it is asked, and gives what it is told to."""

    def __init__(self, *answers: Token | Exception) -> None:
        self.answers = list(answers)
        self.stale: list[Token | None] = []

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        self.stale.append(stale)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def profile(web: Web) -> Profile:
    return make_profile(token_url=f"{web.url}/token", retries=0, timeout=5)


def kept(store: MemoryStore, token: Token) -> Token:
    store.save("key", token)
    return token


def cached(store: MemoryStore, *answers: Token | Exception) -> tuple[CachedSource, Counted]:
    inner = Counted(*answers)
    return CachedSource("key", store, inner), inner


# CachedSource


def test_a_fresh_stored_token_asks_nobody(store: MemoryStore) -> None:
    """The store's token serves while it is fresh, and is read once: memory serves then."""
    source, inner = cached(store)
    token = kept(store, make_token())
    assert source.token() == token
    store.delete("key")
    assert source.token() == token
    assert inner.stale == []


def test_a_new_token_is_stored(store: MemoryStore) -> None:
    """What the inner source gives is kept for other processes."""
    source, inner = cached(store, new := make_token())
    assert source.token() == new == store.load("key")
    assert inner.stale == [None]


def test_the_inner_source_is_given_the_token_to_replace(store: MemoryStore) -> None:
    """It holds the refresh token."""
    old = kept(store, make_token("old", **EXPIRED, refresh_token="r"))
    source, inner = cached(store, make_token("new"))
    source.token()
    assert inner.stale == [old]


def test_an_api_refused_the_token(store: MemoryStore) -> None:
    """A token that is stale by an API's word is replaced although it looks fresh."""
    old = kept(store, make_token("old"))
    source, inner = cached(store, make_token("new"))
    assert source.token(stale=old).access_token == "new"
    assert inner.stale == [old]


def test_somebody_else_has_replaced_the_stale_token(store: MemoryStore) -> None:
    """Another process's newer token is taken; nothing is asked for twice."""
    old = kept(store, make_token("old"))
    source, inner = cached(store)
    source.token()
    kept(store, new := make_token("new"))
    assert source.token(stale=old) == new
    assert inner.stale == []


def test_at_least(store: MemoryStore) -> None:
    """A fresh token that will not live long enough is replaced."""
    kept(store, make_token("short", lifetime=600))
    source, _ = cached(store, make_token("long", lifetime=9000))
    assert source.token(at_least=300).access_token == "short"
    assert source.token(at_least=1200).access_token == "long"


@pytest.mark.parametrize(
    "fault",
    [
        NetworkError("away"),
        TokenRefused("busy", error="", status=503),
        SecretError("the keyring is locked"),
    ],
)
def test_a_valid_token_survives_a_failed_early_refresh(store: MemoryStore, fault: Exception) -> None:
    """While the old token lives, a refresh ahead of time that fails is no error."""
    old = kept(store, make_token("old", **EARLY))
    source, _ = cached(store, fault, fault)
    assert source.token() == old
    with pytest.raises(type(fault)):
        source.token(stale=old)


@pytest.mark.parametrize(
    "fault", [NetworkError("away"), TokenRefused("no", error="invalid_client", status=401)]
)
def test_a_fault_is_raised_as_what_it_is(store: MemoryStore, fault: Exception) -> None:
    """With an expired token, the network's fault is the network's: no login is asked for."""
    kept(store, make_token(**EXPIRED))
    source, _ = cached(store, fault)
    with pytest.raises(type(fault)):
        source.token()


def test_once_more_before_giving_up(store: MemoryStore) -> None:
    """After invalid_grant the store is read again: another machine may have refreshed without our lock."""
    kept(store, make_token("old", **EXPIRED))

    class Late(Counted):
        def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
            kept(store, make_token("by another machine"))
            return super().token(stale, at_least)

    source = CachedSource("key", store, Late(LoginRequired("refused")))
    assert source.token().access_token == "by another machine"


class Full(MemoryStore):
    def save(self, key: str, token: Token) -> None:
        raise StoreError("the disk is full")


def test_a_write_that_fails_still_gives_the_token() -> None:
    """The caller has the token, with a warning; memory serves it from then on."""
    source = CachedSource("key", Full(), inner := Counted(new := make_token()))
    with pytest.warns(NotSavedWarning, match="disk is full"):
        assert source.token() == new
    assert source.token() == new
    assert len(inner.stale) == 1


@pytest.mark.parametrize("step", [-86400, 86400])
def test_the_store_is_newer_than_memory_whatever_the_clock_says(
    store: MemoryStore, step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock jumps and another process refreshes: its token counts, for the old refresh token is used up."""
    source, inner = cached(store, make_token("newest"))
    old = kept(store, make_token("old", refresh_token="used"))
    assert source.token() == old
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + step)
    new = kept(store, make_token("new", refresh_token="one-time"))
    assert source.token(stale=old) == new
    assert source.token(stale=new).access_token == "newest"
    assert inner.stale == [new]


@pytest.mark.parametrize("step", [-86400, 0])
def test_after_a_failed_write_memory_is_newer_than_the_store(
    step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be replaced in the store is not taken up again, but what somebody writes there is."""
    store = Full()
    store._tokens["key"] = old = make_token("old", refresh_token="used")
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + step)
    source = CachedSource("key", store, inner := Counted(*map(make_token, "abc")))
    with pytest.warns(NotSavedWarning):
        assert source.token(stale=old).access_token == "a"
    with pytest.warns(NotSavedWarning):
        assert source.token(stale=source.token()).access_token == "b"
    assert [token and token.access_token for token in inner.stale] == ["old", "a"]
    store._tokens["key"] = make_token("by another")
    assert source.token(stale=source.token()).access_token == "by another"


# A store that many machines share


class Shared(MemoryStore):
    """A store whose saves meet ``conflicts``, whose ``turns`` are as told, and that may be ``away``."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.conflicts: list[Token | None] = []  # what somebody else saves, at each save of ours
        self.turns: list[bool] = []
        self.holding: list[bool] = []
        self.loads = 0

    def load(self, key: str) -> Token | None:
        self.loads += 1
        if self.away:
            raise StoreError("Redis is away")
        return super().load(key)

    def save(self, key: str, token: Token) -> None:
        if self.conflicts:
            if theirs := self.conflicts.pop(0):
                super().save(key, theirs)
            raise StoreConflict("somebody was quicker")
        super().save(key, token)

    def delete(self, key: str) -> None:
        if self.conflicts:
            self.conflicts.pop(0)
            raise StoreConflict("somebody was quicker")
        super().delete(key)

    @contextlib.contextmanager
    def turn(self, key: str) -> Iterator[bool]:
        if self.turns and not self.turns.pop(0):
            yield False
        else:
            with self.lock(key):
                yield True

    def holds(self, key: str) -> bool:
        return self.holding.pop(0) if self.holding else True


@pytest.fixture
def shared() -> Shared:
    return Shared()


def test_a_newer_token_of_somebody_else_is_taken(shared: Shared) -> None:
    """The save of a late holder is refused: what stands in the store serves, here too."""
    kept(shared, make_token("old", **EXPIRED, refresh_token="r"))
    shared.conflicts = [theirs := make_token("theirs")]
    source, _ = cached(shared, make_token("ours"))
    assert source.token() == theirs
    assert source.token() == theirs == shared.load("key")


def test_our_token_serves_where_somebody_elses_will_not(shared: Shared) -> None:
    """It is kept in memory, with a warning; when it is used up, what stands in the store goes on."""
    kept(shared, make_token("old", **EXPIRED, refresh_token="r"))
    shared.conflicts = [theirs := make_token("theirs", **EXPIRED, refresh_token="newer")]
    source, inner = cached(shared, ours := make_token("ours"), make_token("next"))
    with pytest.warns(NotSavedWarning, match="quicker"):
        assert source.token() == ours
    assert source.token() == ours
    assert source.token(stale=ours).access_token == "next"
    assert inner.stale[1] == theirs


def test_the_store_is_not_read_between_the_refresh_and_the_save(shared: Shared) -> None:
    """What it read then, a store would count as seen, and let be overwritten."""
    kept(shared, make_token("old", **EXPIRED, refresh_token="r"))

    class Noting(Counted):
        def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
            shared.loads = 0
            return super().token(stale, at_least)

    assert CachedSource("key", shared, Noting(make_token("new"))).token().access_token == "new"
    assert shared.loads == 0


def test_a_persons_login_is_saved_again(shared: Shared) -> None:
    """And a logout is repeated; both give up where it never ends."""
    source, _ = cached(shared)
    shared.conflicts = [make_token("theirs")] * 3
    source.keep(mine := make_token("mine"))
    assert shared.load("key") == mine
    shared.conflicts = [None] * 3
    assert source.forget() == mine
    assert shared.load("key") is None
    shared.conflicts = [None] * 50
    with pytest.raises(StoreConflict):
        source.keep(mine)
    assert source.token() == mine


@pytest.mark.parametrize("renewed", [False, True])
def test_without_the_turn_the_store_is_read_again(shared: Shared, *, renewed: bool) -> None:
    """Nothing is asked for before the key is held: not after a turn that was passed, nor with a lock that lapsed."""
    kept(shared, make_token("old", **EXPIRED, refresh_token="r"))
    shared.turns, shared.holding = [False, True], [False]
    source, inner = cached(shared, make_token("new"))

    if renewed:
        shared.turns = [False]

        def theirs(key: str) -> bool:
            kept(shared, make_token("theirs"))
            return False

        shared.holds = theirs  # type: ignore[method-assign]  # somebody takes over just now
    assert source.token().access_token == ("theirs" if renewed else "new")
    assert len(inner.stale) == (not renewed)


def test_a_living_token_serves_while_the_store_is_away(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where an API has refused it, or a longer one is asked for; the store is not asked each time."""
    old = kept(shared, make_token("old", **EARLY, refresh_token="r"))
    source, _ = cached(shared, NetworkError("away"), make_token("new"))
    assert source.token() == old
    shared.away, shared.loads = True, 0
    assert [source.token() for _ in range(5)] == [old] * 5
    assert shared.loads == 1
    with pytest.raises(StoreError, match="Redis is away"):
        source.token(stale=old)
    with pytest.raises(StoreError, match="Redis is away"):
        source.token(at_least=5)
    shared.away = False
    monkeypatch.setattr("aventus_creds.sources.cached.STORE_AWAY", 0)
    source._away_until = 0
    assert source.token().access_token == "new"


def test_an_expired_token_is_an_error_while_the_store_is_away(shared: Shared) -> None:
    """There is nothing to serve then, nor is anything asked for that could not be stored."""
    kept(shared, make_token("old", **EXPIRED, refresh_token="r"))
    source, inner = cached(shared)
    source.peek()
    shared.away = True
    with pytest.raises(StoreError, match="Redis is away"):
        source.token()
    assert inner.stale == []


def test_threads_share_one_flight(store: MemoryStore) -> None:
    """Sixteen threads with an expired token make one request."""
    kept(store, make_token(**EXPIRED))
    gate = threading.Event()

    class Slow(Counted):
        def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
            gate.wait(5)
            return super().token(stale, at_least)

    source = CachedSource("key", store, inner := Slow(make_token("new")))
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(source.token().access_token)) for _ in range(16)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert got == ["new"] * 16
    assert len(inner.stale) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings(
    "ignore:.*fork:DeprecationWarning"
)  # of a process with threads, from Python 3.12 on
def test_a_fork_in_the_middle_of_a_flight(store: MemoryStore) -> None:
    """The child has no thread that would end the flight: it makes its own."""
    source, _ = cached(store, make_token("new"))
    with source.__dict__.setdefault("_flight", ForkLock()):
        child = os.fork()
        if not child:
            try:
                os._exit(source.token().access_token != "new")
            finally:
                os._exit(2)
        deadline = time.monotonic() + 5
        while not (ended := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < deadline:
            time.sleep(0.02)
    if not ended[0]:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert ended == (child, 0)


def test_a_new_token_that_lives_too_short(store: MemoryStore) -> None:
    """min_ttl that no token of this server meets is an error now, not in the middle of the job; it is kept."""
    source, _ = cached(store, short := make_token(lifetime=600))
    with pytest.raises(LifetimeTooShort, match="7200 s were asked for"):
        source.token(at_least=7200)
    assert source.token() == short == store.load("key")


# RefreshingSource, over a real endpoint


def test_refresh(web: Web, profile: Profile) -> None:
    """RFC 6749 section 6, on the wire; the new token keeps the refresh token that the answer leaves out."""
    web.answer = lambda _: Sent(body={"access_token": "new", "token_type": "Bearer", "expires_in": 60})
    source = RefreshingSource(profile, Counted())
    token = source.token(make_token(**EXPIRED, refresh_token="the-refresh-token"))
    assert (token.access_token, token.refresh_token) == ("new", "the-refresh-token")
    [seen] = web.seen
    assert (seen.method, seen.path) == ("POST", "/token")
    assert parse_qs(seen.body.decode())["refresh_token"] == ["the-refresh-token"]


def test_without_a_refresh_token_the_inner_source_is_asked(web: Web, profile: Profile) -> None:
    """Nothing is sent to the server then."""
    inner = Counted(make_token("inner"), make_token("inner"))
    source = RefreshingSource(profile, inner)
    assert source.token().access_token == "inner"
    assert source.token(make_token(**EXPIRED)).access_token == "inner"
    assert web.seen == []


def test_only_the_persons_errors_end_the_login(web: Web, profile: Profile) -> None:
    """A dead refresh token asks the inner source; any other refusal is raised."""
    stale = make_token(**EXPIRED, refresh_token="r")
    web.answer = lambda _: Sent(400, {"error": "invalid_grant"})
    assert RefreshingSource(profile, Counted(make_token("inner"))).token(stale).access_token == "inner"
    for sent in (Sent(401, {"error": "invalid_client"}), Sent(500, b"oops"), Sent(429), Sent(403)):
        web.answer = lambda _, sent=sent: sent  # type: ignore[misc]
        with pytest.raises(TokenRefused):
            RefreshingSource(profile, Counted()).token(stale)


def test_a_network_fault_is_no_login(web: Web, profile: Profile) -> None:
    """A dropped connection, and a port where nobody listens, are NetworkError."""
    stale = make_token(**EXPIRED, refresh_token="r")
    web.answer = lambda _: Sent(drop=True)
    with pytest.raises(NetworkError):
        RefreshingSource(profile, Counted()).token(stale)
    nobody = profile._replace(token_url=f"http://127.0.0.1:{free_port()}/token")
    with pytest.raises(NetworkError):
        RefreshingSource(nobody, Counted()).token(stale)


@pytest.mark.parametrize("sent", [Sent(drop=True), Sent(503), Sent(500, b"oops"), Sent(429)])
def test_a_passing_fault_is_retried(
    sent: Sent, web: Web, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With backoff, as often as the profile says; the token comes after all."""
    monkeypatch.setattr("aventus_creds.basics.waits.BACKOFF", 0.001)
    answers = iter([sent, sent, Sent(body={"access_token": "new", "token_type": "Bearer"})])
    web.answer = lambda _: next(answers)
    stale = make_token(**EXPIRED, refresh_token="r")
    assert RefreshingSource(profile._replace(retries=2), Counted()).token(stale).access_token == "new"
    assert len(web.seen) == 3


def test_a_refresh_ahead_of_time_is_tried_once(web: Web, profile: Profile) -> None:
    """While the old token serves, nobody waits for retries."""
    web.answer = lambda _: Sent(503)
    stale = make_token(**EARLY, refresh_token="r")
    with pytest.raises(TokenRefused):
        RefreshingSource(profile._replace(retries=3), Counted()).token(stale)
    assert len(web.seen) == 1


def test_a_refusal_is_not_retried(web: Web, profile: Profile) -> None:
    """A 400 will be a 400 again."""
    web.answer = lambda _: Sent(400, {"error": "invalid_client"})
    with pytest.raises(TokenRefused):
        RefreshingSource(profile._replace(retries=3), Counted()).token(
            make_token(**EXPIRED, refresh_token="r")
        )
    assert len(web.seen) == 1


# ClientCredentialsSource


def test_client_credentials(web: Web) -> None:
    """RFC 6749 section 4.4.2, on the wire, with audience and resource; the profile's default scope is for people."""
    web.answer = lambda _: Sent(body={"access_token": "own", "token_type": "Bearer", "expires_in": 60})
    profile = make_profile(
        token_url=f"{web.url}/token",
        client_secret="s3cret",
        grant="client_credentials",
        client_auth="post",
        audience="https://api.example.com/",
        token_params={"resource": "https://api.example.com/"},
    )
    assert ClientCredentialsSource(profile).token().access_token == "own"
    assert parse_qs(web.seen[0].body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["the-client"],
        "client_secret": ["s3cret"],
        "audience": ["https://api.example.com/"],
        "resource": ["https://api.example.com/"],
    }


# InjectedSource


def test_an_injected_token_is_used_as_it_is() -> None:
    """Fresh or not; only an API's refusal ends it, and then the variable is named."""
    source = InjectedSource(token := make_token(**EXPIRED), "THE_VARIABLE")
    assert source.token() == token
    with pytest.raises(LoginRequired, match="THE_VARIABLE"):
        source.token(stale=token)
    with pytest.raises(LifetimeTooShort):
        source.token(at_least=60)


# NobodySource


@pytest.mark.parametrize(
    ("stale", "why"),
    [
        (None, "there is no login yet"),
        (EXPIRED, "its login expired at 20"),
        ({**EXPIRED, "refresh_token": "r"}, "and the server refused to renew it"),
        ({}, "was refused by the server"),
        (EARLY, "its login expires at 20.* UTC\n"),
        ({**EARLY, "refresh_token": "r"}, "expires at .*the server refused to renew"),
    ],
)
def test_login_required_says_which_why_and_what_to_run(stale: dict[str, Any] | None, why: str) -> None:
    """The profile, the reason with its time in UTC, and the exact command."""
    with pytest.raises(LoginRequired, match=why) as caught:
        NobodySource(make_profile("nightly")).token(None if stale is None else make_token(**stale))
    assert "profile nightly" in caught.value.message
    assert caught.value.hint == "Run: aventus-creds login nightly"


def test_the_command_names_a_profiles_file_of_the_callers_own(tmp_path: Path) -> None:
    """get_session(profiles=…) reads another file than the command would by itself."""
    profile = make_profile()._replace(path=str(tmp_path / "my profiles.toml"))
    with pytest.raises(LoginRequired) as caught:
        NobodySource(profile).token()
    assert caught.value.hint == f"Run: AVENTUS_CREDS_PROFILES='{profile.path}' aventus-creds login prod"


# AttendedSource


class Attended:
    """An AttendedSource whose person is a function."""

    def __init__(self, store: MemoryStore, inner: Counted, person: Callable[[], Token]) -> None:
        self.cache = CachedSource("key", store, inner)
        self.interactive = True
        self.logins = 0
        self._person = person
        self.source = AttendedSource(self.cache, self._log_in, may_ask=lambda: self.interactive)

    def _log_in(self, _: float) -> Token:
        self.logins += 1
        token = self._person()
        self.cache.keep(token)
        return token


def test_a_person_is_asked_when_nothing_else_helps(store: MemoryStore) -> None:
    """No token and nobody to renew it: one login, then the cache serves."""
    required = LoginRequired("no login yet")
    attended = Attended(store, Counted(required, required), lambda: make_token("by login"))
    assert attended.source.token().access_token == "by login"
    assert attended.source.token().access_token == "by login"
    assert attended.logins == 1


def test_nobody_is_asked_when_nobody_can_answer(store: MemoryStore) -> None:
    """Not interactive: LoginRequired at once, and no browser."""
    attended = Attended(store, Counted(LoginRequired("no login yet")), make_token)
    attended.interactive = False
    with pytest.raises(LoginRequired):
        attended.source.token()
    assert attended.logins == 0


def test_a_refusal_by_the_api_never_opens_a_browser(store: MemoryStore) -> None:
    """An API that says 401 to everything must not open a tab for each request."""
    attended = Attended(store, Counted(LoginRequired("refused")), make_token)
    with pytest.raises(LoginRequired):
        attended.source.token(stale=kept(store, make_token()))
    assert attended.logins == 0


@pytest.mark.parametrize("fault", [NetworkError("away"), TokenRefused("x", error="server_error", status=500)])
def test_other_faults_never_open_a_browser(store: MemoryStore, fault: Exception) -> None:
    """Only a dead login is a person's to mend."""
    kept(store, make_token(**EXPIRED, refresh_token="r"))
    attended = Attended(store, Counted(fault), make_token)
    with pytest.raises(type(fault)):
        attended.source.token()
    assert attended.logins == 0


def test_two_who_need_a_login_make_one(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who waits for another's login is told so, and takes its token."""
    started, finish = threading.Event(), threading.Event()
    logins: list[str] = []

    def person(_: Profile, save: Callable[[Token], None], __: object) -> Token:
        logins.append("a login")
        started.set()
        assert finish.wait(5)
        save(token := make_token("by the first"))
        return token

    monkeypatch.setattr("aventus_creds.logins.login.log_in", person)
    monkeypatch.setattr("aventus_creds.logins.login.NOTICE_AFTER", 0.05)
    profile, got = make_profile(), []

    def ask() -> None:
        cache = CachedSource(profile.key, store, NobodySource(profile))
        got.append(log_in_in_turn(profile, store, cache, None, 0).access_token)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert started.wait(5)
    time.sleep(0.2)
    assert "Another login to prod is under way" in capsys.readouterr().err
    finish.set()
    for thread in threads:
        thread.join(5)
    assert got == ["by the first"] * 2
    assert logins == ["a login"]


def test_a_login_under_way_holds_up_no_script(store: MemoryStore) -> None:
    """While a person is logging in, an unattended program hears at once that a login is needed."""
    started, finish = threading.Event(), threading.Event()

    def slowly() -> Token:
        started.set()
        assert finish.wait(5)
        return make_token()

    required = LoginRequired("no login yet")
    person = Attended(store, Counted(required), slowly)
    thread = threading.Thread(target=person.source.token)
    thread.start()
    assert started.wait(5)
    script = Attended(store, Counted(required), make_token)
    script.interactive = False
    with pytest.raises(LoginRequired):
        script.source.token()
    assert thread.is_alive()
    finish.set()
    thread.join(5)


# Who may be asked


def test_may_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller decides, then the environment, then whether there is a terminal."""
    assert may_ask(interactive=True) is True
    assert may_ask(interactive=False) is False
    assert may_ask(None) is False  # pytest's standard input is no terminal
    monkeypatch.setenv("AVENTUS_CREDS_INTERACTIVE", "1")
    assert may_ask(None) is True
    assert may_ask(interactive=False) is False
    monkeypatch.setenv("AVENTUS_CREDS_INTERACTIVE", "0")
    assert may_ask(None) is False
    monkeypatch.setenv("AVENTUS_CREDS_INTERACTIVE", "yes")
    with pytest.raises(ConfigError, match="must be 0 or 1"):
        may_ask(None)
    monkeypatch.delenv("AVENTUS_CREDS_INTERACTIVE")
    monkeypatch.setattr("sys.stdin", None)
    assert may_ask(None) is False


def test_a_narrower_scope_is_noted(web: Web, profile: Profile, caplog: pytest.LogCaptureFixture) -> None:
    """A refresh that grants less than before is logged, once it happens, with what is missing."""
    web.answer = lambda _: Sent(body={"access_token": "new", "token_type": "Bearer", "scope": "a"})
    stale = make_token(**EXPIRED, refresh_token="r", scope="a b")
    token = RefreshingSource(profile, Counted()).token(stale)
    assert token.scope == "a"
    assert "does not grant b any more" in caplog.text
    caplog.clear()
    RefreshingSource(profile, Counted()).token(make_token(**EXPIRED, refresh_token="r", scope="a"))
    assert caplog.text == ""
