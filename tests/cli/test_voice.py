"""How the program speaks: one spelling of errors, colours where they are wanted, --debug and -q in any place."""

from __future__ import annotations

import logging
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import KEYS, command, save
from support import Sent, Web, free_port, make_token

from aventus_creds.basics.terminal import wrapped
from aventus_creds.cli.commands import run

WriteProfiles = Callable[..., Path]
Prints = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["logn"], "error: there is no command 'logn'; did you mean 'login'?"),
        (["nonsense"], "error: there is no command 'nonsense'; all of them: aventus-creds --help"),
        (["help", "profile", "ad"], "error: there is no command 'ad'; did you mean 'add'?"),
        (["help", "login", "prod"], "error: there is no command 'login prod'"),
        (["store", "mov"], "error: there is no command 'mov'; did you mean 'move'?"),
        (
            ["store", "nonsense"],
            "error: there is no command 'nonsense'; all of them: aventus-creds store --help",
        ),
        (["profile", "ad"], "error: there is no command 'ad'; did you mean 'add'?"),
        (["status", "--min-ttl", "soon"], "error: "),
    ],
)
def test_a_slip_of_the_pen(arguments: list[str], said: str, capsys: Prints) -> None:
    """Usage, then an error in the one spelling, with the word that was meant."""
    assert run(arguments) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.startswith("Usage: aventus-creds")
    assert "Error: " not in shown


def test_a_slip_in_an_option(capsys: Prints) -> None:
    """The words are click's, whose versions differ in quotes."""
    assert run(["login", "--devce"]) == 2
    shown = capsys.readouterr().err
    assert "error: No such option" in shown
    assert "Did you mean --device?" in shown.replace("'", "")
    assert shown.startswith("Usage: aventus-creds")
    assert "Error: " not in shown


def test_help_and_version_as_commands(capsys: Prints) -> None:
    """As in git: ``help COMMAND`` is ``COMMAND --help``."""
    assert run(["help", "profile", "add"]) == 0
    asked = capsys.readouterr().out
    assert run(["profile", "add", "--help"]) == 0
    assert asked == capsys.readouterr().out
    assert run(["help"]) == 0
    assert "doctor" in capsys.readouterr().out
    assert run(["version"]) == 0
    assert capsys.readouterr().out[0].isdigit()


@pytest.mark.parametrize(
    "arguments", [["--debug", "token", "prod"], ["token", "--debug", "prod"], ["token", "prod", "--debug"]]
)
def test_debug_shows_each_request(
    arguments: list[str], web: Web, write_profiles: WriteProfiles, capsys: Prints
) -> None:
    """Method, address without its query, outcome and time; nothing of what was said. And only in this command."""
    endpoints = {"authorize_url": f"{web.url}/authorize", "token_url": f"{web.url}/token?tenant=hush"}
    write_profiles({"prod": {**endpoints, "client_id": "c", "retries": 0}})
    web.answer = lambda _: Sent(
        body={"access_token": "a-new-token", "token_type": "Bearer", "expires_in": 60}
    )
    save("prod", make_token(age=7200, refresh_token="the-refresh-token"))
    before = logging.getLogger("aventus_creds").handlers[:]
    assert run(arguments) == 0
    shown = capsys.readouterr()
    assert f"POST {web.url}/token: HTTP 200, " in shown.err
    assert not any(word in shown.err for word in ("hush", "a-new-token", "the-refresh-token"))
    assert logging.getLogger("aventus_creds").handlers == before
    save("prod", make_token(age=7200, refresh_token="the-refresh-token"))
    assert run(["token", "prod"]) == 0
    assert "POST" not in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["-q", "status"], ["status", "-q"], ["status", "--quiet"]])
def test_quiet(arguments: list[str], write_profiles: WriteProfiles, capsys: Prints) -> None:
    """Nothing but errors and warnings, and the exit code stays; the next command speaks again."""
    write_profiles({"prod": KEYS})
    assert run(arguments) == 3
    assert capsys.readouterr().err == ""
    assert run(["-q", "token", "nobody"]) == 4
    assert "error: " in capsys.readouterr().err
    assert run(["status"]) == 3
    assert "needs a login" in capsys.readouterr().err


def test_what_follows_a_command_of_exec_is_its_own(write_profiles: WriteProfiles) -> None:
    """``exec prod python -q`` passes -q on."""
    write_profiles({"prod": KEYS})
    save("prod", make_token())
    done = command("exec", "prod", sys.executable, "-c", "import sys; print(sys.argv)", "-q", "--debug")
    assert done.stdout == "['-c', '-q', '--debug']\n"
    assert done.stderr == ""


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
    ids=["a terminal", "TERM=dumb", "NO_COLOR"],
)
def test_colours_where_they_are_wanted(
    write_profiles: WriteProfiles, environment: dict[str, str], *, coloured: bool
) -> None:
    """At a terminal, unless its user does not want them; never in a pipe."""
    write_profiles({"prod": {**KEYS, "issuer": f"http://127.0.0.1:{free_port()}", "retries": 0}})
    clean = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM"}}
    for word, texts in {
        "token": ["\x1b[31m\x1b[1merror:"],
        "doctor": ["\x1b[32m\x1b[1m✓", "\x1b[31m\x1b[1m✗", "\x1b[1mprod"],
    }.items():
        said = at_a_terminal(word, clean | environment)
        for text in texts:
            plain = re.sub(r"\x1b\[[0-9]*m", "", text)
            assert (text if coloured else plain) in said
        assert ("\x1b[" in said) == coloured
        assert "\x1b[" not in (done := command(word, "prod", TERM="xterm")).stderr + done.stdout


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_lines_break_between_words(write_profiles: WriteProfiles) -> None:
    """At a narrow terminal, what is told goes on below its mark, and a command stays whole. No pipe is wrapped."""
    write_profiles({"prod": {**KEYS, "issuer": f"http://127.0.0.1:{free_port()}", "retries": 0}})
    environment = {**os.environ, "TERM": "dumb"}
    lines = at_a_terminal("doctor", environment, columns=60).splitlines()
    assert all(
        len(line) <= 60 or " " not in line.strip(" ✓✗") for line in lines if "aventus-creds " not in line
    )
    start = next(number for number, line in enumerate(lines) if line.startswith("  ✗ discovery:"))
    assert lines[start + 1].startswith("    ")
    told = re.sub(r"\s+", " ", " ".join(lines))
    for line in command("doctor", "prod").stdout.splitlines():
        if "127.0.0.1" not in line:  # a free port is another one each time
            assert line.strip() in told
    shown = at_a_terminal("token", environment, columns=24).splitlines()
    assert shown[:-1] == ["error: profile prod", "needs a login: there is", "no login yet"]
    assert shown[-1] == "Run: aventus-creds login prod"


@pytest.mark.parametrize(
    "told",
    [
        "prod needs a login: aventus-creds login prod",
        "Run: AVENTUS_CREDS_PROFILES='/a b' aventus-creds login prod",
        "can be read by others: chmod 600 '/a folder/profiles.toml'",
        "Run: pip install 'aventus-creds[redis]'",
    ],
)
def test_a_command_stays_whole(told: str) -> None:
    """It can be copied. The lines around it break."""
    assert wrapped(f"one two three\n{told}\nfour five six", 9) == f"one two\nthree\n{told}\nfour five\nsix"


def at_a_terminal(word: str, environment: dict[str, str], columns: int = 0) -> str:
    """Return what a command on the profile ``prod`` shows."""
    import fcntl  # not on Windows
    import pty
    import termios

    near, far = pty.openpty()
    if columns:
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    subprocess.run(
        [sys.executable, "-m", "aventus_creds", word, "prod"],
        stdout=far,
        stderr=far,
        env=environment,
        check=False,
    )
    os.close(far)
    said = os.read(near, 65536).decode()
    os.close(near)
    return said
