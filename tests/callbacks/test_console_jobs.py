"""The console under a real shell: jobs that are stopped, in the background, and with standard input elsewhere."""

from __future__ import annotations

import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from attempts import CODE, follow, state_of
from console_terminal import Terminal
from support import Sent, Web, free_port, unavailable

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

LOGIN = f"{sys.executable} -m aventus_creds login"
PUBLIC = "https://app.example.com/callback"


class Prompt:
    """A shell at a terminal, and the server of the profiles there: ``prod`` listens, ``far`` can only be pasted."""

    def __init__(self, terminal: Terminal, web: Web) -> None:
        self.terminal = terminal
        self._web = web
        self._seen = 0

    def codes(self) -> list[str]:
        return [parse_qs(seen.body.decode())["code"][0] for seen in self._web.seen if seen.method == "POST"]

    def run(self, command: str) -> None:
        self._seen = len(self.terminal.shown)
        self.terminal.type(command + "\n")

    def shows(self, text: str) -> str:
        """Wait for ``text`` in what has been shown since the last command, and return that."""
        deadline = time.monotonic() + 20
        while text not in self.terminal.shown[self._seen :]:
            assert time.monotonic() < deadline, self.terminal.shown
            time.sleep(0.01)
        return self.terminal.shown[self._seen :]

    def url(self) -> str:
        """Return the address of the last login that was shown."""
        found: list[str] = re.findall(r"\n  (http\S+)", self.terminal.shown)
        return found[-1]

    def redirect(self, code: str = CODE) -> None:
        uri = parse_qs(urlsplit(self.url()).query)["redirect_uri"][0]
        assert follow(uri, f"code={code}&state={state_of(self.url())}").status == 200

    def paste(self, code: str) -> None:
        self.terminal.wait_until_raw()
        self.terminal.type(f"{PUBLIC}?code={code}&state={state_of(self.url())}\n")


@pytest.fixture(params=["bash --norc --noprofile -i", "zsh -f -i"])
def prompt(
    request: pytest.FixtureRequest, terminal: Terminal, web: Web, write_profiles: Callable[..., Path]
) -> Iterator[Prompt]:
    if shutil.which(request.param.split()[0]) is None:
        unavailable(f"{request.param} is not installed")
    with _shell(terminal, web, write_profiles, *request.param.split()) as prompt:
        yield prompt


@pytest.fixture
def bash(terminal: Terminal, web: Web, write_profiles: Callable[..., Path]) -> Iterator[Prompt]:
    with _shell(terminal, web, write_profiles, "bash", "--norc", "--noprofile", "-i") as prompt:
        yield prompt


@contextmanager
def _shell(
    terminal: Terminal, web: Web, write_profiles: Callable[..., Path], *command: str
) -> Iterator[Prompt]:
    web.answer = lambda _: Sent(body={"access_token": "the-access-token", "expires_in": 3600})
    keys = {"authorize_url": f"{web.url}/authorize", "token_url": f"{web.url}/token", "client_id": "c"}
    write_profiles(
        {
            "prod": {**keys, "redirect_uri": f"http://127.0.0.1:{free_port()}/callback"},
            "far": {**keys, "redirect_uri": PUBLIC},
        }
    )
    with terminal.running(*command, COLUMNS="500"):
        terminal.resize(500)
        prompt = Prompt(terminal, web)
        prompt.run("echo rea''dy")
        prompt.shows("ready")
        yield prompt


LONG = "c" * 20_000


@pytest.mark.parametrize("profile", ["prod", "far"])
def test_after_ctrl_z_and_fg_a_paste_is_hidden_and_whole(prompt: Prompt, profile: str) -> None:
    """The shell resets the terminal: echo and a line of 4096 characters at most."""
    prompt.run(f"{LOGIN} {profile}")
    prompt.shows("Paste here")
    url = prompt.url()
    prompt.terminal.type("\x1a")
    prompt.run("")
    prompt.run("echo stop''ped")
    prompt.shows("stopped\r\n")
    prompt.run("fg")
    prompt.shows("Paste here")
    prompt.terminal.wait_until_raw()
    prompt.terminal.type(f"{PUBLIC}?code={LONG}&state={state_of(url)}\n")
    prompt.shows(f"Logged in to {profile}")
    assert prompt.codes() == [LONG]
    assert "cccc" not in prompt.terminal.shown


def test_after_ctrl_z_and_bg_the_keyboard_is_the_shells_and_the_redirect_is_taken(prompt: Prompt) -> None:
    """A read or a change of the mode from the background would stop the process."""
    prompt.run(f"{LOGIN} prod")
    prompt.shows("Paste here")
    prompt.terminal.type("\x1a")
    prompt.run("bg")
    for word in ("one", "two", "three"):
        prompt.run(f"echo {word[0]}''{word[1:]}; sleep 0.3")
        prompt.shows(f"{word}\r\n")
    prompt.redirect()
    prompt.shows("Logged in to prod")
    assert prompt.codes() == [CODE]
    prompt.run("echo still''echoed")
    assert "echo still''echoed" in prompt.shows("stillechoed\r\n")


def test_back_in_the_foreground_pasting_is_offered_again(bash: Prompt) -> None:
    """It was started in the background, where nothing was said of pasting."""
    bash.run(f"{LOGIN} prod &")
    bash.shows("Ctrl-C ends it")
    bash.run("echo wait''ing; sleep 0.5")
    assert "paste" not in bash.shows("waiting\r\n").lower()
    bash.run("fg")
    bash.shows("paste it here")
    bash.paste("from-the-keyboard")
    bash.shows("Logged in to prod")
    assert bash.codes() == ["from-the-keyboard"]


def test_a_process_group_in_the_background_asks_for_no_paste(bash: Prompt, tmp_path: Path) -> None:
    """``timeout`` makes one: what is pasted goes to the shell, which would run it later."""
    script = tmp_path / "job.sh"
    script.write_text(f"timeout 25 {LOGIN} prod\n")
    bash.run(f"bash {script}")
    bash.shows("Ctrl-C ends it")
    bash.redirect()
    assert "paste" not in bash.shows("Logged in to prod").lower()


def test_a_login_by_paste_alone_in_the_background_ends_at_once(bash: Prompt) -> None:
    """Nobody could ever paste."""
    bash.run(f"timeout 25 {LOGIN} far &")
    shown = bash.shows("can only be pasted, and this is a background job of its terminal")
    assert "http" not in shown.replace("http://127", "")


@pytest.mark.parametrize("profile", ["prod", "far"])
def test_standard_input_that_is_no_keyboard_is_left_alone(bash: Prompt, tmp_path: Path, profile: str) -> None:
    """A list is not eaten, in a file or in a pipe; the person pastes at the terminal all the same."""
    (tmp_path / "list").write_text(f"{profile}\nthe-rest\n")
    for start, end in ((f"cat {tmp_path}/list | ", ""), ("", f" < {tmp_path}/list")):
        bash.run(
            f"{start}while read name; do echo got: $name; test \"$name\" = '{profile}' && {LOGIN} $name; done{end}"
        )
        bash.shows("Paste here")
        bash.paste(f"code-{len(bash.codes())}")
        bash.shows(f"Logged in to {profile}")
        bash.shows("got: the-rest\r\n")
    bash.run(f"{LOGIN} {profile} < /dev/null")
    bash.shows("Paste here")
    bash.paste("code-2")
    bash.shows(f"Logged in to {profile}")
    assert bash.codes() == ["code-0", "code-1", "code-2"]


@pytest.mark.parametrize("stream", ["2> log", "< /dev/null 2> log"])
def test_nothing_is_read_where_nobody_sees_the_question(bash: Prompt, tmp_path: Path, stream: str) -> None:
    """With standard error in a file and another standard input, the keyboard is not this program's."""
    bash.run(f"cd {tmp_path}; {LOGIN} far < /dev/null 2> log; cat log")
    bash.shows("there is no terminal to paste it at")
