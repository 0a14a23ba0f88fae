from __future__ import annotations

import io
import json
import os
import re
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from attempts import (
    ACCESS_TOKEN,
    CODE,
    FakeAttempt,
    Login,
    TokenEndpoint,
    connect,
    endpoints,
    follow,
    log_in,
    make_login,
    state_of,
)
from support import HELPERS, REPOSITORY, free_port, make_profile

from aventus_creds.callbacks import typed_lines
from aventus_creds.callbacks.console import ConsoleCallback, query_of
from aventus_creds.errors import CallbackError, LoginTimeout, TokenRefused
from aventus_creds.tokens import Token

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

import pty
import termios

URI = "https://app.example.com/callback"

Start = Callable[..., ConsoleCallback]


class Terminal:
    """A pseudo-terminal: ``type`` is the keyboard, ``shown`` what has appeared on the screen so far."""

    def __init__(self) -> None:
        self._master, self.slave = pty.openpty()
        self._shown = b""
        self._closed = False

    @property
    def shown(self) -> str:
        while not self._closed and select.select([self._master], [], [], 0)[0]:
            self._shown += os.read(self._master, 65536)
        return self._shown.decode()

    def wait_for(self, text: str) -> str:
        """Wait until ``text`` is on the screen, and return all that is."""
        deadline = time.monotonic() + 5
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            time.sleep(0.005)
        return self.shown

    def type(self, text: str) -> None:
        """Type or paste; what the screen shows meanwhile is read, lest the other side blocks."""
        rest = text.encode()
        while rest:
            assert select.select([], [self._master], [], 5)[1]
            rest = rest[os.write(self._master, rest[:512]) :]
            assert self.shown is not None

    def attributes(self) -> Any:
        return termios.tcgetattr(self.slave)

    def is_raw(self) -> bool:
        return not self.attributes()[3] & (termios.ECHO | termios.ICANON)

    def wait_until_raw(self) -> None:
        deadline = time.monotonic() + 5
        while not self.is_raw():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def hang_up(self) -> None:
        """Close the window."""
        if not self._closed:
            self._closed = True
            os.close(self._master)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.hang_up()
    os.close(terminal.slave)


class Streams(dict[str, Any]):
    """What ``sys`` gets once the test itself runs: pytest sets its own streams between fixtures and test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._monkeypatch = monkeypatch

    def put_in_place(self) -> None:
        for name, stream in self.items():
            self._monkeypatch.setattr(sys, name, stream)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    return Streams(monkeypatch)


@pytest.fixture
def at_terminal(terminal: Terminal, streams: Streams) -> Iterator[Terminal]:
    """Put this process at a terminal: standard input and standard error."""
    with (
        open(terminal.slave, encoding="utf-8", closefd=False) as stdin,
        io.TextIOWrapper(io.FileIO(terminal.slave, "w", closefd=False), write_through=True) as stderr,
    ):
        streams.update(stdin=stdin, stderr=stderr)
        yield terminal


@pytest.fixture
def login() -> Login:
    return make_login(URI)


@pytest.fixture
def start(terminal: Terminal, streams: Streams) -> Iterator[Start]:
    """Start a ConsoleCallback; it is closed at the end, and its thread has ended then."""
    opened = []

    def start(
        attempt: Any, *, paste: bool = True, alone: bool = True, browser: Any = None
    ) -> ConsoleCallback:
        callback = ConsoleCallback(URI, browser or (lambda _: None), paste=paste, alone=alone)
        opened.append(callback)
        streams.put_in_place()
        callback.start(attempt)
        return callback

    yield start
    for callback in opened:
        callback.close()
        assert callback._reader is None or not callback._reader.is_alive()


def paste(terminal: Terminal, text: str) -> None:
    terminal.wait_for("Paste here: ")
    terminal.type(text)


# --- the address and the browser


def test_the_address_is_always_printed_to_standard_error(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """webbrowser says True and opens nothing; standard output is for the program's own output."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    attempt = FakeAttempt(seconds=60)
    start(attempt, alone=False, browser=lambda _: True)
    out, err = capsys.readouterr()
    assert out == ""
    assert f"\n  {attempt.url}\n" in err
    assert attempt.title in err
    assert re.search(r"Waiting until \d\d:\d\d:\d\d\. Ctrl-C ends it\.", err)


def test_a_browser_that_blocks_does_no_harm(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some return only when they are closed: it runs in a thread, which nobody waits for."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    opened, closed = list[str](), threading.Event()

    def browser(url: str) -> None:
        opened.append(url)
        assert closed.wait(5)

    attempt = FakeAttempt()
    started = time.monotonic()
    callback = start(attempt, alone=False, browser=browser)
    callback.close()
    assert time.monotonic() - started < 0.6
    assert opened == [attempt.url]
    closed.set()


def test_a_browser_that_fails_does_no_harm(start: Start, login: Login, at_terminal: Terminal) -> None:
    """The address is on the terminal too; of the fault only its kind is shown."""

    def browser(url: str) -> None:
        raise RuntimeError(f"cannot open {url}")

    start(login.attempt, browser=browser)
    shown = at_terminal.wait_for("The browser did not open (RuntimeError).")
    assert "Traceback" not in shown
    assert shown.count(state_of(login.attempt.url)) == 1
    paste(at_terminal, login.query() + "\n")
    assert login.attempt.result().access_token == ACCESS_TOKEN


BROWSER = """#!/bin/sh
echo "$0 $*" >> "$OPENED"
test ! -e "$0.fails"
"""


@pytest.mark.parametrize(
    ("environment", "installed", "opened"),
    [
        ({"DISPLAY": ":0"}, "firefox", "firefox"),
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "firefox lynx", "firefox"),
        ({}, "firefox", ""),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, "firefox", ""),
        ({"DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}, "firefox", ""),
        ({"DISPLAY": ":0"}, "lynx", ""),
        ({"DISPLAY": ":0"}, "w3m links elinks www-browser", ""),
        ({"BROWSER": "helper:lynx"}, "helper helper.fails lynx", "helper"),
        ({"BROWSER": "lynx"}, "lynx", ""),
        ({"BROWSER": "{bin}/w3m"}, "w3m", ""),
        ({"BROWSER": "lynx %s"}, "lynx", ""),
        ({"BROWSER": "links:w3m"}, "links w3m", ""),
        ({"BROWSER": "helper", "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, "helper", "helper"),
        ({"BROWSER": "helper -x %s"}, "helper", "helper"),
    ],
)
@pytest.mark.skipif(sys.platform == "darwin", reason="the screen of a Mac is always there")
def test_only_a_browser_that_the_person_can_see_is_opened(
    tmp_path: Path, environment: dict[str, str], installed: str, opened: str
) -> None:
    """No text-mode browser in this terminal, none at the far end of SSH, none without a screen."""
    programs, marks = tmp_path / "bin", tmp_path / "opened"
    programs.mkdir()
    for name in installed.split():
        (programs / name).write_text(BROWSER)
        (programs / name).chmod(0o700)
    script = (
        "from aventus_creds.callbacks.console import _open_system_browser, _quietly;"
        "_quietly(_open_system_browser, 'https://as.example.com/authorize?x')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            "PATH": str(programs),
            "TERM": "xterm",
            "OPENED": str(marks),
            "PYTHONPATH": str(REPOSITORY),
            **{name: value.format(bin=programs) for name, value in environment.items()},
        },
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    deadline = time.monotonic() + (5 if opened else 0.05)
    while not marks.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    seen = marks.read_text() if marks.exists() else ""
    assert done.stdout == ""
    assert done.stderr == ""
    assert {line.split()[0] for line in seen.splitlines()} == ({str(programs / opened)} if opened else set())
    assert not opened or "https://as.example.com/authorize?x" in seen


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
    at_terminal.wait_for("That was not it")
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

    with typed_lines.TypedLines() as lines:
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
    at_terminal.type("nonsense\n")
    shown = at_terminal.wait_for("the address has no state")
    assert "paste it again" in shown
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


def test_a_paste_through_a_pipe_is_taken(start: Start, login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some front ends run programs on pipes and still let the person type."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, os.fdopen(writing, "w") as keyboard:
        monkeypatch.setattr(sys, "stdin", stdin)
        start(login.attempt)
        keyboard.write(f"code=x&state=wrong\n{URI}?{login.query()}\n")
        keyboard.flush()
        assert login.attempt.result().access_token == ACCESS_TOKEN


# --- standard input that gives nothing


@pytest.fixture(params=["null", "closed pipe", "Ctrl-D", "none", "no file", "hung up"])
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
    with pytest.raises(CallbackError, match="standard input is closed") as caught:
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


# --- the terminal while it waits and afterwards


def test_a_countdown_is_shown_and_taken_away(start: Start, at_terminal: Terminal) -> None:
    """It says how long is left, on one line that is gone in the end."""
    callback = start(FakeAttempt(seconds=62.3))
    at_terminal.wait_for("1:02 left.")
    at_terminal.wait_for("1:01 left.")
    callback.close()
    lines = at_terminal.shown.split("\n")
    assert sum("left." in line for line in lines) == 1
    assert lines[-1].endswith("\r\x1b[K")


def test_no_countdown_where_there_is_no_terminal(
    start: Start, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log file would get a line every fifth of a second."""
    with open(terminal.slave, encoding="utf-8", closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        start(FakeAttempt()).close()
    assert "left" not in capsys.readouterr().err


@pytest.mark.parametrize("end", ["success", "error", "timeout", "elsewhere", "closed"])
def test_the_terminal_is_given_back_as_it_was(start: Start, at_terminal: Terminal, end: str) -> None:
    """With its echo: a shell without echo looks dead."""
    login = make_login(URI, make_profile(redirect_uri=URI, login_timeout=0.5 if end == "timeout" else 60))
    before = at_terminal.attributes()
    callback = start(login.attempt)
    at_terminal.wait_for("Paste here")
    assert at_terminal.is_raw()
    match end:
        case "success":
            at_terminal.type(login.query() + "\n")
            login.attempt.result()
        case "error":
            login.endpoint.fault = TokenRefused("no", error="invalid_grant", status=400)
            at_terminal.type(login.query() + "\n")
            with pytest.raises(TokenRefused):
                login.attempt.result()
        case "timeout":
            with pytest.raises(LoginTimeout):
                login.attempt.result()
        case "elsewhere":
            login.attempt.deliver(login.query())
    callback.close()
    assert at_terminal.attributes() == before


def test_it_is_given_back_once_only(start: Start, login: Login, at_terminal: Terminal) -> None:
    """A reader that ends late must not undo what another program has set since."""
    login.endpoint.gate.clear()
    callback = start(login.attempt)
    paste(at_terminal, login.query() + "\n")
    assert login.endpoint.reached.wait(5)
    callback.close()
    assert not at_terminal.is_raw()
    changed = at_terminal.attributes()
    changed[3] &= ~termios.ECHO
    termios.tcsetattr(at_terminal.slave, termios.TCSANOW, changed)
    login.endpoint.gate.set()
    assert callback._reader
    callback._reader.join(5)
    assert at_terminal.attributes() == changed


CHILD = """
import fcntl, json, signal, sys, termios, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.path.insert(0, {tests!r})
from attempts import endpoints, log_in
from support import make_profile

def post(request):
    print("exchanging", flush=True)
    time.sleep(30)

profile = make_profile(**json.loads(sys.argv[1]))
try:
    log_in(profile, endpoints(), post=post, save=print, browser=lambda url: print(url, flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


IN_BACKGROUND = """
import fcntl, subprocess, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[2]], process_group=0)
"""


def test_a_job_in_the_background_is_not_stopped(terminal: Terminal) -> None:
    """Behind a shell's prompt, its login touches no terminal settings, which would stop it; the browser serves."""
    script = CHILD.format(tests=str(HELPERS))
    script = script.replace("fcntl.ioctl(0, termios.TIOCSCTTY, 0)", "import os")
    script = script.replace("time.sleep(30)", "os._exit(0)")
    keys = {"redirect_uri": "http://127.0.0.1:0/callback"}
    with (
        subprocess.Popen(
            [sys.executable, "-c", IN_BACKGROUND, script, json.dumps(keys)],
            stdin=terminal.slave,
            stdout=subprocess.PIPE,
            stderr=terminal.slave,
            start_new_session=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        ) as process,
        ExitStack() as at_the_end,
    ):
        at_the_end.callback(process.kill)
        assert process.stdout
        url = process.stdout.readline().strip()
        terminal.wait_for("copy its whole address")
        time.sleep(0.5)  # for what would stop it
        port = urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0]).port
        assert port
        browser = at_the_end.enter_context(connect(port))
        query = f"code={CODE}&state={state_of(url)}"
        browser.sendall(f"GET /callback?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert process.stdout.readline() == "exchanging\n"
    assert "left." not in terminal.shown  # nor is anything written over the prompt, again and again


@pytest.mark.parametrize("when", ["waiting", "exchanging"])
@pytest.mark.parametrize("callback", ["paste", "auto"])
def test_ctrl_c_at_the_keyboard_ends_it_at_once(terminal: Terminal, callback: str, when: str) -> None:
    """Within a second, with the terminal as it was, also while a pasted code is being exchanged."""
    before = terminal.attributes()
    script = CHILD.format(tests=str(HELPERS))
    keys = {
        "redirect_uri": "http://127.0.0.1:0/callback" if callback == "auto" else URI,
        "callback": callback,
    }
    with (
        subprocess.Popen(
            [sys.executable, "-c", script, json.dumps(keys)],
            stdin=terminal.slave,
            stdout=subprocess.PIPE,
            stderr=terminal.slave,
            start_new_session=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        ) as process,
        ExitStack() as at_the_end,
    ):
        at_the_end.callback(process.kill)
        assert process.stdout
        url = process.stdout.readline().strip()
        terminal.wait_for("Paste here")
        assert terminal.is_raw()
        if when == "exchanging":
            terminal.type(f"code={CODE}&state={state_of(url)}\n")
            assert process.stdout.readline() == "exchanging\n"
        started = time.monotonic()
        terminal.type("\x03")
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - started < 1
        assert process.wait(5) == 130
        assert process.stdout.read() == ""
    shown = terminal.shown
    assert "Traceback" not in shown
    assert "Exception" not in shown
    assert CODE not in shown
    assert terminal.attributes() == before


# --- the listener and the paste together


def test_the_listener_wins_while_the_paste_waits(at_terminal: Terminal, streams: Streams) -> None:
    """The person has typed half an address when the browser comes back."""
    before = at_terminal.attributes()
    profile = make_profile(redirect_uri="http://127.0.0.1:0/callback")
    pages = []

    def browser(url: str) -> None:
        paste(at_terminal, "code=half-an-addr")
        at_terminal.wait_for("Pasted: 17 characters")
        uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        pages.append(follow(uri, f"code={CODE}&state={state_of(url)}"))

    endpoint, saved = TokenEndpoint(), list[Token]()
    streams.put_in_place()
    token = log_in(profile, endpoints(), post=endpoint, save=saved.append, browser=browser)
    assert saved == [token]
    assert len(endpoint.requests) == 1
    assert at_terminal.attributes() == before
    assert "half" not in at_terminal.shown
    assert "That was not it" not in at_terminal.shown
    assert [page.status for page in pages] == [200]


def test_the_paste_wins_while_the_listener_waits(at_terminal: Terminal, streams: Streams) -> None:
    """The browser is on another machine; whatever hangs at the listener is let go."""
    before = at_terminal.attributes()
    port = free_port()
    profile = make_profile(redirect_uri=f"http://127.0.0.1:{port}/callback")
    idle = list[socket.socket]()

    def browser(url: str) -> None:
        idle.append(connect(port))
        paste(at_terminal, f"http://127.0.0.1:{port}/callback?code={CODE}&state={state_of(url)}\n")

    endpoint, saved = TokenEndpoint(), list[Token]()
    streams.put_in_place()
    started = time.monotonic()
    token = log_in(profile, endpoints(), post=endpoint, save=saved.append, browser=browser)
    assert time.monotonic() - started < 2
    assert saved == [token]
    assert len(endpoint.requests) == 1
    assert CODE not in at_terminal.shown
    assert at_terminal.attributes() == before
    with idle[0]:
        assert idle[0].recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(port)
