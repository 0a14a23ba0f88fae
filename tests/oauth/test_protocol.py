"""The protocol, tested with values: no socket, no clock, no randomness."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import tries
from support import make_profile, make_token

from aventus_creds.errors import (
    AventusCredsError,
    InvalidAnswer,
    LoginRefused,
    RedirectRejected,
    TokenRefused,
)
from aventus_creds.oauth.answer import Answer, read_token
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.oauth.request import Endpoints, ServerRequest, refresh_request, revocation_request
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token

NOW = 1_000_000.0
ISSUER = "https://as.example.com"
REDIRECT_URI = "http://127.0.0.1:8765/callback"
STATE = base64.urlsafe_b64encode(b"\x07" * 32).rstrip(b"=").decode()
VERIFIER = base64.urlsafe_b64encode(b"\x07" * 96).rstrip(b"=").decode()
CODE = "SplxlOBeZQQYbYS6WxSbIA"
SECRET = "s3cret/with:odd%chars+&="


def endpoints(profile: Profile, **changes: Any) -> Endpoints:
    given = Endpoints(
        authorize_url=profile.authorize_url,
        token_url=profile.token_url,
        revoke_url=profile.revoke_url or "https://as.example.com/revoke",
        device_url="",
        issuer=ISSUER,
        announces_iss=False,
        client_auth=profile.client_auth or "basic",
    )
    return given._replace(**changes)


def attempt(profile: Profile | None = None, **changes: Any) -> Authorization:
    profile = profile or make_profile(scope="openid api")
    return Authorization(
        profile, endpoints(profile, **changes), REDIRECT_URI, random=lambda count: b"\x07" * count
    )


def sent(authorization: Authorization) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(authorization.url).query))


def form(request: ServerRequest) -> dict[str, str]:
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    return dict(parse_qsl(request.body.decode(), strict_parsing=True))


def answer(status: int = 200, content_type: str = "application/json", **body: Any) -> Answer:
    return Answer(status, content_type, json.dumps(body).encode())


def read(given: Answer, previous: Token | None = None) -> Token:
    profile = make_profile()
    request = refresh_request(profile, endpoints(profile), "a-refresh-token", None)
    return read_token(profile, given, request, now=NOW, previous=previous)


# The authorization request


def test_authorization_request() -> None:
    """RFC 6749 section 4.1.1, RFC 7636 section 4.3, OpenID Connect Core section 3.1.2.1."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    assert sent(attempt()) == {
        "response_type": "code",
        "client_id": "the-client",
        "redirect_uri": REDIRECT_URI,
        "scope": "openid api",
        "state": STATE,
        "nonce": STATE,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


def test_nonce_only_with_openid() -> None:
    """A plain OAuth 2.0 server is not sent OpenID Connect's nonce."""
    assert "nonce" not in sent(attempt(make_profile(scope="api")))


def test_the_verifier_is_the_longest_that_the_rfc_allows() -> None:
    """96 random bytes are 128 characters; 128 bytes would be 171, which strict servers refuse."""
    verifier = form(attempt().exchange(CODE, None))["code_verifier"]
    assert len(verifier) == 128
    assert set(verifier) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def test_each_attempt_has_its_own_secrets() -> None:
    """State, nonce and verifier come from different random bytes, new for each attempt."""
    counter = iter(range(1000))
    profile = make_profile(scope="openid")
    made = [
        Authorization(profile, endpoints(profile), REDIRECT_URI, random=lambda n: bytes([next(counter)] * n))
        for _ in range(2)
    ]
    values = [sent(a)[key] for a in made for key in ("state", "nonce", "code_challenge")]
    assert len(set(values)) == 6


def test_audience_and_extra_parameters() -> None:
    """What the profile adds is sent; a repeated parameter is repeated (RFC 8707)."""
    profile = make_profile(
        audience="https://api.example.com/",
        authorize_params={"prompt": "consent", "resource": ["https://a.example/", "https://b.example/"]},
    )
    query = parse_qs(urlsplit(attempt(profile).url).query)
    assert query["audience"] == ["https://api.example.com/"]
    assert query["prompt"] == ["consent"]
    assert query["resource"] == ["https://a.example/", "https://b.example/"]


def test_org_code_becomes_acr_values() -> None:
    """AtHoc is told the organisation by acr_values."""
    profile = make_profile(
        provider="athoc", base_url="https://athoc.example.com/", org_code="ORG1", redirect_uri=REDIRECT_URI
    )
    url = urlsplit(attempt(profile).url)
    assert (
        f"{url.scheme}://{url.netloc}{url.path}"
        == "https://athoc.example.com/AuthServices/Auth/connect/authorize"
    )
    assert parse_qs(url.query)["acr_values"] == ["tenant:ORG1"]
    assert parse_qs(url.query)["scope"] == ["openid profile athoc.iws.web.api offline_access"]


def test_a_query_of_the_endpoint_is_kept() -> None:
    """RFC 6749 section 3.1: the endpoint's own query must be retained."""
    url = attempt(make_profile(authorize_url="https://as.example.com/a?tenant=x")).url
    assert url.startswith("https://as.example.com/a?tenant=x&response_type=code&")


def test_spaces_are_sent_as_percent_20() -> None:
    """Not every server reads a plus sign in a query as a space."""
    assert "scope=openid%20api" in attempt().url
    assert "+" not in attempt().url


def test_a_client_secret_never_reaches_the_authorization_request() -> None:
    """The secret is for the token endpoint only."""
    profile = make_profile(client_secret=SECRET)
    url = attempt(profile).url
    assert "secret" not in url
    assert SECRET not in url


# The redirect


def test_accept() -> None:
    """The right state brings the code; unknown parameters are ignored."""
    query = urlencode(
        {"code": CODE, "state": STATE, "session_state": "x", "scope": "a b", "redirect_uri": "y"}
    )
    assert attempt().accept(query) == CODE


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=x",
        "error=access_denied",
        f"code={CODE}&state=",
        f"code={CODE}&state=wrong",
        f"code={CODE}&state={STATE}x",
        f"code={CODE}&state={STATE[:-1]}",
        f"code={CODE}&state={STATE.lower()}",
        f"code={CODE}&state={STATE}&state={STATE}",
        f"code={CODE}&code={CODE}&state={STATE}",
        f"state={STATE}",
        f"code=&state={STATE}",
        "error=access_denied&state=wrong",
        f"error=a&error=b&state={STATE}",
        f"code=%ff&state={STATE}",
        "&".join(["a=b"] * 200) + f"&code={CODE}&state={STATE}",
        "%",
        "state=é",
        f"state={'x' * 1_000_000}",
    ],
)
def test_what_does_not_answer_this_attempt_is_rejected(query: Any) -> None:
    """Wrong, missing or repeated parameters: the wait goes on."""
    with pytest.raises(RedirectRejected) as caught:
        attempt().accept(query)
    assert STATE not in str(caught.value)
    assert CODE not in str(caught.value)


@pytest.mark.parametrize("more", ["error_description=gesch%FCtzt", "other=%FC"])
def test_an_error_redirect_in_another_encoding_is_an_error_too(more: str) -> None:
    """What is not UTF-8 beside the state and the error does not keep the person waiting."""
    with pytest.raises(LoginRefused, match="access_denied"):
        attempt().accept(f"error=access_denied&{more}&state={STATE}")


def test_an_error_redirect_is_the_persons_answer() -> None:
    """RFC 6749 section 4.1.2.1: error and description, fit to be shown."""
    query = urlencode(
        {"error": "access_denied", "error_description": "No\x1b[31m <b>entry</b>\n", "state": STATE}
    )
    with pytest.raises(LoginRefused) as caught:
        attempt().accept(query)
    assert caught.value.error == "access_denied"
    assert caught.value.error_description == "No [31m <b>entry</b>"
    assert "prod" in str(caught.value)


def test_an_error_redirect_that_repeats_the_state_does_not_show_it() -> None:
    """Whatever the server writes into its description, our secrets stay ours."""
    query = urlencode({"error": "server_error", "error_description": f"bad state {STATE}", "state": STATE})
    with pytest.raises(LoginRefused) as caught:
        attempt().accept(query)
    assert STATE not in str(caught.value) + repr(caught.value) + caught.value.error_description


def test_issuer_of_the_redirect() -> None:
    """RFC 9207: a redirect from another issuer is not trusted, with or without an announcement."""
    good = f"code={CODE}&state={STATE}"
    for announces in (False, True):
        a = attempt(announces_iss=announces)
        assert a.accept(f"{good}&iss={ISSUER}") == CODE
        with pytest.raises(InvalidAnswer, match="another issuer"):
            a.accept(f"{good}&iss=https://evil.example")
        with pytest.raises(InvalidAnswer, match="another issuer"):
            a.accept(f"error=access_denied&state={STATE}&iss=https://evil.example")


def test_a_missing_issuer() -> None:
    """It is missed when it was announced, but not in an error: some servers leave it out there."""
    with pytest.raises(InvalidAnswer, match="as it should"):
        attempt(announces_iss=True).accept(f"code={CODE}&state={STATE}")
    assert attempt(announces_iss=False).accept(f"code={CODE}&state={STATE}") == CODE
    with pytest.raises(LoginRefused):
        attempt(announces_iss=True).accept(f"error=access_denied&state={STATE}")


def test_an_issuer_that_is_not_known_is_not_compared() -> None:
    """A profile with outright endpoints names no issuer."""
    assert attempt(issuer="").accept(f"code={CODE}&state={STATE}&iss=https://whoever.example") == CODE


# Token requests


def test_exchange_for_a_public_client() -> None:
    """RFC 6749 section 4.1.3 with RFC 7636 section 4.5."""
    request = attempt().exchange(CODE, None)
    assert request.url == "https://as.example.com/token"
    assert form(request) == {
        "client_id": "the-client",
        "grant_type": "authorization_code",
        "code": CODE,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    assert "Authorization" not in request.headers


def test_aventus_takes_json() -> None:
    """The Aventus dialect: a JSON body, the secret in it."""
    keys = {"provider": "aventus", "audience": "https://api.example.com/", "redirect_uri": REDIRECT_URI}
    request = attempt(make_profile(**keys)).exchange(CODE, None)
    assert request.url == "https://auth.homelyfe.com/oauth/token"
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.body) == {
        "grant_type": "authorization_code",
        "client_id": "the-client",
        "code_verifier": VERIFIER,
        "code": CODE,
        "redirect_uri": REDIRECT_URI,
    }
    request = attempt(make_profile(**keys, client_secret=SECRET, pkce=False)).exchange(CODE, SECRET)
    assert json.loads(request.body) == {
        "grant_type": "authorization_code",
        "client_id": "the-client",
        "client_secret": SECRET,
        "code": CODE,
        "redirect_uri": REDIRECT_URI,
    }


def test_confidential_clients_use_pkce_too_unless_told_not_to() -> None:
    """PKCE protects every code; a server that minds it is served by pkce = false."""
    with_it = attempt(make_profile(client_secret=SECRET))
    assert "code_challenge" in sent(with_it)
    assert "code_verifier" in form(with_it.exchange(CODE, SECRET))
    without = attempt(make_profile(client_secret=SECRET, pkce=False))
    assert "code_challenge" not in sent(without)
    assert "code_verifier" not in form(without.exchange(CODE, SECRET))


def test_basic_encodes_before_it_joins() -> None:
    """RFC 6749 section 2.3.1: id and secret are form-encoded first; neither is in the body."""
    profile = make_profile(client_id="web:basic", client_secret=SECRET, client_auth="basic")
    request = attempt(profile).exchange(CODE, SECRET)
    userpass = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
    assert userpass == "web%3Abasic:s3cret%2Fwith%3Aodd%25chars%2B%26%3D"
    assert not {"client_id", "client_secret"} & form(request).keys()


def test_post_puts_the_secret_into_the_body() -> None:
    """client_secret_post, for servers that want it so."""
    request = attempt(make_profile(client_secret=SECRET, client_auth="post")).exchange(CODE, SECRET)
    assert form(request)["client_secret"] == SECRET
    assert "Authorization" not in request.headers


def test_refresh_request() -> None:
    """RFC 6749 section 6; token_params go with every token request (RFC 8707's resource)."""
    profile = make_profile(token_params={"resource": "https://api.example.com/"})
    assert form(refresh_request(profile, endpoints(profile), "a-refresh-token", None)) == {
        "client_id": "the-client",
        "grant_type": "refresh_token",
        "refresh_token": "a-refresh-token",
        "resource": "https://api.example.com/",
    }


def test_revocation_request() -> None:
    """RFC 7009 section 2.1: the refresh token where there is one, for it ends the access token too."""
    profile = make_profile()
    request = revocation_request(
        profile, endpoints(profile), make_token(refresh_token="a-refresh-token"), None
    )
    assert request.url == "https://as.example.com/revoke"
    assert form(request)["token"] == "a-refresh-token"
    request = revocation_request(profile, endpoints(profile), make_token(), None)
    assert form(request) == {
        "client_id": "the-client",
        "token": "an-access-token",
        "token_type_hint": "access_token",
    }


def test_requests_and_attempts_show_no_secret() -> None:
    """Neither repr nor str of anything here shows what it carries."""
    profile = make_profile(client_secret=SECRET, client_auth="post")
    a = attempt(profile)
    request = a.exchange(CODE, SECRET)
    shown = f"{a!r}{a}{request!r}{request}{profile!r}{profile}{answer(access_token='tok')!r}"
    for secret in (CODE, SECRET, VERIFIER, STATE, "tok'"):
        assert secret not in shown


# Answers


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (3600, 3600),
        ("3600", 3600),
        (" 3600 ", 3600),
        (3600.9, 3600.9),
        (None, 3600),
        ("", 3600),
        ("soon", 3600),
        (0, 3600),
        (-1, 3600),
        ("-5", 3600),
        (True, 3600),
        ([3600], 3600),
        ({"s": 1}, 3600),
        (10**30, 315360000),
        ("1e400", 315360000),
        (float("nan"), 3600),
        (float("-inf"), 3600),
    ],
)
def test_expires_in_of_every_odd_kind(expires_in: Any, lifetime: Any) -> None:
    """A number or its text counts; nonsense means an hour, and for ever ten years."""
    given = answer(access_token="tok", token_type="Bearer", expires_in=expires_in)
    assert read(given).expires_at == NOW + lifetime
    assert read(given).obtained_at == NOW


def jwt(**claims: Any) -> str:
    return "e30." + base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode() + ".c2ln"


@pytest.mark.parametrize(
    ("claims", "lifetime"),
    [
        ({"exp": NOW + 500}, 500),
        ({"exp": NOW + 90_500, "iat": NOW + 90_000}, 500),  # the server's clock is a day ahead
        ({"exp": NOW - 10}, 3600),
        ({"exp": "soon"}, 3600),
        ({"exp": 10**400}, 315360000),
        ({"exp": -(10**400)}, 3600),
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


@tries(300)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60), st.booleans())
def test_any_query_gives_a_code_or_our_own_error(text: Any, with_state: Any) -> None:
    """No redirect, however odd, raises anything but this package's errors."""
    try:
        code = attempt().accept(f"state={STATE}&{text}" if with_state else text)
    except AventusCredsError as error:
        shown = str(error)
    else:
        shown = ""
        assert with_state
        assert code
    assert STATE not in shown
