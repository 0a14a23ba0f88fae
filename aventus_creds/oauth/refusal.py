"""Reads the errors of an authorization server (RFC 6749 section 5.2), also in formats that servers made up. No I/O."""

from __future__ import annotations

from typing import Any, Final

from aventus_creds.basics.redact import plain
from aventus_creds.errors import TEMPORARY, TokenRefused
from aventus_creds.oauth.answer import Answer, json_object, media_type
from aventus_creds.oauth.request import ServerRequest
from aventus_creds.profiles.profile import Profile

HINTS: Final = {
    "access_denied": "The person or the server's rules denied it. Ask who runs the server, or log in again.",
    "invalid_client": "Check client_id, client_secret and client_auth in the profile.",
    "invalid_request": "Check scope, token_request and authorize_params in the profile.",
    "invalid_request_uri": "The login's address is good once, and not for long: log in again.",
    "invalid_scope": "Check scope in the profile.",
    "invalid_target": "Check audience, or resource among the extra parameters, in the profile.",
    "redirect_uri_mismatch": "Register the profile's redirect_uri at the server, exactly as it is written.",
    "use_dpop_nonce": "The server gives no nonce that can be sent back. Tell whoever runs it.",
    "invalid_dpop_proof": "Set this machine's clock. If it is right, tell whoever runs the server what it said.",
    "unauthorized_client": "Have this grant switched on for the client at the server.",
    "unsupported_grant_type": 'Check token_request ("form" or "json") and grant in the profile.',
}
"""What to do about an OAuth error code."""

CODES: Final = frozenset(
    (
        *HINTS,
        *TEMPORARY,
        *("invalid_grant", "bad_refresh_token", "interaction_required", "login_required", "consent_required"),
        *("authorization_pending", "slow_down", "expired_token", "too_many_requests"),
    )
)
"""Error codes that decide what the client does next. They stay as they are, even if a secret sounds like one."""


def refusal(profile: Profile, answer: Answer, request: ServerRequest) -> TokenRefused:
    """Return the exception for an error answer (RFC 6749 section 5.2), also in formats that servers made up.

    Args:
        profile: whose request was refused.
        answer: what the server sent.
        request: what it answers. Its secrets are kept out of the message.
    """
    error, description = _words(answer)
    if not isinstance(error, str) or error not in CODES:
        error = plain(error, request.secrets)
    description = plain(description, request.secrets)
    said = ": ".join(filter(None, (error, description))) or "no reason given"
    return TokenRefused(
        f"{request.url} refused the request of profile {profile.name}: {said} (HTTP {answer.status})",
        error=error,
        error_description=description,
        status=answer.status,
        hint=_hint(error, answer.status, request.assumed_auth),
        retry_after=answer.retry_after,
        by_gateway=media_type(answer) in {"text/html", "application/xhtml+xml"}
        or answer.body.lstrip()[:1] == b"<",
    )


def _hint(error: str, status: int, assumed_auth: str) -> str:
    """Return what to do. Where the way of the client's secret is only assumed, that may be all that is wrong."""
    if not assumed_auth or not (status == 401 or error in {"", "invalid_client", "invalid_request"}):
        return HINTS.get(error, "")
    sent, other = ("in the Basic header", "post") if assumed_auth == "basic" else ("in the body", "basic")
    return (
        f"The client secret was sent {sent}, since neither the profile nor a document of the server says how: perhaps"
        f' it takes client_auth = "{other}". Else check client_id and client_secret.'
    )


def _words(answer: Answer) -> tuple[Any, Any]:
    """Return the error's code and description, wherever a server puts them."""
    found = json_object(answer)
    if not found and media_type(answer) == "text/plain":
        return None, answer.body.decode("utf-8", "replace")
    error = found.get("error") or found.get("errorCode") or found.get("status")
    # Some servers wrap code and message, in an object (Google's APIs, Apigee) or in a list of them (Strava, Fitbit).
    inner = next((found[name] for name in ("error", "errors", "fault") if found.get(name)), None)
    inner = inner[0] if isinstance(inner, list) else inner
    if isinstance(inner, dict):
        found = {**inner, **found}
        error = next((inner[name] for name in ("code", "type", "errorType") if inner.get(name)), None)
    elif inner and not error:  # a list of texts, or a text
        found = {"detail": inner, **found}
    # The names of OAuth, Okta's own API, API gateways, RFC 9457, Apigee, Zoom.
    names = ("error_description", "errorSummary", "message", "detail", "faultstring", "reason")
    # Apigee's detail is an object.
    said = (found[name] for name in names if found.get(name) and not isinstance(found[name], dict | list))
    return error, next(said, None)
