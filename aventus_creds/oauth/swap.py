"""The second exchange of some APIs: a token for the one that they want. Pure values: no I/O, no clock."""

from __future__ import annotations

import math

from aventus_creds.errors import InvalidAnswer, ServerError
from aventus_creds.oauth.answer import Answer, inside, json_object, lifetime_of
from aventus_creds.oauth.refusal import refusal
from aventus_creds.oauth.request import ServerRequest
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token, is_header_safe


def swap_request(profile: Profile, token: Token) -> ServerRequest:
    """Return the request that asks for the API's token: a GET with the login's as a bearer token."""
    headers = {"Accept": "application/json", **profile.token_headers}
    headers["Authorization"] = f"Bearer {token.access_token}"
    return ServerRequest(profile.swap_url, headers, b"", (token.access_token,))


def read_swapped(
    profile: Profile, answer: Answer, request: ServerRequest, given: Token, *, now: float
) -> Token:
    """Read the token that the API wants.

    Args:
        profile: says where in the answer it is.
        answer: what the server sent.
        request: what it answers. Its secrets are kept out of error messages.
        given: the login's token. The new one expires with it, unless it says itself when.
        now: when the answer arrived, in seconds since the epoch, UTC.

    Raises:
        TokenRefused: the status is not 2xx, or the answer is an error.
        InvalidAnswer: there is no usable token at ``swap_path``.
    """
    outcome = _swapped(profile, answer, request, given, now)
    if isinstance(outcome, ServerError):
        raise outcome
    return outcome


def _swapped(
    profile: Profile, answer: Answer, request: ServerRequest, given: Token, now: float
) -> Token | ServerError:
    found = json_object(answer)
    if not 200 <= answer.status < 300 or found.get("error"):
        return refusal(profile, answer, request)
    access_token = inside(found, profile.swap_path)
    if not isinstance(access_token, str) or not is_header_safe(access_token):
        return InvalidAnswer(
            f"the answer of {request.url} holds no usable token at {profile.swap_path}",
            hint="Check swap_url and swap_path in the profile.",
        )
    lives = lifetime_of(access_token, now)
    return Token(
        access_token,
        expires_at=min(now + lives if lives else math.inf, given.expires_at),
        obtained_at=now,
        scope=given.scope,
        id_token=given.id_token,
        extra=given.extra,
    )
