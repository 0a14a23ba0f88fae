"""SwappingSource: the token that an API wants in exchange for the login's, by a second request (``swap_url``)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aventus_creds.basics.hidden import Secretive
from aventus_creds.errors import TokenRefused
from aventus_creds.sources.source import differs, long_enough

if TYPE_CHECKING:
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.sources.source import TokenSource
    from aventus_creds.tokens import Token


class SwappingSource(Secretive):
    """Swaps each token of the inner source once, and keeps what it got for it in memory.

    It is outside the cache, so that a swap that fails spoils no login: a refresh is stored before it begins.

    Args:
        profile: says where tokens are swapped.
        inner: the login's tokens.
    """

    def __init__(self, profile: Profile, inner: TokenSource) -> None:
        self._profile = profile
        self._inner = inner
        self._kept: tuple[Token, Token] | None = None  # the login's token, and what it was swapped for

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the swapped token. Raises what the inner source and the swap raise."""
        given = self._inner.token(at_least=at_least)
        if self._kept is not None:
            before, kept = self._kept
            if before == given and differs(kept, stale) and kept.fresh(time.time(), at_least):
                return kept
        new = self._swap(given, retry=True)
        if new is None:
            given = self._inner.token(stale=given, at_least=at_least)
            new = self._swap(given, retry=False)
        assert new is not None  # noqa: S101 - else it has raised
        self._kept = given, new
        return long_enough(new, at_least)

    def _swap(self, given: Token, *, retry: bool) -> Token | None:
        """Return the swapped token, or None to ``retry`` where the login's own is not good any more."""
        from aventus_creds.oauth.client import OAuthClient  # imported late: only here is a server asked

        try:
            return OAuthClient(self._profile).swap(given)
        except TokenRefused as refusal:
            if refusal.status != 401 or not retry:
                raise
        return None
