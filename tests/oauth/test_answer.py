"""The answers of the token endpoint, tested with values: no socket, no clock, no randomness."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oauth_values import CODE, SECRET, STATE, VERIFIER, answer, attempt, endpoints, jwt
from strategies import tries
from support import make_profile, make_token

from aventus_creds.errors import AventusCredsError, InvalidAnswer, TokenRefused
from aventus_creds.oauth.answer import Answer, read_token
from aventus_creds.oauth.request import refresh_request
from aventus_creds.tokens import Token

NOW = 1_000_000.0


def read(given: Answer, previous: Token | None = None) -> Token:
    profile = make_profile()
    request = refresh_request(profile, endpoints(profile), "a-refresh-token", None)
    return read_token(profile, given, request, now=NOW, previous=previous)


# Answers


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (3600, 3600),
        ("3600", 3600),
        (" 3600 ", 3600),
        (3600.9, 3600.9),
        (None, math.inf),
        ("", math.inf),
        ("soon", math.inf),
        (0, math.inf),
        (-1, math.inf),
        ("-5", math.inf),
        (True, math.inf),
        ([3600], math.inf),
        ({"s": 1}, math.inf),
        (10**30, 315360000),
        ("1e400", 315360000),
        (float("nan"), math.inf),
        (float("-inf"), math.inf),
    ],
)
def test_expires_in_of_every_odd_kind(expires_in: Any, lifetime: Any) -> None:
    """A number or its text counts; nonsense means that no end is known, and for ever ten years."""
    given = answer(access_token="tok", token_type="Bearer", expires_in=expires_in)
    assert read(given).expires_at == NOW + lifetime
    assert read(given).obtained_at == NOW


@pytest.mark.parametrize(
    ("claims", "lifetime"),
    [
        ({"exp": NOW + 500}, 500),
        ({"exp": NOW + 90_500, "iat": NOW + 90_000}, 500),  # the server's clock is a day ahead
        ({"exp": NOW - 10}, math.inf),
        ({"exp": "soon"}, math.inf),
        ({"exp": 10**400}, 315360000),
        ({"exp": -(10**400)}, math.inf),
    ],
)
def test_without_expires_in_the_jwt_tells(claims: Any, lifetime: Any) -> None:
    """The distance of exp and iat holds whatever this machine's clock says."""
    assert read(answer(access_token=jwt(**claims), token_type="Bearer")).expires_at == pytest.approx(
        NOW + lifetime
    )


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER", None])
def test_the_token_type_is_compared_without_case(token_type: Any) -> None:
    """RFC 6749 section 5.1; one that is left out is Bearer."""
    body = {"access_token": "tok"} | ({"token_type": token_type} if token_type else {})
    assert read(answer(**body)).token_type == "Bearer"


@pytest.mark.parametrize("token_type", ["mac", "DPoP", "", 1, ["Bearer"]])
def test_other_token_types_are_not_used_as_bearer(token_type: Any) -> None:
    """RFC 6749 section 7.1: a client must not use a token whose type it does not understand."""
    with pytest.raises(InvalidAnswer, match="Bearer"):
        read(answer(access_token="tok", token_type=token_type))


@pytest.mark.parametrize(
    "access_token", [None, "", 5, ["x"], "a b", "a\r\nX-Evil: 1", "é", "a\x00b", {"x": 1}]
)
def test_an_access_token_that_cannot_stand_in_a_header(access_token: Any) -> None:
    """Line breaks would inject a header; the message does not repeat the token."""
    with pytest.raises(InvalidAnswer, match="no usable access token") as caught:
        read(answer(access_token=access_token, token_type="Bearer"))
    assert "Evil" not in str(caught.value)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b'"x"', b"\xff", b"[" * 200_000, b'{"access_token":']
)
def test_an_answer_that_is_no_json_object(body: Any) -> None:
    """It is said that the answer is no OAuth, and what to check."""
    with pytest.raises(InvalidAnswer, match="check token_url, base_url or issuer"):
        read(Answer(200, "text/html", body))


@pytest.mark.parametrize(
    ("given", "error", "description"),
    [
        (answer(400, error="invalid_grant", error_description="Used up"), "invalid_grant", "Used up"),
        (answer(200, error="invalid_grant"), "invalid_grant", ""),
        (
            answer(401, error={"code": "invalid_client", "message": "No such client"}),
            "invalid_client",
            "No such client",
        ),
        (answer(403, error={"type": "forbidden"}), "forbidden", ""),
        (answer(429), "", ""),
        (answer(400, errorCode="E0000021", errorSummary="No such client"), "E0000021", "No such client"),
        (answer(403, message="Forbidden"), "", "Forbidden"),
        (answer(400, type="about:blank", title="Bad Request", detail="Locked"), "", "Locked"),
        (answer(401, error="Unauthorized", message="Locked", path="/token"), "Unauthorized", "Locked"),
        (Answer(400, "", b""), "", ""),
        (Answer(503, "text/plain; charset=utf-8", b"Down for\r\nmaintenance"), "", "Down for maintenance"),
        (Answer(500, "text/html", b"<html><b>trace</b></html>"), "", ""),
        (answer(400, error=["x"], error_description=5), "", "5"),
        (Answer(302, "", b""), "", ""),
    ],
)
def test_error_answers(given: Any, error: Any, description: Any) -> None:
    """JSON, wrapped JSON, text or nothing: one exception with error, description and status."""
    with pytest.raises(TokenRefused) as caught:
        read(given)
    refused = caught.value
    assert (refused.error, refused.error_description, refused.status) == (error, description, given.status)
    assert f"HTTP {given.status}" in str(refused)


def test_an_error_that_repeats_what_was_sent_does_not_show_it() -> None:
    """Servers like to quote the request; neither our secrets nor anything like a token comes through."""
    profile = make_profile(client_secret=SECRET)
    request = attempt(profile).exchange(CODE, SECRET)
    alien = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    said = f"code {CODE} verifier {VERIFIER} {urlencode({'s': SECRET})} {SECRET} token {alien} is wrong"
    with pytest.raises(TokenRefused) as caught:
        read_token(profile, answer(400, error="invalid_grant", error_description=said), request, now=NOW)
    for secret in (CODE, VERIFIER, SECRET, urlencode({"": SECRET})[1:], alien):
        assert secret not in str(caught.value) + caught.value.error_description
    assert caught.value.error_description.endswith("is wrong")


def test_a_long_description_is_cut() -> None:
    """A page of text is no message."""
    with pytest.raises(TokenRefused) as caught:
        read(answer(400, error="x", error_description="long " * 10_000))
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("status", "error", "passing"), [(500, "", True), (503, "x", True), (429, "", True), (400, "", False)]
)
def test_which_refusals_pass(status: Any, error: Any, passing: Any) -> None:
    """A 5xx or a bare 429 may be over in a moment; a 400 will not."""
    assert TokenRefused("m", error=error, status=status).passing is passing
    assert not TokenRefused("m", error="slow_down", status=429).passing
    assert TokenRefused("m", error="too_many_requests", status=429).passing  # Auth0's


@pytest.mark.parametrize("empty", [{"error": None}, {"error": ""}, {"token_type": None}])
def test_an_empty_field_is_an_absent_one(empty: Any) -> None:
    """Some servers name every field they know, in each answer."""
    assert read(answer(access_token="a", **{"token_type": "Bearer", **empty})).access_token == "a"


def test_a_refresh_keeps_what_the_answer_leaves_out() -> None:
    """RFC 6749 section 6: no new refresh token means the old one stays; the same for the scope."""
    old = make_token(refresh_token="old-refresh", scope="a b")
    kept = read(answer(access_token="tok", token_type="Bearer"), old)
    assert (kept.refresh_token, kept.scope) == ("old-refresh", "a b")
    new = read(answer(access_token="tok", token_type="Bearer", refresh_token="new", scope="a"), old)
    assert (new.refresh_token, new.scope) == ("new", "a")
    assert (
        read(answer(access_token="tok", refresh_token="", scope=["a", "b"]), old).refresh_token
        == "old-refresh"
    )


def test_the_id_token_must_answer_this_attempt() -> None:
    """OpenID Connect Core section 3.1.3.7: another login's nonce ends it."""
    a = attempt()
    request = a.exchange(CODE, None)
    for nonce in ("other", None, 5):
        with pytest.raises(InvalidAnswer, match="another login"):
            a.read_token(answer(access_token="tok", id_token=jwt(nonce=nonce)), request, now=NOW)
    assert (
        a.read_token(answer(access_token="tok", id_token=jwt(nonce=STATE)), request, now=NOW).access_token
        == "tok"
    )
    for opaque in ("a.b.c.d.e", "", 5, None):  # encrypted, or none
        token = a.read_token(answer(access_token="tok", id_token=opaque), request, now=NOW)
        assert token.access_token == "tok"
    plain = attempt(make_profile(scope="api"))
    given = answer(access_token="tok", id_token=jwt(nonce="x"))
    assert plain.read_token(given, request, now=NOW).access_token == "tok"


# Anything at all


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
oauth_fields = st.sampled_from(
    [
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "scope",
        "error",
        "error_description",
        "id_token",
    ]
)


@tries(300)
@given(st.integers(100, 599), st.dictionaries(oauth_fields, json_values | st.just("Bearer"), max_size=6))
def test_any_answer_gives_a_token_or_our_own_error(status: Any, body: Any) -> None:
    """No answer, however odd, raises anything but this package's errors."""
    try:
        token = read(Answer(status, "application/json", json.dumps(body).encode()))
    except AventusCredsError:
        return
    assert token.access_token.isascii()
    assert repr(token)
