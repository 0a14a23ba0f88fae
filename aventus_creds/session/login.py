"""Login: what a session knows of the login that it uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from aventus_creds.structs import Struct

if TYPE_CHECKING:
    from aventus_creds.tokens import Token


class Login(Struct):
    """What is known of a login. Nothing in it is secret.

    Attributes:
        account: whose it is, such as an email address; ``""`` if the tokens do not say. Nobody has checked their
            signatures: it is for people to read, and no proof of anything.
        scopes: the granted scopes; ``()`` if neither the server nor the profile names any.
        expires_at: when its access token expires, in seconds since the epoch, UTC; ``math.inf`` if nobody says.
        extra: what else the server said, by its own names: ``login.extra["realmId"]``.
    """

    account: str
    scopes: tuple[str, ...]
    expires_at: float
    extra: Mapping[str, str]

    @classmethod
    def of(cls, token: Token) -> Self:
        """Return what is known of the login that ``token`` is of."""
        return cls(token.account, tuple((token.scope or "").split()), token.expires_at, token.extra)
