"""What comes back of the authorization code grant: codes, errors without a state, nonces. Tested with values."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from oauth_values import CODE, STATE, VERIFIER, answer, attempt
from support import make_profile

from aventus_creds.errors import InvalidAnswer, RedirectRejected

# The code


@pytest.mark.parametrize("char", ["\x00", "\t", "\n", "\x1f", "\x7f", "\x80", "é", "…", "\u200b", "\ufffd"])
def test_a_code_that_no_server_sends_is_damaged_and_the_wait_goes_on(char: str) -> None:
    """RFC 6749 appendix A.11: to exchange it would end the login, though the right one may still come."""
    for code in (char, CODE + char, CODE[:5] + char + CODE[5:]):
        with pytest.raises(RedirectRejected, match="damaged") as caught:
            attempt().accept(urlencode({"code": code, "state": STATE}))
        assert CODE not in str(caught.value)


def test_every_character_that_a_code_may_have_is_taken() -> None:
    """From the space to the tilde."""
    code = "".join(map(chr, range(0x20, 0x7F)))
    assert attempt().accept(f"code={quote(code)}&state={STATE}") == code


# Errors without a state


def rejected(query: str) -> RedirectRejected:
    with pytest.raises(RedirectRejected) as caught:
        attempt().accept(query)
    return caught.value


@pytest.mark.parametrize("state", ["", "&state="])
def test_an_error_without_a_state_is_told_but_ends_nothing(state: str) -> None:
    """Some servers leave the state out of errors. Any page can send such an error, so it decides nothing."""
    error = rejected("error=invalid_scope&error_description=No+such+scope" + state)
    assert error.said == "invalid_scope: No such scope"
    assert "no state" in str(error)


@pytest.mark.parametrize("query", ["", "code=x", "error=x&state=wrong", f"code=%00&state={STATE}"])
def test_nothing_else_is_told(query: str) -> None:
    """The error of another login, with its state, is not this one's."""
    assert rejected(query).said == ""


def test_what_is_told_drives_no_terminal_and_repeats_no_secret() -> None:
    """It is one short printable line."""
    query = urlencode({"error": "x\x1b[2J\n", "error_description": f"{STATE} {VERIFIER} " + "y" * 5000})
    said = rejected(query).said
    assert said.isprintable()
    assert len(said) < 700
    assert STATE not in said
    assert VERIFIER not in said


# The nonce


def jwt(**claims: Any) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.c2ln"


WITHOUT_NONCE = {
    "no ID token": {},
    "no ID token ": {"id_token": ""},
    "an ID token that cannot be read": {"id_token": "a.b.c.d.e"},
    "an ID token that cannot be read ": {"id_token": 5},
    "an ID token without a nonce": {"id_token": jwt(sub="ann")},
}


def read(pkce: bool, **body: Any) -> str:  # noqa: FBT001 - the case of the test
    made = attempt(make_profile(scope="openid", pkce=pkce, client_secret="s3cret-of-client"))
    request = made.exchange(CODE, "s3cret-of-client")
    return made.read_token(answer(access_token="tok", **body), request, now=0).access_token


@pytest.mark.parametrize(("what", "body"), WITHOUT_NONCE.items(), ids=WITHOUT_NONCE.keys())
def test_a_missing_nonce_may_pass_with_pkce_only(what: str, body: dict[str, Any]) -> None:
    """OpenID Connect Core 3.1.3.7, RFC 9700 2.1.1: without PKCE nothing else ties the code to this login."""
    assert read(pkce=True, **body) == "tok"
    with pytest.raises(
        InvalidAnswer, match=rf"has {what.strip()}, and with pkce = false the nonce is required"
    ):
        read(pkce=False, **body)


@pytest.mark.parametrize("pkce", [True, False])
@pytest.mark.parametrize("nonce", ["other", None, 5, "", STATE[:-1], [STATE]])
def test_a_different_nonce_never_passes(pkce: bool, nonce: object) -> None:  # noqa: FBT001 - the case
    """PKCE or not: it is another login's ID token."""
    with pytest.raises(InvalidAnswer, match="answers another login: the nonce in its ID token differs"):
        read(pkce=pkce, id_token=jwt(nonce=nonce))
    assert read(pkce=pkce, id_token=jwt(nonce=STATE)) == "tok"


def test_without_openid_no_nonce_is_asked_for() -> None:
    """A plain OAuth 2.0 server sends no ID token."""
    made = attempt(make_profile(scope="api", pkce=False, client_secret="s3cret-of-client"))
    request = made.exchange(CODE, "s3cret-of-client")
    assert made.read_token(answer(access_token="tok"), request, now=0).access_token == "tok"
