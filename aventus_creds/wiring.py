"""A profile's sources, put together as its grant wants them."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from aventus_creds.cache import CachedSource
from aventus_creds.errors import AventusCredsError, ConfigError, LoginRequired
from aventus_creds.grants import GRANTS
from aventus_creds.profiles import Profile
from aventus_creds.profiles import token_variable as token_variable  # noqa: PLC0414 - it belongs to what is here
from aventus_creds.sources import (
    ClientCredentialsSource,
    InjectedSource,
    NobodySource,
    RefreshingSource,
    TokenSource,
)
from aventus_creds.stores import TokenStore
from aventus_creds.terminal import say
from aventus_creds.tokens import Token, is_header_safe, jwt_claims

if TYPE_CHECKING:
    from aventus_creds.callbacks import Browser

UNKNOWN_LIFETIME: Final = 10 * 365 * 86400.0
"""Seconds that an injected token is taken to live when it does not tell."""

NOTICE_AFTER: Final = 1.0
"""Seconds of silent waiting for another login to the same profile."""


def cached_source(profile: Profile, store: TokenStore) -> CachedSource:
    """Return the source of ``profile``'s tokens that needs no person."""
    inner: TokenSource = ClientCredentialsSource(profile)
    if GRANTS[profile.grant].attended:
        inner = RefreshingSource(profile, NobodySource(profile))
    return CachedSource(profile.key, store, inner)


def new_token(
    profile: Profile, cache: CachedSource, browser: Browser | None = None, *, device: bool = False
) -> Token:
    """Return a new token, whatever is cached: by a login, or the client's own. Raises as a login does."""
    from aventus_creds.server import AuthorizationServer  # loads requests

    server = AuthorizationServer(profile)
    if GRANTS[profile.grant].attended:
        return server.log_in(cache.keep, browser, device=device or profile.grant == "device")
    token = server.client_credentials()
    cache.keep(token)
    return token


def token_in_turn(
    profile: Profile, store: TokenStore, cache: CachedSource, browser: Browser | None, at_least: float
) -> Token:
    """Let the person log in, unless another login is under way here: then its token will do."""
    text = f"Another login to {profile.name} is under way on this machine; waiting for it. Ctrl-C ends this."
    notice = threading.Timer(NOTICE_AFTER, say, [text])
    notice.daemon = True
    with suppress(RuntimeError):  # no thread is to be had: it waits without a word
        notice.start()
    with ExitStack() as held:
        try:
            held.enter_context(store.lock(f"{profile.key}.login"))
        finally:
            notice.cancel()
        try:
            return cache.token(at_least=at_least)
        except LoginRequired:
            return new_token(profile, cache, browser)


class Logout(NamedTuple):
    """What a logout did: whether there was a login, whether the server revoked it, and if not, why."""

    found: bool
    revoked: bool
    why_not: str = ""


def log_out(profile: Profile, cache: CachedSource) -> Logout:
    """Forget the login, and revoke it at the server where that has an endpoint. Raises StoreError."""
    token = cache.forget()
    if token is None:
        return Logout(found=False, revoked=False)
    from aventus_creds.server import AuthorizationServer  # loads requests

    try:
        revoked = AuthorizationServer(profile).revoke(token)
    except AventusCredsError as error:
        return Logout(found=True, revoked=False, why_not=error.message)
    return Logout(
        found=True, revoked=revoked, why_not="" if revoked else "the server has no revocation endpoint"
    )


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
