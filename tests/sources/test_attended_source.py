"""Sources that need a person: which error says so, who is asked, and when nobody is.

``Attended`` is an AttendedSource whose person is a function; ``Counted`` counts what is asked of it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kept_tokens import EARLY, EXPIRED, Counted, kept
from support import PATH_WITH_HELPERS, Sent, Web, make_profile, make_token

from aventus_creds import get_token
from aventus_creds.errors import ConfigError, LifetimeTooShort, LoginRequired, NetworkError, TokenRefused
from aventus_creds.logins.login import log_in_in_turn
from aventus_creds.logins.person import may_ask
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.attended import AttendedSource
from aventus_creds.sources.cached import CachedSource
from aventus_creds.sources.renewing import NobodySource, RefreshingSource, needs_login
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token

# NobodySource


@pytest.mark.parametrize(
    ("stale", "why"),
    [
        (None, "there is no login yet"),
        (EXPIRED, "its login expired at 20"),
        ({}, "was refused by the server"),
        (EARLY, "its login expires at 20.* UTC\n"),
    ],
)
def test_login_required_says_which_why_and_what_to_run(stale: dict[str, Any] | None, why: str) -> None:
    """The profile, the reason with its time in UTC, and the exact command."""
    with pytest.raises(LoginRequired, match=why) as caught:
        NobodySource(make_profile("nightly")).token(None if stale is None else make_token(**stale))
    assert "profile nightly" in caught.value.message
    assert caught.value.hint.startswith("Run: ")
    assert caught.value.hint.endswith("aventus-creds login nightly")


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (TokenRefused("m", error="invalid_grant", status=400), r"invalid_grant \(HTTP 400\)"),
        (TokenRefused("m", error="x", error_description="go away", status=403), r"x: go away \(HTTP 403\)"),
        (TokenRefused("m", error="", status=401), r"no reason given \(HTTP 401\)"),
    ],
)
def test_login_required_says_what_the_server_said(refusal: TokenRefused, said: str) -> None:
    """In the server's own words, with the time at which the old token ends."""
    for stale, when in ((EXPIRED, "expired at 20"), (EARLY, "expires at 20")):
        error = needs_login(make_profile(), make_token(**stale, refresh_token="r"), 0, refusal)
        assert re.search(f"its login {when}.*, and the server refused to renew it: {said}", error.message)


def test_the_command_names_a_profiles_file_of_the_callers_own(tmp_path: Path) -> None:
    """get_session(profiles=…) reads another file than the command would by itself."""
    profile = make_profile()._replace(path=str(tmp_path / "my profiles.toml"))
    with pytest.raises(LoginRequired) as caught:
        NobodySource(profile).token()
    assert f"Run: AVENTUS_CREDS_PROFILES='{profile.path}'" in caught.value.hint
    assert caught.value.hint.endswith("aventus-creds login prod")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a program began with")
def test_the_command_names_the_places_that_the_program_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """The person's shell does not have them; what it has is not repeated."""
    program = """
import os, sys
if "set" in sys.argv: os.environ |= {"AVENTUS_CREDS_PROFILES": "/a b/p.toml", "AVENTUS_CREDS_STATE_DIR": "/s"}
from support import make_profile
from aventus_creds.sources.renewing import login_command
print(login_command(make_profile()))
"""
    monkeypatch.setenv("PYTHONPATH", PATH_WITH_HELPERS)

    def said(*words: str) -> str:
        return subprocess.check_output([sys.executable, "-c", program, *words], text=True).strip()

    assert said() == "aventus-creds login prod"
    set_ones = "AVENTUS_CREDS_PROFILES='/a b/p.toml' AVENTUS_CREDS_STATE_DIR=/s"
    assert said("set") == f"{set_ones} aventus-creds login prod"


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
    said, give_up = "", time.monotonic() + 10
    while "Another login to prod is under way" not in said:
        assert time.monotonic() < give_up
        time.sleep(0.01)
        said += capsys.readouterr().err
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


def test_nobody_logs_in_for_a_token_that_is_too_short(write_profiles: Callable[..., Path]) -> None:
    """What the last login gave is known: the error comes before the browser, not after it."""
    write_profiles({"prod": {"issuer": "https://as.example.com", "client_id": "c"}})
    store, key = default_store(), read_profiles().profile("prod").key
    with store.lock(key):
        store.save(key, make_token(age=7200))
    with pytest.raises(LifetimeTooShort, match="lives 3600 s, and 108000 s were asked for"):
        get_token("prod", min_ttl=30 * 3600, interactive=True, browser=pytest.fail)
