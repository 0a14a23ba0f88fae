"""Sources of new tokens that ask no person: a refresh token, the client's own credentials, or nothing at all."""

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
        "bad_refresh_token",  # GitHub's word for it: "The refresh token passed is incorrect or expired."
        # OpenID Connect Core section 3.1.2.6; Entra answers refreshes with them too, as MSAL's
        # InteractionRequiredAuthError knows: a policy, a new consent or a second factor wants the person.
        "interaction_required",
        "login_required",
        "consent_required",
    }
)
"""Errors that say a login is over: only a person can mend them, by logging in. No other error says that."""


class RefreshingSource:
    """Trades the stale token's refresh token for a new token (RFC 6749 section 6)."""

    def __init__(self, profile: Profile, inner: TokenSource) -> None:
        self._profile = profile
        self._inner = inner

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the refreshed token; without a refresh token, or when it is dead, the inner source's."""
        if stale is not None and stale.refresh_token:
            from aventus_creds.oauth.client import OAuthClient  # a fresh token needs no server

            # Ahead of time, a fault is no reason to wait: the old token serves for now.
            retries = self._profile.retries if stale.expired(time.time()) or at_least else 0
            try:
                return OAuthClient(self._profile).refresh(stale, retries=retries)
            except TokenRefused as refusal:
                if refusal.error not in OVER:  # any other fault is not the person's to mend
                    raise
        return self._inner.token(stale, at_least)


class ClientCredentialsSource:
    """Asks for the client's own token (RFC 6749 section 4.4). It has no use for an older one."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:  # noqa: ARG002 - the interface
        """Return a new token."""
        from aventus_creds.oauth.client import OAuthClient  # a fresh token needs no server

        return OAuthClient(self._profile).client_credentials()


class NobodySource:
    """Has no token. It tells why a person is needed, and the command to run."""

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
            import shlex  # only here

            command = f"AVENTUS_CREDS_PROFILES={shlex.quote(self._profile.path)} {command}"
        raise LoginRequired(f"profile {name} needs a login: {why}", hint=f"Run: {command}")
