"""Decides who may call the API: checks the bearer token (RFC 6750, RFC 9068 section 4)."""

from __future__ import annotations

import secrets
import time
from typing import Any

from flask import Response, abort, jsonify, request
from joserfc.errors import JoseError

from aventus_creds.sandbox.journal import note
from aventus_creds.sandbox.proofs import ProofError, Proofs, with_nonce
from aventus_creds.sandbox.signing import checked_claims
from aventus_creds.sandbox.state import Login, State
from aventus_creds.sandbox.switches import Switches


class Bearer:
    """Checks the access token of the current request: signed here, for this API, not expired, not revoked."""

    def __init__(
        self, issuers: tuple[str, ...], audiences: tuple[str, ...], state: State, switches: Switches
    ) -> None:
        self._issuers = issuers
        self._audiences = audiences
        self._state = state
        self._switches = switches
        self._proofs = Proofs(state, switches)

    def claims(self) -> dict[str, Any]:
        """Return the claims of the token, or end the request with 401 if the token is missing or not valid."""
        name, scheme = self._switches.api_header
        if not self._switches.api_swaps:
            return self._claims(name, scheme)
        swapped = request.headers.get(name, "").removeprefix(f"{scheme} ")
        return self._claims(name, "", self._state.swapped.get(swapped, ""))

    def swap(self) -> str:
        """Return what the API takes for the token of the current request, which must be in the usual header."""
        self._claims("Authorization", "Bearer")
        access_token = request.headers["Authorization"].partition(" ")[2]
        swapped = secrets.token_urlsafe(32)
        self._state.swapped[swapped] = access_token
        return swapped

    def _claims(self, name: str, scheme: str, access_token: str = "") -> dict[str, Any]:
        begin = ""
        if not access_token:
            begin, _, access_token = f" {request.headers.get(name, '')}".rpartition(" ")
            if begin.strip().lower() not in {scheme.lower(), "dpop"} or not access_token:
                abort(self.refusal("", 401))  # RFC 6750 section 3.1: no error code if no token was sent
        try:
            claims = checked_claims(access_token.strip(), self._issuers, self._audiences)
        except (JoseError, ValueError):
            abort(self.refusal("invalid_token", 401))
        self._check_proof(claims, access_token.strip(), begin.strip().lower() == "dpop")
        note(client_id=claims.get("client_id"))
        issued = self._state.access_tokens.get(access_token.strip())
        if issued is None or issued.is_revoked():
            abort(self.refusal("invalid_token", 401))
        self._check_login(issued.login)
        return claims

    def _check_proof(self, claims: dict[str, Any], access_token: str, proves: bool) -> None:  # noqa: FBT001
        """End the request with 401 unless a bound token comes with a proof of its key (RFC 9449 section 7.1)."""
        bound = claims.get("cnf", {}).get("jkt", "")
        try:
            proved = self._proofs.thumbprint(request, access_token) if proves else ""
        except ProofError as wrong:
            abort(self.refusal(wrong.error, 401, "DPoP"))
        if proved != bound:
            abort(self.refusal("invalid_token", 401, "DPoP"))

    def _check_login(self, login: Login) -> None:
        """End the request if the API wants more than the login has (RFC 6750 section 3.1, RFC 9470 section 3)."""
        wants = self._switches.api_wants
        if not set(wants.get("scope", "").split()) <= set(login.scope.split()):
            abort(self.refusal("insufficient_scope", 403, scope=wants["scope"]))
        weak = "acr_values" in wants and login.acr not in wants["acr_values"].split()
        if weak or time.time() - login.auth_time > float(wants.get("max_age", "inf")):
            asked = {name: wants[name] for name in ("acr_values", "max_age") if name in wants}
            abort(self.refusal("insufficient_user_authentication", 401, **asked))

    def refusal(self, error: str, status: int, scheme: str = "Bearer", **parameters: str) -> Response:
        """Return the answer to a request that is not allowed.

        Args:
            error: the error code (RFC 6750 section 3.1). Empty: none.
            status: the HTTP status.
            scheme: of the challenge: Bearer or DPoP.
            parameters: further ones of the challenge.
        """
        response = jsonify({"error": error} if error else {})
        response.status_code = status
        said = {"error": error, **parameters} if error else {}
        challenge = ", ".join(f'{name}="{value}"' for name, value in said.items())
        response.headers["WWW-Authenticate"] = f"{scheme} {challenge}".rstrip()
        return with_nonce(response, self._switches) if scheme == "DPoP" else response
