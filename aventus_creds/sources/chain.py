"""Puts a profile's sources together. This is the one place that decides which source wraps which.

    AttendedSource                lets a person log in if the others have no token
    └── CachedSource              memory, then the store, then its inner source under the store's lock
        └── RefreshingSource      uses the refresh token, or else asks its inner source
            └── NobodySource      has no token: its error says what a person must do
                                  (within a BroughtSource, if the profile names a refresh token)
    CachedSource
    └── ClientCredentialsSource   the client's own token: no person is needed. Or GivenSource: see profiles/grants.py
    SwappingSource                outside of these, if the API wants another token than the login's
    InjectedSource                a token from the environment, used as it is

A login happens outside the lock that refreshes take. It may last minutes, and a script that runs at the same
time must not hang: it must get the error at once that a login is needed.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

from aventus_creds.errors import ConfigError, StoreError
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.sources.attended import AttendedSource
from aventus_creds.sources.cached import CachedSource
from aventus_creds.sources.injected import injected_source
from aventus_creds.sources.renewing import NobodySource, RefreshingSource
from aventus_creds.stores.opening import store_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from aventus_creds.profiles.profile import Profile
    from aventus_creds.sources.source import TokenSource
    from aventus_creds.stores import TokenStore
    from aventus_creds.tokens import Token

MOST_CACHES: Final = 64
"""Caches that a process keeps. A program that makes a store for each call must not keep them all."""

_caches: Final[dict[tuple[str, TokenStore], CachedSource]] = {}


def token_source(
    profile: Profile,
    store: TokenStore | None,
    *,
    may_ask: Callable[[], bool],
    log_in: Callable[[TokenStore, CachedSource, float], Token],
    advice: Callable[[], str] = str,
) -> TokenSource:
    """Return the source of a profile's tokens. Its grant and the environment decide which one that is.

    Args:
        profile: whose tokens.
        store: where they are stored. None: in the store that the environment or the profile names.
        may_ask: says whether a person may be asked to log in. Called only when a login is needed.
        log_in: lets a person log in. It gets the store, the cache in front of it, and how many seconds the
            token must be valid. It returns a token that it has stored.
        advice: says what to do where nobody may be asked, for the error's hint.

    Raises:
        ConfigError, SecretError, StoreError: the environment's token is unusable, or the store cannot be
            opened.
    """
    if injected := injected_source(profile.name):
        return injected
    store = store or store_for(profile)
    cache = shared_source(profile, store)
    source: TokenSource = cache
    if GRANTS[profile.grant].attended:
        source = AttendedSource(cache, partial(log_in, store, cache), may_ask=may_ask, advice=advice)
    if profile.swap_url:
        from aventus_creds.sources.swapped import SwappingSource  # most APIs take the login's own token

        return SwappingSource(profile, source)
    return source


def shared_source(profile: Profile, store: TokenStore) -> CachedSource:
    """Return this process's ``cached_source`` for a profile and a store, after a look at the store.

    There is one for all who ask, so that a logout or login in one cell of a notebook is one in all of
    them. What other processes have stored or deleted since is noticed here, and not only when the token is due.
    """
    cache = _caches.get((profile.key, store))
    if cache is None:
        while len(_caches) >= MOST_CACHES:
            _caches.pop(next(iter(_caches)), None)
        return _caches.setdefault((profile.key, store), cached_source(profile, store))
    cache.inner = _inner(profile)  # the profile may have been edited
    cache.look_again()
    return cache


def cached_source(profile: Profile, store: TokenStore) -> CachedSource:
    """Return a source that never asks a person: the part of ``token_source`` inside the AttendedSource."""
    return CachedSource(profile.key, store, _inner(profile), limit=_limit(profile))


def unattended_source(profile: Profile) -> TokenSource:
    """Return the source of a profile's tokens that asks nobody: the environment's token, or the cached source."""
    return injected_source(profile.name) or shared_source(profile, store_for(profile))


def machine_source(profile: Profile) -> TokenSource:
    """Return the source of new tokens of a grant that needs no person: the one that its row names."""
    module, _, name = GRANTS[profile.grant].source.partition(":")
    source: TokenSource = getattr(import_module(f"aventus_creds.sources.{module}"), name)(profile)
    return source


def _inner(profile: Profile) -> TokenSource:
    if GRANTS[profile.grant].attended:
        return RefreshingSource(profile, _first(profile))
    return machine_source(profile)


def _first(profile: Profile) -> TokenSource:
    """Return what begins a login without a person."""
    if profile.refresh_token is None:
        return NobodySource(profile)
    from aventus_creds.sources.brought import BroughtSource  # most profiles bring none

    return BroughtSource(profile, NobodySource(profile))


def _limit(profile: Profile) -> float:
    """Return how many seconds a new token may take at most: discovery, the request and its retries, each in time."""
    # The waits between the tries (see basics.waits.backoff) are 0.5 s, 1 s, 2 s …
    return (profile.retries + 3) * profile.timeout + 2.0**profile.retries


def login_before(cache: CachedSource) -> Token | None:
    """Return the token of the login that another one replaces. A store that cannot be read has none."""
    try:
        return cache.peek()
    except (StoreError, ConfigError):
        return None
