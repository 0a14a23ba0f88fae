"""What to say of a token that is not taken because of its type, and what to do about it. No I/O, no clock."""

from __future__ import annotations

from typing import Any

from aventus_creds.basics.redact import plain
from aventus_creds.errors import InvalidAnswer
from aventus_creds.oauth.request import ServerRequest
from aventus_creds.profiles.kinds import any_of
from aventus_creds.profiles.profile import Profile


def wrong_type(profile: Profile, request: ServerRequest, token_type: Any) -> InvalidAnswer:
    """Return the error for a type that is not known: such a token must not be used (RFC 6749 section 7.1)."""
    said = plain(token_type, request.secrets)
    hint = "Have the server give the client bearer tokens (RFC 6750)."
    if said.lower() == "dpop":
        hint = "It is bound to a key (RFC 9449): write dpop = true into the profile."
    elif token_type and token_type == said and not {'"', "\\"} & set(said):
        hint = f'If its documentation has it sent as a bearer token all the same: token_types = ["{said}"]'
    kind = f"the type {said}" if said else "a type without a name"
    return InvalidAnswer(
        f"the token of {request.url} is of {kind}, and not of the type {any_of(profile.token_types)}",
        hint=hint,
    )


def unbound(request: ServerRequest, token_type: Any) -> InvalidAnswer:
    """Return the error for a token that is not bound to the key: whoever has it could use it (RFC 9449 section 5)."""
    return InvalidAnswer(
        f"the token of {request.url} is of the type {plain(token_type, request.secrets) or '?'}, and not bound to the"
        " key, as dpop = true wants it: it is not used",
        hint="Have the server bind this client's tokens (dpop_bound_access_tokens), or leave dpop out of the profile.",
    )
