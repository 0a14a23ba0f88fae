"""The forms in which ``token`` prints a token: one row for each kind of program that reads it."""

from __future__ import annotations

import json
import math
import os
import shlex
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from aventus_creds.basics.hidden import Hidden, Secretive
from aventus_creds.errors import AventusCredsError
from aventus_creds.profiles.profile import Profile, token_variable
from aventus_creds.session.presenting import Presentation
from aventus_creds.structs import Struct
from aventus_creds.tokens import Token, jwt_claims

GOOGLE: Final = "urn:ietf:params:oauth:token-type:"
"""What Google's clients call the kinds of tokens (RFC 8693 section 3)."""


class Given(Secretive):
    """What is to be printed, and what is known of it.

    Args:
        profile: whose token.
        presentation: how its API wants the token.
        token: the token.
        by_id: whether its ID token is asked for instead.
    """

    def __init__(self, profile: Profile, presentation: Presentation, token: Token, *, by_id: bool) -> None:
        self.profile, self.presentation, self._token, self.by_id = profile, presentation, Hidden(token), by_id

    @property
    def token(self) -> Token:
        """The token."""
        return self._token.reveal()

    @property
    def text(self) -> str:
        """The access token, or the ID token where that is asked for."""
        return (self.by_id and self.token.id_token) or self.presentation.token(self.token)

    @property
    def expires_at(self) -> float:
        """When it expires, in seconds since the epoch, UTC; ``math.inf`` if nobody says."""
        expiry = jwt_claims(self.text).get("exp") if self.text == self.token.id_token else None
        return min(float(expiry), self.token.expires_at) if isinstance(expiry, int) else self.token.expires_at


class Format(Struct):
    """A form: ``write`` returns what is printed; ``may_ask`` says whether a person may be asked, None: as ever."""

    title: str
    write: Callable[[Given], str]
    may_ask: Callable[[], bool | None] = lambda: None
    failed: Callable[[AventusCredsError], str] | None = None  # what is printed where there is no token


def _header(given: Given) -> str:
    if given.by_id:
        return f"Authorization: Bearer {given.text}"
    return f"{given.presentation.header}: {given.presentation.value(given.token)}"


def _json(given: Given) -> str:
    return json.dumps(
        {
            "token": given.text,
            "type": given.token.token_type,
            "expires_at": _date(given.expires_at),
            "scope": given.token.scope,
            "account": given.token.account or None,
        },
        indent=2,
    )


def _env(given: Given) -> str:
    return f"export {token_variable(given.profile.name)}={shlex.quote(given.text)}"


def _curl(given: Given) -> str:
    # curl(1), --config: a value with spaces is quoted, and a backslash and a quote in it are escaped.
    return 'header = "' + _header(given).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _kubernetes(given: Given) -> str:
    status = {"token": given.text}
    if expires := _date(given.expires_at):
        status["expirationTimestamp"] = expires
    version = _exec_info().get("apiVersion", "client.authentication.k8s.io/v1")
    return json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})


def _kubectl_may_ask() -> bool | None:
    """Whether kubectl leaves the terminal to us, where it says so."""
    spec = _exec_info().get("spec")
    said = spec.get("interactive") if isinstance(spec, dict) else None
    return said if isinstance(said, bool) else None


def _exec_info() -> dict[str, Any]:
    """Return what kubectl says of itself (KUBERNETES_EXEC_INFO), or nothing."""
    try:
        info = json.loads(os.environ.get("KUBERNETES_EXEC_INFO", "{}"))
    except ValueError:
        return {}
    return info if isinstance(info, dict) else {}


def _executable(given: Given) -> str:
    by_id = bool(given.token.id_token) and given.text == given.token.id_token
    answer = {"version": 1, "success": True, "token_type": GOOGLE + ("id_token" if by_id else "jwt")}
    answer["id_token"] = given.text
    if given.expires_at < math.inf:
        answer["expiration_time"] = int(given.expires_at)
    return json.dumps(answer)


def _google_may_ask() -> bool:
    return os.environ.get("GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE") == "1"


def _google_failed(error: AventusCredsError) -> str:
    return json.dumps({"version": 1, "success": False, "code": type(error).__name__, "message": str(error)})


def _date(seconds: float) -> str | None:
    """Return a time in the form of RFC 3339, or None for none."""
    return None if seconds == math.inf else datetime.fromtimestamp(int(seconds), UTC).strftime("%FT%TZ")


FORMATS: Final[dict[str, Format]] = {
    "text": Format("the token alone", lambda given: given.text),
    "header": Format("as the API's header", _header),
    "json": Format("with its type, expiry, scope and account", _json),
    "env": Format("for eval in a shell", _env),
    "curl": Format("for curl -K -", _curl),
    "kubernetes": Format("for kubectl", _kubernetes, _kubectl_may_ask),
    "executable": Format("for Google's clients", _executable, _google_may_ask, _google_failed),
}


def expired(given: Given) -> bool:
    """Whether what is to be printed has expired: an ID token may live shorter than its access token."""
    return given.expires_at <= time.time()
