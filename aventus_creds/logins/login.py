"""Lets a person log in, in a browser or on another device. There is one login at a time for each profile."""

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
    from aventus_creds.callbacks import Browser, Panel
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.sources.cached import CachedSource
    from aventus_creds.stores import TokenStore
    from aventus_creds.tokens import Token

NOTICE_AFTER: Final = 1.0
"""Seconds of waiting for another login to the same profile before a notice says so."""


def log_in(
    profile: Profile,
    save: Callable[[Token], None],
    browser: Browser | None = None,
    *,
    device: bool = False,
    panel: Panel | None = None,
    client: OAuthClient | None = None,
) -> Token:
    """Let the person log in to ``profile``, even if already logged in, and return the new token.

    Args:
        profile: whose login. If its grant needs no person, the client gets a new token of its own.
        save: stores the token. It is called before the person is told that the login succeeded.
        browser: opens the login's address. None: the system's browser.
        device: log in on another device (RFC 8628), even if the profile has another grant.
        panel: makes the callback that shows the login instead of the terminal. None: use the terminal.
        client: talks to the server. None: make a new one.

    Raises:
        LoginRefused: the person or the server denied the login.
        LoginTimeout: it was not finished within the profile's login_timeout.
        ConfigError: the profile does not allow it here, for example because the redirect's port is taken.
        ServerError, NetworkError: the server answered with an error, or cannot be reached.
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
    with ExitStack() as opened:  # closes all of them, even if Ctrl-C interrupts closing one
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
    """Let the person log in. If another login to ``profile`` is in progress, wait for it and use its token.

    Without this, ten programs that start together would open ten browser windows.

    Args:
        profile: whose login.
        store: its lock keeps logins apart.
        cache: gets the new token, and is asked first for the other login's.
        browser: opens the login's address. None: the system's browser.
        at_least: how many seconds the token must be valid.

    Raises:
        StoreError: the lock cannot be taken. Otherwise as ``log_in`` does.
    """
    text = f"Another login to {profile.name} is under way; waiting for it. Ctrl-C ends this."
    notice = threading.Timer(NOTICE_AFTER, say, [text])
    notice.daemon = True
    with suppress(RuntimeError):  # no thread can be started: then wait without the notice
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
