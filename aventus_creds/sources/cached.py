"""CachedSource: one token for all threads and processes, and one lock under which it is refreshed.

The lock is there because a server may give one-time refresh tokens: if two processes used the same one, many
servers would take it for theft and revoke the login (RFC 9700 section 4.14.2). So a process that gets the
lock reads the store again before it asks the server: the previous holder has usually just stored a new token.
"""

from __future__ import annotations

import time
import warnings
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from aventus_creds.basics.hidden import Secretive
from aventus_creds.errors import (
    AventusCredsError,
    ConfigError,
    LoginRequired,
    NetworkError,
    NotSavedWarning,
    SecretError,
    ServerError,
    StoreConflict,
    StoreError,
)
from aventus_creds.sources.newest import Newest
from aventus_creds.sources.source import long_enough, time_left

if TYPE_CHECKING:
    from aventus_creds.sources.renewals import Outcome, Renewal, Renewals
    from aventus_creds.sources.source import TokenSource
    from aventus_creds.stores import TokenStore
    from aventus_creds.tokens import Token

LONGEST_WAIT: Final = 600.0
"""Seconds that a caller waits for a new token, if nothing else is said."""

AHEAD: Final = 2.0
"""Seconds that a caller with a valid token waits for its renewal. After that the renewal goes on by itself."""

BUSY: Final = 1.0
"""Seconds after which it is looked again whether another process has renewed a token that is still valid."""

STORE_AWAY: Final = 5.0
"""Seconds in which a store that failed is not asked again, as long as the token in memory is valid."""


class CachedSource(Secretive):
    """Keeps the token of the inner source in memory and in a store, for all threads and processes.

    Args:
        key: the name of the token in the store.
        store: shared with other processes.
        inner: makes a new token. It is called with the lock held, and gets the old token.
        limit: seconds that a caller waits for a new token at most: for another process's refresh, and its own.
    """

    def __init__(
        self, key: str, store: TokenStore, inner: TokenSource, *, limit: float = LONGEST_WAIT
    ) -> None:
        self._key = key
        self._store = store
        self.inner = inner  # replaced when the profile was edited
        self._limit = limit
        self._newest = Newest(key, store)
        self._away_until = 0.0  # of the store; by the monotonic clock
        self._failures = 0  # of renewals, one after another

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the cached token while it is good, else a new one, which is made under the lock.

        A token that is due for refresh is still valid: then one thread renews it and waits a moment at most, and all
        others go on with it at once.
        """
        if not (stale or at_least) and (token := self.ready()):
            return token
        token = self._newest.memory
        if token is not None and self._newest.good(token, stale, at_least):
            return token
        if (
            token is not None
            and time.monotonic() < self._away_until
            and self._newest.alive(token, stale, at_least)
        ):
            return token
        try:
            return self._shared(stale, at_least)
        except (StoreError, ConfigError):
            # A token due for refresh is valid until it expires. Better that than no token, while the store is
            # away.
            token = self._newest.memory
            if token is None or not self._newest.alive(token, stale, at_least):
                raise
            self._away_until = time.monotonic() + STORE_AWAY
            return token

    def ready(self) -> Token | None:
        """Return the token if it can be had at once, without a file, a lock or a server. None: call ``token``."""
        token, until, steady_until = self._newest.fresh
        # The common case of _good, written out: every request of a session comes through here. Both clocks count:
        # the wall clock may be set back, and the monotonic one may stand still while the machine sleeps.
        return token if token and time.time() < until and time.monotonic() < steady_until else None

    def peek(self) -> Token | None:
        """Return the newest token in memory or store, even an expired one, or None. It is never refreshed.

        A token that somebody else has deleted from the store is deleted from memory too: they have logged out.

        Raises:
            StoreError: the store cannot be read.
        """
        return self._newest.look(self._attempt)

    def _attempt(self) -> AbstractContextManager[object]:
        from aventus_creds.stores.sharing import attempt  # imported late: a fresh token needs none

        return attempt(self._store, self._key)

    def look_again(self) -> None:
        """Look for a login or logout in another process, before ``token`` answers from memory."""
        if self._newest.memory is None:
            return  # token() reads the store anyway
        try:
            self.peek()
        except (StoreError, ConfigError):
            self._away_until = time.monotonic() + STORE_AWAY

    def forget(self) -> Token | None:
        """Delete the token from memory and store. Returns it, so that it can be revoked, or None.

        Raises:
            StoreError: the store cannot be read or written.
        """
        from aventus_creds.stores.sharing import changed  # imported late: a fresh token needs no store

        token = changed(self._store, self._key, self._delete)
        self._newest.drop()
        return token

    def remember(self, token: Token) -> None:
        """Make ``token`` the newest, in memory only.

        The token that is in the store now counts as older from here on: it does not replace ``token``.
        """
        self._newest.remember(token)

    def keep(self, token: Token) -> None:
        """Make ``token`` the newest, in memory and in the store.

        Raises:
            StoreError: it could not be stored. It is in memory all the same, so this process can use it.
        """
        self.remember(token)
        from aventus_creds.stores.sharing import changed  # imported late: a fresh token needs no store

        changed(self._store, self._key, lambda: self._save_login(token))
        self._newest.saved()

    def _save_login(self, token: Token) -> None:
        from aventus_creds.stores.sharing import note_failure  # imported late: a fresh token needs none

        self._store.save(self._key, token)
        note_failure(self._store, self._key, None)  # what failed before has nothing to say of the new login

    def _shared(self, stale: Token | None, at_least: float) -> Token:
        """Return the token from the store if it is good, else renew it."""
        token = self._newest.recall()
        if token is not None and self._newest.good(token, stale, at_least):
            return token
        from aventus_creds.sources.renewals import renewals_of  # imported late: a fresh token needs none

        renewals = renewals_of(self._store, self._key)
        if token is not None and self._newest.alive(token, stale, at_least):
            return self._renew_ahead(renewals, token, stale)
        return self._renew_now(renewals, stale, at_least)

    def _renew_ahead(self, renewals: Renewals, token: Token, stale: Token | None) -> Token:
        """Begin to renew a ``token`` that is still valid, unless somebody does, and return the newest valid one."""
        if renewals.paused:
            return token
        renewal, begins = renewals.join(partial(self._work, stale, 0.0, renewals))
        if not begins:
            renewal.count(-1)
            return token
        try:
            new = self._accept(renewal.wait(time_left(AHEAD)))
        except (AventusCredsError, TimeoutError):  # no harm while the old token is valid; it ends by itself
            pass
        else:
            token = new or token
        if self._newest.left(token) > 0:
            return token
        return self._renew_now(renewals, stale, 0)

    def _renew_now(self, renewals: Renewals, stale: Token | None, at_least: float) -> Token:
        """Wait for a new token: by the renewal under way in this process, or by one of its own."""
        give_up = time.monotonic() + time_left(self._limit)
        while (left := give_up - time.monotonic()) > 0:
            renewal, begins = renewals.join(partial(self._work, stale, at_least, None))
            try:
                token = self._accept(renewal.wait(left))
            except TimeoutError:
                break
            # The outcome of somebody else's renewal may not be good enough for this caller.
            if token is not None and (begins or self._newest.good(token, stale, at_least)):
                return long_enough(token, at_least)
        raise NetworkError(
            "the refresh of the login did not end in time",
            hint="The authorization server, or another process that refreshes the same login, is too slow."
            " Try again later.",
        )

    def _accept(self, outcome: Outcome) -> Token | None:
        """Take over what a renewal has found: it may have been another source's."""
        if outcome.token is not None and outcome.token != self._newest.memory:
            self._newest.take(outcome.token, stored=outcome.stored, outdated=outcome.outdated)
        if outcome.warning:
            warnings.warn(outcome.warning, NotSavedWarning, stacklevel=5)
        return outcome.token

    def _work(
        self, stale: Token | None, at_least: float, ahead: Renewals | None, renewal: Renewal
    ) -> Outcome:
        """Renew the token, in a thread of its own; ``ahead`` of time, unless another process is busy with it."""
        from aventus_creds.sources.renewals import Outcome
        from aventus_creds.stores.sharing import attempt, last_failure, still_held, turns

        ways = turns(self._store) if ahead is None else (partial(attempt, self._store),)
        if len(ways) > 1:
            self._newest.recall()  # a turn ends when what this thread has last read is replaced
        for take in ways:
            with take(self._key) as held:
                # Read again: the previous holder of the lock has probably stored a new token.
                stored = self._store.load(self._key)
                token = self._newest.of(stored, held=held is not False)
                if token is not None and self._newest.good(token, stale, at_least):
                    return Outcome(token)
                if ahead is not None and held is False:
                    ahead.pause(BUSY)
                    return Outcome(None)
                failure = last_failure(self._store, self._key)
                if failure is not None and ahead is not None and time.time() < failure.at + failure.wait:
                    ahead.pause(failure.at + failure.wait - time.time())
                    raise failure.error
                if failure is not None and failure.at > renewal.asked_at:
                    raise failure.error  # of the process that was waited for
                # Never refresh without the lock, nor with one that lapsed while this process was
                # suspended. The last way is an exception: its lock may lapse too, but this has to end at
                # some point, and a save that comes too late is refused as a conflict.
                if take == ways[-1] or (held is not False and still_held(self._store, self._key)):
                    if not renewal.begin(wanted=ahead is not None):
                        return Outcome(None)
                    return self._renewed(token, stored, stale, at_least, ahead)
        raise AssertionError("the last way is a lock")

    def _renewed(
        self,
        token: Token | None,
        stored: Token | None,
        stale: Token | None,
        at_least: float,
        ahead: Renewals | None,
    ) -> Outcome:
        from aventus_creds.sources.renewals import Outcome
        from aventus_creds.stores.sharing import note_failure, reserve

        if token is not None and token.refresh_token:
            reserve(self._store, self._key)  # before it is used up
        try:
            # Pass the stored token, never ``stale``: if the store has none, somebody has logged out, and must
            # not be logged in again by refreshing the caller's copy.
            new = self.inner.token(token, at_least)
        except (LoginRequired, NetworkError, SecretError, ServerError) as error:
            # The refresh token may be dead because somebody without our lock, for example on another machine,
            # has used it. Then their new token is in the store.
            newest = self._newest.recall() if isinstance(error, LoginRequired) else None
            if newest is not None and self._newest.good(newest, token or stale, at_least):
                return Outcome(newest)
            wait = self._wait_after(error)
            if ahead is not None:
                ahead.pause(wait)
            if token is not None:
                from aventus_creds.stores.failures import Failure  # most refreshes succeed

                note_failure(self._store, self._key, Failure(time.time(), wait, error))
            raise
        self._failures = 0
        return self._store_new(new, stored, token or stale, at_least)

    def _store_new(
        self, new: Token, stored: Token | None, replaced: Token | None, at_least: float
    ) -> Outcome:
        from aventus_creds.sources.renewals import Outcome, unsaved
        from aventus_creds.stores.sharing import note_failure

        # Outdated is what was read under the lock. Reading the store again would take a token that somebody else
        # has stored since for an old one.
        self._newest.take(new, stored=False, outdated=stored)
        try:
            self._store.save(self._key, new)
        except StoreConflict as fault:
            # Our lock lapsed, and somebody else stored a token first. Use theirs, as everybody else will from
            # now on; ours is used only if theirs cannot be.
            with suppress(StoreError):
                theirs = self._store.load(self._key)
                if theirs is not None and self._newest.good(theirs, replaced, at_least):
                    self._newest.take(theirs, stored=True)
                    return Outcome(theirs)
            self._newest.take(new, stored=False)
            return Outcome(new, stored=False, warning=str(fault))
        except Exception as fault:  # noqa: BLE001 - the new token exists here alone: the caller must get it
            return Outcome(new, stored=False, outdated=stored, warning=unsaved(fault, new, stored))
        self._newest.saved()
        note_failure(self._store, self._key, None)
        return Outcome(new)

    def _wait_after(self, error: AventusCredsError) -> float:
        """Return for how many seconds nobody should try again early after ``error``."""
        self._failures = min(self._failures + 1, 7)
        from aventus_creds.basics.waits import backoff  # imported late: a fresh token needs none

        asked = getattr(error, "retry_after", None) or 0.0
        return max(asked, backoff(self._failures))

    def _delete(self) -> Token | None:
        token = self._newest.recall(held=True)
        self._store.delete(self._key)
        return token
