"""Asks the UserInfo endpoint whose an access token is (OpenID Connect Core section 5.3). Pure values: no I/O."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aventus_creds.basics.urls import origin
from aventus_creds.errors import InvalidAnswer, ServerError
from aventus_creds.oauth.answer import Answer, json_object
from aventus_creds.oauth.refusal import refusal
from aventus_creds.oauth.request import Endpoints, ServerRequest
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token, jwt_claims


def userinfo_request(profile: Profile, endpoints: Endpoints, token: Token) -> ServerRequest | None:
    """Return the request, or None where the server has no such endpoint that the access token may go to.

    It goes to the authorization server's own origins, and to the API's, which get it anyway: a document names the
    endpoint, and could name anybody's.
    """
    places = (endpoints.issuer, endpoints.token_url, *profile.api_origins)
    own = {origin(urlsplit(place)) for place in places if place}
    if not endpoints.userinfo_url or origin(urlsplit(endpoints.userinfo_url)) not in own:
        return None
    headers = {"Accept": "application/json", "Authorization": f"Bearer {token.access_token}"}
    return ServerRequest(endpoints.userinfo_url, headers, b"", (token.access_token,))


def read_userinfo(profile: Profile, answer: Answer, request: ServerRequest, token: Token) -> dict[str, Any]:
    """Return the claims in the answer.

    Raises:
        TokenRefused: the server does not take the token, or it has not the scope openid.
        InvalidAnswer: it is of another person than the ID token (section 5.3.2), or cannot be read.
    """
    outcome = _claims(profile, answer, request, token)
    if isinstance(outcome, ServerError):
        raise outcome
    return outcome


def _claims(
    profile: Profile, answer: Answer, request: ServerRequest, token: Token
) -> dict[str, Any] | ServerError:
    found = json_object(answer)
    if not 200 <= answer.status < 300:
        return refusal(profile, answer, request)
    if not isinstance(found.get("sub"), str) or not found["sub"]:
        return InvalidAnswer(f"the answer of {request.url} does not say whose the token is")
    if found["sub"] != jwt_claims(token.id_token or "").get("sub", found["sub"]):
        return InvalidAnswer(
            f"the answer of {request.url} is of another person than the ID token: it is not trusted",
            hint="Log in again. If that does not help, tell whoever runs the server.",
        )
    return found
