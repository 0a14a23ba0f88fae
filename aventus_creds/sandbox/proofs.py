"""Checks proofs of possession (RFC 9449 section 4.3), at the token endpoint and at the API."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any, Final

from flask import Request, Response, g
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from aventus_creds.sandbox.state import State
from aventus_creds.sandbox.switches import Switches

ALGORITHMS: Final = ["ES256", "ES384", "EdDSA"]
LEEWAY: Final = 60
"""Seconds that the clock of a client may differ."""


class ProofError(Exception):
    """A proof is missing, or not good. ``error`` is the code of RFC 9449 section 12.2."""

    def __init__(self, error: str = "invalid_dpop_proof") -> None:
        super().__init__(error)
        self.error = error


class Proofs:
    """The check: a proof is for one request, is taken once, and has the nonce that the switch asks for."""

    def __init__(self, state: State, switches: Switches) -> None:
        self._state = state
        self._switches = switches

    def thumbprint(self, request: Request, access_token: str = "") -> str:
        """Return the thumbprint of the key (RFC 7638) that signed the proof of ``request``, or "" without a proof.

        Args:
            request: Flask's.
            access_token: what the request brings to an API; "" at the token endpoint.

        Raises:
            ProofError: the proof is not for this request, comes twice, or lacks the nonce.
        """
        proofs = request.headers.getlist("DPoP")
        if not proofs:
            return ""
        try:
            (proof,) = proofs
            key = JWKRegistry.import_key(_header(proof)["jwk"])
            signed = jws.deserialize_compact(proof, key, algorithms=ALGORITHMS)
            claims = json.loads(signed.payload)
        except (JoseError, ValueError, KeyError, TypeError):
            raise ProofError from None
        if key.is_private or signed.headers().get("typ") != "dpop+jwt" or not isinstance(claims, dict):
            raise ProofError
        self._check(claims, request, access_token)
        return str(key.thumbprint())

    def _check(self, claims: dict[str, Any], request: Request, access_token: str) -> None:
        ath = _base64url(hashlib.sha256(access_token.encode()).digest()) if access_token else None
        moment = claims.get("iat")
        if (claims.get("htm"), claims.get("htu")) != (request.method, request.base_url):
            raise ProofError
        if claims.get("ath") != ath or not isinstance(moment, int) or abs(moment - time.time()) > LEEWAY:
            raise ProofError
        if self._switches.proof_nonce and claims.get("nonce") != self._switches.proof_nonce:
            raise ProofError("use_dpop_nonce")
        number = claims.get("jti")
        if not isinstance(number, str) or len(number) < 16 or not self._state.first_time(f"proof {number}"):
            raise ProofError


def bound_to() -> str:
    """Return the thumbprint of the key that the current token request has proved, or ""."""
    return str(g.get("thumbprint", ""))


def with_nonce(response: Response, switches: Switches) -> Response:
    """Return the answer with the nonce for the next proof (RFC 9449 section 8.2), if one is asked for."""
    if switches.proof_nonce:
        response.headers["DPoP-Nonce"] = switches.proof_nonce
    return response


def _header(proof: str) -> dict[str, Any]:
    part = proof.partition(".")[0]
    header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    if not isinstance(header, dict) or not isinstance(header.get("jwk"), dict):
        raise TypeError
    return header


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
