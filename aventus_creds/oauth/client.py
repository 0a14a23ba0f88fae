"""OAuthClient: the requests of one profile to its authorization server. It knows nothing of people and stores."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from functools import cached_property
from typing import Final

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.places import state_folder
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.basics.waits import LONGEST_WAIT, backoff, pause
from aventus_creds.errors import ConfigError, NetworkError, StoreError, TokenRefused
from aventus_creds.oauth import answer as answers
from aventus_creds.oauth import request as requests
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.oauth.device_answer import DeviceAuthorization, read_device_authorization
from aventus_creds.oauth.endpoints import find_endpoints
from aventus_creds.oauth.transport import Transport
from aventus_creds.profiles.kinds import any_of
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token

logger: Final = logging.getLogger(__name__)


class OAuthClient:
    """One client of one authorization server.

    Every method that makes a request may raise:
        ServerError: the server answered with an OAuth error (TokenRefused), or not as the protocol demands.
        NetworkError: it could not be reached in time. Unless a method says so, nothing is retried.
        SecretError: the client secret cannot be read.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._transport = Transport(profile)

    @cached_property
    def endpoints(self) -> requests.Endpoints:
        """The server's endpoints, from the profile or by discovery."""
        cache: PrivateFolder | None = None
        with suppress(StoreError):  # no home folder: the document is fetched again by each process
            cache = PrivateFolder(state_folder() / "discovery")
        return find_endpoints(self._profile, self._transport, cache, now=time.time())

    def exchange(self, authorization: Authorization, code: Hidden[str]) -> Token:
        """Exchange an authorization code for a token (RFC 6749 section 4.1.3).

        This is never retried: a code that is sent twice must be refused, and its tokens may be revoked
        (section 4.1.2).

        Args:
            authorization: the attempt that the code belongs to.
            code: the code from the redirect.
        """
        secret = Hidden(self._secret())
        request = authorization.exchange(code.reveal(), secret.reveal())
        asked_at = time.time()  # a lifetime counts from when the server made the token, which was no earlier
        return authorization.read_token(self._transport.post(request), request, now=asked_at)

    def refresh(self, token: Token, *, retries: int) -> Token:
        """Get a new token with the refresh token of ``token`` (RFC 6749 section 6).

        Args:
            token: must have a refresh token.
            retries: how often to try again after a temporary failure.

        Raises:
            TokenRefused: the refresh token is no longer valid, or another OAuth error.
        """
        assert token.refresh_token  # noqa: S101 - the caller has checked
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
        """Get the client's own token (RFC 6749 section 4.4). Temporary failures are retried as the profile says."""
        request = requests.client_credentials_request(self._profile, self.endpoints, self._secret())
        return self._token(request, self._profile.retries)

    def begin_device_login(self) -> DeviceAuthorization:
        """Start a login on another device and return what the person needs for it (RFC 8628 section 3.2).

        Raises:
            ConfigError: the server has no device authorization endpoint, or its provider does not document this.
        """
        row = self._profile.provider
        if row.grants and "device" not in row.grants:
            raise ConfigError(
                f"{row.title} does not document logins on another device, but {any_of(row.grants, 'and')}",
                hint=f"Log in with a browser: aventus-creds login {self._profile.name}",
            )
        self.need("device_url", "device authorization")
        request = requests.device_request(self._profile, self.endpoints, self._secret())
        return read_device_authorization(self._profile, self._transport.post(request), request)

    def device_token(self, device_code: Hidden[str]) -> Token:
        """Ask once whether the person has finished, and return the token (RFC 8628 section 3.4).

        Raises:
            TokenRefused: its error is ``authorization_pending`` or ``slow_down`` while the person has not
                finished.
        """
        secret, endpoints = Hidden(self._secret()), self.endpoints
        request = requests.device_token_request(
            self._profile, endpoints, device_code.reveal(), secret.reveal()
        )
        asked_at = time.time()
        return answers.read_token(self._profile, self._transport.post(request), request, now=asked_at)

    def revoke(self, token: Token) -> bool:
        """Revoke a login at the server (RFC 7009): the refresh token, or else the access token.

        Returns:
            True if it is revoked, False if the server has no revocation endpoint.
        """
        if not self.endpoints.revoke_url:
            return False
        request = requests.revocation_request(self._profile, self.endpoints, token, self._secret())
        answer = self._transport.post(request)
        if not 200 <= answer.status < 300:
            raise answers.refusal(self._profile, answer, request)
        return True

    def need(self, endpoint: str, title: str) -> None:
        """Check that the server has an endpoint.

        Args:
            endpoint: the name of the key in the profile, such as ``device_url``.
            title: the name for the message.

        Raises:
            ConfigError: it has none.
        """
        if not getattr(self.endpoints, endpoint):
            raise ConfigError(
                f"the server of profile {self._profile.name} names no {title} endpoint",
                hint=f"Give {endpoint} in the profile, if the server has one.",
            )

    def _token(self, request: requests.ServerRequest, retries: int, previous: Token | None = None) -> Token:
        """Send a token request and retry it after temporary failures. Raises the last failure as it is."""
        for attempt in range(retries + 1):
            asked_at = time.time()  # a lifetime counts from here: the answer may have taken long
            try:
                answer = self._transport.post(request)
                return answers.read_token(self._profile, answer, request, now=asked_at, previous=previous)
            except (NetworkError, TokenRefused) as fault:
                if attempt == retries or not pause(_wait_before_retry(fault, attempt)):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _secret(self) -> str | None:
        return self._profile.client_secret.read() if self._profile.client_secret else None


def _wait_before_retry(fault: NetworkError | TokenRefused, attempt: int) -> float:
    """Return the seconds to wait before the request is repeated. Raises ``fault`` where that would not help."""
    wait = backoff(attempt)
    if isinstance(fault, TokenRefused):
        if not fault.passing or (fault.retry_after or 0) > LONGEST_WAIT:
            raise fault
        wait = max(wait, fault.retry_after or 0)
    return wait
