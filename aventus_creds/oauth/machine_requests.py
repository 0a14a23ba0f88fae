"""Requests for a token of a machine, as values: for a token that it has, or for an assertion. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.redact import plain
from aventus_creds.errors import InvalidAnswer
from aventus_creds.oauth.answer import Answer, json_object
from aventus_creds.oauth.found import Found
from aventus_creds.oauth.request import Endpoints, ServerRequest, server_request
from aventus_creds.profiles.machine_keys import TOKEN_TYPES
from aventus_creds.profiles.profile import Profile

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def exchange_request(
    profile: Profile, endpoints: Endpoints, subject: Found, actor: Found | None, client_secret: str | None
) -> ServerRequest:
    """Return the request that exchanges a token (RFC 8693 section 2.1), or in the provider's own way.

    Args:
        profile: what is asked for.
        endpoints: the server.
        subject: the token of the party on whose behalf it is.
        actor: the token of the party who acts, if that is another one.
        client_secret: what proves who the client is, as for ``server_request``.
    """
    machine, row = profile.machine, profile.provider
    assert machine  # noqa: S101 - the grant needs it
    if row.exchange_grant_type:
        fields: dict[str, str | list[str]] = {
            "grant_type": row.exchange_grant_type,
            row.exchange_token: subject.text,
            **_asked_for(profile),
            **profile.authorize_params,
            **profile.token_params,
        }
        return server_request(profile, endpoints, fields, client_secret, secrets=(subject.text,))
    fields = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": subject.text,
        "subject_token_type": machine.subject_token_type,
        **_asked_for(profile),
    }
    if actor:
        fields |= {"actor_token": actor.text, "actor_token_type": machine.actor_token_type}
    secrets = (subject.text, *([actor.text] if actor else []))
    fields |= dict(profile.token_params)
    return server_request(profile, endpoints, fields, client_secret, secrets=secrets)


def wrong_type(profile: Profile, answer: Answer, request: ServerRequest) -> InvalidAnswer | None:
    """Return the error for a token of another type than was asked for (RFC 8693 section 2.2.1), or None.

    Without a word in the profile it is an access token, in whatever form: no other is one to be sent to an API.
    """
    machine = profile.machine
    asked = machine.requested_token_type if machine else ""
    fitting = (asked,) if asked else (TOKEN_TYPES["access_token"], TOKEN_TYPES["jwt"])
    issued = json_object(answer).get("issued_token_type")
    if not 200 <= answer.status < 300 or issued is None or issued in fitting:
        return None
    return InvalidAnswer(
        f"{request.url} answered the exchange with a token of the type {plain(issued, request.secrets) or '?'}, and"
        f" {fitting[0]} was asked for",
        hint="Check requested_token_type in the profile.",
    )


def assertion_request(
    profile: Profile, endpoints: Endpoints, assertion: Hidden[str], client_secret: str | None
) -> ServerRequest:
    """Return the request for a token for an assertion (RFC 7523 section 2.1)."""
    fields: dict[str, str | list[str]] = {
        "grant_type": JWT_BEARER,
        **_asked_for(profile),
        **profile.token_params,
        "assertion": assertion.reveal(),
    }
    return server_request(profile, endpoints, fields, client_secret, secrets=(assertion.reveal(),))


def grant_claims(profile: Profile, account: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims of the assertion of a ``jwt_bearer`` profile, but for those of every assertion.

    Args:
        profile: the client, and the claims that it adds.
        account: the Google service account, or ``{}``. Google wants the scope in the assertion.
    """
    machine = profile.machine
    assert machine  # noqa: S101 - the grant needs it
    if account:
        claims = {"iss": account["client_email"], **({"scope": profile.scope} if profile.scope else {})}
    else:
        claims = {"iss": profile.client_id, "sub": profile.client_id}
    return {**claims, **machine.assertion_claims}


def _asked_for(profile: Profile) -> dict[str, str | list[str]]:
    machine = profile.machine
    named: dict[str, str | list[str]] = {
        "scope": profile.scope,
        "audience": profile.audience,
        "resource": list(machine.resource) if machine else [],
        "requested_token_type": machine.requested_token_type if machine else "",
    }
    return {name: value for name, value in named.items() if value}
