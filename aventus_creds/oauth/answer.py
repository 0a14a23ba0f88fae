"""Reads the answers of a token endpoint: a token, an OAuth error, or no OAuth at all. No I/O, no clock."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from aventus_creds.basics.hidden import Secretive
from aventus_creds.basics.redact import plain
from aventus_creds.basics.urls import split_url
from aventus_creds.errors import InvalidAnswer, ServerError, TokenRefused
from aventus_creds.oauth.request import ServerRequest
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token, is_header_safe, jwt_claims

DEFAULT_LIFETIME: Final = 3600.0
"""Seconds that a token is assumed to live if neither the answer nor the token says."""

SHORTEST_INTERVAL: Final = 0.1
"""Seconds between two polls of a device login, at least. A server that says 0 would be polled without a pause."""

LONGEST_INTERVAL: Final = 60.0
"""Seconds between two polls of a device login, at most."""

DEFAULT_DEVICE_LIFETIME: Final = 600.0
"""Seconds that a device code is assumed to live if its answer does not say, although it must."""

LONGEST_CODE: Final = 100
"""Characters of a user code at most: a person types it."""

LONGEST_ADDRESS: Final = 2000
"""Characters of an address that a person opens, at most. A QR code has room for 2,953."""

LONGEST_LIFETIME: Final = 10 * 365 * 86400.0
"""Seconds. A server that says more means "for ever", and such times may be too late for a date."""


HINTS: Final = {
    "access_denied": "The person or the server's rules denied it. Ask who runs the server, or log in again.",
    "invalid_client": "Check client_id, client_secret and client_auth in the profile.",
    "invalid_request": "Check scope, token_request and authorize_params in the profile.",
    "invalid_scope": "Check scope in the profile.",
    "invalid_target": "Check audience, or resource among the extra parameters, in the profile.",
    "redirect_uri_mismatch": "Register the profile's redirect_uri at the server, exactly as it is written.",
    "unauthorized_client": "Have this grant switched on for the client at the server.",
    "unsupported_grant_type": 'Check token_request ("form" or "json") and grant in the profile.',
}
"""What to do about an OAuth error code."""

CODES: Final = frozenset(
    (
        *HINTS,
        *("invalid_grant", "bad_refresh_token", "interaction_required", "login_required", "consent_required"),
        *("authorization_pending", "slow_down", "expired_token", "too_many_requests"),
    )
)
"""Error codes that decide what the client does next. They stay as they are, even if a secret sounds like one."""


class Answer(Secretive):
    """What a server answered: HTTP status, Content-Type, body and Date."""

    __slots__ = ("body", "content_type", "date", "status")

    def __init__(self, status: int, content_type: str, body: bytes, date: str = "") -> None:
        self.status: Final = status
        self.content_type: Final = content_type
        self.body: Final = body
        self.date: Final = date

    def __repr__(self) -> str:
        """Return only the status, since the body may hold tokens."""
        return f"<Answer {self.status}>"


def read_token(
    profile: Profile, answer: Answer, request: ServerRequest, *, now: float, previous: Token | None = None
) -> Token:
    """Read the token in an answer of the token endpoint (RFC 6749 section 5).

    Args:
        profile: whose token.
        answer: what the server sent.
        request: what it answers. Its secrets are kept out of error messages.
        now: when the answer arrived, in seconds since the epoch, UTC.
        previous: the token that a refresh replaces. What the answer leaves out is taken from it (RFC 6749
            sections 5.1 and 6). None: this is not a refresh.

    Raises:
        TokenRefused: the answer is an OAuth error (RFC 6749 section 5.2), or its status is not 2xx.
        InvalidAnswer: it holds no usable token, or one of another type than Bearer.
    """
    outcome = _token(profile, answer, request, now, previous)
    if isinstance(outcome, ServerError):
        raise outcome
    return outcome


# Functions that have parts of an answer in variables return errors instead of raising them. The caller, which
# has no such variables, raises them. That is because some tools show the variables of a traceback.


def _token(
    profile: Profile, answer: Answer, request: ServerRequest, now: float, previous: Token | None
) -> Token | ServerError:
    found = json_object(answer)
    if not 200 <= answer.status < 300 or found.get("error"):
        return refusal(profile, answer, request)
    access_token = found.get("access_token")
    if not isinstance(access_token, str) or not is_header_safe(access_token):
        return InvalidAnswer(
            f"the answer of {request.url} holds no usable access token",
            hint="Tell whoever runs the server: a token is visible ASCII (RFC 6750 section 2.1)."
            if found
            else "It is no JSON: check token_url, base_url or issuer in the profile.",
        )
    token_type = "Bearer" if found.get("token_type") is None else found["token_type"]
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        return InvalidAnswer(
            f"the token of {request.url} is not of the type Bearer, the only one known here",
            hint="Have the server give the client bearer tokens (RFC 6750).",
        )
    refresh_token, scope = found.get("refresh_token"), found.get("scope")
    if not isinstance(refresh_token, str) or not _is_ascii(refresh_token):  # RFC 6749 appendix A.17
        refresh_token = previous.refresh_token if previous else None
    if isinstance(scope, list):
        scope = " ".join(map(str, scope))
    if not isinstance(scope, str) or (scope and not _is_ascii(scope)):  # appendix A.4
        scope = previous.scope if previous else profile.scope or None
    return Token(
        access_token,
        expires_at=now + _lifetime(found.get("expires_in"), access_token, now),
        obtained_at=now,
        refresh_token=refresh_token,
        scope=scope,
    )


class DeviceAuthorization(Secretive):
    """What a person needs to log in on another device, and how to ask for the outcome (RFC 8628 section 3.2).

    ``expires_in`` and ``interval`` are in seconds. The device code is a secret of this client: do not show
    it.
    """

    __slots__ = (
        *("device_code", "expires_in", "interval"),
        *("user_code", "verification_uri", "verification_uri_complete"),
    )

    def __init__(
        self,
        *,
        device_code: str,
        user_code: str,
        verification_uri: str,
        verification_uri_complete: str,
        expires_in: float,
        interval: float,
    ) -> None:
        self.device_code: Final = device_code
        self.user_code: Final = user_code
        self.verification_uri: Final = verification_uri
        self.verification_uri_complete: Final = verification_uri_complete
        self.expires_in: Final = expires_in
        self.interval: Final = interval

    def __repr__(self) -> str:
        """Return the address for the person, without the codes."""
        return f"<DeviceAuthorization at {self.verification_uri}>"


def read_device_authorization(
    profile: Profile, answer: Answer, request: ServerRequest
) -> DeviceAuthorization:
    """Read the answer of the device authorization endpoint (RFC 8628 section 3.2).

    Args:
        profile: whose login.
        answer: what the server sent.
        request: what it answers. Its secrets are kept out of error messages.

    Raises:
        TokenRefused: the answer is an OAuth error, or its status is not 2xx.
        InvalidAnswer: codes are missing, or the address is not safe to open (see ``split_url``).
    """
    outcome = _device_authorization(profile, answer, request)
    if isinstance(outcome, ServerError):
        raise outcome
    return outcome


def _device_authorization(
    profile: Profile, answer: Answer, request: ServerRequest
) -> DeviceAuthorization | ServerError:
    found = json_object(answer)
    if not 200 <= answer.status < 300 or found.get("error"):
        return refusal(profile, answer, request)
    device_code: Any = found.get("device_code")
    user_code: Any = found.get("user_code")
    if not _is_word(device_code) or not _is_word(user_code, LONGEST_CODE):
        return InvalidAnswer(
            f"the answer of {request.url} holds no usable device code and user code", hint=_DEVICE_HINT
        )
    # Some servers still use the name of an early draft.
    uri: Any = found.get("verification_uri") or found.get("verification_url")
    complete: Any = found.get("verification_uri_complete") or ""
    try:
        for address in (uri, complete or uri):
            _check_address(address)
    except ValueError as what:
        return InvalidAnswer(
            f"in the answer of {request.url}, the verification address {what}", hint=_DEVICE_HINT
        )
    interval, lifetime = _number(found.get("interval")), _number(found.get("expires_in"))
    return DeviceAuthorization(
        device_code=device_code,
        user_code=user_code,
        verification_uri=uri,
        verification_uri_complete=complete,
        expires_in=lifetime if lifetime and lifetime > 0 else DEFAULT_DEVICE_LIFETIME,
        # 5 seconds is the default in section 3.2.
        interval=5.0
        if interval is None or interval < 0
        else min(max(interval, SHORTEST_INTERVAL), LONGEST_INTERVAL),
    )


_DEVICE_HINT: Final = "Check device_url in the profile, or tell whoever runs the server."


def _check_address(address: Any) -> None:
    split_url(address if isinstance(address, str) else "")
    if len(address) > LONGEST_ADDRESS:
        raise ValueError(f"must not be longer than {LONGEST_ADDRESS} characters")


def _is_word(value: Any, longest: float = math.inf) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


def _is_ascii(value: str) -> bool:
    """Whether it is printable ASCII and not empty. A lone surrogate, for example, could not even be sent back."""
    return bool(value) and value.isascii() and value.isprintable()


def refusal(profile: Profile, answer: Answer, request: ServerRequest) -> TokenRefused:
    """Return the exception for an error answer (RFC 6749 section 5.2), also in formats that servers made up.

    Args:
        profile: whose request was refused.
        answer: what the server sent.
        request: what it answers. Its secrets are kept out of the message.
    """
    found = json_object(answer)
    error = found.get("error") or found.get("errorCode")
    if isinstance(error, dict):  # some servers wrap code and message
        found = {**error, **found}
        error = error.get("code") or error.get("type")
    # The names of OAuth, Okta's own API, API gateways and RFC 9457.
    names = ("error_description", "errorSummary", "message", "detail")
    description = next((found[name] for name in names if found.get(name)), None)
    if not found and answer.content_type.partition(";")[0].strip().lower() == "text/plain":
        description = answer.body.decode("utf-8", "replace")
    if not isinstance(error, str) or error not in CODES:
        error = plain(error, request.secrets)
    description = plain(description, request.secrets)
    said = ": ".join(filter(None, (error, description))) or "no reason given"
    return TokenRefused(
        f"{request.url} refused the request of profile {profile.name}: {said} (HTTP {answer.status})",
        error=error,
        error_description=description,
        status=answer.status,
        hint=HINTS.get(error, ""),
    )


def json_object(answer: Answer) -> dict[str, Any]:
    """Return the JSON object in the answer's body, or ``{}`` if the body is anything else."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _lifetime(expires_in: Any, access_token: str, now: float) -> float:
    """Return the lifetime in seconds: ``expires_in``, else what the JWT says, else the default. Ignore 0 and less."""
    claims = jwt_claims(access_token)
    expiry, issued = _number(claims.get("exp")), _number(claims.get("iat"))
    # Both times are from the server's clock, so their difference is right even if this machine's clock is
    # wrong.
    by_claims = expiry - (issued or now) if expiry else None
    for seconds in (_number(expires_in), by_claims):
        if seconds is not None and seconds > 0:
            return min(seconds, LONGEST_LIFETIME)
    return DEFAULT_LIFETIME


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    except OverflowError:  # an integer too large for a float
        return math.inf if value > 0 else None  # type: ignore[operator]
    return None if math.isnan(number) else number
