"""Decides who may call the API: checks the bearer token (RFC 6750, RFC 9068 section 4)."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, jsonify, request
from joserfc.errors import JoseError

from aventus_creds.sandbox.journal import note
from aventus_creds.sandbox.signing import checked_claims
from aventus_creds.sandbox.state import State


class Bearer:
    """Checks the access token of the current request: signed here, for this API, not expired, not revoked."""

    def __init__(self, url: str, audiences: tuple[str, ...], state: State) -> None:
        self._url = url
        self._audiences = audiences
        self._state = state

    def claims(self) -> dict[str, Any]:
        """Return the claims of the token, or end the request with 401 if the token is missing or not valid."""
        scheme, _, access_token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not access_token:
            abort(self.refusal("", 401))  # RFC 6750 section 3.1: no error code if no token was sent
        try:
            claims = checked_claims(access_token.strip(), self._url, self._audiences)
        except (JoseError, ValueError):
            abort(self.refusal("invalid_token", 401))
        note(client_id=claims.get("client_id"))
        issued = self._state.access_tokens.get(access_token.strip())
        if issued is None or issued.is_revoked():
            abort(self.refusal("invalid_token", 401))
        return claims

    @staticmethod
    def refusal(error: str, status: int) -> Response:
        """Return the answer to a request that is not allowed.

        Args:
            error: the error code (RFC 6750 section 3.1). Empty: none.
            status: the HTTP status.
        """
        response = jsonify({"error": error} if error else {})
        response.status_code = status
        response.headers["WWW-Authenticate"] = f'Bearer error="{error}"' if error else "Bearer"
        return response
