"""The console: what it says, how that fits the terminal, and what it says of pastes and errors."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from attempts import (
    ACCESS_TOKEN,
    CODE,
    FakeAttempt,
    Login,
    TokenEndpoint,
    client_of,
    endpoints,
    follow,
    log_in,
    make_login,
    state_of,
)
from console_terminal import URI, Start, Streams, Terminal, paste
from support import free_port, make_profile

from aventus_creds.callbacks.browser import no_browser
from aventus_creds.callbacks.console import ConsoleCallback
from aventus_creds.callbacks.opening import open_callbacks
from aventus_creds.callbacks.pasted import query_of
from aventus_creds.errors import CallbackError, LoginTimeout
from aventus_creds.logins.login import log_in as real_log_in

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)


@pytest.fixture
def login() -> Login:
    return make_login(URI)


# --- the countdown


@pytest.mark.parametrize("columns", [10, 22, 40])
def test_the_countdown_is_one_line_however_narrow(start: Start, at_terminal: Terminal, columns: int) -> None:
    """A second line would scroll the address away, five times a second."""
    at_terminal.resize(columns)
    start(FakeAttempt(seconds=62))
    at_terminal.wait_for("\x1b[K1:0"[: columns + 2])
    at_terminal.type("x" * 30)
    at_terminal.wait_for("1:00 left. Pasted: 30 characters"[: columns - 1])
    counted = re.findall(r"\x1b\[K(1:[^\r]*)\r", at_terminal.shown)
    assert {len(line) < columns for line in counted} == {True}


@pytest.mark.parametrize("term", ["dumb", "unknown", "", None])
def test_without_cursor_control_there_is_no_control_sequence(
    start: Start, login: Login, at_terminal: Terminal, monkeypatch: pytest.MonkeyPatch, term: str | None
) -> None:
    """Emacs's shell and some logs show them as they are; pasting works all the same."""
    monkeypatch.setenv("TERM", term) if term is not None else monkeypatch.delenv("TERM")
    start(login.attempt)
    at_terminal.wait_for("paste it here")
    at_terminal.type(f"{URI}?{login.query()}\n")
    assert login.attempt.result().access_token == ACCESS_TOKEN
    assert "\x1b" not in at_terminal.shown
    assert "left." not in at_terminal.shown


# --- what it says


def test_no_word_of_a_browser_where_none_opens(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither with --no-browser, nor where there is no screen."""
    for browser in (no_browser, None):
        start(FakeAttempt(), paste=False, alone=False, browser=browser or no_browser)
        assert "open this address in a browser:\n" in capsys.readouterr().err
    start(FakeAttempt(), paste=False, alone=False, browser=lambda _: None)
    assert "if it does not open by itself" in capsys.readouterr().err


def test_what_is_no_address_gets_a_plain_sentence_wrapped_at_words(
    start: Start, login: Login, at_terminal: Terminal
) -> None:
    """With what the address begins with; a wrong state keeps its own reason."""
    at_terminal.resize(40)
    start(login.attempt)
    for pasted in ("hello", login.attempt.url, URI, "{'a': 1}", "x" * 5000):
        before = len(at_terminal.shown)
        at_terminal.type(f"{pasted}\n")
        at_terminal.wait_for(f"{URI}?") if before == 0 else None
    shown = at_terminal.wait_for(f"with\r\n{URI}?")
    assert "That isn't the address your browser\r\nended at. It starts with\r\n" in shown
    paste(at_terminal, f"{URI}?code=x&state=another\n")
    at_terminal.wait_for("That was not it")
    assert not login.attempt.ended.is_set()


def wrapped(template: str) -> Callable[[str], str]:
    return lambda query: template.replace("ADDRESS", f"{URI}?{query}").replace("QUERY", query)


COPIED = {
    "zero-width spaces": lambda query: f"{URI}?\u200b{query[:7]}\u200b{query[7:]}\u200d",
    "direction marks": wrapped("\u200e\u202aADDRESS\u202c\u200f"),
    "soft hyphens of a PDF": lambda query: f"{URI}?{query[:9]}\u00ad\n{query[9:]}",
    "no-break spaces": wrapped("\u00a0ADDRESS\u202f"),
    "a byte order mark": wrapped("\ufeffADDRESS"),
    "typographic quotes": wrapped("“ADDRESS”"),
    "German quotes": wrapped("„ADDRESS“"),
    "French quotes": wrapped("« ADDRESS »"),
    "single typographic quotes": wrapped("\u2018ADDRESS\u2019."),
    "Markdown code": wrapped("`ADDRESS`"),
    "a Markdown link": wrapped("[the page](ADDRESS)"),
    "a final full stop": wrapped("ADDRESS."),
    "a sentence": wrapped("Is it this? (ADDRESS)."),
    "entities of HTML": lambda query: f'<a href="{URI}?{query.replace("&", "&amp;")}">here</a>',
    "numeric entities": lambda query: f"{URI}?{query.replace('&', '&#38;').replace('=', '&#x3d;')}",
    "escapes of JSON": lambda query: (
        '{"url": "' + URI.replace("/", "\\/") + "?" + query.replace("&", "\\u0026") + '", "n": 1}'
    ),
    "escapes twice": lambda query: f"{URI}?{query.replace('&', chr(92) * 2 + 'u0026')}",
    "escapes of a shell": lambda query: (
        f"{URI}\\?{query.replace('&', chr(92) + '&').replace('=', chr(92) + '=')}"
    ),
    "a fragment": lambda query: f"{URI}#{query}",
    "a fragment alone": lambda query: f"#{query}",
    "a fragment behind a query": lambda query: f"{URI}?tenant=x#{query}",
    "another program's log": lambda query: f'GET "/callback?{query}" HTTP/1.1',
    "a mail program's link": lambda query: (
        "https://safe.example/?url="
        + f"{URI}?{query}".replace("%", "%25").replace("&", "%26").replace("?", "%3F")
    ),
    "another parameter first": wrapped(f"{URI}?section=2&copy=1&QUERY&reg=3"),
}


@pytest.mark.parametrize("copied", COPIED.values(), ids=COPIED.keys())
def test_an_address_is_found_wherever_it_was_copied(login: Login, copied: Callable[[str], str]) -> None:
    """Everything is there, so it is taken, and the code is whole. Either parameter may come last."""
    query = login.query()
    for each in (query, "&".join(reversed(query.split("&")))):
        attempt = make_login(URI)
        text = copied(each.replace(state_of(login.attempt.url), state_of(attempt.attempt.url)))
        assert attempt.attempt.deliver(query_of(text)).success, text
        assert f"code={CODE}&".encode() in attempt.endpoint.requests[0].body


def test_ctrl_d_behind_finished_lines_drops_none(start: Start, login: Login, at_terminal: Terminal) -> None:
    """They may arrive in one read."""
    start(login.attempt)
    paste(at_terminal, f"{URI}?{login.query()}\n\x04")
    assert login.attempt.result().access_token == ACCESS_TOKEN


def test_ctrl_d_behind_a_text_ends_the_line(start: Start, login: Login, at_terminal: Terminal) -> None:
    """As with the terminal's own line editing."""
    start(login.attempt)
    paste(at_terminal, f"{URI}?{login.query()}\x04")
    assert login.attempt.result().access_token == ACCESS_TOKEN


# --- an error without a state


def test_an_error_without_a_state_is_told_once_and_at_the_end(
    at_terminal: Terminal, streams: Streams
) -> None:
    """On the page, on the terminal and in the timeout's message, always as something that anybody may have sent."""
    profile = make_profile(redirect_uri="http://127.0.0.1:0/callback", login_timeout=1.5)
    pages = list[str]()

    def browser(url: str) -> None:
        uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        pages.extend(
            follow(uri, "error=invalid_scope&error_description=No+such+scope").body for _ in range(3)
        )

    streams.put_in_place()
    with pytest.raises(LoginTimeout) as caught:
        log_in(profile, endpoints(), post=TokenEndpoint(), save=lambda _: None, browser=browser)
    words = "an answer without a state, which anybody may have sent, says: invalid_scope: No such scope"
    assert at_terminal.shown.count(words) == 1
    assert words in caught.value.message
    assert len(pages) == 3
    assert all(words in page and "still waiting" in page for page in pages)


# --- the port is taken


@pytest.fixture
def taken() -> Iterator[str]:
    """Return the redirect URI whose port another program has."""
    other = socket.create_server(("127.0.0.1", 0))
    yield f"http://127.0.0.1:{other.getsockname()[1]}/callback"
    other.close()


def test_a_taken_port_is_said_and_pasting_offered(
    at_terminal: Terminal, streams: Streams, taken: str
) -> None:
    """With the same redirect URI, which is registered; the browser ends at the other program."""

    def browser(url: str) -> None:
        assert parse_qs(urlsplit(url).query)["redirect_uri"] == [taken]
        paste(at_terminal, f"{taken}?code={CODE}&state={state_of(url)}\n")

    streams.put_in_place()
    profile = make_profile(redirect_uri=taken)
    token = log_in(profile, endpoints(), post=TokenEndpoint(), save=lambda _: None, browser=browser)
    assert token.access_token == ACCESS_TOKEN
    shown = " ".join(at_terminal.shown.split())
    assert (
        f"the port of {taken} is taken by another program, so the redirect cannot come back by itself"
        in shown
    )
    assert "copy its whole address, paste it here" in shown


def test_a_taken_port_reaches_the_panel_with_its_reason(taken: str) -> None:
    """What shows a login in a notebook is told the reason; without one, the panel beside a listener is told none."""
    told = list[tuple[str, str]]()

    class Panel(ConsoleCallback):
        def __init__(self, redirect_uri: str, why_alone: str) -> None:
            told.append((redirect_uri, why_alone))

        def close(self) -> None:
            pass

    for uri in (taken, URI, f"http://127.0.0.1:{free_port()}/callback"):
        for callback in open_callbacks(make_profile(redirect_uri=uri), None, Panel):
            callback.close()
    assert told[0] == (taken, f"the port of {taken} is taken by another program")
    assert [why for _, why in told[1:]] == ["", ""]


@pytest.mark.parametrize(
    "keys", [{"callback": "loopback"}, {"pkce": False, "client_secret": "a-client-secret"}], ids=str
)
def test_a_taken_port_ends_the_login_where_pasting_is_no_way(taken: str, keys: dict[str, Any]) -> None:
    """Without PKCE the program that has the port could use the code."""
    with pytest.raises(CallbackError, match="taken") as caught:
        open_callbacks(make_profile(redirect_uri=taken, **keys), None)
    assert "register" in caught.value.hint


def test_a_console_that_cannot_be_read_ends_a_login_by_paste_before_it_begins(
    capsys: pytest.CaptureFixture[str], no_browser: Callable[[str], object]
) -> None:
    """No browser opens, and no address is shown for nothing."""
    with pytest.raises(CallbackError, match="can only be pasted, and there is no terminal") as caught:
        real_log_in(
            make_profile(redirect_uri=URI),
            lambda _: None,
            no_browser,
            client=client_of(make_profile(redirect_uri=URI), TokenEndpoint()),
        )
    assert "aventus-creds login" in caught.value.hint
    assert not re.search("http", capsys.readouterr().err)
