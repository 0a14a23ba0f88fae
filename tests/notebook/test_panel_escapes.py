"""HTML from a server, a token or an address: the panel shows it as text."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import make_token

from aventus_creds import LoginButton
from aventus_creds.errors import LoginPending, LoginTimeout
from aventus_creds.notebook.background import BackgroundLogin, background_login
from aventus_creds.notebook.panel import log_in_in_cell
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sources.chain import cached_source
from aventus_creds.stores.opening import default_store

KEYS = {
    "authorize_url": "https://as.example.com/authorize",
    "token_url": "https://as.example.com/token",
    "client_id": "c",
    "redirect_uri": "https://notebooks.example.com/callback",
    "login_timeout": 3,
}
EVIL = "<img src=x onerror=alert(1)>"
SHOWN = "&lt;img src=x onerror=alert(1)&gt;"


class Attempt:
    """An attempt that waits at an address of the test's."""

    title, url = "Log in", 'https://as.example.com/?a=1&scope="><script>alert(1)</script>'

    def seconds_left(self) -> float:
        return 60.0


@pytest.fixture
def button(write_profiles: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[LoginButton]:
    """A button that nobody has clicked: the test sets the state of its login."""
    monkeypatch.setattr("aventus_creds.notebook.background.TICK", 0.02)
    write_profiles({"prod": KEYS})
    profile = read_profiles().profile("prod")
    button = LoginButton._of(BackgroundLogin(profile, cached_source(profile, default_store())))
    ticker = button._login._ticker
    yield button
    button._login._watchers.clear()  # the login's clock stands still once nobody watches it
    assert ticker
    ticker.join(5)


def test_what_a_server_says_is_no_html(button: LoginButton) -> None:
    """The notice under the status is a server's description of an error."""
    button._login._set("out", f"access_denied: {EVIL}")
    assert SHOWN in button._link.value
    assert "<img" not in button._link.value


def test_the_name_in_a_token_is_no_html(button: LoginButton) -> None:
    """A person may choose the name that the token then holds."""
    claims = base64.urlsafe_b64encode(json.dumps({"email": EVIL}).encode()).rstrip(b"=").decode()
    button._login.token = make_token(f"e30.{claims}.sig")
    button._login._set("in")
    assert SHOWN in button._status.value
    assert "<img" not in button._status.value


def test_the_address_stays_in_its_attribute(button: LoginButton) -> None:
    """A quote in it would end the attribute."""
    button._login._attempt = Attempt()  # type: ignore[assignment]
    button._login._set("waiting")
    assert "href=" in button._link.value
    assert "<script" not in button._link.value
    button._login._set("out")


def test_a_cell_does_not_wait_for_what_can_only_be_pasted(
    write_profiles: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The redirect cannot come to this kernel, and a busy kernel may not hear the paste: the cell ends at once."""
    monkeypatch.setattr("aventus_creds.notebook.background.TICK", 0.02)
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    monkeypatch.setattr("IPython.display.update_display", lambda *_, **__: None)
    write_profiles({"prod": KEYS})
    profile = read_profiles().profile("prod")
    store = default_store()
    cache = cached_source(profile, store)
    login = background_login(profile, store, cache)
    try:
        with pytest.raises(LoginPending):
            log_in_in_cell(profile, store, cache)
        assert login.state == "waiting"  # the panel above still takes the paste
    finally:
        if login._attempt:
            login._attempt.fail(LoginTimeout("the test is over"))
        login._watchers.clear()
        for thread in filter(None, (login._running, login._ticker)):
            thread.join(5)
