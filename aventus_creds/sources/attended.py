"""AttendedSource: lets a person log in, but only if nothing else gives a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aventus_creds.basics.hidden import Secretive
from aventus_creds.errors import LoginRequired
from aventus_creds.sources.source import long_enough

if TYPE_CHECKING:
    from aventus_creds.sources.cached import CachedSource
    from aventus_creds.tokens import Token


class AttendedSource(Secretive):
    """Lets a person log in if the cache has no usable token and it cannot be refreshed unattended.

    Args:
        cache: is asked first.
        log_in: lets a person log in. It gets how many seconds the token must be valid, and stores the token
            that it returns.
        may_ask: says whether a person may be asked. Called only when a login is needed.
        advice: says what to do if not, for the error's hint.
    """

    def __init__(
        self,
        cache: CachedSource,
        log_in: Callable[[float], Token],
        *,
        may_ask: Callable[[], bool],
        advice: Callable[[], str] = str,
    ) -> None:
        self._cache = cache
        self._log_in = log_in
        self._may_ask = may_ask
        self._advice = advice
        self.ready = cache.ready

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the token from the cache, or from a new login.

        A token that an API has refused (``stale``) never opens a browser. The API may have any reason, and
        there would be a new browser window for every request.
        """
        try:
            return self._cache.token(stale, at_least)
        except LoginRequired as required:
            if stale is not None:
                raise
            if not self._may_ask():
                required.hint = "\n".join(filter(None, [required.hint, self._advice()]))
                raise
        return long_enough(self._log_in(at_least), at_least)
