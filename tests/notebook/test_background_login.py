"""The login in the background while other things happen: logouts, logins and panels at the wrong moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support import free_port, make_token

from aventus_creds import LoginButton, LoginRequired, login, logout
from aventus_creds.errors import LoginRefused, LoginTimeout
from aventus_creds.notebook import look
from aventus_creds.notebook.background import LOGOUT_TICKS, BackgroundLogin
from aventus_creds.notebook.outcome import Outcome
from aventus_creds.notebook.registry import _logins, background_login
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.sources.cached import CachedSource
from aventus_creds.sources.chain import cached_source, shared_source
from aventus_creds.stores.opening import default_store

WriteProfiles = Callable[..., Path]


@pytest.fixture
def sandbox(write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr("aventus_creds.notebook.watching.TICK", 0.02)
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": {**sandbox.profiles()["aventus"], "login_timeout": 20}})
        yield sandbox
        for login in list(_logins.values()):
            login._watchers.clear()  # nobody looks at a panel any more, which ends the thread that looks after it
            if attempt := login._attempt:
                attempt.fail(LoginTimeout("the test is over"))


@pytest.fixture
def background(sandbox: Sandbox) -> BackgroundLogin:
    """A login of the profile that nothing shows and that has not begun."""
    profile, store = read_profiles().profile("prod"), default_store()
    return background_login(profile, store, shared_source(profile, store))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def in_another_process(make: Callable[[Any], object]) -> None:
    """Do something with a cache that shares only the store with this process's own."""
    profile = read_profiles().profile("prod")
    make(cached_source(profile, default_store()))


def test_a_logout_before_the_waiting_cell_wakes_up(background: BackgroundLogin) -> None:
    """The wait ends with the token of the login that it has waited for, whatever happened since."""
    outcome = background.begin()
    until(lambda: background.url)
    Robot().browse(background.url)
    until(lambda: background.state == "in")
    logout("prod")
    background.log_out()
    until(lambda: background.state == "out")
    assert outcome.wait().access_token
    with pytest.raises(LoginRequired):
        background.begin(attended=False).wait()


def test_a_login_elsewhere_ends_the_wait_with_its_token(background: BackgroundLogin) -> None:
    """The cell that waits has the token, and no LoginRequired, however the threads run."""
    for _ in range(20):
        outcome = background.begin(anew=True)
        until(lambda: background.url)
        token = make_token(access_token=f"elsewhere-{time.monotonic()}")
        in_another_process(partial(CachedSource.keep, token=token))
        looking = threading.Thread(target=background._look_for_another_login)
        looking.start()
        background._look_for_another_login()
        assert outcome.wait() == token
        looking.join()
        assert background.state == "in"


def test_a_token_that_was_there_is_no_login_elsewhere(background: BackgroundLogin) -> None:
    """Whoever logs in although there is a good token is not stopped by it."""
    login("prod", browser=Robot())
    background.begin(anew=True)
    until(lambda: background.url)
    background._look_for_another_login()
    assert background._attempt
    assert not background._attempt.ended.is_set()


def test_a_short_token_is_no_login_elsewhere_for_a_long_job(background: BackgroundLogin) -> None:
    """min_ttl is heeded while the login waits, too."""
    outcome = background.begin(at_least=7200)
    until(lambda: background.url)
    in_another_process(lambda cache: cache.keep(make_token(lifetime=600)))
    background._look_for_another_login()
    assert background.state == "waiting"
    long = make_token(access_token="long", lifetime=90000)
    in_another_process(lambda cache: cache.keep(long))
    background._look_for_another_login()
    assert outcome.wait() == long


def test_beginning_again_right_after_the_end_is_a_new_login(
    background: BackgroundLogin, sandbox: Sandbox
) -> None:
    """The cell that is run again at once does not get the last error once more."""
    for _ in range(5):
        outcome = background.begin()
        until(lambda: background.url)
        Robot(allow=False).browse(background.url)
        with pytest.raises(LoginRefused):
            outcome.wait()
        assert background.begin() is not outcome
        until(lambda: background.url)
        background._attempt.fail(LoginTimeout("once more"))  # type: ignore[union-attr]
        until(lambda: background.state == "out")


def test_a_panel_notices_a_logout_elsewhere(sandbox: Sandbox) -> None:
    """It says so, and offers the login again; a new login elsewhere is noticed as well."""
    login("prod", browser=Robot())
    button = LoginButton("prod")
    until(lambda: button._login.state == "in")
    in_another_process(lambda cache: cache.forget())
    until(lambda: "logged out somewhere else" in button._notice.value)
    assert button._again in button.children
    with pytest.raises(LoginRequired):
        _ = button.session
    in_another_process(lambda cache: cache.keep(make_token()))
    until(lambda: button._login.state == "in")


def test_a_logout_says_something_new_and_is_no_alarm(sandbox: Sandbox) -> None:
    """Not the status once more, and not an alert."""
    login("prod", browser=Robot())
    button = LoginButton("prod")
    until(lambda: button._login.state == "in")
    seen = list[str]()
    button._notice.observe(lambda change: seen.append(change["new"]), "value")
    app = sandbox._server.app

    def slowly(environ: Any, start_response: Any) -> Any:
        if "revoke" in environ["PATH_INFO"]:  # meanwhile the panel looks at the store
            before = button._login._ticks
            until(lambda: button._login._ticks > before + 2 * LOGOUT_TICKS)
        return app(environ, start_response)

    sandbox._server.app = slowly
    button._out.click()
    until(lambda: "the server has revoked the login" in button._notice.value)
    assert len(seen) == 1
    assert 'role="status"' in button._notice.value
    assert "failed" not in button._notice.value


def test_the_same_words_and_looks_for_every_way_to_log_in(
    sandbox: Sandbox, background: BackgroundLogin
) -> None:
    """The link and the button are one thing for the person: Log in to prod."""
    button = LoginButton("prod")
    until(lambda: button._login.url)
    assert ">Log in to prod</a>" in button._link.value
    assert button._again.description == "Log in to prod"
    assert "aventus-creds-begin" in button._again._dom_classes


@pytest.mark.parametrize("account", ["<img src=x onerror=alert(1)>", "a&b\"'"])
def test_what_others_have_written_is_escaped(background: BackgroundLogin, account: str) -> None:
    """Account, notice and the login's address are text in the page, whoever has written them."""
    import base64
    import html
    import json

    claims = base64.urlsafe_b64encode(json.dumps({"email": account}).encode()).decode().rstrip("=")
    background.token = make_token(access_token=f"x.{claims}.y")
    background.state = "in"
    assert html.escape(account) in look.status(background)
    assert html.escape(account) not in look.status(background, visitors=True)  # they are not told whose it is
    background.notice = account
    for failed in (True, False):
        background.failed = failed
        assert f">{html.escape(account)}</div>" in look.notice(background)
    background.notice = ""

    class Attempt:
        url = f"https://login.example.com/?x={account}"

    background.state, background._attempt = "waiting", Attempt()  # type: ignore[assignment]
    assert f'href="{html.escape(Attempt.url)}"' in look.link(background)
    background._attempt = None
    for said in (look.status(background), look.served_text("prod")):
        assert account not in said


def test_times_are_local_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the zone, and with the date unless it is today."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert look.local(0) == "01 January, 09:00 JST"
        assert look.local(time.time()).endswith(" JST")
        assert len(look.local(time.time(), seconds=True)) == len("09:00:00 JST")
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_an_outcome_is_told_to_everybody() -> None:
    """Several cells and panels may wait for one login."""
    outcome, got = Outcome(), list[Any]()
    waiting = [threading.Thread(target=lambda: got.append(outcome.wait())) for _ in range(3)]
    for thread in waiting:
        thread.start()
    token = make_token()
    outcome.set(token, None)
    for thread in waiting:
        thread.join()
    assert got == [token] * 3


def test_a_callback_that_fails_stops_nothing(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Its error is printed, the others are called, and the panel goes on."""
    login("prod", browser=Robot())
    button = LoginButton("prod")
    until(lambda: button._login.state == "in")
    told = list[Any]()
    button._told += [lambda _: 1 / 0, told.append]
    logout("prod")
    until(lambda: button._login.state == "out")
    in_another_process(lambda cache: cache.keep(make_token()))
    until(lambda: told)
    assert "ZeroDivisionError" in capsys.readouterr().err
    until(lambda: "Logged in" in button._status.value)


def test_a_panel_ends_with_the_newest_state(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads show two states: the one that began with the older does not have the last word."""
    login("prod", browser=Robot())
    button = LoginButton("prod")
    until(lambda: "Logged in" in button._status.value)
    slow, go = threading.Event(), threading.Event()
    status = look.status

    def waits(background: BackgroundLogin, *, visitors: bool = False) -> str:
        said = status(background, visitors=visitors)
        if background.state == "checking" and not slow.is_set():
            slow.set()
            go.wait(5)
        return said

    monkeypatch.setattr(look, "status", waits)
    button._login.state = "checking"
    older = threading.Thread(target=button.changed)
    older.start()
    assert slow.wait(5)
    button._login.state = "in"
    newer = threading.Thread(target=button.changed)
    newer.start()
    newer.join(0.2)
    go.set()
    older.join(5)
    newer.join(5)
    assert "Logged in" in button._status.value
