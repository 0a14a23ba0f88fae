"""What must be the same to the letter: redirect URI, issuer, nonce, announcements; and what is never said back."""

from __future__ import annotations

import base64
import html
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from oauth_values import CODE, ISSUER, STATE, answer, attempt, endpoints, form, sent
from support import make_profile

from aventus_creds.errors import InvalidAnswer, TokenRefused
from aventus_creds.oauth.answer import Answer, read_token
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.oauth.device_answer import read_device_authorization
from aventus_creds.oauth.endpoints import from_document
from aventus_creds.oauth.request import device_request, device_token_request

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:8765/callback/",
        "http://127.0.0.1:8765",
        "http://localhost:8765/Callback?to=a%2Fb",
        "https://proxy.example.com:443/user/me/proxy/8765/",
    ],
)
def test_the_redirect_uri_at_both_endpoints(uri: str) -> None:
    """RFC 6749 section 4.1.3: identical, with its slash, port, case and query."""
    profile = make_profile()
    authorization = Authorization(profile, endpoints(profile), uri, random=bytes)
    assert sent(authorization)["redirect_uri"] == uri
    assert form(authorization.exchange(CODE, None))["redirect_uri"] == uri


@pytest.mark.parametrize(
    "other", [f"{ISSUER}/", ISSUER.upper(), f"{ISSUER}:443", f"{ISSUER}/x", "", f" {ISSUER}"]
)
def test_an_issuer_that_is_nearly_the_one_asked(other: str) -> None:
    """RFC 9207 section 2.4: compared as text, and an empty one is another one."""
    with pytest.raises(InvalidAnswer, match="another issuer"):
        attempt().accept(f"code={CODE}&state={STATE}&iss={quote(other)}")


def test_an_announcement_of_iss_is_read() -> None:
    """RFC 9207 section 3: only what is announced can be missed."""
    document = {"issuer": ISSUER, "token_endpoint": f"{ISSUER}/t", "authorization_endpoint": f"{ISSUER}/a"}
    announced = document | {"authorization_response_iss_parameter_supported": True}
    profile = make_profile(issuer=ISSUER)
    assert from_document(profile, announced).announces_iss
    assert not from_document(profile, document).announces_iss


def test_a_nonce_is_sent_and_must_come_back() -> None:
    """OpenID Connect Core 3.1.3.7 item 11: an ID token with another one answers another request."""
    authorization = attempt()
    assert sent(authorization)["nonce"] == STATE  # the test's randomness is always the same
    claims = (
        base64.urlsafe_b64encode(json.dumps({"sub": "ada", "nonce": "another"}).encode())
        .rstrip(b"=")
        .decode()
    )
    given = answer(access_token="tok", id_token=f"e30.{claims}.sig")
    with pytest.raises(InvalidAnswer, match="another login"):
        authorization.read_token(given, authorization.exchange(CODE, None), now=NOW)


FORMS = {
    "as it is": str,
    "in a path": quote,
    "in a query": lambda secret: quote(secret, safe=""),
    "in a form": quote_plus,
    "in lower case": lambda secret: quote(secret, safe="").lower(),
    "in HTML": html.escape,
    "in JSON": lambda secret: json.dumps(secret)[1:-1],
}


@pytest.mark.parametrize("place", ["error", "error_description"])
@pytest.mark.parametrize("said", FORMS.values(), ids=FORMS)
def test_a_secret_that_is_said_back(place: str, said: Any) -> None:
    """In every place of an error, and as servers quote it."""
    secret = 'a secret/with <"odd"> signs&more'
    request = attempt(make_profile(client_secret=secret)).exchange(CODE, secret)
    words: dict[str, Any] = {"error": "invalid_client", "error_description": "no"} | {
        place: f"not {said(secret)} here"
    }
    with pytest.raises(TokenRefused) as caught:
        read_token(make_profile(), answer(400, **words), request, now=NOW)
    shown = f"{caught.value} {caught.value.error} {caught.value.error_description}"
    assert said(secret).lower() not in shown.lower()
    assert "not" in shown
    assert "here" in shown


@pytest.mark.parametrize(
    ("interval", "kept"),
    [
        ("NaN", 5.0),
        ("-1", 5.0),
        ("0", 0.1),
        ("0.001", 0.1),
        ("1e9", 60.0),
        ("Infinity", 60.0),
        ("7", 7.0),
        ('"7"', 7.0),
    ],
)
def test_the_pace_of_a_device_login(interval: str, kept: float) -> None:
    """Between a tenth of a second and a minute, whatever the server says."""
    profile = make_profile(grant="device", device_url=f"{ISSUER}/device")
    request = device_request(profile, endpoints(profile, device_url=f"{ISSUER}/device"), None)
    body = '{"device_code": "d", "user_code": "u", "verification_uri": "https://a.example/", "interval": %s}'
    device = read_device_authorization(profile, Answer(200, "", (body % interval).encode()), request)
    assert device.interval == kept


def test_a_device_code_is_shown_nowhere() -> None:
    """RFC 8628 section 5.2: whoever has it gets the token. Neither a repr nor an error of the server shows it."""
    profile = make_profile(grant="device", device_url=f"{ISSUER}/device")
    given = endpoints(profile, device_url=f"{ISSUER}/device")
    body: dict[str, Any] = {
        "device_code": "the-device-code",
        "user_code": "the-user-code",
        "verification_uri": "https://a.example/",
    }
    device = read_device_authorization(profile, answer(**body), device_request(profile, given, None))
    assert device.device_code == "the-device-code"
    assert "the-device-code" not in repr(device) + str(device) + f"{device!r:>9}"
    assert "the-user-code" not in repr(device)
    request = device_token_request(profile, given, device.device_code, None)
    assert "the-device-code" not in repr(request)
    said = answer(400, error="invalid_grant", error_description="unknown: the-device-code, sorry")
    with pytest.raises(TokenRefused) as caught:
        read_token(profile, said, request, now=NOW)
    assert "the-device-code" not in str(caught.value) + caught.value.error_description


@pytest.mark.parametrize("place", ["verification_uri", "verification_uri_complete"])
@pytest.mark.parametrize(
    "address", ["http://evil.example/", "javascript:alert(1)", "https://a@evil.example/"]
)
def test_each_address_for_a_person_is_checked(place: str, address: str) -> None:
    """RFC 8628 section 5.4: also where the other one is good."""
    profile = make_profile(grant="device", device_url=f"{ISSUER}/device")
    request = device_request(profile, endpoints(profile, device_url=f"{ISSUER}/device"), None)
    good: dict[str, Any] = dict.fromkeys(
        ("verification_uri", "verification_uri_complete"), "https://as.example.com/device"
    )
    with pytest.raises(InvalidAnswer, match="verification address"):
        read_device_authorization(
            profile, answer(device_code="d", user_code="u", **(good | {place: address})), request
        )
