"""A login on another device (RFC 8628), for machines with no browser, or that no redirect can reach."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.terminal import clear_line, count_down, is_terminal, say
from aventus_creds.errors import (
    LoginRefused,
    LoginTimeout,
    NetworkError,
    NotSavedWarning,
    TokenRefused,
)
from aventus_creds.logins.granted import another_account
from aventus_creds.logins.saving import why_unsaved
from aventus_creds.oauth.device_answer import LONGEST_INTERVAL, DeviceAuthorization
from aventus_creds.profiles.login_options import NO_OPTIONS, LoginOptions

if TYPE_CHECKING:
    from aventus_creds.oauth.client import OAuthClient
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.tokens import Token

SLOW_DOWN: Final = 5
"""Seconds added to the interval when the server asks for it (RFC 8628 section 3.5)."""


def log_in_on_device(
    profile: Profile,
    client: OAuthClient,
    save: Callable[[Token], None],
    options: LoginOptions = NO_OPTIONS,
) -> Token:
    """Show the person where to log in, poll until they have, store the token and return it.

    Temporary failures while polling do not end the login: the person may be in the middle of it.

    Args:
        profile: whose login.
        client: talks to the server.
        save: stores the token. If it fails, there is a NotSavedWarning, and the token is returned.
        options: what it was asked for: a login of another account is not stored.

    Raises:
        LoginRefused: the person or the server denied the login, or it is another account's.
        LoginTimeout: it was not finished in time, by the device code's lifetime or the profile's
            login_timeout.
        TokenRefused, InvalidAnswer, NetworkError: the server did not start the login, or answered with an
            error.
        ConfigError: the server has no device authorization endpoint.
    """
    token = _token(profile, client, client.begin_device_login())
    if refused := another_account(profile, options, token):
        raise refused
    if unsaved := why_unsaved(save, token):
        warnings.warn(unsaved, NotSavedWarning, stacklevel=2)
    return token


def _token(profile: Profile, client: OAuthClient, device: DeviceAuthorization) -> Token:
    interval = device.interval
    deadline = time.monotonic() + min(device.expires_in, profile.login_timeout)
    _show(profile, device)
    while (left := deadline - time.monotonic()) > 0:
        _wait(min(interval, left), deadline)
        try:
            return client.device_token(Hidden(device.device_code))
        except NetworkError:
            interval = min(interval * 2, LONGEST_INTERVAL)  # RFC 8628 section 3.5: poll less often
        except TokenRefused as refused:
            if refused.error == "slow_down":
                interval += SLOW_DOWN
            elif refused.error == "access_denied":
                raise LoginRefused(
                    f"the login to {profile.name} was denied",
                    error=refused.error,
                    error_description=refused.error_description,
                ) from None
            elif refused.error == "expired_token":
                break
            elif refused.error != "authorization_pending" and not refused.passing:
                raise
    clear_line()
    raise LoginTimeout(
        f"nobody finished the login to {profile.name} within {min(device.expires_in, profile.login_timeout):g} s",
        hint="Log in again. login_timeout in the profile gives more time, where the server does.",
    )


def _show(profile: Profile, device: DeviceAuthorization) -> None:
    say(
        f"Log in to {profile.name} ({profile.system}): on any device, open\n\n  {device.verification_uri}\n\n"
        f"and enter the code\n\n  {device.user_code}\n"
    )
    if device.verification_uri_complete:
        say(f"Or open this, which has the code in it:\n\n  {device.verification_uri_complete}\n")
    if is_terminal():
        with suppress(ImportError):
            import segno  # type: ignore[import-not-found,unused-ignore] # the extra [qr]

            segno.make(device.verification_uri_complete or device.verification_uri).terminal(
                sys.stderr, compact=True
            )


def _wait(seconds: float, deadline: float) -> None:
    """Sleep, with a countdown on a terminal. Ctrl-C ends it at once."""
    until = time.monotonic() + seconds
    while (now := time.monotonic()) < until:
        count_down(deadline - now, " Ctrl-C ends it.")
        time.sleep(min(0.5, until - now))
    clear_line()
