"""The console: what a person pastes, in every form, and a standard input that gives nothing.

``Terminal`` is a pseudo-terminal: the test types at its other side, and reads what is on the screen.
"""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from types import SimpleNamespace

import pytest
from attempts import ACCESS_TOKEN, CODE, Login, make_login, state_of
from console_terminal import URI, Start, Streams, Terminal, paste

from aventus_creds.callbacks import typed_lines
from aventus_creds.callbacks.pasted import query_of
from aventus_creds.errors import CallbackError

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

import termios


@pytest.fixture
def login() -> Login:
    return make_login(URI)


# --- what is pasted


PASTES = {
    "the whole address": f"{URI}?{{query}}\n",
    "with a fragment, as some servers add": f"{URI}?{{query}}#_=_\n",
    "the query alone": "{query}\n",
    "the query with its mark": "?{query}\n",
    "in single quotes": f"'{URI}?{{query}}'\n",
    "in double quotes": f'"{URI}?{{query}}"\n',
    "in angle brackets": f"<{URI}?{{query}}>\n",
    "between blanks": f" \t {URI}?{{query}}  \n",
    "after empty lines": f"\n\r\n\n{URI}?{{query}}\n\n",
    "with the line end of Windows": f"{URI}?{{query}}\r\n",
    "between the marks of a paste": f"\x1b[200~{URI}?{{query}}\x1b[201~\n",
    "with a line break before the mark": f"\x1b[200~{URI}?{{query}}\n\x1b[201~\r",
    "after a mistake that was erased": "wrong\x15{query}x\x7f\n",
}


@pytest.mark.parametrize("text", PASTES.values(), ids=PASTES.keys())
def test_a_paste_in_any_form_is_taken(start: Start, login: Login, at_terminal: Terminal, text: str) -> None:
    """Whatever a terminal, a chat or a shell puts round the address. It is never shown."""
    start(login.attempt)
    paste(at_terminal, text.format(query=login.query()))
    assert login.attempt.result().access_token == ACCESS_TOKEN
    assert "That was not it" not in at_terminal.shown
    assert CODE not in at_terminal.shown
    assert f"code={CODE}".encode() in login.endpoint.requests[0].body


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", " \n  "])
def test_an_address_wrapped_over_lines_is_put_together(
    start: Start, login: Login, at_terminal: Terminal, line_break: str
) -> None:
    """What was copied from a mail or a terminal has line breaks; half a code would end the login badly."""
    query = f"state={state_of(login.attempt.url)}&code={CODE}"
    start(login.attempt)
    paste(at_terminal, line_break.join([URI, "?", query[:20], query[20:-5], query[-5:]]) + "\n")
    login.attempt.result()
    assert f"code={CODE}".encode() in login.endpoint.requests[0].body
    assert "That was not it" not in at_terminal.shown


def test_the_parts_of_one_paste_may_come_one_by_one(
    start: Start, login: Login, at_terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal may hand over line by line what was pasted at once."""
    monkeypatch.setattr(typed_lines, "PASTE_GAP", 0.5)
    start(login.attempt)
    paste(at_terminal, f"state={state_of(login.attempt.url)}&code=the-\n")
    time.sleep(0.05)
    at_terminal.type("secret-code\n")
    login.attempt.result()
    assert f"code={CODE}".encode() in login.endpoint.requests[0].body


def test_a_paste_longer_than_a_terminals_line_is_whole(
    start: Start, login: Login, at_terminal: Terminal
) -> None:
    """A terminal's own line editing cuts at 4096 characters, at 1024 on macOS."""
    code = "".join(str(number % 10) for number in range(20_000))
    start(login.attempt)
    paste(at_terminal, f"{URI}?{login.query(code)}")
    at_terminal.wait_for("Pasted: ")
    at_terminal.type("\n")
    login.attempt.result()
    assert f"code={code}&".encode() in login.endpoint.requests[0].body
    assert code[:20] not in at_terminal.shown


def test_an_endless_line_fills_no_memory(start: Start, login: Login, at_terminal: Terminal) -> None:
    """What is beyond the longest line is dropped, and the next line is read as ever."""
    start(login.attempt)
    paste(at_terminal, "x" * 70_000)
    at_terminal.wait_for("Pasted: 65536 characters")
    at_terminal.type("\n")
    at_terminal.wait_for("That isn't the address")
    at_terminal.type(login.query() + "\n")
    assert login.attempt.result().access_token == ACCESS_TOKEN


def test_lines_without_end_do_not_keep_the_reader(
    at_terminal: Terminal, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each looks like one more part of a paste; the reader must look up all the same, for the login may end."""
    monkeypatch.setattr(typed_lines, "PASTE_GAP", 0.5)
    streams.put_in_place()
    over = threading.Event()

    def type_on() -> None:
        while not over.is_set():
            at_terminal.type("\n" * 400)  # wherever it is cut, a line break is last

    with closing(typed_lines.TypedLines()) as lines:
        typist, reader = threading.Thread(target=type_on), threading.Thread(target=lines.poll, args=(5,))
        typist.start()
        reader.start()
        reader.join(5)
        kept = reader.is_alive()
        over.set()
        while typist.is_alive():  # it may wait for somebody to read
            termios.tcflush(at_terminal.slave, termios.TCIFLUSH)
            typist.join(0.01)
        reader.join(5)
    assert not kept


def test_a_wrong_state_is_refused_with_the_reason_and_asked_again(
    start: Start, login: Login, at_terminal: Terminal
) -> None:
    """An address from the last login is a common mistake; then the right one works."""
    start(login.attempt)
    paste(at_terminal, f"{URI}?code=old-code&state=old-state\n")
    at_terminal.wait_for("That was not it: the address has another state")
    assert "paste it again" in at_terminal.shown
    at_terminal.type("nonsense\n")
    at_terminal.wait_for(f"That isn't the address your browser ended at. It starts with {URI}?")
    assert not login.attempt.ended.is_set()
    assert login.endpoint.requests == []
    at_terminal.type(f"{URI}?{login.query()}\n")
    assert login.attempt.result().access_token == ACCESS_TOKEN
    for typed in ("old-code", "old-state", "nonsense", CODE):
        assert typed not in at_terminal.shown


def test_how_much_is_pasted_is_shown_but_not_what(start: Start, login: Login, at_terminal: Terminal) -> None:
    """The code is a secret until it is exchanged, and terminals keep what they show."""
    start(login.attempt)
    paste(at_terminal, "code=a-secret")
    at_terminal.wait_for("Pasted: 13 characters")
    assert "a-secret" not in at_terminal.shown


@pytest.mark.parametrize(
    ("pasted", "query"),
    [
        ("https://x/cb?code=1&state=2", "code=1&state=2"),
        ("code=1&state=2#fragment", "code=1&state=2"),
        ("https://x/cb?code=a?b&state=2", "code=a?b&state=2"),
        ("https://x/cb", "https://x/cb"),
        ("", ""),
        ("?", ""),
    ],
)
def test_the_query_in_what_was_pasted(pasted: str, query: str) -> None:
    """What is no address is handed on as it is; whether it will do is not decided here."""
    assert query_of(pasted) == query


# --- standard input that gives nothing


@pytest.fixture(params=["null", "closed pipe", "Ctrl-D", "none", "no file", "console", "liar", "hung up"])
def nothing_to_read(
    request: pytest.FixtureRequest, streams: Streams, terminal: Terminal
) -> Iterator[Callable[[], None]]:
    """Standard input in its ways of being at an end. To be called once the callback has started."""

    def later() -> None:
        if request.param == "Ctrl-D":
            terminal.wait_until_raw()
            terminal.type("\x04")
        elif request.param == "hung up":
            terminal.wait_until_raw()
            terminal.hang_up()

    if request.param == "none":
        streams["stdin"] = None
        yield later
        return
    if request.param == "no file":
        streams["stdin"] = io.StringIO("code=x")
        yield later
        return
    if request.param in {"console", "liar"}:
        streams["stdin"] = SimpleNamespace(isatty=lambda: True)  # of bpython, IDLE and others
        if request.param == "liar":
            streams["stdin"].fileno = lambda: os.open(os.devnull, os.O_RDONLY)
        yield later
        return
    if request.param == "null":
        descriptor = os.open(os.devnull, os.O_RDONLY)
    elif request.param == "closed pipe":
        descriptor, writing = os.pipe()
        os.close(writing)
    else:
        descriptor = os.dup(terminal.slave)
    with os.fdopen(descriptor) as stdin:
        streams["stdin"] = stdin
        yield later


def test_the_end_of_standard_input_is_an_error_where_there_is_no_other_way(
    start: Start, login: Login, nothing_to_read: Callable[[], None]
) -> None:
    """Nobody can paste: to wait for the time limit would help nobody."""
    start(login.attempt, alone=True)
    nothing_to_read()
    with pytest.raises(CallbackError, match="its redirect can only be pasted, and") as caught:
        login.attempt.result()
    assert "redirect_uri on 127.0.0.1" in caught.value.hint


def test_the_end_of_standard_input_is_no_error_beside_a_listener(
    start: Start, login: Login, nothing_to_read: Callable[[], None]
) -> None:
    """The listener still waits for the browser."""
    start(login.attempt, alone=False)
    nothing_to_read()
    assert not login.attempt.ended.wait(0.15)
    login.attempt.deliver(login.query())
    assert login.attempt.result().access_token == ACCESS_TOKEN


def test_the_window_is_closed_while_it_waits(start: Start, login: Login, at_terminal: Terminal) -> None:
    """Standard error is gone as well then: no thread stumbles over it, and close does not either."""
    callback = start(login.attempt, alone=False)
    at_terminal.wait_for("Paste here")
    at_terminal.hang_up()
    time.sleep(0.3)
    login.attempt.deliver(login.query())
    callback.close()
    assert login.attempt.result().access_token == ACCESS_TOKEN


def test_without_paste_standard_input_is_the_programs_own(
    start: Start, login: Login, at_terminal: Terminal
) -> None:
    """callback = "loopback" reads nothing and leaves the terminal as it is; the countdown is shown."""
    before = at_terminal.attributes()
    start(login.attempt, paste=False, alone=False)
    at_terminal.wait_for("left.")
    assert "aste" not in at_terminal.shown
    assert at_terminal.attributes() == before
    at_terminal.type("for the program\n")
    time.sleep(0.25)
    assert sys.stdin.readline() == "for the program\n"
    assert "That was not it" not in at_terminal.shown
