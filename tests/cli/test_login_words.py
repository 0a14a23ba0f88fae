"""What the command login says and takes: refresh tokens from elsewhere, scopes, why a login does not refresh."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Seen, Sent, Web, make_profile, make_token

from aventus_creds.cli.logins import _why_no_refresh
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.providers import PROVIDERS
from aventus_creds.stores.opening import default_store

GIVEN = "the-given-refresh-token"


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aventus_creds", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def profile(web: Web, write_profiles: Callable[..., Path]) -> dict[str, Any]:
    keys = {
        "authorize_url": f"{web.url}/a",
        "token_url": f"{web.url}/t",
        "client_id": "x",
        "scope": "gist repo",
    }
    write_profiles({"prod": keys, "service": {**keys, "grant": "client_credentials", "client_secret": "s"}})

    def answer(seen: Seen) -> Sent:
        if GIVEN.encode() not in seen.body:
            return Sent(400, {"error": "invalid_grant", "error_description": seen.body.decode()})
        return Sent(
            body={"access_token": "tok", "refresh_token": "next", "expires_in": 3600, "scope": "gist,repo"}
        )

    web.answer = answer
    return keys


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize("text", [GIVEN, f"{GIVEN}\n", f"  {GIVEN}\r\n"])
def test_a_refresh_token_from_standard_input(text: str) -> None:
    """It begins a login that is stored; GitHub's commas are no missing scopes."""
    done = run("login", "prod", "--refresh-token", "-", stdin=text)
    assert done.returncode == 0, done.stderr
    assert "Logged in to prod until" in done.stderr
    assert "it refreshes automatically" in done.stderr
    assert "did not grant" not in done.stderr
    kept = default_store().load(read_profiles().profile("prod").key)
    assert kept is not None
    assert (kept.access_token, kept.refresh_token) == ("tok", "next")
    assert GIVEN not in done.stdout + done.stderr


@pytest.mark.usefixtures("profile")
def test_one_on_the_command_line_is_refused() -> None:
    """Everybody can read it there; the message does not repeat it."""
    done = run("login", "prod", "--refresh-token", GIVEN)
    assert done.returncode == 2
    assert "everybody can see" in done.stderr
    assert GIVEN not in done.stdout + done.stderr


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize("text", ["", "\n", "two\nlines", "ü", "a\x00b", "x" * 100_000 + "\n\n"])
def test_what_is_no_refresh_token(text: str, web: Web) -> None:
    """Nothing is sent, or the server refuses it; never repeated."""
    done = run("login", "prod", "--refresh-token", "-", stdin=text)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert web.seen == [] or len(text) > 1000
    assert text == "" or text not in done.stderr or text == "\n"


@pytest.mark.usefixtures("profile")
def test_one_that_the_server_refuses() -> None:
    """Its words are shown without the token that it repeats."""
    done = run("login", "prod", "--refresh-token", "-", stdin="another-refresh-token-1")
    assert done.returncode != 0
    assert "invalid_grant" in done.stderr
    assert "another-refresh-token-1" not in done.stderr


@pytest.mark.usefixtures("profile")
def test_a_client_of_its_own_has_none() -> None:
    """It gets its token without a person."""
    done = run("login", "service", "--refresh-token", "-", stdin=GIVEN)
    assert done.returncode == 2
    assert "client_credentials needs none" in done.stderr


@pytest.mark.parametrize(
    ("keys", "token", "said"),
    [
        ({"issuer": "https://a.example"}, {}, "only with offline_access in scope"),
        ({"issuer": "https://a.example", "scope": "openid offline_access"}, {}, ""),
        ({"issuer": "https://a.example"}, {"refresh_token": "r"}, ""),
        ({"issuer": "https://a.example"}, {"lifetime": float("inf")}, ""),
        ({"scope": "api"}, {}, ""),
        ({"grant": "client_credentials", "client_secret": "s", "scope": "openid"}, {}, ""),
    ],
)
def test_why_a_login_does_not_renew_itself(keys: dict[str, Any], token: dict[str, Any], said: str) -> None:
    """Told where a row or the scope gives a reason, of a login that ends."""
    why = _why_no_refresh(make_profile(**keys), make_token(**token))
    assert said in why
    assert bool(why) is bool(said)


def test_the_row_tells_why() -> None:
    """It goes before what holds in general."""
    row = PROVIDERS["oidc"]._replace(no_refresh_hint='Google gives one only with access_type = "offline"')
    why = _why_no_refresh(make_profile(issuer="https://a.example")._replace(provider=row), make_token())
    assert why == 'It does not refresh automatically: Google gives one only with access_type = "offline".'


def test_the_header_that_the_api_wants(write_profiles: Callable[..., Path]) -> None:
    """The command token prints that one; token and exec give the ID token where the API wants it."""
    keys = {"issuer": "https://as.example.com", "client_id": "c", "api_url": "https://api.example.com"}
    write_profiles({"prod": {**keys, "bearer": "id_token", "api_auth": "X-Own: {token}"}})
    key = read_profiles().profile("prod").key
    default_store().save(key, make_token("access", id_token="identity"))
    assert run("token", "prod").stdout == "identity\n"
    assert run("token", "prod", "--header").stdout == "X-Own: identity\n"
    code = "import os; print(os.environ['AVENTUS_CREDS_TOKEN_PROD'])"
    assert run("exec", "prod", "--", sys.executable, "-c", code).stdout == "identity\n"
