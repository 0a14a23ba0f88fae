"""A refresh token from elsewhere, and tokens that are swapped: over a real endpoint, store and environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from support import Seen, Sent, Web, make_profile, make_token

from aventus_creds import get_session, get_token, logout
from aventus_creds.errors import InvalidAnswer, LoginRequired, SecretError, TokenRefused
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sources.swapped import SwappingSource
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token

GIVEN, OTHER = "the-given-refresh-token", "the-other-refresh-token"
VARIABLE = "MY_REFRESH_TOKEN"


class Rotating:
    """A server with one-time refresh tokens: each answer brings the next."""

    def __init__(self, *good: str) -> None:
        self.good = set(good)
        self.sent: list[str] = []
        self.lifetime = 3600

    def __call__(self, seen: Seen) -> Sent:
        (token,) = parse_qs(seen.body.decode()).get("refresh_token", [""])
        self.sent.append(token)
        if token not in self.good:
            return Sent(400, {"error": "invalid_grant"})
        self.good = (self.good - {token}) | {f"{token}+"}
        return Sent(
            body={
                "access_token": f"access-{token}",
                "refresh_token": f"{token}+",
                "expires_in": self.lifetime,
            }
        )


@pytest.fixture
def server(web: Web, write_profiles: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Rotating:
    web.answer = server = Rotating(GIVEN, OTHER)
    keys = {"authorize_url": f"{web.url}/a", "token_url": f"{web.url}/t", "client_id": "x"}
    write_profiles({"prod": {**keys, "api_url": f"{web.url}/", "refresh_token": {"env": VARIABLE}}})
    monkeypatch.setenv(VARIABLE, GIVEN)
    return server


def token() -> Token:
    return get_token("prod", interactive=False)


def test_it_begins_a_login(server: Rotating) -> None:
    """It is used once; then the store has the login, and the refresh token that took its place."""
    assert token().access_token == f"access-{GIVEN}"
    assert token().access_token == f"access-{GIVEN}"
    assert server.sent == [GIVEN]
    kept = default_store().load(read_profiles().profile("prod").key)
    assert kept is not None
    assert kept.refresh_token == f"{GIVEN}+"


def test_the_replaced_one_is_used_next(server: Rotating) -> None:
    """Also by another process. The given one is dead by then, and is not sent again."""
    server.lifetime = 1
    token()
    server.lifetime = 3600
    code = "from aventus_creds import get_token; print(get_token('prod', interactive=False, min_ttl=60).access_token)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"access-{GIVEN}+"
    assert server.sent == [GIVEN, f"{GIVEN}+"]


def test_a_new_one_is_taken_at_once(server: Rotating, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes before the store's login with another one, which is still there if that comes back."""
    token()
    monkeypatch.setenv(VARIABLE, OTHER)
    assert token().access_token == f"access-{OTHER}"
    monkeypatch.setenv(VARIABLE, GIVEN)
    assert token().access_token == f"access-{GIVEN}"
    assert server.sent == [GIVEN, OTHER]


def test_a_dead_one_needs_a_person(server: Rotating) -> None:
    """The error says where to put a fresh one, and repeats neither it nor the name it is kept under."""
    server.good.clear()
    with pytest.raises(LoginRequired, match=f"the environment variable {VARIABLE}: invalid_grant") as caught:
        token()
    assert GIVEN not in str(caught.value)
    assert "Put a fresh one there" in caught.value.hint


def test_one_that_cannot_be_read_is_told(server: Rotating, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a mistake, not another login."""
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(
        SecretError, match=f"the refresh token is missing: the environment variable {VARIABLE}"
    ):
        token()
    assert server.sent == []


def test_the_commands_know_it(server: Rotating) -> None:
    """Nobody has to log in, and doctor sees where it is."""
    run = [sys.executable, "-m", "aventus_creds"]
    status = subprocess.run([*run, "status"], capture_output=True, text=True, timeout=60, check=False)
    assert (status.returncode, "not used yet" in status.stdout) == (0, True), status.stderr
    doctor = subprocess.run(
        [*run, "doctor"],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
        timeout=60,
        check=False,
    )
    assert f"✓ the refresh token: found in the environment variable {VARIABLE}" in doctor.stdout
    assert GIVEN not in status.stdout + doctor.stdout + doctor.stderr
    assert set(server.sent) == {""}  # doctor asks whether the endpoints are there


def test_logout_ends_that_login(server: Rotating) -> None:
    """The next call would begin again with what is given: the server decides."""
    token()
    assert logout("prod").found
    with pytest.raises(LoginRequired):
        token()
    assert server.sent == [GIVEN, GIVEN]


def test_the_name_in_the_store_is_no_secret(server: Rotating) -> None:
    """A hash of it, not a part."""
    token()
    files = [path.name for path in Path(os.environ["AVENTUS_CREDS_STATE_DIR"]).rglob("*")]
    assert any(name.startswith("prod-") for name in files)
    assert not [name for name in files if GIVEN[:8] in name]


def test_without_one_the_name_is_as_ever() -> None:
    """Nobody has to log in again because of the new key."""
    assert make_profile().key == f"prod-{make_profile().fingerprint[:16]}"


# Swapped tokens


def swapping(web: Web, inner: Any, **keys: Any) -> SwappingSource:
    return SwappingSource(make_profile(swap_url=f"{web.url}/start", swap_path="data.token", **keys), inner)


class Inner:
    def __init__(self) -> None:
        self.asked: list[Token | None] = []

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        del at_least
        self.asked.append(stale)
        count = len([token for token in self.asked if token is not None])
        return LOGINS[count]


LOGINS = [make_token(f"login-{count}", refresh_token="r", scope="a", extra={"x": "y"}) for count in range(3)]


def test_a_token_is_swapped_once(web: Web) -> None:
    """With the login's token as a bearer token; the API's has the login's end, scope and facts."""
    web.answer = lambda _: Sent(body={"data": {"token": "for-the-api"}})
    source = swapping(web, Inner())
    first = source.token()
    assert (first.access_token, first.scope, first.extra, first.refresh_token) == (
        "for-the-api",
        "a",
        {"x": "y"},
        None,
    )
    assert first.expires_at == LOGINS[0].expires_at
    assert source.token() is first
    (seen,) = web.seen
    assert (seen.method, seen.path, seen.headers["Authorization"]) == ("GET", "/start", "Bearer login-0")


def test_one_that_the_api_refused_is_swapped_again(web: Web) -> None:
    """For the same login."""
    inner = Inner()
    source = swapping(web, inner)
    web.answer = lambda _: Sent(body={"data": {"token": f"for-the-api-{len(web.seen)}"}})
    first = source.token()
    assert source.token(stale=first).access_token == "for-the-api-2"
    assert inner.asked == [None, None]


def test_a_login_that_the_swap_refuses_is_renewed(web: Web) -> None:
    """Once; what it says then is raised."""
    inner = Inner()
    web.answer = lambda seen: (
        Sent(401)
        if seen.headers["Authorization"] == "Bearer login-0"
        else Sent(body={"data": {"token": "for-the-api"}})
    )
    assert swapping(web, inner).token().access_token == "for-the-api"
    assert inner.asked == [None, LOGINS[0]]
    web.answer = lambda seen: Sent(
        401, {"error": "no", "message": f"{seen.headers['Authorization']} is not good"}
    )
    with pytest.raises(TokenRefused) as caught:
        swapping(web, Inner()).token()
    assert "is not good" in str(caught.value)
    assert "login-" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [{}, {"data": {}}, {"data": {"token": 5}}, {"data": {"token": "a\r\nb"}}, {"data": []}, b"[]", b"x"],
)
def test_an_answer_without_the_token(web: Web, body: Any) -> None:
    """Names the path, and where to correct it."""
    web.answer = lambda _: Sent(body=body)
    with pytest.raises(InvalidAnswer, match=r"no usable token at data\.token"):
        swapping(web, Inner()).token()


def test_a_swap_that_fails_spoils_no_login(web: Web, write_profiles: Callable[..., Path]) -> None:
    """The rotated refresh token is stored before it; the next call goes on from there."""
    tokens, starts = Rotating(GIVEN), [Sent(503), Sent(body={"token": "for-the-api"})]
    web.answer = lambda seen: starts.pop(0) if seen.path == "/start" else tokens(seen)
    swap = {"swap_url": f"{web.url}/start", "swap_path": "token"}
    keys = {
        "authorize_url": f"{web.url}/a",
        "token_url": f"{web.url}/t",
        "client_id": "x",
        "api_url": f"{web.url}/",
    }
    write_profiles({"prod": {**keys, **swap}})
    profile = read_profiles().profile("prod")
    default_store().save(profile.key, make_token("old", age=7200, refresh_token=GIVEN))
    with pytest.raises(TokenRefused):
        token()
    session = get_session("prod", interactive=False)
    assert tokens.sent == [GIVEN]
    web.answer = lambda _: Sent()
    session.get("x")
    assert web.seen[-1].headers["Authorization"] == "Bearer for-the-api"
