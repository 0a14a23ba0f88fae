"""A wait above a second shows at a terminal, and is gone from it afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import command
from hanging_server import EXPIRED, HangingServer, logged_in
from support import Sent, Web

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals", allow_module_level=True)

from seated import at_terminal

GONE = "\r\x1b[K"
WriteProfiles = Callable[..., Path]


@pytest.fixture
def server(web: Web, write_profiles: WriteProfiles) -> Iterator[HangingServer]:
    """A profile ``prod`` with an expired token, and a token endpoint that waits for its gate."""
    logged_in(web, write_profiles, EXPIRED, retries=2)
    server = HangingServer(web)
    yield server
    server.gate.set()


def test_a_slow_server(server: HangingServer) -> None:
    """The bar turns, and nothing of it is left beside the token."""
    with at_terminal("token", "prod", TERM="xterm") as person:
        person.sees("| waiting for http://127.0.0.1")
        person.sees("/ waiting for http://127.0.0.1")
        server.gate.set()
        code, shown = person.ends()
    assert code == 0
    assert shown.rpartition("/token")[2] == f"{GONE}a1\r\n"


def test_a_server_that_asks_for_time(server: HangingServer) -> None:
    """Between two requests it says so too."""
    server.gate.set()
    answers = iter([Sent(503, b"", {"Retry-After": "2"})])
    server.answers = lambda: next(answers, None)
    with at_terminal("token", "prod", TERM="xterm") as person:
        person.sees("| waiting for the moment to try again")
        code, shown = person.ends()
    assert code == 0
    assert shown.endswith(f"{GONE}a1\r\n")


def test_another_process(server: HangingServer) -> None:
    """Who waits for a refresh of somebody else's sees whom the wait is for."""
    with at_terminal("token", "prod", TERM="xterm"):
        assert server.arrived.wait(20)
        with at_terminal("token", "prod", TERM="xterm") as person:
            person.sees("| waiting for another process")
            server.gate.set()
            code, shown = person.ends()
    assert code == 0
    assert shown.endswith(f"{GONE}a1\r\n")
    assert server.asked == 1


def test_ctrl_c(server: HangingServer) -> None:
    """The line is gone before the last word."""
    answer = Sent(503, b"", {"Retry-After": "60"})
    server.answers = lambda: answer
    with at_terminal("token", "prod", TERM="xterm") as person:
        person.sees("| waiting for the moment to try again")
        person.types("\x03")
        code, shown = person.ends()
    assert code == 130
    assert f"{GONE}Finishing the refresh" in shown
    assert shown.endswith("\r\nInterrupted.\r\n")


@pytest.mark.parametrize(
    ("words", "environment"),
    [(["-q"], {"TERM": "xterm"}), (["--debug"], {"TERM": "xterm"}), ([], {"TERM": "dumb"})],
)
def test_where_none_is_wanted(server: HangingServer, words: list[str], environment: dict[str, str]) -> None:
    """Quiet, told by the log, or on a terminal that cannot rewrite a line."""
    server.gate.set()
    answers = iter([Sent(503, b"", {"Retry-After": "2"})])
    server.answers = lambda: next(answers, None)
    with at_terminal(*words, "token", "prod", **environment) as person:
        code, shown = person.ends()
    assert code == 0
    assert server.asked == 2
    assert "waiting for" not in shown


def test_a_pipe(server: HangingServer) -> None:
    """Under cron nobody looks."""
    server.gate.set()
    answers = iter([Sent(503, b"", {"Retry-After": "2"})])
    server.answers = lambda: next(answers, None)
    done = command("token", "prod")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a1\n", "")
