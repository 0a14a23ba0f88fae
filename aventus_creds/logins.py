"""What a login and a logout do to the cache, once it is known that one is wanted."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from aventus_creds.cache import CachedSource
from aventus_creds.errors import AventusCredsError, LoginRequired
from aventus_creds.grants import GRANTS
from aventus_creds.profiles import Profile
from aventus_creds.server import AuthorizationServer
from aventus_creds.stores import TokenStore
from aventus_creds.terminal import say
from aventus_creds.tokens import Token

if TYPE_CHECKING:
    from aventus_creds.callbacks import Browser

NOTICE_AFTER: Final = 1.0
"""Seconds of silent waiting for another login to the same profile."""


def new_token(
    profile: Profile, cache: CachedSource, browser: Browser | None = None, *, device: bool = False
) -> Token:
    """Return a new token, whatever is cached: by a login, or the client's own. Raises as a login does."""
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
    text = f"Another login to {profile.name} is under way; waiting for it. Ctrl-C ends this."
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
    try:
        revoked = AuthorizationServer(profile).revoke(token)
    except AventusCredsError as error:
        return Logout(found=True, revoked=False, why_not=error.message)
    return Logout(
        found=True, revoked=revoked, why_not="" if revoked else "the server has no revocation endpoint"
    )
