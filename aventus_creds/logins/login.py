"""Lets a person log in, in a browser or on another device. There is one login at a time for each profile."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from aventus_creds.basics.terminal import say
from aventus_creds.basics.threads import interruptible
from aventus_creds.callbacks.opening import open_callbacks
from aventus_creds.errors import ConfigError, LoginRequired, NotGrantedWarning, NotSavedWarning
from aventus_creds.logins.attempt import LoginAttempt
from aventus_creds.logins.granted import shortfalls
from aventus_creds.logins.saving import why_unsaved
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.profiles.doubts import no_client_id
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.login_options import NO_OPTIONS, LoginOptions
from aventus_creds.sources.chain import machine_source

if TYPE_CHECKING:
    from aventus_creds.basics.hidden import Hidden
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
    options: LoginOptions = NO_OPTIONS,
    before: Token | None = None,
) -> Token:
    """Let the person log in to ``profile``, even if already logged in, and return the new token.

    Args:
        profile: whose login. If its grant needs no person, the client gets a new token of its own.
        save: stores the token. It is called before the person is told that the login succeeded.
        browser: opens the login's address. None: the system's browser.
        device: log in on another device (RFC 8628), even if the profile has another grant.
        panel: makes the callback that shows the login instead of the terminal. None: use the terminal.
        client: talks to the server. None: make a new one.
        options: what the login is asked for beside what the profile says. What it did not bring is in a
            NotGrantedWarning, unless a panel says it.
        before: the token of the login that it replaces, whose scopes are asked for again with further ones.

    Raises:
        LoginRefused: the person or the server denied the login, or it is not of the account that was asked for.
        LoginTimeout: it was not finished within the profile's login_timeout.
        ConfigError: the profile does not allow it here, for example because the redirect's port is taken.
        ServerError, NetworkError: the server answered with an error, or cannot be reached.
    """
    if no_client_id(profile):
        raise ConfigError(
            f"profile {profile.name} has no client_id yet, only {profile.client_id}",
            hint=f"Put in the identifier that the provider gave to this client, in {profile.path or 'the profile'}",
        )
    grant = GRANTS[profile.grant]
    if not grant.attended:
        if options != NO_OPTIONS:
            raise ConfigError(
                f"profile {profile.name} has no person's login that could be asked for {options.told}",
                hint=f"The grant {grant.name} needs none: write its scope into the profile.",
            )
        token = machine_source(profile).token()
        save(token)
        return token
    profile = options.applied(profile, before.scope if before else None)
    with interruptible():
        token = _attended(profile, save, browser, device, panel, client or OAuthClient(profile), options)
    for short in [] if panel else shortfalls(options, token, now=time.time()):
        warnings.warn(short, NotGrantedWarning, stacklevel=2)
    return token


def _attended(
    profile: Profile,
    save: Callable[[Token], None],
    browser: Browser | None,
    device: bool,  # noqa: FBT001 - as log_in has it
    panel: Panel | None,
    client: OAuthClient,
    options: LoginOptions,
) -> Token:
    grant = GRANTS[profile.grant]
    if device or not grant.redirects:
        from aventus_creds.logins.device import log_in_on_device

        return log_in_on_device(profile, client, save, options)
    client.need("authorize_url", "authorization")
    with ExitStack() as opened:  # closes all of them, even if Ctrl-C interrupts closing one
        callbacks = open_callbacks(profile, browser, panel)
        for callback in callbacks:
            opened.callback(callback.close)
        redirect_uri = callbacks[0].redirect_uri
        authorization = Authorization(
            profile, client.endpoints, redirect_uri, random=os.urandom, proof_key=client.new_proof_key()
        )
        client.push(authorization)
        attempt = LoginAttempt(profile, client, authorization, save=save, options=options)
        for callback in callbacks:
            callback.start(attempt)
        return attempt.result()


def begin(profile: Profile, refresh_token: Hidden[str], save: Callable[[Token], None]) -> Token:
    """Begin a login with a refresh token that comes from elsewhere, and return its first token.

    Args:
        profile: whose login.
        refresh_token: what the server gave somewhere else to the same client.
        save: stores the token. If it fails, there is a NotSavedWarning, and the token is returned.

    Raises:
        ServerError, NetworkError: the server refused, or cannot be reached.
    """
    token = OAuthClient(profile).begin(refresh_token)
    if unsaved := why_unsaved(save, token):
        warnings.warn(unsaved, NotSavedWarning, stacklevel=2)
    return token


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
