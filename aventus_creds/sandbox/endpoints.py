"""The endpoints for revocation (RFC 7009) and device authorization (RFC 8628)."""

from __future__ import annotations

import time
from typing import Any, Final

from authlib.oauth2 import rfc7009, rfc8628
from authlib.oauth2.rfc6749 import UnauthorizedClientError

from aventus_creds.sandbox.dialects import DEVICE
from aventus_creds.sandbox.grants import AUTH_METHODS
from aventus_creds.sandbox.state import DeviceLogin, IssuedToken


class RevocationEndpoint(rfc7009.RevocationEndpoint):
    """Revokes an access token, or a refresh token together with its whole family."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:  # noqa: ARG002
        """Return the token, whatever the hint says (RFC 7009 section 2.1)."""
        state = self.server.state
        found: IssuedToken | None = state.refresh_tokens.get(token_string)
        return found or state.access_tokens.get(token_string)

    def revoke_token(self, token: IssuedToken, request: Any) -> None:  # noqa: ARG002 - Authlib's
        """Mark the token as revoked."""
        self.server.state.revoke(token)


class DeviceAuthorizationEndpoint(rfc8628.DeviceAuthorizationEndpoint):
    """Starts a device login."""

    CLIENT_AUTH_METHODS = AUTH_METHODS
    EXPIRES_IN: Final = 900

    @property
    def INTERVAL(self) -> float:  # noqa: N802 - Authlib's
        """Seconds between two polls."""
        interval: float = self.server.switches.device_interval
        return interval

    def authenticate_client(self, request: Any) -> Any:
        """Return the client, if it may use this grant and the audience is right."""
        client = super().authenticate_client(request)
        if not client.check_grant_type(DEVICE):
            raise UnauthorizedClientError("The device grant is not switched on for this client.")
        self.server.audience(request.payload)
        return client

    def get_verification_uri(self) -> str:
        """Return the page where the person types the user code."""
        dialect = self.server.dialect
        return str(dialect.address(self.server.url, dialect.activate))

    def create_endpoint_response(self, request: Any) -> Any:
        """Start the login and answer with its codes."""
        status, answer, headers = super().create_endpoint_response(request)
        device = DeviceLogin(
            login=self.server.new_login(request),
            user_code=answer["user_code"],
            expires_at=time.time() + answer["expires_in"],
            interval=answer["interval"],
        )
        with self.server.state.lock:
            self.server.state.device_logins[answer["device_code"]] = device
        return status, answer, headers

    def save_device_credential(self, client_id: str, scope: str, data: Any) -> None:
        """Do nothing: ``create_endpoint_response`` stores the login, since it has the whole request."""
