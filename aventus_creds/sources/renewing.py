"""Sources of new tokens that ask no person: by a refresh token, by the client's credentials, or none at all."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from aventus_creds.basics.places import profiles_path
from aventus_creds.errors import LoginRequired, TokenRefused
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.source import TokenSource
from aventus_creds.tokens import Token, utc

OVER: Final = frozenset(
    {
        "invalid_grant",  # RFC 6749 section 5.2
        "bad_refresh_token",  # GitHub: "The refresh token passed is incorrect or expired."
        # OpenID Connect Core section 3.1.2.6. Entra answers refreshes with these too (MSAL has
        # InteractionRequiredAuthError for it): a policy, a new consent or a second factor needs the person.
        "interaction_required",
        "login_required",
        "consent_required",
    }
)
"""Errors that mean that the login is over, and that a person has to log in again. Other errors do not mean that."""


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
                if refusal.error not in OVER:  # a login would not help against any other error
                    raise
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
        name, now = self._profile.name, time.time()
        if stale is None:
            why = "there is no login yet"
        elif stale.fresh(now, at_least):
            why = "its login was refused by the server"
        else:
            why = f"its login {'expired' if stale.expired(now) else 'expires'} at {utc(stale.expires_at)}"
            if at_least and not stale.expired(now):
                why += f", sooner than the {at_least:g} s asked for"
            if stale.refresh_token:
                why += ", and the server refused to renew it"
        command = f"aventus-creds login {name}"
        if self._profile.path and Path(self._profile.path) != profiles_path():
            import shlex  # rarely needed

            command = f"AVENTUS_CREDS_PROFILES={shlex.quote(self._profile.path)} {command}"
        raise LoginRequired(f"profile {name} needs a login: {why}", hint=f"Run: {command}")
