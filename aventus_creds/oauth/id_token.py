"""What an ID token must say (OpenID Connect Core section 3.1.3.7): for this client, by its server. No I/O, no clock.

The nonce is checked with the attempt that sent it (``code_grant``), and the signature in ``id_signature``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aventus_creds.oauth.answer import number
from aventus_creds.oauth.issuers import speaks_for
from aventus_creds.oauth.request import Endpoints
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token, jwt_claims, jwt_header

LEEWAY: Final = 300.0
"""Seconds that the clocks of the server and of this machine may differ by."""


def wrong_id_token(
    token: Token, profile: Profile, endpoints: Endpoints, *, now: float, before: Token | None = None
) -> str:
    """Return what is wrong with the ID token of a login or of a refresh, or "" where it is right, or there is none.

    Args:
        token: what the server has just given.
        profile: the client that it must be for.
        endpoints: the server that it must be from, where its issuer is known.
        now: seconds since the epoch, UTC.
        before: the token that was refreshed: the new ID token must be of the same person (section 12.2). None: a login.
    """
    if not token.id_token or (before and token.id_token == before.id_token):
        return ""
    claims = jwt_claims(token.id_token)
    if not claims:
        return "cannot be read: it is no JSON Web Token, or an encrypted one"
    if not _is_signed(jwt_header(token.id_token)):
        return "is not signed"
    if endpoints.issuer and not speaks_for(endpoints.issuer, claims.get("iss")):
        return f"is of another issuer than {endpoints.issuer}"
    return (
        _wrong_audience(claims, profile.client_id)
        or _wrong_subject(claims, jwt_claims((before and before.id_token) or ""))
        or ("" if before else _wrong_time(claims, now))
    )


def _is_signed(header: Mapping[str, Any]) -> bool:
    algorithm = header.get("alg")
    return not (isinstance(algorithm, str) and algorithm.lower() == "none")


def _wrong_audience(claims: Mapping[str, Any], client_id: str) -> str:
    """Items 3 to 5: it is for this client, and if it is for others too, this client is the one it was issued to."""
    audience, party = claims.get("aud"), claims.get("azp")
    if audience != client_id and not (isinstance(audience, list) and client_id in audience):
        return "is for another client than this one"
    if party is None and isinstance(audience, list) and len(audience) > 1:
        return "is for several clients, and does not say to which of them it was given"
    return "was given to another client than this one" if party not in {None, client_id} else ""


def _wrong_subject(claims: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        return "does not say whose it is"
    known = [name for name in ("iss", "sub") if name in before]
    return (
        "is of another person than before" if any(claims.get(name) != before[name] for name in known) else ""
    )


def _wrong_time(claims: Mapping[str, Any], now: float) -> str:
    """Items 9 and 10. A clock that is a little wrong does no harm."""
    ends, issued = number(claims.get("exp")), number(claims.get("iat"))
    if ends is None:
        return "does not say when it expires"
    if now >= ends + LEEWAY:
        return "has expired, or the clock of this machine is ahead"
    if issued is not None and issued > now + LEEWAY:
        return "is from the future, or the clock of this machine is behind"
    return ""
