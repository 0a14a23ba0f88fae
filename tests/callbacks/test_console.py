"""The console: the address that it prints, the browser that it opens, and the listener beside it.

``Terminal`` is a pseudo-terminal: the test types at its other side, and reads what is on the screen.
"""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
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
from console_terminal import URI, Start, Streams, Terminal, paste
from support import REPOSITORY, free_port, make_profile

from aventus_creds.tokens import Token

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)


@pytest.fixture
def login() -> Login:
    return make_login(URI)


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
        "from aventus_creds.callbacks.browser import no_browser, system_browser;"
        "(system_browser() or no_browser)('https://as.example.com/authorize?x')"
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
