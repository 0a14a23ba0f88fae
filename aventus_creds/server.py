"""AuthorizationServer: one profile's server, with its endpoints found, requests sent and answers read."""

from __future__ import annotations

import logging
import random
import time
import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Final

from aventus_creds import answers, protocol
from aventus_creds.attempt import log_in
from aventus_creds.callbacks import Browser, Callback
from aventus_creds.device import log_in_elsewhere
from aventus_creds.discovery import find_endpoints
from aventus_creds.errors import ConfigError, NetworkError, NotSavedWarning, StoreError, TokenRefused
from aventus_creds.hidden import Hidden
from aventus_creds.profiles import Profile
from aventus_creds.stores import state_folder
from aventus_creds.stores.private_folder import PrivateFolder
from aventus_creds.tokens import Token
from aventus_creds.transport import Transport

BACKOFF: Final = 0.5
"""Seconds before the first retry of a token request; twice as long before each further one, with jitter."""


logger: Final = logging.getLogger(__name__)


class AuthorizationServer:
    """What a profile's server does for a client. Every method may raise ServerError, NetworkError or SecretError."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._transport = Transport(profile)

    @cached_property
    def endpoints(self) -> protocol.Endpoints:
        """The server's endpoints, by the profile or by discovery."""
        cache = PrivateFolder(state_folder() / "discovery")
        return find_endpoints(self._profile, self._transport, cache, now=time.time())

    def log_in(
        self,
        save: Callable[[Token], None],
        browser: Browser | None = None,
        *,
        device: bool = False,
        panel: Callable[[str], Callback] | None = None,
    ) -> Token:
        """Let a person log in, in a browser here or (``device``) on another device; ``save`` stores the token.

        ``panel`` makes what stands in a terminal's place, for a redirect URI. Raises LoginError and ConfigError too.
        """
        if device:
            return self._log_in_elsewhere(save)
        self._need("authorize_url", "authorization")
        return log_in(
            self._profile, self.endpoints, post=self._transport.post, save=save, browser=browser, panel=panel
        )

    def _log_in_elsewhere(self, save: Callable[[Token], None]) -> Token:
        self._need("device_url", "device authorization")
        secret = Hidden(self._secret())
        request = protocol.device_request(self._profile, self.endpoints, secret.reveal())
        device = answers.read_device_authorization(self._profile, self._transport.post(request), request)
        request = protocol.device_token_request(
            self._profile, self.endpoints, device.device_code, secret.reveal()
        )
        token = log_in_elsewhere(self._profile, device, request, self._transport.post)
        try:
            save(token)
        except StoreError as fault:  # the person has logged in: that is not thrown away
            warnings.warn(str(fault), NotSavedWarning, stacklevel=2)
        return token

    def refresh(self, token: Token, *, retries: int) -> Token:
        """Return the token that ``token``'s refresh token gives. Raises TokenRefused when that is dead."""
        assert token.refresh_token  # noqa: S101 - the caller has looked
        request = protocol.refresh_request(self._profile, self.endpoints, token.refresh_token, self._secret())
        new = self._token(request, retries, previous=token)
        if missing := set((token.scope or "").split()) - set((new.scope or "").split()):
            logger.warning(
                "profile %s: since the last refresh the server does not grant %s any more",
                self._profile.name,
                " ".join(sorted(missing)),
            )
        return new

    def client_credentials(self) -> Token:
        """Return a token of the client's own."""
        request = protocol.client_credentials_request(self._profile, self.endpoints, self._secret())
        return self._token(request, self._profile.retries)

    def revoke(self, token: Token) -> bool:
        """Revoke ``token`` and return True, or return False where the server has no revocation endpoint."""
        if not self.endpoints.revoke_url:
            return False
        request = protocol.revocation_request(self._profile, self.endpoints, token, self._secret())
        answer = self._transport.post(request)
        if not 200 <= answer.status < 300:
            raise answers.refusal(self._profile, answer, request)
        return True

    def _token(self, request: answers.ServerRequest, retries: int, previous: Token | None = None) -> Token:
        """Send a token request; repeat it after a passing fault, and then raise that as what it is."""
        for attempt in range(retries + 1):
            try:
                answer = self._transport.post(request)
                return answers.read_token(self._profile, answer, request, now=time.time(), previous=previous)
            except (NetworkError, TokenRefused) as fault:
                if attempt == retries or (isinstance(fault, TokenRefused) and not fault.passing):
                    raise
            time.sleep(BACKOFF * 2**attempt * random.uniform(0.75, 1.25))  # noqa: S311 - jitter, no secret
        raise AssertionError("the last attempt returns or raises")

    def _need(self, endpoint: str, title: str) -> None:
        if not getattr(self.endpoints, endpoint):
            raise ConfigError(
                f"the server of profile {self._profile.name} names no {title} endpoint",
                hint=f"Give {endpoint} in the profile, if the server has one.",
            )

    def _secret(self) -> str | None:
        return self._profile.client_secret.read() if self._profile.client_secret else None
