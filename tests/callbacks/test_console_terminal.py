"""The console: the terminal while a paste is waited for, and that it is given back as it was.

``Terminal`` is a pseudo-terminal: the test types at its other side, and reads what is on the screen.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO
from urllib.parse import parse_qs, urlsplit

import pytest
from attempts import CODE, FakeAttempt, Login, connect, make_login, state_of
from console_terminal import URI, Start, Terminal, paste
from support import HELPERS, make_profile

from aventus_creds.errors import LoginTimeout, TokenRefused

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

import termios


@pytest.fixture
def login() -> Login:
    return make_login(URI)


@contextmanager
def at(terminal: Terminal, *code_and_arguments: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Run Python code in a session of its own at ``terminal``; gives the process and its standard output."""
    with subprocess.Popen(
        [sys.executable, "-c", *code_and_arguments],
        stdin=terminal.slave,
        stdout=subprocess.PIPE,
        stderr=terminal.slave,
        start_new_session=True,
        text=True,
    ) as process:
        try:
            assert process.stdout
            yield process, process.stdout
        finally:
            process.kill()


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
    """Behind a shell's prompt, its login touches no terminal settings, which would stop it; the browser serves.

    Nor does it ask for a paste, which the shell would get, and run.
    """
    script = CHILD.format(tests=str(HELPERS))
    script = script.replace("fcntl.ioctl(0, termios.TIOCSCTTY, 0)", "import os")
    script = script.replace("time.sleep(30)", "os._exit(0)")
    keys = {"redirect_uri": "http://127.0.0.1:0/callback"}
    with at(terminal, IN_BACKGROUND, script, json.dumps(keys)) as (_, told), ExitStack() as at_the_end:
        url = told.readline().strip()
        terminal.wait_for("Ctrl-C ends it")
        time.sleep(0.5)  # for what would stop it
        port = urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0]).port
        assert port
        browser = at_the_end.enter_context(connect(port))
        query = f"code={CODE}&state={state_of(url)}"
        browser.sendall(f"GET /callback?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert told.readline() == "exchanging\n"
    assert "paste" not in terminal.shown.lower()
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
    with at(terminal, script, json.dumps(keys)) as (process, told):
        url = told.readline().strip()
        terminal.wait_for("Paste here")
        assert terminal.is_raw()
        if when == "exchanging":
            terminal.type(f"code={CODE}&state={state_of(url)}\n")
            assert told.readline() == "exchanging\n"
        started = time.monotonic()
        terminal.type("\x03")
        last, after = told.readline(), time.monotonic() - started
        assert (last, process.wait(5)) == ("interrupted\n", 130), terminal.shown
        assert after < 1
        assert told.read() == ""
    shown = terminal.shown
    assert "Traceback" not in shown
    assert "Exception" not in shown
    assert CODE not in shown
    assert terminal.attributes() == before
