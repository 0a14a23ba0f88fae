"""A profile's sources, put together as its grant wants them."""

from __future__ import annotations

import os
import time
from typing import Final

from aventus_creds.cache import CachedSource
from aventus_creds.errors import ConfigError
from aventus_creds.grants import GRANTS
from aventus_creds.profiles import Profile, token_variable
from aventus_creds.sources import (
    ClientCredentialsSource,
    InjectedSource,
    NobodySource,
    RefreshingSource,
    TokenSource,
)
from aventus_creds.stores import TokenStore
from aventus_creds.tokens import Token, is_header_safe, jwt_claims

UNKNOWN_LIFETIME: Final = 10 * 365 * 86400.0
"""Seconds that an injected token is taken to live when it does not tell."""


def cached_source(profile: Profile, store: TokenStore) -> CachedSource:
    """Return the source of ``profile``'s tokens that needs no person."""
    inner: TokenSource = ClientCredentialsSource(profile)
    if GRANTS[profile.grant].attended:
        inner = RefreshingSource(profile, NobodySource(profile))
    return CachedSource(profile.key, store, inner)


def injected_source(name: str) -> InjectedSource | None:
    """Return the source of the token that the environment injects for the profile ``name``, if it does."""
    variable = token_variable(name)
    if variable not in os.environ:
        return None
    return InjectedSource(_injected(variable), variable)


def _injected(variable: str) -> Token:
    """Return the token in ``variable``, used as it is. Only a JWT tells when it expires."""
    if not is_header_safe(os.environ[variable].strip()):
        raise ConfigError(
            f"{variable} holds no access token", hint="Set it to the access token alone, or unset it."
        )
    text, now = os.environ[variable].strip(), time.time()
    expiry = jwt_claims(text).get("exp")
    if not isinstance(expiry, int | float) or not 0 < expiry < now + UNKNOWN_LIFETIME:
        expiry = now + UNKNOWN_LIFETIME
    return Token(text, obtained_at=now, expires_at=float(expiry))
