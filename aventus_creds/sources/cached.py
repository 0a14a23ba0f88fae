"""CachedSource: one token for all threads and processes, and one lock under which it is refreshed.

The lock is there because a server may give one-time refresh tokens: if two processes used the same one, many
servers would take it for theft and revoke the login (RFC 9700 section 4.14.2). So a process that gets the
lock reads the store again before it asks the server: the previous holder has usually just stored a new token.
"""

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
"""Seconds before its expiry in which a token that cannot be refreshed is no longer used: a request takes time."""

STORE_AWAY: Final = 5.0
"""Seconds in which a store that failed is not asked again, as long as the token in memory is valid."""

_Fresh = tuple["Token | None", float, float]
"""The token in memory, and when it goes stale, on the wall clock and on the monotonic clock."""

NOTHING: Final = (None, 0.0, 0.0)

_first_seen: Final[dict[str, tuple[int, float]]] = {}
"""For each key the hash of the newest token, and the clock offset when it was first seen (see ``_ahead``).

It is kept here because get_token makes a new source for each call, and a new source would trust a wall clock
that was set back since.
"""


class CachedSource:
    """Keeps the token of the inner source in memory and in a store, for all threads and processes.

    Args:
        key: the name of the token in the store.
        store: shared with other processes.
        inner: makes a new token. It is called with the lock held, and gets the old token.
    """

    def __init__(self, key: str, store: TokenStore, inner: TokenSource) -> None:
        self._key = key
        self._store = store
        self.inner = inner  # replaced when the profile was edited
        self._memory: Token | None = None
        self._fresh: _Fresh = NOTHING
        self._stored = False  # whether memory is what the store had
        self._outdated: Token | None = None  # what the store still has where memory is ahead of it
        self._ahead = 0.0  # the clock when memory was taken, less the time that nobody sets
        self._away_until = 0.0  # of the store; by the monotonic clock

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the cached token while it is good, else a new one, which is made under the lock."""
        token, until, steady_until = self._fresh
        # The common case of _good, written out: every request of a session comes through here. Both clocks
        # count, since the wall clock may be set back, and the monotonic one may stand still while the machine
        # sleeps.
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
            # A token due for refresh is valid until it expires. Better that than no token, while the store is
            # away.
            token = self._memory
            if token is None or not self._alive(token, stale, at_least):
                raise
            self._away_until = time.monotonic() + STORE_AWAY
            return token

    def peek(self) -> Token | None:
        """Return the newest token in memory or store, even an expired one, or None. It is never refreshed.

        A token that somebody else has deleted from the store is deleted from memory too: they have logged out.

        Raises:
            StoreError: the store cannot be read.
        """
        stored = self._store.load(self._key)
        if stored is None and self._stored:  # only with the lock it is certain that nobody is just saving
            with self._store.lock(self._key):
                return self._recall(held=True)
        return self._newest(stored, held=False)

    def look_again(self) -> None:
        """Look for a login or logout in another process, before ``token`` answers from memory."""
        if self._memory is None:
            return  # token() reads the store anyway
        try:
            self.peek()
        except StoreError:
            self._away_until = time.monotonic() + STORE_AWAY

    def forget(self) -> Token | None:
        """Delete the token from memory and store. Returns it, so that it can be revoked, or None.

        Raises:
            StoreError: the store cannot be read or written.
        """
        from aventus_creds.stores.sharing import changed  # imported late: a fresh token needs no store

        token = changed(self._store, self._key, self._delete)
        self._drop()
        return token

    def remember(self, token: Token) -> None:
        """Make ``token`` the newest, in memory only.

        The token that is in the store now counts as older from here on: it does not replace ``token``.
        """
        self._take(token, stored=False)
        with suppress(StoreError):
            self._outdated = self._store.load(self._key)

    def keep(self, token: Token) -> None:
        """Make ``token`` the newest, in memory and in the store.

        Raises:
            StoreError: it could not be stored. It is in memory all the same, so this process can use it.
        """
        self.remember(token)
        from aventus_creds.stores.sharing import changed  # imported late: a fresh token needs no store

        changed(self._store, self._key, lambda: self._store.save(self._key, token))
        self._saved()

    def _shared(self, stale: Token | None, at_least: float) -> Token:
        """Return the token from the store if it is good, else a new one, which is made under the lock."""
        token = self._recall()
        if token is not None and self._good(token, stale, at_least):
            return token
        from aventus_creds.basics.forks import ForkLock
        from aventus_creds.sources.interrupts import (
            first_interrupt_waits,  # imported late: a fresh token needs no protection
        )
        from aventus_creds.stores.sharing import still_held, turns

        ways = turns(self._store)
        flight: ForkLock = self.__dict__.setdefault("_flight", ForkLock())
        with flight:
            for take in ways:
                with take(self._key) as held:
                    # Read again: the previous holder of the lock has probably stored a new token.
                    stored = self._store.load(self._key)
                    token = self._newest(stored, held=held is not False)
                    if token is not None and self._good(token, stale, at_least):
                        return token
                    # Never refresh without the lock, nor with one that lapsed while this process was
                    # suspended. The last way is an exception: its lock may lapse too, but this has to end at
                    # some point, and a save that comes too late is refused as a conflict.
                    if take == ways[-1] or (held is not False and still_held(self._store, self._key)):
                        with first_interrupt_waits():
                            return self._renewed(token, stored, stale, at_least)
        raise AssertionError("the last way is a lock")

    def _renewed(
        self, token: Token | None, stored: Token | None, stale: Token | None, at_least: float
    ) -> Token:
        # Decided before the request: the request may take longer than the token lives.
        serves = token is not None and differs(token, stale) and not at_least
        try:
            # Pass the stored token, never ``stale``: if the store has none, somebody has logged out, and must
            # not be logged in again by refreshing the caller's copy.
            new = self.inner.token(token, at_least)
        except LoginRequired:
            # The refresh token may be dead because somebody without our lock, for example on another machine,
            # has used it. Then their new token is in the store.
            newest = self._recall()
            if newest is not None and self._good(newest, token or stale, at_least):
                return newest
            # Without a refresh token there was never a way to replace it early, so use it almost to its end.
            if token is not None and serves and not token.refresh_token and self._left(token) > LEEWAY:
                return token
            raise
        except (NetworkError, SecretError, ServerError):
            # An early refresh failed. That does no harm while the old token is still valid.
            if token is not None and serves and self._left(token) > 0:
                return token
            raise
        self._take(new, stored=False)
        # Remember what was read under the lock. Reading the store again would take a token that somebody else
        # has stored since for an old one.
        self._outdated = stored
        try:
            self._store.save(self._key, new)
            self._saved()
        except StoreConflict as fault:
            # Our lock lapsed, and somebody else stored a token first. Use theirs, as everybody else will from
            # now on; ours is used only if theirs cannot be.
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

    # Which token is the newest, and is it good enough?

    def _recall(self, *, held: bool = False) -> Token | None:
        return self._newest(self._store.load(self._key), held=held)

    def _newest(self, stored: Token | None, *, held: bool) -> Token | None:
        """Return the newest token: the one in the store, or the one in memory if saving that failed.

        With the lock ``held``, a token that is gone from the store means a logout, and the one in memory must
        not be used either. That includes a file or folder that was removed: it is how people log out by hand.
        """
        # Do not compare obtained_at: if the clock was set back, a used refresh token would look newer.
        if stored is not None and stored != self._outdated:
            if stored != self._memory:
                self._take(stored, stored=True)
            self._stored = True
        elif stored is None and held and self._stored:
            self._drop()
        return self._memory

    def _take(self, token: Token, *, stored: bool) -> None:
        # The offset is taken once for each token. Taken again for a token that is already known, after the
        # clock was set back, it would extend the token's life.
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
        """Return the time in seconds since the epoch, or what it would be if the clock had not been set back.

        The clock of another machine may be ahead, so that its token seems to come from the future. Such a
        token counts as new when it is first seen. Otherwise each of the two machines would replace the
        other's token, over and over.
        """
        now, steady = time.time(), self._ahead + time.monotonic()
        return now if now > steady else steady  # noqa: FURB136 - max is slower, on each request
