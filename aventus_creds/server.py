"""AuthorizationServer: one profile's server, with its endpoints found, requests sent and answers read."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

from aventus_creds import answers, protocol
from aventus_creds.attempt import log_in
from aventus_creds.callbacks import Browser
from aventus_creds.discovery import find_endpoints
from aventus_creds.errors import ConfigError
from aventus_creds.profiles import Profile
from aventus_creds.stores import state_folder
from aventus_creds.stores.private_folder import PrivateFolder
from aventus_creds.tokens import Token
from aventus_creds.transport import Transport


class AuthorizationServer:
    """What a profile's server does for a client. Every method may raise ServerError or NetworkError."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._transport = Transport(profile)

    @cached_property
    def endpoints(self) -> protocol.Endpoints:
        """The server's endpoints, by the profile or by discovery."""
        cache = PrivateFolder(state_folder() / "discovery")
        return find_endpoints(self._profile, self._transport, cache, now=time.time())

    def log_in(self, save: Callable[[Token], None], browser: Browser | None) -> Token:
        """Let a person log in; ``save`` stores the token. Raises LoginError and ConfigError too."""
        if not self.endpoints.authorize_url:
            raise ConfigError(
                f"the server of profile {self._profile.name} names no authorization endpoint",
                hint="Give authorize_url in the profile.",
            )
        return log_in(self._profile, self.endpoints, post=self._transport.post, save=save, browser=browser)

    def refresh(self, token: Token) -> Token:
        """Return the token that ``token``'s refresh token gives. Raises TokenRefused when it is dead."""
        assert token.refresh_token  # noqa: S101 - the caller has looked
        request = protocol.refresh_request(self._profile, self.endpoints, token.refresh_token, self._secret())
        answer = self._transport.post(request)
        return answers.read_token(self._profile, answer, request, now=time.time(), previous=token)

    def revoke(self, token: Token) -> bool:
        """Revoke ``token`` and return True, or return False where the server has no revocation endpoint."""
        if not self.endpoints.revoke_url:
            return False
        request = protocol.revocation_request(self._profile, self.endpoints, token, self._secret())
        answer = self._transport.post(request)
        if not 200 <= answer.status < 300:
            raise answers.refusal(self._profile, answer, request)
        return True

    def _secret(self) -> str | None:
        return self._profile.client_secret.read() if self._profile.client_secret else None
