"""TokenSource: the one small interface that every token comes through."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol

from aventus_creds.errors import LifetimeTooShort
from aventus_creds.tokens import Token


class TokenSource(Protocol):
    """Gives a token that is valid now."""

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return a token that is not ``stale`` and is valid for ``at_least`` more seconds.

        Args:
            stale: a token that must not be returned although it looks fresh, because an API has refused it. A
                source inside a CachedSource gets the token to replace. None: any token will do.
            at_least: how long the token must still be valid, in seconds. 0: no longer than usual.

        Raises:
            LoginRequired: a person has to log in.
            LifetimeTooShort: a new token does not live that long.
            ServerError, NetworkError, ConfigError: no token can be had, for the reason in the error.
        """
        ...


def ready_of(source: TokenSource) -> Callable[[], Token | None]:
    """Return what gives the token of ``source`` if it can be had at once, without a file, a lock or a server."""
    ready: Callable[[], Token | None] = getattr(source, "ready", _nothing)
    return ready


def _nothing() -> None:
    """Nothing is known to be there at once."""


_give_up: Final[ContextVar[float | None]] = ContextVar("aventus_creds_give_up", default=None)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Within the block, let no caller of a source wait for a new token longer than ``seconds`` in all.

    The renewal itself goes on, and its token is stored. It is a context variable, and not an argument of each
    source, because the one who knows (a request with a timeout) is far from the one who waits.
    """
    before = _give_up.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _give_up.reset(before)


def time_left(limit: float) -> float:
    """Return for how many seconds this caller may wait: ``limit``, or what its ``patience`` leaves."""
    give_up = _give_up.get()
    return limit if give_up is None else min(limit, max(0.0, give_up - time.monotonic()))


def long_enough(token: Token, at_least: float) -> Token:
    """Return ``token`` if it is valid for ``at_least`` more seconds (0: in any case).

    Raises:
        LifetimeTooShort: it expires sooner.
    """
    left = token.expires_at - time.time()
    if at_least and left < at_least:
        raise _too_short(left, at_least)
    return token


def need_lifetime(last: Token | None, at_least: float) -> None:
    """Raise LifetimeTooShort if a login would not help, because the last one's token did not live long enough.

    Args:
        last: None if there was none, so that nobody knows.
        at_least: how long the token must be valid, in seconds.
    """
    if last is not None and last.lifetime < at_least:
        raise _too_short(last.lifetime, at_least)


def _too_short(lifetime: float, at_least: float) -> LifetimeTooShort:
    return LifetimeTooShort(
        f"a new token lives {lifetime:.0f} s, and {at_least:g} s were asked for",
        hint="Ask for less, or have the server's tokens live longer.",
    )


def differs(token: Token, stale: Token | None) -> bool:
    """Whether ``token`` has another access token than ``stale``. It does if ``stale`` is None."""
    return stale is None or token.access_token != stale.access_token
