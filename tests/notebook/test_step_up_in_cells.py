"""An API that wants more than the login has, in a real kernel: the panel offers that login."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kernels import Kernel
from support import free_port

from aventus_creds import login
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.people import GRACE
from aventus_creds.sandbox.robot import Robot

GET = 'from aventus_creds import get_session\nsession = get_session("prod")'
ASK = 'print(session.get("/v1/me").status_code)'
SHOWN = 'from aventus_creds.notebook.registry import shown_login\nprint(shown_login("prod").url)'
WHO = 'from aventus_creds import LoginButton\nbutton = LoginButton("prod")\nbutton._login.looked_up()\n'


@pytest.fixture
def sandbox(write_profiles: Callable[..., Path]) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        keys = {
            **sandbox.profiles()["oidc"],
            "redirect_uri": f"http://127.0.0.1:{free_port()}/callback",
            "scope": "openid email offline_access read:contacts",
        }
        write_profiles({"prod": {**keys, "login_timeout": 60}})
        yield sandbox


@pytest.fixture
def kernel(sandbox: Sandbox, tmp_path: Path) -> Iterator[Kernel]:
    login("prod", browser=Robot().browse)
    files = {
        "AVENTUS_CREDS_PROFILES": str(tmp_path / "profiles.toml"),
        "AVENTUS_CREDS_STATE_DIR": str(tmp_path / "state"),
    }
    with Kernel(tmp_path, sys.executable, files) as kernel:
        assert kernel.run(f"{GET}\n{ASK}").strip() == "200"
        yield kernel


def test_the_panel_offers_it(kernel: Kernel, sandbox: Sandbox) -> None:
    """The cell ends with LoginPending, which says what is missing; after the login above, it runs."""
    sandbox.api_wants = {"scope": "write:contacts"}
    said = kernel.run(ASK)
    assert "LoginPending" in said
    assert "the scope write:contacts" in said
    assert 'login prod --scope "write:contacts"' in said
    assert [one["text/plain"] for one in kernel.shown] == ["<LoginButton prod: not logged in>"]
    assert "text/html" not in kernel.shown[0]  # a link would be saved with the notebook
    url = kernel.run(SHOWN).strip()
    assert "write%3Acontacts" in url
    assert "LoginPending" in kernel.run(ASK)
    assert kernel.run(SHOWN).strip() == url  # the same login is offered
    sandbox.api_wants = {"acr_values": "gold"}
    assert "LoginPending" in kernel.run(ASK)
    url = kernel.run(
        f"import time\nwhile 'gold' not in shown_login('prod').url: time.sleep(0.05)\n{SHOWN}"
    ).strip()
    assert "acr_values=gold" in url
    Robot().browse(url)
    assert kernel.run(f"{WHO}{ASK}").strip() == "200"


def test_nobody_there(kernel: Kernel, sandbox: Sandbox) -> None:
    """Where no front end can answer, the error has the command, and no panel is shown."""
    sandbox.api_wants = {"scope": "write:contacts"}
    said = kernel.run(ASK, allow_stdin=False)
    assert "StepUpRequired" in said
    assert "aventus-creds login prod --scope" in said
    assert kernel.shown == []


def test_somebody_else(kernel: Kernel) -> None:
    """The panel says whose login it was before, and whose it is."""
    kernel.run(f"{WHO}button._login.begin_anew()")
    kernel.run("import time\nwhile not button._login.url: time.sleep(0.05)")
    url = kernel.run("print(button._login.url)").strip()
    Robot(username=GRACE.username, password=GRACE.password).browse(url)
    said = kernel.run(
        "while button._login.state != 'in': time.sleep(0.05)\nprint(button._login.notice, button._status.value)"
    )
    assert "This is another account than before, which was ada@example.com." in said
    assert "as grace@example.com" in said
