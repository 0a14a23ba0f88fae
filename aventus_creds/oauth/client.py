"""OAuthClient: what one profile's client asks of its authorization server. It knows no people and no stores."""

from __future__ import annotations

import logging
import time
from functools import cached_property
from typing import Final

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.places import state_folder
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.basics.waits import backoff
from aventus_creds.errors import ConfigError, NetworkError, TokenRefused
from aventus_creds.oauth import answer as answers
from aventus_creds.oauth import request as requests
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.oauth.endpoints import find_endpoints
from aventus_creds.oauth.transport import Transport
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token

logger: Final = logging.getLogger(__name__)


class OAuthClient:
    """One client of one authorization server. Every method may raise ServerError, NetworkError or SecretError."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._transport = Transport(profile)

    @cached_property
    def endpoints(self) -> requests.Endpoints:
        """The server's endpoints, by the profile or by discovery."""
        cache = PrivateFolder(state_folder() / "discovery")
        return find_endpoints(self._profile, self._transport, cache, now=time.time())

    def exchange(self, authorization: Authorization, code: Hidden[str]) -> Token:
        """Return the token for the authorization ``code`` of that attempt (RFC 6749 section 4.1.3). Never repeated."""
        secret = Hidden(self._secret())
        request = authorization.exchange(code.reveal(), secret.reveal())
        answer = self._transport.post(request)
        return authorization.read_token(answer, request, now=time.time())

    def refresh(self, token: Token, *, retries: int) -> Token:
        """Return the token that ``token``'s refresh token gives. Raises TokenRefused when that is dead."""
        assert token.refresh_token  # noqa: S101 - the caller has looked
        secret, endpoints = Hidden(self._secret()), self.endpoints
        request = requests.refresh_request(self._profile, endpoints, token.refresh_token, secret.reveal())
        new = self._token(request, retries, previous=token)
        if missing := set((token.scope or "").split()) - set((new.scope or "").split()):
            logger.warning(
                "profile %s: since the last refresh the server does not grant %s any more",
                self._profile.name,
                " ".join(sorted(missing)),
            )
        return new

    def client_credentials(self) -> Token:
        """Return a token of the client's own (RFC 6749 section 4.4)."""
        request = requests.client_credentials_request(self._profile, self.endpoints, self._secret())
        return self._token(request, self._profile.retries)

    def begin_device_login(self) -> answers.DeviceAuthorization:
        """Return what a person needs to log in on another device (RFC 8628 section 3.2)."""
        self.need("device_url", "device authorization")
        request = requests.device_request(self._profile, self.endpoints, self._secret())
        return answers.read_device_authorization(self._profile, self._transport.post(request), request)

    def device_token(self, device_code: Hidden[str]) -> Token:
        """Ask once whether the person has finished, and return the token (RFC 8628 section 3.4).

        Raises TokenRefused with ``authorization_pending`` or ``slow_down`` while they have not.
        """
        secret, endpoints = Hidden(self._secret()), self.endpoints
        request = requests.device_token_request(
            self._profile, endpoints, device_code.reveal(), secret.reveal()
        )
        return answers.read_token(self._profile, self._transport.post(request), request, now=time.time())

    def revoke(self, token: Token) -> bool:
        """Revoke ``token`` and return True, or return False where the server has no revocation endpoint."""
        if not self.endpoints.revoke_url:
            return False
        request = requests.revocation_request(self._profile, self.endpoints, token, self._secret())
        answer = self._transport.post(request)
        if not 200 <= answer.status < 300:
            raise answers.refusal(self._profile, answer, request)
        return True

    def need(self, endpoint: str, title: str) -> None:
        """Raise ConfigError where the server has no such ``endpoint``, called ``title``."""
        if not getattr(self.endpoints, endpoint):
            raise ConfigError(
                f"the server of profile {self._profile.name} names no {title} endpoint",
                hint=f"Give {endpoint} in the profile, if the server has one.",
            )

    def _token(self, request: requests.ServerRequest, retries: int, previous: Token | None = None) -> Token:
        """Send a token request; repeat it after a temporary failure, and raise the last one as what it is."""
        for attempt in range(retries + 1):
            try:
                answer = self._transport.post(request)
                return answers.read_token(self._profile, answer, request, now=time.time(), previous=previous)
            except (NetworkError, TokenRefused) as fault:
                if attempt == retries or (isinstance(fault, TokenRefused) and not fault.passing):
                    raise
            time.sleep(backoff(attempt))
        raise AssertionError("the last attempt returns or raises")

    def _secret(self) -> str | None:
        return self._profile.client_secret.read() if self._profile.client_secret else None
