"""Token: an access token and what is known about it. The rules for when it expires are here and nowhere else."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from aventus_creds.basics.hidden import Secretive, secret_field

EARLY_REFRESH: Final = 60.0
"""How many seconds before its expiry a token is due for refresh. It is never more than a tenth of its lifetime."""

LONGEST_LIFETIME: Final = 10 * 365 * 86400.0
"""Seconds. A server that says more means "for ever", and such times may be too late for a date."""


ACCOUNT: Final = ("email", "preferred_username", "name", "sub")
"""Claims that say whose token it is, what people know first (OpenID Connect Core section 5.1)."""


class Token(Secretive):
    """An access token (RFC 6749 section 1.4). It is immutable, and its repr shows no secret.

    Args:
        access_token: the token itself.
        expires_at: when it expires, in seconds since the epoch, UTC; ``math.inf`` if nobody says: it is good until the
            API refuses it.
        obtained_at: when this machine got it, in seconds since the epoch, UTC.
        token_type: Bearer (RFC 6750); or DPoP (RFC 9449), if it has a ``proof_key``.
        refresh_token: None if the server gave none.
        refresh_expires_at: when the refresh token expires, like ``expires_at``; None if the server does not say.
        scope: the granted scopes, separated by spaces. None if neither the server nor the profile names any.
        id_token: the ID token (OpenID Connect Core section 2), checked as README.md says; None if there is none.
        extra: what else the server said of this login, such as an instance's address. None of it is secret.
        proof_key: the private key that it is bound to (RFC 9449), as a JWK; None if whoever has it can use it.
    """

    __slots__ = (
        *("_access_token", "_id_token", "_refresh_token", "expires_at", "obtained_at"),
        *("_extra", "_proof_key", "refresh_expires_at", "scope", "token_type"),
    )

    instead = "call get_token or get_session in the other process"

    access_token: str = secret_field("_access_token")
    expires_at: float
    obtained_at: float
    token_type: str
    refresh_token: str | None = secret_field("_refresh_token")
    refresh_expires_at: float | None
    scope: str | None
    _extra: tuple[tuple[str, str], ...]
    id_token: str | None = secret_field("_id_token")
    proof_key: str | None = secret_field("_proof_key")

    def __init__(  # noqa: PLR0913 - all that is known of a token, by name
        self,
        access_token: str,
        *,
        expires_at: float,
        obtained_at: float,
        token_type: str = "Bearer",
        refresh_token: str | None = None,
        refresh_expires_at: float | None = None,
        scope: str | None = None,
        id_token: str | None = None,
        extra: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        proof_key: str | None = None,
    ) -> None:
        fill = super().__setattr__
        fill("_access_token", access_token)
        fill("expires_at", expires_at)
        fill("obtained_at", obtained_at)
        fill("token_type", token_type)
        fill("_refresh_token", refresh_token)
        fill("refresh_expires_at", refresh_expires_at)
        fill("scope", scope)
        fill("_id_token", id_token)
        fill("_proof_key", proof_key)
        fill("_extra", tuple(sorted(dict(extra).items())) if extra else ())

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: a token never changes, a new one replaces it."""
        raise AttributeError(f"a Token is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        """Refuse, as __setattr__ does."""
        raise AttributeError(f"a Token is immutable: {name} cannot be deleted")

    def __repr__(self) -> str:
        """Return when it expires and whether it can be refreshed, without secrets."""
        return f"<Token {until(self.expires_at)}{', refreshable' if self.refresh_token else ''}>"

    def __eq__(self, other: object) -> bool:
        """Two tokens are equal if all their fields are."""
        return isinstance(other, Token) and self._fields() == other._fields()

    def __hash__(self) -> int:
        """Hash over all fields, as __eq__ compares them."""
        return hash(self._fields())

    def __copy__(self) -> Token:
        """Return the token itself: it is immutable."""
        return self

    def __deepcopy__(self, memo: object) -> Token:
        """Return the token itself: it is immutable."""
        return self

    def _fields(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    @property
    def lifetime(self) -> float:
        """For how many seconds the server said that it is valid; ``math.inf`` if nobody says."""
        return self.expires_at - self.obtained_at

    @property
    def extra(self) -> Mapping[str, str]:
        """What else the server said of this login, by its own names."""
        return MappingProxyType(dict(self._extra))

    @property
    def account(self) -> str:
        """Whose login it is, if possible as an email address, or ``""`` if neither of its tokens says."""
        said = [jwt_account(self.access_token), jwt_account(self.id_token or "")]
        return max(said, key=lambda name: (name != "") + ("@" in name))

    @property
    def fresh_until(self) -> float:
        """When it is due for refresh, some time before it expires (seconds since the epoch, UTC)."""
        lifetime = self.lifetime
        return self.expires_at - min(EARLY_REFRESH, lifetime / 10) if lifetime > 0 else 0.0

    def fresh(self, now: float, at_least: float = 0) -> bool:
        """Whether it is not due for refresh yet, and is valid for long enough.

        Its own lifetime limits the time left, so that a clock that was set back does not make it live longer.

        Args:
            now: seconds since the epoch, UTC.
            at_least: for how many seconds after ``now`` it must be valid.
        """
        left = min(self.expires_at - now, self.expires_at - self.obtained_at)
        return now < self.fresh_until and left > at_least

    def expired(self, now: float) -> bool:
        """Whether it has expired at ``now`` (seconds since the epoch, UTC). There is no margin."""
        return now >= self.expires_at


def until(moment: float) -> str:
    """Return ``until …`` for a time in seconds since the epoch, or that no end is known (``math.inf``)."""
    return "without a known end" if moment == math.inf else f"until {utc(moment)}"


def utc(moment: float) -> str:
    """Return ``moment`` (seconds since the epoch) as text for people, like ``2026-01-31 14:05:00 UTC``."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def jwt_account(jwt: str) -> str:
    """Return whose token a JSON Web Token is, such as an email address, or ``""`` if it does not say.

    The signature is not checked: see ``jwt_claims``.
    """
    claims = jwt_claims(jwt)
    account = next((claims[key] for key in ACCOUNT if claims.get(key)), "")
    return account if isinstance(account, str) and account.isprintable() else ""


def jwt_claims(jwt: str) -> dict[str, Any]:
    """Return the claims of a JSON Web Token, or ``{}`` if it is something else. The signature is not checked.

    Use the claims as information for the client, such as when the token expires and whose it is. Never use
    them for a security decision: only the API checks the signature.
    """
    return _part(jwt, 1)


def jwt_header(jwt: str) -> dict[str, Any]:
    """Return the header of a JSON Web Token, or ``{}`` if it is something else: nobody has checked it."""
    return _part(jwt, 0)


def _part(jwt: str, number: int) -> dict[str, Any]:
    parts = jwt.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[number] + "=" * (-len(parts[number]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_header_safe(token: str) -> bool:
    """Whether the token can be sent in a header: it is visible ASCII, without spaces (RFC 6750 section 2.1)."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token
