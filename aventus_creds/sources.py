"""Where a token comes from: one small interface, and sources wrapped round one another.

    AttendedSource                lets a person log in where the others cannot help
    └── CachedSource (cache.py)   memory, then the store, then its inner source under the store's lock
        └── RefreshingSource      trades the refresh token, else passes on to its inner source
            └── NobodySource      says what a person must do
    CachedSource
    └── ClientCredentialsSource   the client's own token: no person is needed
    InjectedSource                a token from the environment, used as it is

The person is asked outside the lock that refreshes take: a login may last minutes, and a script that runs
meanwhile must not hang on it but hear at once that a login is needed.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from aventus_creds.errors import (
    LifetimeTooShort,
    LoginRequired,
    TokenRefused,
)
from aventus_creds.profiles import Profile, profiles_path
from aventus_creds.tokens import Token, utc

if TYPE_CHECKING:
    from collections.abc import Callable


class TokenSource(Protocol):
    """Gives a token that is good now."""

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return a token that is fresh for ``at_least`` seconds and is not ``stale``.

        ``stale`` is one that will not do although it looks fresh: an API has refused it. Raises LoginRequired
        when a person is needed, LifetimeTooShort when no token lives that long, other ServerError,
        NetworkError or ConfigError when none can be had.
        """
        ...


OVER: Final = frozenset(
    {
        "invalid_grant",  # RFC 6749 section 5.2
        "bad_refresh_token",  # GitHub's word for it: "The refresh token passed is incorrect or expired."
        # OpenID Connect Core section 3.1.2.6; Entra answers refreshes with them too, as MSAL's
        # InteractionRequiredAuthError knows: a policy, a new consent or a second factor wants the person.
        "interaction_required",
        "login_required",
        "consent_required",
    }
)
"""Errors that say a login is over: only a person can mend them, by logging in. No other error says that."""


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
                if refusal.error not in OVER:  # any other fault is not the person's to mend
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
            import shlex  # only here

            command = f"AVENTUS_CREDS_PROFILES={shlex.quote(self._profile.path)} {command}"
        raise LoginRequired(f"profile {name} needs a login: {why}", hint=f"Run: {command}")


class InjectedSource:
    """Gives a token that the environment brought, as it is: nobody can renew it."""

    def __init__(self, token: Token, place: str) -> None:
        self._token = token
        self._place = place

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the token. Raises LoginRequired when an API has refused it."""
        if not differs(self._token, stale):
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


def differs(token: Token, stale: Token | None) -> bool:
    """Whether ``token`` is another one than the ``stale`` one, if there is one."""
    return stale is None or token.access_token != stale.access_token
