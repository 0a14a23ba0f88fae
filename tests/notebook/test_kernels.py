"""The login in real kernels, with ipywidgets 8 and 7: what each cell shows, saves and raises."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kernels import Kernel, environment_with
from support import free_port

from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot

pytestmark = pytest.mark.heavy

WriteProfiles = Callable[..., Path]
GET = 'from aventus_creds import get_session\nsession = get_session("prod")'
ASK = 'print(session.get("/v1/me").status_code)'
BUTTON = """
from aventus_creds import LoginButton
button = LoginButton("prod")
button._login.looked_up()
print(button)
"""


@pytest.fixture(scope="session")
def older_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of an environment with ipywidgets 7, the one that Colab has."""
    return environment_with(tmp_path_factory.mktemp("ipywidgets7"), "ipywidgets==7.7.*", "ipykernel")


@pytest.fixture
def sandbox(write_profiles: WriteProfiles) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": {**sandbox.profiles()["aventus"], "login_timeout": 60}})
        yield sandbox


@pytest.fixture(params=["ipywidgets 8", "ipywidgets 7"])
def kernel(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Iterator[Kernel]:
    old = request.param == "ipywidgets 7"
    python = request.getfixturevalue("older_python") if old else sys.executable
    with Kernel(tmp_path, python, files(tmp_path)) as kernel:
        yield kernel


def files(tmp_path: Path) -> dict[str, str]:
    return {
        "AVENTUS_CREDS_PROFILES": str(tmp_path / "profiles.toml"),
        "AVENTUS_CREDS_STATE_DIR": str(tmp_path / "state"),
    }


only_newest = pytest.mark.parametrize("kernel", ["ipywidgets 8"], indirect=True)


def terminal(tmp_path: Path, *arguments: str) -> None:
    """Run aventus-creds as a person does in a terminal."""
    environment = {**os.environ, **files(tmp_path)}
    command = [sys.executable, "-m", "aventus_creds", *arguments]
    subprocess.run(command, env=environment, check=True, timeout=60, capture_output=True)


def log_in(kernel: Kernel, code: str = GET) -> None:
    kernel.start(code)
    Robot().browse(kernel.link())
    assert kernel.join() == ""


def test_a_login_in_a_cell(kernel: Kernel) -> None:
    """The cell shows the panel and the link, waits, and leaves the panel only."""
    log_in(kernel)
    assert [one["text/plain"] for one in kernel.shown] == ["<LoginButton prod: logged in>"]
    assert "application/vnd.jupyter.widget-view+json" in kernel.shown[0]
    assert "text/html" not in kernel.shown[0]
    assert kernel.run(ASK).strip() == "200"
    kernel.run(f"{BUTTON}\nbutton")
    assert "application/vnd.jupyter.widget-view+json" in kernel.shown[-1]


@only_newest
@pytest.mark.parametrize("where", ["kernel", "terminal"])
def test_a_logout_is_one_for_the_whole_kernel(kernel: Kernel, tmp_path: Path, where: str) -> None:
    """Neither get_session nor a new button goes on with the revoked token, though a panel is still there."""
    log_in(kernel)
    if where == "kernel":
        kernel.run("from aventus_creds import logout\nlogout('prod')")
    else:
        terminal(tmp_path, "logout", "prod")
    assert "not logged in" in kernel.run(BUTTON)
    log_in(kernel)
    assert kernel.run(ASK).strip() == "200"


@only_newest
def test_a_login_in_a_terminal_is_one_for_the_kernel(kernel: Kernel, tmp_path: Path) -> None:
    """Logged out and in again elsewhere: the kernel's next session has the new login."""
    log_in(kernel)
    code = "from aventus_creds import login, logout; from aventus_creds.sandbox.robot import Robot\n"
    terminal(tmp_path, "logout", "prod")
    environment = {**os.environ, **files(tmp_path)}
    again = [sys.executable, "-c", f"{code}login('prod', browser=Robot())"]
    subprocess.run(again, env=environment, check=True, timeout=60, capture_output=True)
    assert kernel.run(f"{GET}\n{ASK}").strip() == "200"
    assert kernel.shown == []


@only_newest
def test_min_ttl_offers_a_login(kernel: Kernel, sandbox: Sandbox) -> None:
    """The cached token is good, but ends too soon: a new one is offered, as in a script."""
    sandbox.token_lifetime = 600
    log_in(kernel)
    kernel.run(BUTTON)
    sandbox.token_lifetime = 7200
    log_in(kernel, 'session = get_session("prod", min_ttl=3600)')
    assert sandbox.logins("aventus-pkce") == 2
    sandbox.token_lifetime = 600
    kernel.start('session = get_session("prod", min_ttl=9000)')
    Robot().browse(kernel.link())
    assert "LifetimeTooShort: a new token lives" in kernel.join()


@only_newest
def test_login_shows_the_panel(kernel: Kernel, sandbox: Sandbox) -> None:
    """login() in a kernel is the panel, even with a good token; nothing is asked on a stream that is saved."""
    code = "from aventus_creds import login\ntoken = login('prod')"
    log_in(kernel, code)
    log_in(kernel, code)
    assert sandbox.logins("aventus-pkce") == 2
    assert [one["text/plain"] for one in kernel.shown] == ["<LoginButton prod: logged in>"]


@only_newest
def test_a_browser_of_ones_own_leaves_no_link(kernel: Kernel) -> None:
    """The function is called with the address; neither a stream nor the output keeps it."""
    code = "from aventus_creds.sandbox.robot import Robot\nfrom aventus_creds import get_session\n"
    assert kernel.run(f"{code}session = get_session('prod', browser=Robot())\n{ASK}").strip() == "200"
    assert "state=" not in str(kernel.shown)


@only_newest
def test_the_advice_to_paste_works_as_it_is_written(kernel: Kernel, tmp_path: Path) -> None:
    """Interrupt the cell, and run the line that it shows: no extension was loaded, the profile is from another file."""
    (tmp_path / "profiles.toml").rename(tmp_path / "other.toml")
    kernel.start(
        f'from aventus_creds import get_session\nget_session("prod", profiles={str(tmp_path / "other.toml")!r})'
    )
    link = kernel.link()
    advice = kernel.shown[-1]["text/plain"].rpartition("run: ")[2]
    assert advice == "%aventus_login prod --paste"
    kernel.interrupt()
    assert "KeyboardInterrupt" in kernel.join()
    kernel.start(advice)
    other = kernel.link()
    assert other != link
    kernel.answers = ["see above", Robot().redirect_address(other)]
    assert kernel.join() == ""
    assert len(kernel.questions) == 2
    kernel.run(f'session = get_session("prod", profiles={str(tmp_path / "other.toml")!r})')
    assert kernel.run(ASK).strip() == "200"


@only_newest
def test_errors_are_one_line_and_the_hint(kernel: Kernel) -> None:
    """No frames of this package; where the front end cannot answer, the hint says how a person who is there can."""
    text = kernel.run(GET, allow_stdin=False)
    assert text.splitlines() == [
        "LoginRequired: profile prod needs a login: there is no login yet",
        "Run: aventus-creds login prod",
        "If you are sitting at this notebook, pass interactive=True, or set AVENTUS_CREDS_INTERACTIVE=1.",
    ]
    assert "LoginRequired: nobody can log in" in kernel.run(
        "from aventus_creds import login\nlogin('prod')", allow_stdin=False
    )
    kernel.start('session = get_session("prod", interactive=True)', allow_stdin=False)
    Robot().browse(kernel.link())
    assert kernel.join() == ""


@only_newest
def test_a_button_heeds_the_variable(kernel: Kernel) -> None:
    """AVENTUS_CREDS_INTERACTIVE=1 where the front end says it cannot answer, and 0 where it says it can."""
    see = BUTTON + "print(button._login.state)"
    assert "out" in kernel.run(see, allow_stdin=False).splitlines()
    kernel.run("import os\nos.environ['AVENTUS_CREDS_INTERACTIVE'] = '0'")
    assert "out" in kernel.run(see).splitlines()
    kernel.run("os.environ['AVENTUS_CREDS_INTERACTIVE'] = '1'")
    assert "waiting" in kernel.run(see, allow_stdin=False).splitlines()


@only_newest
def test_the_magics_help_and_refuse_in_a_line(kernel: Kernel) -> None:
    """--help prints how to use them, a mistake is one line, and warnings are shown as before."""
    kernel.run("%load_ext aventus_creds\nimport warnings\nbefore = warnings.showwarning")
    assert kernel.run("%aventus_login --help").startswith("%aventus_login [NAME] [--paste]")
    assert "Usage: aventus-creds status" in kernel.run("%aventus_status --help")
    for mistake in ("a b", "--nonsense", "'"):
        text = kernel.run(f"%aventus_login {mistake}")
        assert text.startswith("UsageError: "), text
        assert len(text.splitlines()) == 1
    kernel.run("%aventus_status")
    assert kernel.run("print(warnings.showwarning is before)").strip() == "True"


@only_newest
def test_a_captured_cell_does_not_wait_unseen(kernel: Kernel) -> None:
    """Under %%capture nobody would see the link: the error says where to log in. With a token it works."""
    text = kernel.run(f"%%capture\n{GET}")
    assert text.startswith(
        "LoginRequired: profile prod needs a login, and the output of this cell is captured"
    )
    assert 'LoginButton("prod")' in text
    log_in(kernel)
    assert kernel.run(f"%%capture\n{GET}") == ""


def test_xeus_python_says_how_to_be_asked(
    sandbox: Sandbox, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """That kernel does not tell whether its front end can answer: the hint names interactive=True, which works."""
    python = environment_with(tmp_path_factory.mktemp("xeus"), "xeus-python", "ipywidgets")
    with Kernel(tmp_path, python, files(tmp_path), launcher="xpython_launcher") as kernel:
        text = kernel.run(GET)
        assert "LoginRequired: profile prod needs a login" in text
        assert "interactive=True" in text
        log_in(kernel, 'session = get_session("prod", interactive=True)')
        assert kernel.run(ASK).strip() == "200"
