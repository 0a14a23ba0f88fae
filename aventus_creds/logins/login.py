"""A person logs in: in a browser here or on another device, and one login at a time for each profile."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from aventus_creds.basics.terminal import say
from aventus_creds.callbacks.opening import open_callbacks
from aventus_creds.errors import LoginRequired
from aventus_creds.logins.attempt import LoginAttempt
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.profiles.grants import GRANTS

if TYPE_CHECKING:
    from aventus_creds.callbacks import Browser, Callback
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.sources.cached import CachedSource
    from aventus_creds.stores import TokenStore
    from aventus_creds.tokens import Token

NOTICE_AFTER: Final = 1.0
"""Seconds of silent waiting for another login to the same profile."""


def log_in(
    profile: Profile,
    save: Callable[[Token], None],
    browser: Browser | None = None,
    *,
    device: bool = False,
    panel: Callable[[str], Callback] | None = None,
    client: OAuthClient | None = None,
) -> Token:
    """Let the person log in to ``profile``, even if there is a login already, and return the new token.

    Args:
        profile: whose login. A grant that needs no person gets a new token of the client's own.
        save: stores the token; it is called before the person is told that all went well.
        browser: opens the login's address; None: the system's own browser.
        device: log in on another device, whatever the profile's grant (RFC 8628).
        panel: makes the callback that shows the login instead of the terminal, for a redirect URI.
        client: talks to the server; None: a new one.

    Raises:
        LoginRefused, LoginTimeout: by the person or the server; in time.
        ConfigError, ServerError, NetworkError: the profile, the server or the way to it does not allow it.
    """
    client = client or OAuthClient(profile)
    grant = GRANTS[profile.grant]
    if not grant.attended:
        token = client.client_credentials()
        save(token)
        return token
    if device or not grant.redirects:
        from aventus_creds.logins.device import log_in_on_device

        return log_in_on_device(profile, client, save)
    client.need("authorize_url", "authorization")
    with ExitStack() as opened:  # closes each, even when a second Ctrl-C interrupts the closing of the first
        callbacks = open_callbacks(profile, browser, panel)
        for callback in callbacks:
            opened.callback(callback.close)
        redirect_uri = callbacks[0].redirect_uri
        authorization = Authorization(profile, client.endpoints, redirect_uri, random=os.urandom)
        attempt = LoginAttempt(profile, client, authorization, save=save)
        for callback in callbacks:
            callback.start(attempt)
        return attempt.result()


def log_in_in_turn(
    profile: Profile, store: TokenStore, cache: CachedSource, browser: Browser | None, at_least: float
) -> Token:
    """Let the person log in, unless another login to ``profile`` is under way here: then take its token."""
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
            return log_in(profile, cache.keep, browser)
