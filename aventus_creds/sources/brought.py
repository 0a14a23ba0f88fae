"""BroughtSource: begins a login with a refresh token that comes from elsewhere, and that the profile names."""

from __future__ import annotations

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import LoginRequired, TokenRefused
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.renewing import login_command, said_by
from aventus_creds.sources.source import TokenSource
from aventus_creds.tokens import Token


class BroughtSource:
    """Begins a login with a refresh token from elsewhere, if the profile names one and there is no login yet.

    What the server answers is stored under a name that is that refresh token's own. So a refresh token that the server
    replaces is used once, and another one that is given begins another login.

    Args:
        profile: whose tokens.
        inner: is asked if the profile names none, or if there was a login with it.
    """

    def __init__(self, profile: Profile, inner: TokenSource) -> None:
        self._profile = profile
        self._inner = inner

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the first token of that login, or what the inner source gives."""
        if stale is None and self._profile.refresh_token is not None:
            from aventus_creds.oauth.client import OAuthClient  # imported late: a fresh token needs no server

            try:
                return OAuthClient(self._profile).begin(Hidden(self._profile.refresh_token.read()))
            except TokenRefused as refusal:
                if not refusal.ends_login:
                    raise
                error = LoginRequired(
                    f"profile {self._profile.name} needs a login: the server refused the refresh token in"
                    f" {self._profile.refresh_token.place}: {said_by(refusal)}",
                    hint=f"Put a fresh one there, or run: {login_command(self._profile)}",
                )
            raise error
        return self._inner.token(stale, at_least)
