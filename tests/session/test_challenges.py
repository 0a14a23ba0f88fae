"""What a challenge says, whoever wrote it, and what of it a login can be asked for."""

from __future__ import annotations

import time

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from support import make_profile, make_token

from aventus_creds.profiles.login_options import LoginOptions, login_words, only_scope
from aventus_creds.session.challenges import LONGEST, MOST, challenges
from aventus_creds.session.step_up import missing

STEP_UP = 'Bearer error="insufficient_user_authentication"'


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", []),
        ("Bearer", [("bearer", {})]),
        ('Bearer realm="a", error="b"', [("bearer", {"realm": "a", "error": "b"})]),
        ('Basic realm="x, y", bearer A="1"', [("basic", {"realm": "x, y"}), ("bearer", {"a": "1"})]),
        ("Negotiate YWJj==, Bearer a=b", [("negotiate", {}), ("yWJj".lower(), {}), ("bearer", {"a": "b"})]),
        ('Bearer a="1", a="2"', [("bearer", {"a": "1"})]),
        ('Bearer a="say \\"x\\" and \\\\"', [("bearer", {"a": 'say "x" and \\'})]),
        ('Bearer a=""', [("bearer", {"a": ""})]),
        ('Bearer a = "1" ,, b=2', [("bearer", {"a": "1", "b": "2"})]),
        ('a="1", Bearer', [("bearer", {})]),
        ('Bearer a="never closed, error=insufficient_scope', None),
        ("=,=,==", None),
    ],
)
def test_challenges(header: str, found: list[tuple[str, dict[str, str]]] | None) -> None:
    """RFC 9110 section 11.6.1, and what is none of it."""
    read = [(each.scheme, each.parameters) for each in challenges(header)]
    if found is not None:
        read = [each for each in read if not each[0].startswith("ywjj")]
        assert read == [each for each in found if not each[0].startswith("ywjj")]


@given(st.text())
def test_any_header(header: str) -> None:
    """Nothing fails on it, and what is read is limited."""
    read = challenges(header)
    assert len(read) + sum(len(each.parameters) for each in read) <= MOST


def test_a_hostile_header_takes_no_time() -> None:
    """Quotes that never close, and a megabyte of anything."""
    begun = time.process_time()
    for part in ('a="', 'a="\\', "a=" * 3, "\\", ' ="', "Bearer ", ",", '"', "a =\t"):
        challenges(part * (1_000_000 // len(part)))
    assert time.process_time() - begun < 5
    assert len(challenges("a," * 1000)) == MOST
    assert challenges("x" * LONGEST + ' Bearer error="e"')[0].parameters == {}


def want(header: str, *, scope: str | None = "read", status: int = 403) -> LoginOptions | None:
    response = requests.Response()
    response.status_code = status
    response.headers["WWW-Authenticate"] = header
    return missing(response, make_token(scope=scope))


def test_a_scope_that_is_missing() -> None:
    """Those that the token has are not asked for; without one that is missing no login is known to help."""
    assert want('Bearer error="insufficient_scope", scope="read write"') == LoginOptions(scope="write")
    assert want('Basic, DPoP error="insufficient_scope", scope="write"') == LoginOptions(scope="write")
    assert want('Bearer error="insufficient_scope", scope="a b"', scope=None) == LoginOptions(scope="a b")
    for none in ('scope="read"', 'scope="READ"', "", 'scope=""', "realm=x"):
        assert want(f'Bearer error="insufficient_scope", {none}') is None
    assert want('Bearer error="invalid_token", scope="write"') is None
    assert want('Basic error="insufficient_scope", scope="write"') is None


def test_a_login_that_is_not_enough() -> None:
    """RFC 9470 section 3: each of its parameters, both, or none."""
    assert want(f'{STEP_UP}, acr_values="gold silver"') == LoginOptions(acr_values="gold silver")
    assert want(f"{STEP_UP}, max_age=0") == LoginOptions(max_age=0)
    assert want(f'{STEP_UP}, max_age="300", acr_values="x"') == LoginOptions(acr_values="x", max_age=300)
    assert want(STEP_UP) == LoginOptions()


@pytest.mark.parametrize(
    "value",
    [
        "a\tb",
        "a\x1b[31m",
        "a\\\\b",
        'a \\" b',
        "ä",
        "x" * 201,
        " ".join(["a"] * 40),
        "a\u202eb",
    ],
)
def test_words_that_no_request_could_hold(value: str) -> None:
    """They are neither shown nor offered (RFC 6749 section 3.3)."""
    assert want(f'Bearer error="insufficient_scope", scope="{value}"') is None
    assert want(f'{STEP_UP}, acr_values="{value}"') == LoginOptions()


@pytest.mark.parametrize("value", ["-1", "1e9", "1" * 10, "٣", "", "inf", "5;x"])
def test_an_age_that_is_no_number(value: str) -> None:
    assert want(f'{STEP_UP}, max_age="{value}"') == LoginOptions()


def test_the_command() -> None:
    """It can be pasted into a shell, whatever the words are."""
    profile = make_profile(scope="read")
    options = LoginOptions("write:x a.b", "urn:x", 300, "ada@example.com", "select_account")
    assert login_words(profile, options) == (
        'prod --scope "write:x a.b" --acr "urn:x" --max-age "300" --account "ada@example.com"'
        ' --prompt "select_account"'
    )
    assert login_words(profile, LoginOptions("$(reboot) `x`")) == "prod --scope '$(reboot) `x`'"
    assert login_words(only_scope(profile, "write"), LoginOptions(max_age=0)) == (
        'prod --scope "write" --max-age "0" --only'
    )
    assert login_words(only_scope(profile, ["read"])) == "prod"


def test_what_a_login_is_asked_for() -> None:
    """Further scopes beside those of profile and login; parameters beside those of the profile."""
    profile = make_profile(scope="read", authorize_params={"prompt": "consent", "acr_values": "tenant:x"})
    asked = LoginOptions("write", "gold", 0, "ada", "select_account").applied(profile, "openid read")
    assert asked.scope == "read openid write"
    assert asked.authorize_params == {
        "prompt": "select_account consent",
        "acr_values": "gold tenant:x",
        "max_age": "0",
        "login_hint": "ada",
    }
    assert LoginOptions(max_age=5).applied(profile, "openid").scope == "read openid"
    assert LoginOptions(account="ada").applied(profile, "openid").scope == "read"
    assert LoginOptions().applied(profile, "openid") == profile
    assert only_scope(profile, "write").key != profile.key == only_scope(profile, "read").key
