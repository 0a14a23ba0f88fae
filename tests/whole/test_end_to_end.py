"""The whole way of a call over the sandbox: real sockets, and a browser double that follows redirects."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from support import free_port

from aventus_creds import get_session, get_token, login, logout
from aventus_creds.errors import (
    CallbackError,
    LoginRefused,
    LoginRequired,
    LoginTimeout,
    SecretError,
    TokenRefused,
)
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token

SYSTEMS = ("aventus", "backoffice", "cidaas", "athoc", "oidc", "oidc-confidential")
REFRESHING = ("athoc", "oidc")

WriteProfiles = Callable[..., Path]


@pytest.fixture(scope="module")
def redirect_uri() -> str:
    return f"http://127.0.0.1:{free_port()}/callback"


@pytest.fixture
def sandbox(redirect_uri: str) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=redirect_uri) as sandbox:
        yield sandbox


@pytest.fixture
def keys(sandbox: Sandbox, write_profiles: WriteProfiles) -> dict[str, dict[str, Any]]:
    """The sandbox's profiles, written: change them and write them again to break one thing."""
    profiles = {
        name: {**table, "callback": "loopback", "login_timeout": 10}
        for name, table in sandbox.profiles().items()
    }
    write_profiles(profiles)
    return profiles


def client_id(name: str) -> str:
    return read_profiles().profile(name).client_id


def stored(name: str) -> Token | None:
    return default_store().load(read_profiles().profile(name).key)


# It works, for every system


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.usefixtures("keys")
def test_log_in_once_and_never_again(
    name: str, sandbox: Sandbox, no_browser: Callable[[str], object]
) -> None:
    """One login; then the cache serves this process, the next session and any other process."""
    robot = Robot()
    session = get_session(name, interactive=True, browser=robot)
    assert session.get("/v1/me").json()["sub"] == "ada"
    assert session.get(f"{sandbox.url}/v1/contacts").status_code == 200
    assert get_session(name, browser=no_browser, interactive=True).get("/v1/me").status_code == 200
    assert robot.join(5)
    assert robot.last_page
    assert robot.last_page.status == 200
    assert f"Logged in to {name}." in robot.last_page.text
    assert (robot.visited, sandbox.logins(client_id(name))) == (1, 1)
    code = f"from aventus_creds import get_session; print(get_session({name!r}).get('/v1/me').json()['sub'])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.stdout.strip(), done.stderr) == ("ada", "")
    assert sandbox.logins(client_id(name)) == 1


@pytest.mark.usefixtures("keys")
def test_each_dialect_is_spoken_as_the_server_wants_it(sandbox: Sandbox) -> None:
    """No token request of any login was refused on the way."""
    for name in SYSTEMS:
        login(name, browser=Robot())
    tokens = [record for record in sandbox.journal if record.endpoint == "token"]
    assert [record.error for record in tokens] == [""] * len(SYSTEMS)


@pytest.mark.usefixtures("keys")
def test_the_default_profile(
    sandbox: Sandbox, keys: dict[str, Any], write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """get_session() takes the file's default, and AVENTUS_CREDS_PROFILE overrides it."""
    write_profiles(keys, default="cidaas")
    assert get_session(interactive=True, browser=Robot()).profile.name == "cidaas"
    monkeypatch.setenv("AVENTUS_CREDS_PROFILE", "athoc")
    assert get_session(interactive=True, browser=Robot()).profile.name == "athoc"


@pytest.mark.parametrize("name", REFRESHING)
@pytest.mark.usefixtures("keys")
def test_an_expired_token_is_refreshed(
    name: str, sandbox: Sandbox, no_browser: Callable[[str], object]
) -> None:
    """With a refresh token nobody is asked; each refresh uses the newest token of the rotating family."""
    sandbox.token_lifetime = 1
    first = login(name, browser=Robot())
    seen = {first.refresh_token}
    for _ in range(3):
        time.sleep(1)
        session = get_session(name, interactive=True, browser=no_browser)
        assert session.get("/v1/me").status_code == 200
        token = stored(name)
        assert token
        seen.add(token.refresh_token)
    assert len(seen) == 4
    assert sandbox.reuse_detections == 0


@pytest.mark.usefixtures("keys")
def test_a_token_revoked_at_the_server_is_refreshed_in_mid_session(sandbox: Sandbox) -> None:
    """401 for a token that looks fresh: one refresh, the request once more, and the answer."""
    session = get_session("athoc", interactive=True, browser=Robot())
    sandbox.revoke_all(client_id("athoc"), refresh_tokens=False)
    answer = session.get("/v1/me")
    assert answer.status_code == 200
    assert [old.status_code for old in answer.history] == [401]


@pytest.mark.usefixtures("keys")
def test_a_login_revoked_at_the_server_says_what_to_do(sandbox: Sandbox) -> None:
    """When the refresh token is dead too, LoginRequired names the command."""
    session = get_session("athoc", interactive=True, browser=Robot())
    sandbox.revoke_all(client_id("athoc"))
    with pytest.raises(LoginRequired, match="aventus-creds login athoc"):
        session.get("/v1/me")


# Not interactive


@pytest.mark.usefixtures("keys")
def test_without_a_person_login_required_at_once(no_browser: Callable[[str], object]) -> None:
    """No login, nobody there: an error that names profile, reason and command, within a second."""
    begin = time.monotonic()
    with pytest.raises(LoginRequired, match="profile aventus needs a login: there is no login yet"):
        get_session("aventus", interactive=False, browser=no_browser)
    with pytest.raises(LoginRequired):
        get_token("aventus", browser=no_browser)
    assert time.monotonic() - begin < 1


# One ingredient broken at a time


@pytest.mark.usefixtures("keys")
def test_a_person_who_denies() -> None:
    """error=access_denied ends the login, and the page says so."""
    robot = Robot(allow=False)
    with pytest.raises(LoginRefused) as caught:
        login("aventus", browser=robot)
    assert caught.value.error == "access_denied"
    assert robot.join(5)
    assert robot.last_page
    assert "The login failed" in robot.last_page.text
    assert "access_denied" in robot.last_page.text
    assert stored("aventus") is None


def tampered(change: Callable[[str], str]) -> Callable[[str], object]:
    """A browser that logs in, changes the redirect's address and fetches that first, then the true one."""

    def browse(url: str) -> object:
        address = Robot().redirect_address(url)
        forged = requests.get(change(address), timeout=5)
        assert forged.status_code in {400, 404}, forged.text
        return requests.get(address, timeout=5)

    return browse


@pytest.mark.parametrize(
    "change",
    [
        lambda address: address.replace("state=", "state=x"),
        lambda address: address.split("state=")[0],
        lambda address: address.replace("/callback", "/callback/"),
        lambda address: address.replace("/callback", "/"),
        lambda address: f"{address}&code=another",
        lambda address: address.replace("code=", "cod="),
    ],
    ids=["state", "no state", "path", "root", "code twice", "no code"],
)
@pytest.mark.usefixtures("keys")
def test_a_forged_redirect_is_refused_and_the_login_goes_on(change: Callable[[str], str]) -> None:
    """Wrong state, path or parameters get an error page; the true redirect still wins."""
    login("aventus", browser=tampered(change))
    assert stored("aventus")


@pytest.mark.usefixtures("keys")
def test_a_code_of_another_login_is_refused() -> None:
    """A code injected from an attempt with another verifier is refused by the server, and the error shows none."""
    stolen = ""

    def inject(url: str) -> object:
        nonlocal stolen
        challenge = parse_qs(urlsplit(url).query)["code_challenge"][0]
        address = Robot().redirect_address(url.replace(challenge, challenge[::-1]))
        stolen = parse_qs(urlsplit(address).query)["code"][0]
        return requests.get(address, timeout=5)

    with pytest.raises(TokenRefused, match="invalid_grant") as caught:
        login("oidc", browser=inject)
    assert stolen
    assert stolen not in str(caught.value)


@pytest.mark.usefixtures("keys")
def test_a_code_used_twice(sandbox: Sandbox) -> None:
    """The same redirect again gets the same page; the code went to the token endpoint once."""
    pages: list[str] = []

    def twice(url: str) -> object:
        address = Robot().redirect_address(url)

        def ask() -> None:
            with suppress(requests.ConnectionError):  # the later one may find the listener gone
                pages.append(requests.get(address, timeout=5).text)

        threads = [threading.Thread(target=ask) for _ in "12"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return None

    login("aventus", browser=twice)
    deadline = time.monotonic() + 5
    while len(pages) < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert pages
    assert all("Logged in to aventus." in page for page in pages)
    assert sum(record.endpoint == "token" for record in sandbox.journal) == 1


def test_a_redirect_uri_that_is_not_registered(keys: dict[str, Any], write_profiles: WriteProfiles) -> None:
    """The browser shows a page and never comes back: the time limit ends the login and says what to check."""
    keys["aventus"] |= {"redirect_uri": f"http://127.0.0.1:{free_port()}/callback", "login_timeout": 0.7}
    write_profiles(keys)
    with pytest.raises(LoginTimeout, match="redirect_uri"):
        login("aventus", browser=Robot())


def test_a_wrong_org_code(keys: dict[str, Any], write_profiles: WriteProfiles) -> None:
    """AtHoc shows a bare 400 and never redirects: the message says to check org_code."""
    keys["athoc"] |= {"org_code": "WRONG", "login_timeout": 0.7}
    write_profiles(keys)
    robot = Robot()
    with pytest.raises(LoginTimeout, match="org_code"):
        login("athoc", browser=robot)
    assert robot.join(5)


def test_a_wrong_client_secret(keys: dict[str, Any], write_profiles: WriteProfiles) -> None:
    """invalid_client, with what to check, and not the secret."""
    keys["backoffice"]["client_secret"] = "wrong-secret-value"
    write_profiles(keys)
    with pytest.raises(TokenRefused, match="client_secret") as caught:
        login("backoffice", browser=Robot())
    assert caught.value.error == "invalid_client"
    assert "wrong-secret-value" not in str(caught.value)


def test_a_secret_that_cannot_be_read(keys: dict[str, Any], write_profiles: WriteProfiles) -> None:
    """The missing variable is named, in the exception and on the page."""
    keys["backoffice"]["client_secret"] = {"env": "NOT_SET_ANYWHERE"}
    write_profiles(keys)
    robot = Robot()
    with pytest.raises(SecretError, match="NOT_SET_ANYWHERE"):
        login("backoffice", browser=robot)
    assert robot.join(5)
    assert robot.last_page
    assert "NOT_SET_ANYWHERE" in robot.last_page.text


@pytest.mark.parametrize(("name", "wrong"), [("aventus", "form"), ("cidaas", "json"), ("athoc", "json")])
def test_the_wrong_body_format(
    name: str, wrong: str, keys: dict[str, Any], write_profiles: WriteProfiles
) -> None:
    """A server that gets the other format refuses it: it is said so, and no login is kept."""
    keys[name]["token_request"] = wrong
    write_profiles(keys)
    with pytest.raises(TokenRefused):
        login(name, browser=Robot())
    assert stored(name) is None


@pytest.mark.usefixtures("keys")
def test_a_port_that_is_taken(redirect_uri: str, no_browser: Callable[[str], object]) -> None:
    """The port is named before any browser opens."""
    import socket

    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", urlsplit(redirect_uri).port or 0))
        other.listen()
        with pytest.raises(CallbackError, match="taken"):
            login("aventus", browser=no_browser)


def test_an_edited_profile_never_gets_the_old_token(
    keys: dict[str, Any], write_profiles: WriteProfiles, sandbox: Sandbox
) -> None:
    """Another scope is another token."""
    login("oidc", browser=Robot())
    keys["oidc"]["scope"] = "openid"
    write_profiles(keys)
    with pytest.raises(LoginRequired):
        get_token("oidc", interactive=False)


# logout


@pytest.mark.parametrize("name", ["athoc", "oidc"])
@pytest.mark.usefixtures("keys")
def test_logout_revokes_and_forgets(name: str, sandbox: Sandbox) -> None:
    """The server is told, the cache is empty, and the old token does not work any more."""
    session = get_session(name, interactive=True, browser=Robot())
    old = stored(name)
    assert logout(name) == (True, True, "")
    assert stored(name) is None
    assert old
    answer = requests.get(
        f"{sandbox.url}/v1/me", headers={"Authorization": f"Bearer {old.access_token}"}, timeout=5
    )
    assert answer.status_code == 401
    assert logout(name) == (False, False, "")
    assert "athoc" in repr(session) or "oidc" in repr(session)


def test_logout_forgets_even_when_the_server_is_away(keys: dict[str, Any], sandbox: Sandbox) -> None:
    """The login is gone here, and it is said that the server was not told."""
    login("aventus", browser=Robot())
    sandbox.close()
    done = logout("aventus")
    assert (done.found, done.revoked) == (True, False)
    assert "cannot be reached" in done.why_not
    assert stored("aventus") is None


# From outside, as a user has it

SCRIPT = "from aventus_creds import get_session; print(get_session('prod').get('/v1/me').json()['sub'])"


@pytest.fixture
def prod(keys: dict[str, Any], write_profiles: WriteProfiles, tmp_path: Path) -> dict[str, str]:
    """A profile prod, and a BROWSER program that notes when it is opened."""
    write_profiles({"prod": keys["aventus"]})
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\necho opened >> "{opened}"\nexec "{sys.executable}" -m aventus_creds.sandbox.robot "$1"\n'
    )
    browser.chmod(0o755)
    return {**os.environ, "BROWSER": str(browser), "AVENTUS_CREDS_INTERACTIVE": "1", "OPENED": str(opened)}


@pytest.mark.skipif(os.name != "posix", reason="the BROWSER script is a shell script")
def test_a_script_opens_the_browser_once(prod: dict[str, str]) -> None:
    """The first process logs in through BROWSER; the second does not open it."""
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=prod, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.stdout.strip() == "ada", done.stderr
    assert Path(prod["OPENED"]).read_text() == "opened\n"


@pytest.mark.skipif(os.name != "posix", reason="the BROWSER script is a shell script")
def test_nothing_secret_is_on_the_terminal_or_in_the_environment(
    prod: dict[str, str], sandbox: Sandbox
) -> None:
    """Output, error output and DEBUG logs of a whole login hold no token, code, verifier or secret."""
    code = f"import logging; logging.basicConfig(level=0)\n{SCRIPT}"
    done = subprocess.run(
        [sys.executable, "-c", code], env=prod, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout.strip() == "ada", done.stderr
    [file] = Path(prod["AVENTUS_CREDS_STATE_DIR"]).glob("tokens/prod-*.json")
    kept = json.loads(file.read_text())
    assert kept["access_token"] not in done.stderr
    assert "code_verifier" not in done.stderr
    assert "code=" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.usefixtures("keys")
def test_ctrl_c_ends_the_wait_at_once(tmp_path: Path) -> None:
    """The command line says one word and exits with 130; no traceback, no thread that complains."""
    import signal

    process = subprocess.Popen(
        [sys.executable, "-m", "aventus_creds", "login", "aventus", "--no-browser"],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr
    assert "open this address" in process.stderr.readline()
    assert any("Ctrl-C ends it" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(5) == 130
    process.stderr.close()
    assert rest.splitlines()[-1] == "Interrupted."
    assert "Traceback" not in rest


def test_a_closed_sandbox_has_no_connections() -> None:
    """A browser opens connections that it does not use yet, and would keep them for minutes."""
    before = set(threading.enumerate())
    with Sandbox() as sandbox, requests.Session() as kept:
        idle = socket.create_connection(("127.0.0.1", urlsplit(sandbox.url).port or 0), timeout=10)
        kept.get(sandbox.url)  # the idle one was accepted before
        assert set(threading.enumerate()) - before
        sandbox.close()
        assert idle.recv(1) == b""
    idle.close()
