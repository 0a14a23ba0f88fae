"""An API that wants more than the login has: what it says, the command that is told, and the login that brings it."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import ROBOT
from support import free_port, variables_shown

from aventus_creds import get_session, get_token, login, logout
from aventus_creds.errors import (
    ConfigError,
    LoginRefused,
    LoginRequired,
    NotGrantedWarning,
    StepUpRequired,
)
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.people import GRACE
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import jwt_claims

SCOPE = "openid profile offline_access read:contacts"


@pytest.fixture
def sandbox(write_profiles: Callable[..., Path]) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        profiles = sandbox.profiles()
        write_profiles(
            {
                "prod": {**profiles["oidc"], "redirect_uri": f"http://127.0.0.1:{free_port()}/callback"},
                "service": {**profiles["backoffice"], "grant": "client_credentials"},
            }
        )
        yield sandbox


def browser(**keys: Any) -> Callable[[str], object]:
    return Robot(**keys).browse


def asked(sandbox: Sandbox) -> int:
    """How many requests the token endpoint got."""
    return sum(record.endpoint == "token" for record in sandbox.journal)


def test_a_scope(sandbox: Sandbox) -> None:
    """The error names it and the command; nothing is refreshed. After that login the same session has it."""
    first = login("prod", browser=browser())
    session = get_session("prod")
    sandbox.api_wants = {"scope": "write:contacts"}
    before = asked(sandbox)
    with pytest.raises(StepUpRequired) as short:
        session.get("/v1/contacts")
    assert asked(sandbox) == before
    assert "the scope write:contacts" in short.value.message
    assert short.value.hint.endswith('aventus-creds login prod --scope "write:contacts"')
    assert isinstance(short.value, LoginRequired)
    assert (short.value.response.status_code, short.value.response.json()) == (
        403,
        {"error": "insufficient_scope"},
    )
    shown = variables_shown(short.value) + repr(vars(short.value.response.request)) + repr(short.value)
    assert first.access_token not in shown
    new = login("prod", scope="write:contacts", browser=browser())
    assert set((new.scope or "").split()) == {*SCOPE.split(), "write:contacts"}
    assert session.get("/v1/contacts").status_code == 200
    assert "write:contacts" in session.login.scopes


def test_the_told_command_works(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is written, in a shell; the session finds that login. Its scope stays when it is refreshed."""
    login("prod", browser=browser())
    sandbox.api_wants = {"scope": "write:contacts", "acr_values": "gold", "max_age": "3600"}
    session = get_session("prod")
    monkeypatch.setenv("BROWSER", ROBOT)
    for _ in range(2):
        with pytest.raises(StepUpRequired) as short:
            session.get("/v1/contacts")
        words = shlex.split(short.value.hint.removeprefix("Run: "))
        start = words.index("aventus-creds")
        done = subprocess.run(
            [sys.executable, "-m", "aventus_creds", *words[start + 1 :]],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "did not grant" not in done.stderr
    assert session.get("/v1/contacts").status_code == 200
    sandbox.revoke_all("oidc-public", refresh_tokens=False)
    assert session.get("/v1/contacts").status_code == 200
    assert "write:contacts" in session.login.scopes


@pytest.mark.parametrize("wants", [{"acr_values": "gold silver"}, {"max_age": "60"}])
def test_a_stronger_login(sandbox: Sandbox, wants: dict[str, str]) -> None:
    """RFC 9470: the class and the age are asked for, and what the ID token says of them is looked at."""
    sandbox.auth_age = 1000
    login("prod", browser=browser())
    session = get_session("prod")
    sandbox.api_wants = wants
    before = asked(sandbox)
    with pytest.raises(StepUpRequired) as short:
        session.get("/v1/contacts")
    assert asked(sandbox) == before
    options = {"acr_values": "gold silver"} if "acr_values" in wants else {"max_age": 60}
    assert next(iter(wants.values())) in short.value.hint
    sandbox.acr = ""
    with pytest.warns(
        NotGrantedWarning, match="and not within 60 s" if "max_age" in wants else "of no class"
    ) as told:
        login("prod", browser=browser(), **options)
    assert len(told) == 1
    sandbox.acr, sandbox.auth_age = None, 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        token = login("prod", browser=browser(), **options)
    assert session.get("/v1/contacts").status_code == 200
    assert jwt_claims(token.id_token or "").get("acr", "") == ("gold" if "acr_values" in wants else "")


def test_who_handles_it_alone(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no person's login could bring more, the caller has the answer: a client's own token, an injected one."""
    token = login("prod", browser=browser())
    sandbox.api_wants = {"scope": "write:everything"}
    assert get_session("service").get("/v1/contacts").status_code == 403
    monkeypatch.setenv("AVENTUS_CREDS_TOKEN_PROD", token.access_token)
    assert get_session("prod").get("/v1/contacts").status_code == 403
    with pytest.raises(ConfigError, match="no person's login"):
        login("service", scope="write:everything")


def test_a_scope_of_its_own(sandbox: Sandbox, no_browser: Callable[[str], object]) -> None:
    """get_session(scope=…) has a login apart from the profile's, narrower or wider; its command is told."""
    login("prod", browser=browser())
    with pytest.raises(LoginRequired) as needed:
        get_session("prod", scope="read:contacts", interactive=False)
    assert needed.value.hint.splitlines()[0].endswith('login prod --scope "read:contacts" --only')
    narrow = login("prod", scope=["read:contacts"], only=True, browser=browser())
    assert narrow.scope == "read:contacts"
    session = get_session("prod", scope="read:contacts", browser=no_browser)
    assert session.login.scopes == ("read:contacts",)
    assert get_token("prod", scope=["read:contacts"], browser=no_browser) == narrow
    assert get_token("prod", browser=no_browser).scope == SCOPE
    assert get_session("prod", scope=SCOPE, browser=no_browser).login.scopes == tuple(SCOPE.split())
    sandbox.api_wants = {"scope": "write:contacts"}
    with pytest.raises(StepUpRequired) as short:
        session.get("/v1/contacts")
    assert short.value.hint == 'Ask for it: get_session("prod", scope="read:contacts write:contacts")'
    with pytest.raises(ConfigError, match="scope must"):
        get_session("prod", scope="a\x00b")
    assert logout("prod", scope="read:contacts").revoked
    assert get_token("prod", browser=no_browser).scope == SCOPE


def test_an_account(sandbox: Sandbox) -> None:
    """A login of another account than the one asked for is refused, and does not replace the one that there is."""
    first = login("prod", account="Ada", browser=browser())
    with pytest.raises(LoginRefused, match="not of ada, but of Grace Hopper") as refused:
        login("prod", account="ada", browser=browser(username=GRACE.username, password=GRACE.password))
    assert "--prompt select_account" in refused.value.hint
    profile = read_profiles().profile("prod")
    assert default_store().load(profile.key) == first
    opened: list[str] = []

    def grace(url: str) -> object:
        opened.append(url)
        return browser(username=GRACE.username, password=GRACE.password)(url)

    assert login("prod", account="grace hopper", prompt="login", browser=grace) != first
    assert "login_hint=grace%20hopper" in opened[0]
    assert "prompt=login" in opened[0]


def test_two_accounts_of_one_client(sandbox: Sandbox, write_profiles: Callable[..., Path]) -> None:
    """Profiles that extend one another, each with its own login_hint, keep a login each."""
    keys = {
        **sandbox.profiles()["oidc"],
        "redirect_uri": f"http://127.0.0.1:{free_port()}/callback",
    }
    write_profiles(
        {
            "prod": {**keys, "authorize_params": {"prompt": "select_account"}},
            "prod-ada": {"extends": "prod", "authorize_params": {"login_hint": "ada@example.com"}},
            "prod-grace": {"extends": "prod", "authorize_params": {"login_hint": "grace@example.com"}},
        }
    )
    for person, words in (("ada", {}), ("grace", {"username": GRACE.username, "password": GRACE.password})):
        login(f"prod-{person}", browser=browser(**words))
    assert [get_session(f"prod-{person}").get("/v1/me").json()["sub"] for person in ("ada", "grace")] == [
        "ada",
        "grace",
    ]


def test_time_passes(sandbox: Sandbox) -> None:
    """The age that is asked for is that of the login at the server, not of the token."""
    sandbox.api_wants = {"max_age": "0"}
    login("prod", browser=browser())
    sandbox.api_wants = {"max_age": "1000000"}
    assert get_session("prod").get("/v1/contacts").status_code == 200
    assert time.time() - jwt_claims(get_token("prod").id_token or "")["auth_time"] < 60
