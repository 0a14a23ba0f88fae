"""The authorization request and the redirect, tested with values: no socket, no clock, no randomness."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oauth_values import CODE, ISSUER, REDIRECT_URI, SECRET, STATE, VERIFIER, attempt, endpoints, form, sent
from strategies import tries
from support import make_profile

from aventus_creds.errors import AventusCredsError, InvalidAnswer, LoginRefused, RedirectRejected
from aventus_creds.oauth.code_grant import Authorization

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


# Anything at all


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
