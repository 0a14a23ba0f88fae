"""Reads the answer to a pushed authorization request (RFC 9126). No I/O, no clock."""

from __future__ import annotations

import re
from typing import Final

from aventus_creds.errors import InvalidAnswer, ServerError
from aventus_creds.oauth.answer import Answer, json_object, number
from aventus_creds.oauth.refusal import refusal
from aventus_creds.oauth.request import ServerRequest
from aventus_creds.profiles.profile import Profile
from aventus_creds.structs import Struct

_REQUEST_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}:[!-~]{1,1000}")
"""A URI of visible ASCII (RFC 3986), of a length that every browser takes in an address."""


class Pushed(Struct):
    """Where the server keeps the parameters, and for how many seconds: None if it does not say."""

    request_uri: str
    expires_in: float | None


def read_pushed(profile: Profile, answer: Answer, request: ServerRequest) -> Pushed | ServerError:
    """Return what the answer says (RFC 9126 section 2.2), or the error to raise: a refusal, or no usable answer.

    Args:
        profile: whose login.
        answer: what the server sent.
        request: what it answers. Its secrets are kept out of error messages.
    """
    found = json_object(answer)
    if not 200 <= answer.status < 300 or found.get("error"):
        return refusal(profile, answer, request)
    request_uri, seconds = found.get("request_uri"), number(found.get("expires_in"))
    if not isinstance(request_uri, str) or not _REQUEST_URI.fullmatch(request_uri):
        return InvalidAnswer(
            f"the answer of {request.url} holds no usable request_uri",
            hint="Check par_url in the profile. If the server does not insist on it, write par = false.",
        )
    return Pushed(request_uri, seconds if seconds and seconds > 0 else None)
