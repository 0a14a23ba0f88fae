"""Token: an access token and what is known of it; the only rule for expiry."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

EARLY_REFRESH: Final = 60.0
"""Seconds before its expiry from which a token is replaced, at most a tenth of its lifetime."""


class Token:
    """An access token (RFC 6749 section 1.4) with an absolute expiry. Immutable; its repr shows no secret.

    ``expires_at`` and ``obtained_at`` are seconds since the epoch, UTC. ``refresh_token`` and ``scope``
    are None where the server gave none.
    """

    __slots__ = ("access_token", "expires_at", "obtained_at", "refresh_token", "scope", "token_type")

    access_token: str
    expires_at: float
    obtained_at: float
    token_type: str
    refresh_token: str | None
    scope: str | None

    def __init__(
        self,
        access_token: str,
        *,
        expires_at: float,
        obtained_at: float,
        token_type: str = "Bearer",
        refresh_token: str | None = None,
        scope: str | None = None,
    ) -> None:
        fill = super().__setattr__
        fill("access_token", access_token)
        fill("expires_at", expires_at)
        fill("obtained_at", obtained_at)
        fill("token_type", token_type)
        fill("refresh_token", refresh_token)
        fill("scope", scope)

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: a token never changes, it is replaced."""
        raise AttributeError(f"a Token is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        """Refuse: see __setattr__."""
        raise AttributeError(f"a Token is immutable: {name} cannot be deleted")

    def __repr__(self) -> str:
        """Return when it expires and whether it can be refreshed, and nothing secret."""
        return f"<Token until {utc(self.expires_at)}{', refreshable' if self.refresh_token else ''}>"

    def __eq__(self, other: object) -> bool:
        """Two tokens are equal when every field is."""
        return isinstance(other, Token) and self._fields() == other._fields()

    def __hash__(self) -> int:
        """Hash over every field, as __eq__ compares them."""
        return hash(self._fields())

    def __reduce__(self) -> str:
        """Refuse to be pickled: a pickle is a copy of the secret in a place nobody watches."""
        raise TypeError("a Token is not pickled: call get_token or get_session in the other process")

    def __copy__(self) -> Token:
        """Return the token itself: it is immutable."""
        return self

    def __deepcopy__(self, memo: object) -> Token:
        """Return the token itself: it is immutable."""
        return self

    def _fields(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    @property
    def fresh_until(self) -> float:
        """When it is to be replaced (seconds since the epoch): some time before its expiry."""
        lifetime = self.expires_at - self.obtained_at
        return self.expires_at - min(EARLY_REFRESH, lifetime / 10) if lifetime > 0 else 0.0

    def fresh(self, now: float, at_least: float = 0) -> bool:
        """Whether it serves at ``now`` (seconds since the epoch) and for ``at_least`` seconds after it.

        Never longer than its own lifetime: a clock that was set back makes no token live longer.
        """
        left = min(self.expires_at - now, self.expires_at - self.obtained_at)
        return now < self.fresh_until and left > at_least

    def expired(self, now: float) -> bool:
        """Whether ``now`` (seconds since the epoch) is at or past its expiry, without any margin."""
        return now >= self.expires_at


def utc(moment: float) -> str:
    """Return ``moment`` (seconds since the epoch) as text, for people: ``2026-01-31 14:05:00 UTC``."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def jwt_account(jwt: str) -> str:
    """Return whose token it is, as far as an unverified JSON Web Token tells, or ``""``."""
    claims = jwt_claims(jwt)
    account = next(
        (claims[key] for key in ("email", "preferred_username", "name", "sub") if claims.get(key)), ""
    )
    return account if isinstance(account, str) and account.isprintable() else ""


def jwt_claims(jwt: str) -> dict[str, Any]:
    """Return the claims of a JSON Web Token, unverified, or ``{}`` where it is none.

    Good for what the client itself may know (when it expires, whose it is), never for a decision that
    protects anything: the signature is the API's to check.
    """
    parts = jwt.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def is_header_safe(token: str) -> bool:
    """Whether the token can stand in a header: visible ASCII only (RFC 6750 section 2.1)."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token
