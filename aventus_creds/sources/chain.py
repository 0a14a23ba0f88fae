"""A profile's sources, composed: the one place where it is decided which is wrapped round which.

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
from functools import partial
from typing import TYPE_CHECKING

from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.profile import token_variable
from aventus_creds.sources.attended import AttendedSource
from aventus_creds.sources.cached import CachedSource
from aventus_creds.sources.renewing import ClientCredentialsSource, NobodySource, RefreshingSource
from aventus_creds.stores.opening import store_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from aventus_creds.profiles.profile import Profile
    from aventus_creds.sources.injected import InjectedSource
    from aventus_creds.sources.source import TokenSource
    from aventus_creds.stores import TokenStore
    from aventus_creds.tokens import Token


def token_source(
    profile: Profile,
    store: TokenStore | None,
    *,
    may_ask: Callable[[], bool],
    log_in: Callable[[TokenStore, CachedSource, float], Token],
) -> TokenSource:
    """Return the source of ``profile``'s tokens, as its grant and the environment want it.

    ``may_ask`` says whether a person may be asked; ``log_in`` asks them: it takes the store, its cache and how
    many seconds the token must live, and returns a token that is stored.
    """
    if injected := injected_source(profile.name):
        return injected
    store = store or store_for(profile)
    cache = cached_source(profile, store)
    if not GRANTS[profile.grant].attended:
        return cache
    return AttendedSource(cache, partial(log_in, store, cache), may_ask=may_ask)


def injected_source(name: str) -> InjectedSource | None:
    """Return the source of the token that the environment injects for the profile ``name``, if it does.

    Raises ConfigError where what it injects is no access token.
    """
    if token_variable(name) not in os.environ:
        return None
    from aventus_creds.sources.injected import InjectedSource  # most tokens come from the store

    return InjectedSource.of(token_variable(name))


def cached_source(profile: Profile, store: TokenStore) -> CachedSource:
    """Return the source of ``profile``'s tokens that asks no person."""
    inner: TokenSource = ClientCredentialsSource(profile)
    if GRANTS[profile.grant].attended:
        inner = RefreshingSource(profile, NobodySource(profile))
    return CachedSource(profile.key, store, inner)
