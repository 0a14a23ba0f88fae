"""How the last failed refresh is written down beside a token, for the processes that waited for it.

Those that wait for another process's refresh must share its outcome. Otherwise each of them would try in turn against a
server that does not answer, and the last one would learn of the outage after all the others' time limits.
"""

from __future__ import annotations

import json

from aventus_creds.errors import (
    AventusCredsError,
    InvalidAnswer,
    LoginRequired,
    NetworkError,
    SecretError,
    ServerError,
    TokenRefused,
)
from aventus_creds.structs import Struct

KINDS: dict[str, type[AventusCredsError]] = {
    kind.__name__: kind for kind in (LoginRequired, NetworkError, InvalidAnswer, SecretError, ServerError)
}


class Failure(Struct):
    """A refresh that failed ``at`` (seconds since the epoch), and for how many seconds nobody should retry early."""

    at: float
    wait: float
    error: AventusCredsError

    @property
    def needs_login(self) -> bool:
        """Whether the server refused the refresh, so that a person must log in."""
        return isinstance(self.error, LoginRequired)


def encode(failure: Failure) -> bytes:
    """Return what a store saves. The error's text holds no secret: it is made for people."""
    error = failure.error
    kind = next(
        name for kind in type(error).__mro__ if (name := kind.__name__) in {*KINDS, "TokenRefused", "object"}
    )
    noted: dict[str, object] = {"kind": kind, "message": error.message, "hint": error.hint}
    if isinstance(error, TokenRefused):
        noted |= {"error": error.error, "error_description": error.error_description, "status": error.status}
    return json.dumps({"at": failure.at, "wait": failure.wait, **noted}).encode()


def decode(content: bytes | None) -> Failure | None:
    """Return the failure in a store's ``content``, or None where there is none that can be read."""
    try:
        noted = json.loads(content or b"null")
        at, wait, kind, message, hint = (
            noted.pop(name) for name in ("at", "wait", "kind", "message", "hint")
        )
        if not all(isinstance(text, str) for text in (message, hint)):
            return None
        error = (
            TokenRefused(message, hint=hint, **noted)
            if kind == "TokenRefused"
            else KINDS.get(kind, ServerError)(message, hint=hint)
        )
        return Failure(float(at), float(wait), error)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
