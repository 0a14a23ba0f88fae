"""Sources of new tokens that ask no person: by a refresh token, by the client's credentials, or none at all."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aventus_creds.basics.places import profiles_path, set_here
from aventus_creds.errors import LoginRequired, TokenRefused
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.source import TokenSource
from aventus_creds.stores.opening import lasts
from aventus_creds.tokens import Token, utc

if TYPE_CHECKING:
    from aventus_creds.profiles.login_options import LoginOptions

OWN_LOGIN: Final = (
    'Log in within the program that needs it, get_session("{}", interactive=True), or name another store.'
)
"""What to do where the store is one that no other program finds a login in."""


class RefreshingSource:
    """Gets a new token with the refresh token of the stale one (RFC 6749 section 6).

    Args:
        profile: whose tokens.
        inner: is asked if there is no refresh token, or if the server says that it is no longer valid.
    """

    def __init__(self, profile: Profile, inner: TokenSource) -> None:
        self._profile = profile
        self._inner = inner

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the refreshed token, or what the inner source gives without a valid refresh token."""
        if stale is not None and stale.refresh_token:
            from aventus_creds.oauth.client import OAuthClient  # imported late: a fresh token needs no server

            # While the old token is still valid, do not hold the caller up with retries: it is used instead.
            retries = self._profile.retries if stale.expired(time.time()) or at_least else 0
            try:
                return OAuthClient(self._profile).refresh(stale, retries=retries)
            except TokenRefused as refusal:
                if not refusal.ends_login:  # a login would not help
                    raise
                error = needs_login(self._profile, stale, at_least, refusal)
            raise error
        return self._inner.token(stale, at_least)


class ClientCredentialsSource:
    """Gets the client's own token (RFC 6749 section 4.4). It does not need the old one for that."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:  # noqa: ARG002 - the interface
        """Return a new token."""
        from aventus_creds.oauth.client import OAuthClient  # imported late: a fresh token needs no server

        return OAuthClient(self._profile).client_credentials()


class NobodySource:
    """Has no token. Its error says why a person is needed, and which command to run."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Raise LoginRequired."""
        raise needs_login(self._profile, stale, at_least)


def needs_login(
    profile: Profile, stale: Token | None, at_least: float = 0, refusal: TokenRefused | None = None
) -> LoginRequired:
    """Return the error that says why a person must log in, in the server's own words if it refused, and how."""
    now = time.time()
    if stale is None:
        why = "there is no login yet"
    elif refusal is None and stale.fresh(now, at_least):
        why = "its login was refused by the server"
    else:
        why = "its login was refused"
        if stale.expires_at < math.inf:
            why = f"its login {'expired' if stale.expired(now) else 'expires'} at {utc(stale.expires_at)}"
        if at_least and not stale.expired(now):
            why += f", sooner than the {at_least:g} s asked for"
        if refusal is not None:
            why += f", and the server refused to renew it: {said_by(refusal)}"
    hint = f"Run: {login_command(profile)}" if lasts(profile) else OWN_LOGIN.format(profile.name)
    return LoginRequired(f"profile {profile.name} needs a login: {why}", hint=hint)


def said_by(refusal: TokenRefused) -> str:
    """Return the server's words of a refusal, and its status."""
    said = ": ".join(filter(None, (refusal.error, refusal.error_description))) or "no reason given"
    return f"{said} (HTTP {refusal.status})"


def login_command(profile: Profile, options: LoginOptions | None = None) -> str:
    """Return the command that logs in to ``profile``, for a shell that may know other files than this program.

    Args:
        profile: whose login.
        options: what the login is asked for.
    """
    import shlex  # rarely needed

    from aventus_creds.profiles.login_options import LoginOptions, login_words

    places = {name: set_here(name) for name in ("AVENTUS_CREDS_PROFILES", "AVENTUS_CREDS_STATE_DIR")}
    if profile.path and Path(profile.path) != profiles_path():
        places["AVENTUS_CREDS_PROFILES"] = profile.path
    words = [f"{name}={shlex.quote(place)}" for name, place in places.items() if place]
    return " ".join([*words, "aventus-creds login", login_words(profile, options or LoginOptions())])
