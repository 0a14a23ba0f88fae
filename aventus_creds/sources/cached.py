"""CachedSource: the token that every thread and process shares, and the one lock under which it is renewed."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from aventus_creds.errors import (
    LoginRequired,
    NetworkError,
    NotSavedWarning,
    SecretError,
    ServerError,
    StoreConflict,
    StoreError,
)
from aventus_creds.sources.source import differs, long_enough

if TYPE_CHECKING:
    from aventus_creds.sources.source import TokenSource
    from aventus_creds.stores import TokenStore
    from aventus_creds.tokens import Token

LEEWAY: Final = 2.0
"""Seconds before its expiry in which a token that nobody can renew is not used any more: a request takes its time."""

STORE_AWAY: Final = 5.0
"""Seconds for which a store that failed is not asked again while a token in memory serves."""

_Fresh = tuple["Token | None", float, float]
"""What is in memory, and until when it is fresh: by the clock, and by the one that nobody sets."""

NOTHING: Final = (None, 0.0, 0.0)

_first_seen: Final[dict[str, tuple[int, float]]] = {}
"""The last token taken for each key, as its hash, and the clock then: get_token makes a new source each time."""


class CachedSource:
    """Keeps the inner source's token in memory and in a store, for every thread and process to use."""

    def __init__(self, key: str, store: TokenStore, inner: TokenSource) -> None:
        self._key = key
        self._store = store
        self._inner = inner
        self._memory: Token | None = None
        self._fresh: _Fresh = NOTHING
        self._stored = False  # whether memory is what the store had
        self._outdated: Token | None = None  # what the store still has where memory is ahead of it
        self._ahead = 0.0  # the clock when memory was taken, less the time that nobody sets
        self._away_until = 0.0  # of the store; by the monotonic clock

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the cached token while it is good, else a new one. The lock is held while it is made."""
        token, until, steady_until = self._fresh
        # What _good says, in the common case: each request of a session comes here.
        if token and time.time() < until and time.monotonic() < steady_until and not (stale or at_least):
            return token
        token = self._memory
        if token is not None and self._good(token, stale, at_least):
            return token
        if token is not None and time.monotonic() < self._away_until and self._alive(token, stale, at_least):
            return token
        try:
            return self._shared(stale, at_least)
        except StoreError:
            # What is to be replaced soon serves until its end.
            token = self._memory
            if token is None or not self._alive(token, stale, at_least):
                raise
            self._away_until = time.monotonic() + STORE_AWAY
            return token

    def peek(self) -> Token | None:
        """Return the newest token known, good or not, and ask nobody. Raises StoreError."""
        return self._recall()

    def forget(self) -> Token | None:
        """Drop the token from memory and store, and return it. Raises StoreError."""
        from aventus_creds.stores.sharing import changed  # a fresh token needs none

        token = changed(self._store, self._key, self._delete)
        self._drop()
        return token

    def remember(self, token: Token) -> None:
        """Take ``token`` as the newest, in memory only."""
        self._take(token, stored=False)
        with suppress(StoreError):
            self._outdated = self._store.load(self._key)

    def keep(self, token: Token) -> None:
        """Take ``token`` as the newest. Raises StoreError, with the token kept in memory even so."""
        self.remember(token)
        from aventus_creds.stores.sharing import changed  # a fresh token needs none

        changed(self._store, self._key, lambda: self._store.save(self._key, token))
        self._saved()

    def _shared(self, stale: Token | None, at_least: float) -> Token:
        """Return the store's token while it is good, else a new one, made under the lock."""
        token = self._recall()
        if token is not None and self._good(token, stale, at_least):
            return token
        from aventus_creds.basics.forks import ForkLock
        from aventus_creds.sources.interrupts import (
            first_interrupt_waits,  # a fresh token is never cut in two
        )
        from aventus_creds.stores.sharing import still_held, turns

        ways = turns(self._store)
        flight: ForkLock = self.__dict__.setdefault("_flight", ForkLock())
        with flight:
            for take in ways:
                with take(self._key) as held:
                    stored = self._store.load(self._key)
                    token = self._newest(stored, held=held is not False)
                    if token is not None and self._good(token, stale, at_least):
                        return token
                    if take == ways[-1] or (held is not False and still_held(self._store, self._key)):
                        with first_interrupt_waits():
                            return self._renewed(token, stored, stale, at_least)
        raise AssertionError("the last way is a lock")

    def _renewed(
        self, token: Token | None, stored: Token | None, stale: Token | None, at_least: float
    ) -> Token:
        # Known before the request, which may take longer than the token lives.
        serves = token is not None and differs(token, stale) and not at_least
        try:
            # Not the stale one where there is none: whoever has logged out does not want it renewed.
            new = self._inner.token(token, at_least)
        except LoginRequired:
            # Somebody without our lock, on another machine perhaps, may have renewed it meanwhile.
            newest = self._recall()
            if newest is not None and self._good(newest, token or stale, at_least):
                return newest
            # To its end: it was never to be replaced ahead of time.
            if token is not None and serves and not token.refresh_token and self._left(token) > LEEWAY:
                return token
            raise
        except (NetworkError, SecretError, ServerError):
            # A refresh ahead of time that failed costs nothing while the old token lives.
            if token is not None and serves and self._left(token) > 0:
                return token
            raise
        self._take(new, stored=False)
        self._outdated = stored  # the store is not read again here: what it has now would count as seen
        try:
            self._store.save(self._key, new)
            self._saved()
        except StoreConflict as fault:
            # Our lock lapsed, and somebody was quicker: theirs is the one that goes on. Ours serves if need be.
            self._outdated = None
            with suppress(StoreError):
                theirs = self._store.load(self._key)
                if theirs is not None and self._good(theirs, token or stale, at_least):
                    self._take(theirs, stored=True)
                    return theirs
            warnings.warn(str(fault), NotSavedWarning, stacklevel=2)
        except StoreError as fault:
            warnings.warn(str(fault), NotSavedWarning, stacklevel=2)
        return long_enough(new, at_least)

    def _delete(self) -> Token | None:
        token = self._recall(held=True)
        self._store.delete(self._key)
        return token

    # What is known, and whether it will do

    def _recall(self, *, held: bool = False) -> Token | None:
        return self._newest(self._store.load(self._key), held=held)

    def _newest(self, stored: Token | None, *, held: bool) -> Token | None:
        """Return the newest token known: what the store has, or memory where saving failed.

        With the lock ``held``, a store that has lost the token means a logout: memory is no way round it. A
        file or folder that somebody removed counts as that too, for it is how people log out by hand.
        """
        # Not by obtained_at: where the clock was set back, that would bring a used refresh token up again.
        if stored is not None and stored != self._outdated:
            if stored != self._memory:
                self._take(stored, stored=True)
            self._stored = True
        elif stored is None and held and self._stored:
            self._drop()
        return self._memory

    def _take(self, token: Token, *, stored: bool) -> None:
        number, ahead = _first_seen.get(self._key, (0, 0.0))
        if number != hash(token):
            ahead = max(time.time(), token.obtained_at) - time.monotonic()
            _first_seen[self._key] = hash(token), ahead
        self._ahead = ahead
        self._memory, self._stored = token, stored
        self._fresh = token, token.fresh_until, token.fresh_until - ahead

    def _drop(self) -> None:
        self._memory, self._stored, self._fresh = None, False, NOTHING

    def _saved(self) -> None:
        self._outdated, self._stored = None, True

    def _good(self, token: Token, stale: Token | None, at_least: float) -> bool:
        return token.fresh(self._now(), at_least) and differs(token, stale)

    def _alive(self, token: Token, stale: Token | None, at_least: float) -> bool:
        return not at_least and differs(token, stale) and self._left(token) > 0

    def _left(self, token: Token) -> float:
        return token.expires_at - self._now()

    def _now(self) -> float:
        """Return the time, at least as late as it would be had nobody set the clock back since.

        A token that seems to come from the future (of another machine, whose clock is ahead) is taken to be
        new when it is first seen: to replace it would have two such machines do so for ever, in turns.
        """
        now, steady = time.time(), self._ahead + time.monotonic()
        return now if now > steady else steady  # noqa: FURB136 - for each request: max is slower
