"""Whether anybody is there to log in: at a terminal of a build service, and in IPython."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attempts import state_of
from console_terminal import Terminal
from support import Sent, Web, free_port

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

PUBLIC = "https://app.example.com/callback"
ASK = """
from aventus_creds import get_token
from aventus_creds.errors import LoginRequired
try:
    get_token("far"{arguments})
except LoginRequired as required:
    print("nobody:", required.hint)
else:
    print("logged in")
"""


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    yield terminal
    terminal.hang_up()


@pytest.fixture(autouse=True)
def _profiles(web: Web, write_profiles: Callable[..., Path]) -> None:
    web.answer = lambda _: Sent(body={"access_token": "the-access-token", "expires_in": 3600})
    keys = {"authorize_url": f"{web.url}/authorize", "token_url": f"{web.url}/token", "client_id": "c"}
    write_profiles(
        {
            "far": {**keys, "redirect_uri": PUBLIC},
            "prod": {**keys, "redirect_uri": f"http://127.0.0.1:{free_port()}/callback"},
        }
    )


def paste(terminal: Terminal, code: str = "c") -> None:
    url = terminal.wait_for("Paste here").partition("\n  http")[2].partition("\r")[0]
    terminal.type(f"{PUBLIC}?code={code}&state={state_of('http' + url)}\n")


@pytest.mark.parametrize("ci", ["true", "1", "woodpecker"])
def test_a_build_service_is_nobody_although_it_has_a_terminal(terminal: Terminal, ci: str) -> None:
    """Some run their jobs at a pseudo-terminal: a login would wait for its time limit."""
    with terminal.running(sys.executable, "-c", ASK.format(arguments=""), CI=ci):
        assert "nobody:" in terminal.wait_for("aventus-creds login far")


@pytest.mark.parametrize(
    ("ci", "variable", "arguments"),
    [
        ("true", "1", ""),
        ("true", "", ", interactive=True"),
        ("", "", ""),
        ("false", "", ""),
        ("0", "", ""),
    ],
)
def test_a_person_there_says_so(terminal: Terminal, ci: str, variable: str, arguments: str) -> None:
    """The variable and the argument decide; CI=false is no build service."""
    script = ASK.format(arguments=arguments)
    with terminal.running(sys.executable, "-c", script, CI=ci, AVENTUS_CREDS_INTERACTIVE=variable):
        paste(terminal)
        terminal.wait_for("logged in")


class IPython:
    """IPython at a terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    def run(self, line: str) -> None:
        self.terminal.wait_for("]: ")
        self.terminal.type(f"{line}\n")


@pytest.fixture
def ipython(terminal: Terminal, tmp_path: Path) -> Iterator[IPython]:
    command = [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"]
    with terminal.running(*command, IPYTHONDIR=str(tmp_path / "ipython")):
        prompt = IPython(terminal)
        prompt.run("%load_ext aventus_creds")
        yield prompt


@pytest.mark.parametrize(
    "line", ["%aventus_login far", "%aventus_login far --paste", "%aventus_login prod --paste"]
)
def test_the_magic_in_a_terminal_logs_in_as_the_command_does(ipython: IPython, web: Web, line: str) -> None:
    """No button, which nothing can show, and no prompt that cuts at 4096 characters."""
    ipython.run(line)
    code = "c" * 20_000
    paste(ipython.terminal, code)
    shown = ipython.terminal.wait_for("Logged in to")
    assert "LoginButton" not in shown
    assert "cccc" not in shown
    assert f"code={code}&".encode() in web.seen[-1].body


def test_the_magic_in_a_terminal_listens_too(ipython: IPython) -> None:
    """Without --paste the browser's redirect ends it."""
    from urllib.parse import parse_qs, urlsplit

    from attempts import follow

    ipython.run("%aventus_login prod")
    url = "http" + ipython.terminal.wait_for("Paste here").partition("\n  http")[2].partition("\r")[0]
    uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
    assert follow(uri, f"code=c&state={state_of(url)}").status == 200
    ipython.terminal.wait_for("Logged in to prod.")
