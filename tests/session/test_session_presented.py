"""The token in another header or with another scheme, the ID token in its place, and constant headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import requests
from session_source import Source
from support import Seen, Sent, Web, make_profile, make_token

from aventus_creds.session.bearer import BearerAuth
from aventus_creds.session.presenting import Presentation
from aventus_creds.session.session import ApiSession
from aventus_creds.tokens import Token

OWN = "X-Own-Token"
FIRST, SECOND = "the-first-access-token", "the-second-access-token"


def session(web: Web, *tokens: Token, **keys: Any) -> ApiSession:
    profile = make_profile(
        **{"api_url": f"{web.url}/", "api_auth": f"{OWN}: {{token}}", "retries": 0, **keys}
    )
    return ApiSession(profile, Source(*(tokens or (make_token(FIRST), make_token(SECOND)))))


def headers(seen: Seen) -> Mapping[str, str]:
    return {name.lower(): value for name, value in seen.headers.items()}


@pytest.mark.parametrize(
    ("api_auth", "name", "value"),
    [
        ("X-Shopify-Access-Token: {token}", "x-shopify-access-token", FIRST),
        ("Authorization: Zoho-oauthtoken {token}", "authorization", f"Zoho-oauthtoken {FIRST}"),
        ('X-Own: token="{token}"', "x-own", f'token="{FIRST}"'),
    ],
)
def test_header_and_scheme_are_the_profiles(web: Web, api_auth: str, name: str, value: str) -> None:
    """And there is no other header with the token."""
    session(web, api_auth=api_auth).get("x")
    sent = headers(web.seen[0])
    assert sent[name] == value
    assert [key for key, text in sent.items() if FIRST in text] == [name]


def test_a_refused_token_is_replaced_in_its_header(web: Web) -> None:
    """After a 401 the request comes again, once, with the new token in the same place."""
    web.answer = lambda seen: Sent(401 if headers(seen).get(OWN.lower()) == FIRST else 200)
    assert session(web).get("x").status_code == 200
    assert [headers(seen)[OWN.lower()] for seen in web.seen] == [FIRST, SECOND]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("own_session", [True, False], ids=["ApiSession", "requests.Session"])
def test_neither_token_nor_constant_headers_go_to_another_origin(
    web: Web, status: int, own_session: Any
) -> None:
    """Requests takes off Authorization alone. Also where our auth is used with another session."""
    with Web() as foreign:
        web.answer = lambda _: Sent(status, headers={"Location": f"{foreign.url}/there"})
        api = session(web, api_headers={"X-Constant": "c", "User-Agent": "me/1"})
        if own_session:
            api.get("x")
        else:
            requests.get(f"{web.url}/x", auth=api.auth, timeout=10)
        assert headers(web.seen[0])[OWN.lower()] == FIRST
        assert (headers(web.seen[0])["x-constant"], headers(web.seen[0])["user-agent"]) == ("c", "me/1")
        (there,) = foreign.seen
        assert FIRST not in str(there)
        assert not {OWN.lower(), "authorization", "x-constant"} & headers(there).keys()
        assert headers(there)["user-agent"].startswith("python-requests/")


def test_a_redirect_within_the_api_keeps_both(web: Web) -> None:
    """Also to another origin of the profile's."""
    with Web() as second:
        web.answer = lambda _: Sent(307, headers={"Location": f"{second.url}/there"})
        session(web, api_origins=[second.url], api_headers={"X-Constant": "c"}).get("x")
        assert headers(second.seen[0])[OWN.lower()] == FIRST
        assert headers(second.seen[0])["x-constant"] == "c"


def test_a_foreign_origin_gets_neither(web: Web) -> None:
    """An absolute address elsewhere is asked without."""
    with Web() as foreign:
        session(web, api_headers={"X-Constant": "c"}).get(f"{foreign.url}/x")
        assert not {OWN.lower(), "x-constant"} & headers(foreign.seen[0]).keys()


def test_the_callers_own_header_counts(web: Web) -> None:
    """What a request or the session says itself goes before the constant one; what requests says does not."""
    api = session(web, api_headers={"X-Constant": "c", "user-agent": "me/1", "Accept": "text/csv"})
    api.get("x", headers={"x-constant": "mine"})
    api.headers["User-Agent"] = "mine/2"
    api.get("x")
    first, second = map(headers, web.seen)
    assert (first["x-constant"], first["user-agent"], first["accept"]) == ("mine", "me/1", "text/csv")
    assert (second["x-constant"], second["user-agent"]) == ("c", "mine/2")


def test_an_error_does_not_hold_the_token(web: Web) -> None:
    """Neither its request, nor that of its response or its history, shows the header with the token."""
    web.answer = lambda seen: (
        Sent(307, headers={"Location": "/there"}) if seen.path == "/x" else Sent(drop=True)
    )
    with pytest.raises(requests.ConnectionError) as caught:
        session(web).get("x")
    assert caught.value.request is not None
    assert OWN not in caught.value.request.headers

    def raise_for(response: requests.Response, **_: Any) -> None:
        response.raise_for_status()

    web.answer = lambda _: Sent(500)
    with pytest.raises(requests.HTTPError) as failed:
        session(web).get("x", hooks={"response": raise_for})
    assert failed.value.request is not None
    assert failed.value.response is not None
    failed.value.response.close()
    for request in (failed.value.request, failed.value.response.request):
        assert OWN not in request.headers


def test_the_id_token_in_place_of_the_access_token(web: Web) -> None:
    """bearer = "id_token"; a token that the environment injects has none, and is used as it is."""
    token = make_token(FIRST, id_token="the-id-token")
    session(web, token, bearer="id_token", api_auth="Authorization: Bearer {token}").get("x")
    session(web, make_token(SECOND), bearer="id_token").get("x")
    assert headers(web.seen[0])["authorization"] == "Bearer the-id-token"
    assert headers(web.seen[1])[OWN.lower()] == SECOND


def test_the_usual_presentation() -> None:
    """RFC 6750 section 2.1."""
    assert Presentation().value(make_token(FIRST)) == f"Bearer {FIRST}"
    assert Presentation().header == "Authorization"
    assert BearerAuth(Source(make_token(FIRST)), ["https://api.example.com"]).covers(
        "https://api.example.com/x"
    )
