"""Reads or makes what proves who a client is, and what it asks a token for: with the clock, and with random numbers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any, Final

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import SecretError
from aventus_creds.oauth.assertions import Signing, audience, signed, whole_claims
from aventus_creds.oauth.machine_requests import grant_claims
from aventus_creds.oauth.places import read_place
from aventus_creds.oauth.request import Endpoints
from aventus_creds.profiles.client_auths import METHODS
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.secrets import SecretRef

OF_CLIENT: Final = "client-authentication+jwt"
"""The type of a client's assertion, by which a server knows it from other tokens (draft-ietf-oauth-rfc7523bis)."""


def credential(profile: Profile, endpoints: Endpoints) -> str | None:
    """Return what proves who the client is, read or made now; None where nothing is sent.

    Raises:
        SecretError: the secret, the key or the assertion cannot be read.
        ConfigError: the key cannot sign.
        NetworkError: who has the assertion cannot be reached.
    """
    row, machine = METHODS[endpoints.client_auth], profile.machine
    reference: SecretRef | None = profile.client_secret or getattr(machine, row.key, None)
    if row.key != "client_secret" and machine:
        reference = getattr(machine, row.key)
    if reference is None or row.sends == "certificate":
        return None
    if row.sends == "secret":
        return reference.read()
    if row.foreign:  # somebody else has signed it
        return read_place(reference, profile).text
    claims = {"iss": profile.client_id, "sub": profile.client_id}
    key = Hidden(reference.read())
    return _assertion(profile, endpoints, key, claims, OF_CLIENT, shared=row.key == "client_secret")


def grant_assertion(profile: Profile, endpoints: Endpoints) -> str:
    """Return the assertion that a ``jwt_bearer`` profile asks a token for. Raises as ``credential`` does."""
    machine = profile.machine
    assert machine  # noqa: S101 - the grant needs it
    if machine.service_account is None:
        assert machine.client_key  # noqa: S101 - the grant needs one of them
        key = Hidden(machine.client_key.read())
        return _assertion(profile, endpoints, key, grant_claims(profile, {}), "JWT")
    account: Hidden[Mapping[str, Any]] = Hidden(_service_account(machine.service_account))
    key = Hidden(account.reveal()["private_key"])
    claims = grant_claims(profile, {"client_email": account.reveal()["client_email"]})
    return _assertion(
        profile,
        endpoints,
        key,
        claims,
        "JWT",
        key_id=account.reveal().get("private_key_id", ""),
        to=account.reveal().get("token_uri", ""),
    )


def _assertion(
    profile: Profile,
    endpoints: Endpoints,
    key: Hidden[str],
    claims: Mapping[str, Any],
    kind: str,
    *,
    key_id: str = "",
    to: str = "",
    shared: bool = False,
) -> str:
    machine = profile.machine
    asked = machine.assertion_audience if machine else ""
    how = Signing(
        kind,
        key_id=(machine.client_key_id if machine and not shared else "") or key_id,
        algorithm=machine.client_key_algorithm if machine and not shared else "",
        taken=endpoints.signing_algorithms if kind == OF_CLIENT else (),
    )
    to = to if to and not asked else audience(profile, endpoints)
    return signed(key, whole_claims(claims, to, now=time.time(), random=os.urandom(16)), how, shared=shared)


def _service_account(reference: SecretRef) -> Mapping[str, Any]:
    """Return a Google service account's JSON, as it was given.

    Raises:
        SecretError: it is something else.
    """
    account = _parsed(Hidden(reference.read()))
    fields = ("client_email", "private_key")
    if not account or not all(isinstance(account.reveal().get(name), str) for name in fields):
        raise SecretError(
            f"the {reference.name} in {reference.place} is no JSON with {' and '.join(fields)}",
            hint="Give the file as Google made it: a key of the type JSON.",
        )
    return account.reveal()


def _parsed(text: Hidden[str]) -> Hidden[dict[str, Any]] | None:
    try:
        found = Hidden(json.loads(text.reveal()))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found.reveal(), dict) else None
