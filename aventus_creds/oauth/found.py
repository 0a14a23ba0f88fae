"""What is found in a place: a token, or JSON that has it and says when it ends. No I/O, no clock.

The JSON of programs that print credentials is understood: Google's executable-sourced credentials, kubectl's
ExecCredential, the answer of a token endpoint, and what the Azure and Google Cloud command lines print.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from aventus_creds.basics.hidden import Hidden, Secretive, secret_field
from aventus_creds.basics.redact import plain
from aventus_creds.errors import SecretError
from aventus_creds.oauth.answer import number
from aventus_creds.tokens import LONGEST_LIFETIME, is_header_safe, jwt_claims

TOKEN_FIELDS: Final = ("access_token", "accessToken", "token", "id_token", "saml_response")
"""Where a token may be in the JSON, in the order in which they are looked at."""

END_FIELDS: Final = (
    *("expires_at", "expiresAt", "expires_on", "expiration_time", "expirationTimestamp", "expiry"),
)
"""Where the end of a token may be: seconds since the epoch, or a date of RFC 3339."""


class Found(Secretive):
    """A token from a place. ``expires_at`` is in seconds since the epoch, UTC; infinity if nobody says."""

    __slots__ = ("_text", "expires_at")

    text: str = secret_field("_text")

    def __init__(self, text: str, expires_at: float) -> None:
        self._text = text
        self.expires_at: Final = expires_at

    def __repr__(self) -> str:
        """Return what it is, and nothing of it."""
        return "<Found>"


def token_in(content: Hidden[str], what: str, *, now: float, wants: str = "") -> Found:
    """Return the token in what a place holds.

    Args:
        content: the token alone, or JSON.
        what: what it is and where, for messages: "the token in the file x".
        now: when it was read, in seconds since the epoch, UTC.
        wants: the field to look at first, if there are several tokens.

    Raises:
        SecretError: there is no token.
    """
    found = _found(content, what, now, wants)
    if isinstance(found, SecretError):  # raised here, where no variable has what was read
        raise found
    return found


def _found(content: Hidden[str], what: str, now: float, wants: str) -> Found | SecretError:
    if not content.reveal().lstrip().startswith("{"):
        return _checked(content.reveal().strip(), what, math.inf)
    try:
        said = json.loads(content.reveal())
    except (ValueError, RecursionError):
        return SecretError(f"{what} begins like JSON, and is none")
    if said.get("success") is False:  # Google's
        message = ": ".join(filter(None, (plain(said.get("code")), plain(said.get("message")))))
        return SecretError(f"{what} could not be had: {message or 'no reason given'}")
    if "AccessKeyId" in said:  # AWS's credential_process
        return SecretError(
            f"{what} is a set of keys that sign requests to AWS, and no token",
            hint="Name a program that prints a token.",
        )
    inner = said.get("status")  # kubectl's
    fields = {**said, **inner} if isinstance(inner, dict) else said
    names = (wants, *TOKEN_FIELDS)
    token = next((fields[name] for name in names if isinstance(fields.get(name), str)), "")
    return _checked(token, what, _end(fields, now))


def _checked(token: str, what: str, end: float) -> Found | SecretError:
    if not is_header_safe(token):
        return SecretError(
            f"{what} is no token: a token is visible ASCII without spaces (RFC 6750 section 2.1)",
            hint="Have the place hold the token alone, or JSON with one of the fields "
            + ", ".join(TOKEN_FIELDS)
            + ".",
        )
    return Found(token, min(end, token_end(token)))


def token_end(token: str) -> float:
    """Return when a JWT ends, in seconds since the epoch; infinity if it does not say, or is no JWT."""
    end = number(jwt_claims(token).get("exp"))
    return end if end is not None and end > 0 else math.inf


def _end(fields: Mapping[str, Any], now: float) -> float:
    lifetime = number(fields.get("expires_in"))
    if lifetime is not None and 0 < lifetime < LONGEST_LIFETIME:
        return now + lifetime
    moments = (_moment(fields.get(name)) for name in END_FIELDS)
    return next((moment for moment in moments if moment is not None), math.inf)


def _moment(value: Any) -> float | None:
    """Return a time as seconds since the epoch, or None where it cannot be told, as without a time zone."""
    seconds = number(value)
    if seconds is not None or not isinstance(value, str):
        return seconds
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None
