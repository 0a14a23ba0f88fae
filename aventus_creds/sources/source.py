"""TokenSource: the one small interface behind which every token comes from."""

from __future__ import annotations

import time
from typing import Protocol

from aventus_creds.errors import LifetimeTooShort
from aventus_creds.tokens import Token


class TokenSource(Protocol):
    """Gives a token that is good now."""

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return a token that is fresh for ``at_least`` seconds and is not ``stale``.

        ``stale`` is one that will not do although it looks fresh: an API has refused it. Raises LoginRequired
        when a person is needed, LifetimeTooShort when no token lives that long, other ServerError,
        NetworkError or ConfigError when none can be had.
        """
        ...


def long_enough(token: Token, at_least: float) -> Token:
    """Return ``token`` if it lives ``at_least`` seconds more, else raise LifetimeTooShort."""
    left = token.expires_at - time.time()
    if at_least and left < at_least:
        raise LifetimeTooShort(
            f"a new token lives {left:.0f} s, and {at_least:g} s were asked for",
            hint="Ask for less, or have the server's tokens live longer.",
        )
    return token


def differs(token: Token, stale: Token | None) -> bool:
    """Whether ``token`` is another one than the ``stale`` one, if there is one."""
    return stale is None or token.access_token != stale.access_token
