"""AttendedSource: lets a person log in where nothing else helps, and only then."""

from __future__ import annotations

from collections.abc import Callable

from aventus_creds.errors import LoginRequired
from aventus_creds.sources.source import TokenSource, long_enough
from aventus_creds.tokens import Token


class AttendedSource:
    """Lets a person log in where the cache has no usable token, and nothing can renew it unattended.

    ``log_in`` is given how many seconds the token must live; it stores the token that it returns.
    """

    def __init__(
        self, cache: TokenSource, log_in: Callable[[float], Token], *, may_ask: Callable[[], bool]
    ) -> None:
        self._cache = cache
        self._log_in = log_in
        self._may_ask = may_ask

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the cache's token, or a new login's.

        An API's refusal (``stale``) never opens a browser: it may have any reason, and would open one for
        each request.
        """
        try:
            return self._cache.token(stale, at_least)
        except LoginRequired:
            if stale is not None or not self._may_ask():
                raise
        return long_enough(self._log_in(at_least), at_least)
