"""Where a token comes from: one small interface, and sources wrapped round one another.

    AttendedSource                lets a person log in where the others cannot help
    └── CachedSource              memory, then the store, then its inner source under the store's lock
        └── RefreshingSource      trades the refresh token, else passes on to its inner source
            └── NobodySource      says what a person must do
    CachedSource
    └── ClientCredentialsSource   the client's own token: no person is needed
    InjectedSource                a token from the environment, used as it is

The person is asked outside the lock that refreshes take: a login may last minutes, and a script that runs
meanwhile must not hang on it but hear at once that a login is needed.
"""

from __future__ import annotations

import os
import shlex
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from aventus_creds.errors import (
    LifetimeTooShort,
    LoginRequired,
    NetworkError,
    NotSavedWarning,
    SecretError,
    ServerError,
    StoreConflict,
    StoreError,
    TokenRefused,
)
from aventus_creds.profiles import Profile, profiles_path
from aventus_creds.stores import TokenStore
from aventus_creds.tokens import Token, utc

if TYPE_CHECKING:
    from collections.abc import Callable


STORE_AWAY: Final = 5.0
"""Seconds for which a store that failed is not asked again while a token in memory serves."""


class TokenSource(Protocol):
    """Gives a token that is good now."""

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return a token that is fresh for ``at_least`` seconds and is not ``stale``.

        ``stale`` is one that will not do although it looks fresh: an API has refused it. Raises LoginRequired
        when a person is needed, LifetimeTooShort when no token lives that long, other ServerError,
        NetworkError or ConfigError when none can be had.
        """
        ...


class CachedSource:
    """Keeps the inner source's token in memory and in a store, for every thread and process to use."""

    def __init__(self, key: str, store: TokenStore, inner: TokenSource) -> None:
        self._key = key
        self._store = store
        self._inner = inner
        self._memory: Token | None = None
        self._outdated: Token | None = None  # what the store still has where memory is ahead of it
        self._away_until = 0.0  # of the store; by the monotonic clock
        self._flight = threading.Lock()
        self._process = os.getpid()

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the cached token while it is good, else a new one. The lock is held while it is made."""
        token = self._memory
        if token is not None and _good(token, stale, at_least):
            return token
        away = time.monotonic() < self._away_until
        if away and token is not None and not at_least and _alive(token, stale):
            return token
        try:
            return self._shared(stale, at_least)
        except StoreError:
            # What is to be replaced soon serves until its end.
            token = self._memory
            if token is None or at_least or not _alive(token, stale):
                raise
            self._away_until = time.monotonic() + STORE_AWAY
            return token

    def _shared(self, stale: Token | None, at_least: float) -> Token:
        """Return the store's token while it is good, else a new one. The lock is held while it is made."""
        token = self._recall()
        if token is not None and _good(token, stale, at_least):
            return token
        if self._process != os.getpid():  # a fork: who held the lock in the other process lets go there only
            self._process, self._flight = os.getpid(), threading.Lock()
        from aventus_creds.interrupts import first_interrupt_waits  # a fresh token is never cut in two
        from aventus_creds.stores.sharing import still_held, turns

        ways = turns(self._store)
        with self._flight:
            for take in ways:
                with take(self._key) as held:
                    stored = self._store.load(self._key)
                    token = self._newest(stored)
                    if token is not None and _good(token, stale, at_least):
                        return token
                    if take == ways[-1] or (held is not False and still_held(self._store, self._key)):
                        with first_interrupt_waits():
                            return self._renewed(token, stored, stale, at_least)
        raise AssertionError("the last way is a lock")

    def peek(self) -> Token | None:
        """Return the newest token known, good or not, and ask nobody. Raises StoreError."""
        return self._recall()

    def forget(self) -> Token | None:
        """Drop the token from memory and store, and return it. Raises StoreError."""
        from aventus_creds.stores.sharing import changed  # a fresh token needs none

        token = changed(self._store, self._key, self._delete)
        self._memory = None
        return token

    def remember(self, token: Token) -> None:
        """Take ``token`` as the newest, in memory only."""
        self._memory = token
        with suppress(StoreError):
            self._outdated = self._store.load(self._key)

    def keep(self, token: Token) -> None:
        """Take ``token`` as the newest. Raises StoreError, with the token kept in memory even so."""
        self.remember(token)
        from aventus_creds.stores.sharing import changed  # a fresh token needs none

        changed(self._store, self._key, lambda: self._store.save(self._key, token))
        self._outdated = None

    def _delete(self) -> Token | None:
        token = self._recall()
        self._store.delete(self._key)
        return token

    def _renewed(
        self, token: Token | None, stored: Token | None, stale: Token | None, at_least: float
    ) -> Token:
        try:
            new = self._inner.token(token or stale, at_least)
        except LoginRequired:
            # Somebody without our lock, on another machine perhaps, may have renewed it meanwhile.
            newest = self._recall()
            if newest is not None and _good(newest, token or stale, at_least):
                return newest
            raise
        except (NetworkError, SecretError, ServerError):
            # A refresh ahead of time that failed costs nothing while the old token lives.
            if token is not None and not at_least and _alive(token, stale):
                return token
            raise
        # The store is not read before it is written: it would count as seen, and be overwritten.
        self._memory, self._outdated = new, stored
        try:
            self._store.save(self._key, new)
            self._outdated = None
        except StoreConflict as fault:
            # Our lock lapsed, and somebody was quicker: theirs is the one that goes on. Ours serves if need be.
            self._outdated = None
            with suppress(StoreError):
                theirs = self._store.load(self._key)
                if theirs is not None and _good(theirs, token or stale, at_least):
                    self._memory = theirs
                    return theirs
            warnings.warn(str(fault), NotSavedWarning, stacklevel=2)
        except StoreError as fault:
            warnings.warn(str(fault), NotSavedWarning, stacklevel=2)
        return long_enough(new, at_least)

    def _recall(self) -> Token | None:
        """Return the newest token known: what the store has, or memory where saving failed."""
        return self._newest(self._store.load(self._key))

    def _newest(self, stored: Token | None) -> Token | None:
        # Not by obtained_at: where the clock was set back, that would bring a used refresh token up again.
        if stored is not None and stored != self._outdated:
            self._memory = stored
        return self._memory


class RefreshingSource:
    """Trades the stale token's refresh token for a new token (RFC 6749 section 6)."""

    def __init__(self, profile: Profile, inner: TokenSource) -> None:
        self._profile = profile
        self._inner = inner

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the refreshed token; without a refresh token, or when it is dead, the inner source's."""
        if stale is not None and stale.refresh_token:
            from aventus_creds.server import AuthorizationServer  # a fresh token needs no server

            # Ahead of time, a fault is no reason to wait: the old token serves for now.
            retries = self._profile.retries if stale.expired(time.time()) or at_least else 0
            try:
                return AuthorizationServer(self._profile).refresh(stale, retries=retries)
            except TokenRefused as refusal:
                # Only this answer says that the login is over. Any other fault is not the person's to mend.
                if refusal.error != "invalid_grant":
                    raise
        return self._inner.token(stale, at_least)


class ClientCredentialsSource:
    """Asks for the client's own token (RFC 6749 section 4.4). It has no use for an older one."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:  # noqa: ARG002 - the interface
        """Return a new token."""
        from aventus_creds.server import AuthorizationServer  # a fresh token needs no server

        return AuthorizationServer(self._profile).client_credentials()


class NobodySource:
    """Has no token. It tells why a person is needed, and the command to run."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Raise LoginRequired."""
        name, now = self._profile.name, time.time()
        if stale is None:
            why = "there is no login yet"
        elif stale.fresh(now, at_least):
            why = "its login was refused by the server"
        else:
            why = f"its login {'expired' if stale.expired(now) else 'expires'} at {utc(stale.expires_at)}"
            if at_least and not stale.expired(now):
                why += f", sooner than the {at_least:g} s asked for"
            if stale.refresh_token:
                why += ", and the server refused to renew it"
        command = f"aventus-creds login {name}"
        if self._profile.path and Path(self._profile.path) != profiles_path():
            command = f"AVENTUS_CREDS_PROFILES={shlex.quote(self._profile.path)} {command}"
        raise LoginRequired(f"profile {name} needs a login: {why}", hint=f"Run: {command}")


class InjectedSource:
    """Gives a token that the environment brought, as it is: nobody can renew it."""

    def __init__(self, token: Token, place: str) -> None:
        self._token = token
        self._place = place

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the token. Raises LoginRequired when an API has refused it."""
        if not _differs(self._token, stale):
            raise LoginRequired(
                f"the token in {self._place} was refused", hint=f"Put a fresh one into {self._place}."
            )
        return long_enough(self._token, at_least)


class AttendedSource:
    """Lets a person log in where the cache has no usable token, and nothing can renew it unattended.

    ``log_in`` is given how many seconds the token must live; it stores the token that it returns.
    """

    def __init__(
        self, cache: TokenSource, log_in: Callable[[float], Token], *, interactive: Callable[[], bool]
    ) -> None:
        self._cache = cache
        self._log_in = log_in
        self._interactive = interactive

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the cache's token, or a new login's.

        An API's refusal (``stale``) never opens a browser: it may have any reason, and would open one for
        each request.
        """
        try:
            return self._cache.token(stale, at_least)
        except LoginRequired:
            if stale is not None or not self._interactive():
                raise
        return long_enough(self._log_in(at_least), at_least)


def long_enough(token: Token, at_least: float) -> Token:
    """Return ``token`` if it lives ``at_least`` seconds more, else raise LifetimeTooShort."""
    left = token.expires_at - time.time()
    if at_least and left < at_least:
        raise LifetimeTooShort(
            f"a new token lives {left:.0f} s, and {at_least:g} s were asked for",
            hint="Ask for less, or have the server's tokens live longer.",
        )
    return token


def _good(token: Token, stale: Token | None, at_least: float) -> bool:
    return token.fresh(time.time(), at_least) and _differs(token, stale)


def _alive(token: Token, stale: Token | None) -> bool:
    return _differs(token, stale) and not token.expired(time.time())


def _differs(token: Token, stale: Token | None) -> bool:
    return stale is None or token.access_token != stale.access_token
