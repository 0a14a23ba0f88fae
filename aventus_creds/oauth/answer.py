"""Reads the answers of a token endpoint: a token, or no OAuth at all; refusal.py reads its errors. No I/O, no clock."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from aventus_creds.basics.hidden import Secretive, secret_field
from aventus_creds.errors import InvalidAnswer, ServerError
from aventus_creds.oauth.request import ServerRequest
from aventus_creds.oauth.scopes import spaced
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import LONGEST_LIFETIME, Token, is_header_safe, jwt_claims

if TYPE_CHECKING:
    from aventus_creds.oauth.proofs import ProofKey

LONGEST_ID_TOKEN: Final = 16384
"""Characters of an ID token that is kept, at most."""

_TOKEN_FIELDS: Final = {"access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"}
"""What the protocol has an answer hold (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3)."""

_STEP: Final = r"(?P<name>[^.\[\]]+)(?:\[(?P<key>[^\[\]=]+)=(?P<value>[^\[\]]+)\])?(?:\.|$)"
"""A pattern. Most paths are empty, so it is compiled when it is first used."""


class Answer(Secretive):
    """What a server answered: HTTP status, Content-Type, body, Date, and the nonce for the next proof (RFC 9449)."""

    __slots__ = ("_body", "content_type", "date", "dpop_nonce", "retry_after", "status")

    body: bytes = secret_field("_body")

    def __init__(
        self,
        status: int,
        content_type: str,
        body: bytes,
        date: str = "",
        retry_after: float | None = None,
        dpop_nonce: str = "",
    ) -> None:
        self.status: Final = status
        self.dpop_nonce: Final = dpop_nonce
        self.content_type: Final = content_type
        self._body = body
        self.date: Final = date
        self.retry_after: Final = retry_after  # seconds

    def __repr__(self) -> str:
        """Return only the status, since the body may hold tokens."""
        return f"<Answer {self.status}>"


def read_token(
    profile: Profile,
    answer: Answer,
    request: ServerRequest,
    *,
    now: float,
    previous: Token | None = None,
    told: Mapping[str, str] = {},
    proof_key: ProofKey | None = None,
) -> Token:
    """Read the token in an answer of the token endpoint (RFC 6749 section 5).

    Args:
        profile: whose token.
        answer: what the server sent.
        request: what it answers. Its secrets are kept out of error messages.
        now: when the answer arrived, in seconds since the epoch, UTC.
        previous: the token that a refresh replaces. What the answer leaves out is taken from it (RFC 6749
            sections 5.1 and 6). None: this is not a refresh.
        told: facts of this login that were told before, for ``Token.extra``.
        proof_key: what the token must be bound to (RFC 9449). None: nothing.

    Raises:
        TokenRefused: the answer is an OAuth error (RFC 6749 section 5.2), or its status is not 2xx.
        InvalidAnswer: it holds no usable token, or one of another type than was asked for: Bearer, or DPoP with
            a ``proof_key``.
    """
    outcome = _token(profile, answer, request, now, previous, told, proof_key)
    if isinstance(outcome, ServerError):
        raise outcome
    return outcome


# Functions that have parts of an answer in variables return errors instead of raising them. The caller, which
# has no such variables, raises them. That is because some tools show the variables of a traceback.


def _token(
    profile: Profile,
    answer: Answer,
    request: ServerRequest,
    now: float,
    previous: Token | None,
    told: Mapping[str, str],
    proof_key: ProofKey | None,
) -> Token | ServerError:
    found = json_object(answer)
    if not 200 <= answer.status < 300 or _is_error(found):
        from aventus_creds.oauth.refusal import refusal  # most answers are tokens

        return refusal(profile, answer, request)
    holder = _holder(profile, found, previous)
    access_token, id_token = holder.get("access_token"), holder.get("id_token", found.get("id_token"))
    if not isinstance(access_token, str) or not is_header_safe(access_token):
        return _no_token(profile, request, found)
    said_type = holder.get("token_type")
    if not _is_taken(profile, said_type, bound=proof_key is not None):
        from aventus_creds.oauth.token_types import (  # most servers give what was asked for
            unbound,
            wrong_type,
        )

        return unbound(request, said_type) if proof_key else wrong_type(profile, request, said_type)
    if not isinstance(id_token, str) or not is_header_safe(id_token) or len(id_token) > LONGEST_ID_TOKEN:
        if profile.bearer == "id_token":
            return InvalidAnswer(
                f"the answer of {request.url} holds no usable ID token, which the API wants",
                hint='Ask for the scope openid, or leave bearer = "id_token" out of the profile.',
            )
        id_token = previous.id_token if previous else None
    refresh_token, scope = holder.get("refresh_token"), holder.get("scope")
    if not isinstance(refresh_token, str) or not _is_ascii(refresh_token):  # RFC 6749 appendix A.17
        refresh_token = previous.refresh_token if previous else None
    if isinstance(scope, list):
        scope = " ".join(map(str, scope))
    if not isinstance(scope, str) or (scope and not _is_ascii(scope)):  # appendix A.4
        scope = previous.scope if previous else profile.scope or None
    else:
        scope = spaced(scope, profile)
    secrets = tuple(filter(None, (*request.secrets, access_token, refresh_token, id_token)))
    return Token(
        access_token,
        expires_at=now + _lifetime(profile, holder.get("expires_in"), access_token, id_token, now),
        obtained_at=now,
        refresh_token=refresh_token,
        refresh_expires_at=_refresh_expires_at(holder, now, previous) if refresh_token else None,
        scope=scope,
        id_token=id_token,
        extra=_extra(previous.extra if previous else told, {**found, **holder}, secrets),
        **({"token_type": "DPoP", "proof_key": proof_key.text} if proof_key else {}),
    )


def _extra(
    before: Mapping[str, str], found: Mapping[str, Any], secrets: tuple[str, ...]
) -> Mapping[str, str]:
    """Return what is known of the login beside its token: what was told ``before``, and what the answer adds."""
    if found.keys() <= _TOKEN_FIELDS:
        return before
    try:
        from aventus_creds.oauth.facts import facts, joined  # many answers hold nothing but a token
    except (ImportError, OSError):  # no file can be opened, or another version is installed by now
        return before  # facts can be done without. The token cannot: the one before it is used up
    return joined(before, facts(found, secrets))


def _is_taken(profile: Profile, token_type: Any, *, bound: bool) -> bool:
    """Whether it is a type of token that may be used (RFC 6749 section 7.1, RFC 9449 section 5), whatever its case."""
    if token_type is None:
        return not bound
    taken = ["dpop"] if bound else [name.lower() for name in profile.token_types]
    return isinstance(token_type, str) and token_type.lower() in taken


def _is_error(found: Mapping[str, Any]) -> bool:
    """Whether an answer with HTTP 200 is an error all the same (Slack, GitHub). Gateways have other names for it."""
    if found.get("error"):
        return True
    return "access_token" not in found and bool(found.get("errors") or found.get("fault"))


def _holder(profile: Profile, found: dict[str, Any], previous: Token | None) -> Mapping[str, Any]:
    """Return the object that holds the token. A refresh answers for one token alone, so it need not be inside."""
    holder = inside(found, profile.token_path)
    if isinstance(holder, Mapping):
        return holder
    return found if previous else {}


def _no_token(profile: Profile, request: ServerRequest, found: Mapping[str, Any]) -> InvalidAnswer:
    where = f" at {profile.token_path}" if profile.token_path else ""
    if not found:
        hint = "It is no JSON: check token_url, base_url or issuer in the profile."
    elif where:
        hint = "Check token_path in the profile, or whether scope asks for what is there."
    else:
        hint = "Tell whoever runs the server: a token is visible ASCII (RFC 6750 section 2.1)."
    return InvalidAnswer(f"the answer of {request.url} holds no usable access token{where}", hint=hint)


def _is_ascii(value: str) -> bool:
    """Whether it is printable ASCII and not empty. A lone surrogate, for example, could not even be sent back."""
    return bool(value) and value.isascii() and value.isprintable()


def media_type(answer: Answer) -> str:
    """Return the Content-Type without its parameters, in lower case."""
    return answer.content_type.partition(";")[0].strip().lower()


def json_object(answer: Answer) -> dict[str, Any]:
    """Return the fields in the answer's body: a JSON object, or a form as OAuth's drafts had it, or ``{}``."""
    if media_type(answer) == "application/x-www-form-urlencoded":
        return dict(parse_qsl(answer.body.decode("utf-8", "replace")))
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _refresh_expires_at(found: Mapping[str, Any], now: float, previous: Token | None) -> float | None:
    """Return when the refresh token expires (seconds since the epoch), or None where nobody says. No RFC names this."""
    # Keycloak, GitHub and Entra, QuickBooks
    for name in ("refresh_expires_in", "refresh_token_expires_in", "x_refresh_token_expires_in"):
        seconds = number(found.get(name))
        if seconds is not None:  # 0: Keycloak's word for no end
            return now + min(seconds, LONGEST_LIFETIME) if seconds > 0 else None
    moment = number(found.get("refresh_token_expires_at"))
    if moment is not None and now < moment < now + LONGEST_LIFETIME:
        return moment
    return previous.refresh_expires_at if previous and not found.get("refresh_token") else None


def _lifetime(
    profile: Profile, expires_in: Any, access_token: str, id_token: str | None, now: float
) -> float:
    """Return the lifetime in seconds: ``expires_in``, else what the JWT says. Zero and less say nothing.

    Where nobody says, the token has no known end (RFC 6749 section 5.1 only recommends expires_in): infinity. GitHub's,
    Slack's and Shopify's tokens are good until they are revoked. ``expires_in`` is the access token's: an ID token that
    is sent in its place says itself how long it lives.
    """
    given = [number(expires_in), lifetime_of(access_token, now)]
    if profile.bearer == "id_token":
        given.insert(0, lifetime_of(id_token or "", now))
    for seconds in given:
        if seconds is not None and seconds > 0:
            return min(seconds, LONGEST_LIFETIME)
    return math.inf


def lifetime_of(jwt: str, now: float) -> float | None:
    """Return the seconds that a JSON Web Token lives from its making on, or None if it does not say."""
    claims = jwt_claims(jwt)
    expiry, issued = number(claims.get("exp")), number(claims.get("iat"))
    # Both times are from the server's clock, so their difference is right even if this machine's clock is wrong.
    return expiry - (issued or now) if expiry else None


def number(value: Any) -> float | None:
    """Return ``value`` as a number, if it is one or its text; infinity for one that is too large."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    except OverflowError:  # an integer too large for a float
        return math.inf if value > 0 else None  # type: ignore[operator]
    return None if math.isnan(number) else number


def inside(found: Any, path: str) -> Any:
    """Return what is at ``path`` in ``found``, or None.

    Args:
        found: parsed JSON.
        path: names with dots between them. A name may end in ``[key=value]``: then it is a list of objects, and the
            first of them where ``key`` is ``value`` is meant. ``""`` is ``found`` itself.
    """
    for step in re.finditer(_STEP, path) if path else ():
        found = found.get(step["name"]) if isinstance(found, Mapping) else None
        if step["key"] is not None:
            items = found if isinstance(found, list) else []
            found = next((item for item in items if _has(item, step["key"], step["value"])), None)
    return found


def _has(item: Any, key: str, value: str) -> bool:
    return isinstance(item, Mapping) and item.get(key) == value
