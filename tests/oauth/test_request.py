"""The requests to the token endpoint, tested with values: no socket, no clock, no randomness."""

from __future__ import annotations

import base64
import json

from oauth_values import CODE, REDIRECT_URI, SECRET, STATE, VERIFIER, answer, attempt, endpoints, form, sent
from support import make_profile, make_token

from aventus_creds.oauth.device_answer import DeviceAuthorization
from aventus_creds.oauth.request import refresh_request, revocation_request

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


def test_a_device_authorization_shows_neither_code() -> None:
    """The device code is this client's secret, and whoever sees the user code may finish the login."""
    device = DeviceAuthorization(
        device_code="the-device-code",
        user_code="THE-CODE",
        verification_uri="https://as.example.com/device",
        verification_uri_complete="https://as.example.com/device?user_code=THE-CODE",
        expires_in=600,
        interval=5,
    )
    for shown in (repr(device), str(device), f"{device}", repr([device])):
        assert "https://as.example.com/device" in shown
        assert "the-device-code" not in shown
        assert "THE-CODE" not in shown
