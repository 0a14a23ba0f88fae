"""An API that takes tokens bound to a key, and checks each proof (RFC 9449 section 4.3). It has no code of ours."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry
from support import Seen, Sent

LEEWAY = 60


def thumbprint_in(token: str) -> str:
    """Return what a JWT is bound to, by its own claims (RFC 9449 section 6.1). Its signature is not checked here."""
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["cnf"]["jkt"])


class ProofGuard:
    """The check, as the answer function of a Web.

    ``nonce`` is what each proof must hold, if it is not empty; ``refusals`` has why a request was refused; ``proofs``
    has the claims of those that were taken; ``then`` answers a request whose proof is good.
    """

    def __init__(self, url: str, thumbprint_of: Callable[[str], str] = thumbprint_in) -> None:
        self.url = url
        self.thumbprint_of = thumbprint_of
        self.nonce = ""
        self.refusals: list[str] = []
        self.proofs: list[dict[str, Any]] = []
        self.seen_numbers: set[str] = set()
        self.then: Callable[[Seen], Sent] = lambda _: Sent(body={"ok": True})

    def __call__(self, seen: Seen) -> Sent:
        why, error = self.wrong(seen)
        headers = {"DPoP-Nonce": self.nonce} if self.nonce else {}
        if why:
            self.refusals.append(why)
            challenge = f'DPoP error="{error}", algs="ES256"' if error else 'DPoP algs="ES256"'
            return Sent(401, headers={"WWW-Authenticate": challenge, **headers})
        sent = self.then(seen)
        return sent._replace(headers={**headers, **sent.headers})

    def wrong(self, seen: Seen) -> tuple[str, str]:
        """Return what is wrong with a request, and the error code; or twice ""."""
        scheme, _, token = seen.headers.get("Authorization", "").partition(" ")
        if scheme != "DPoP":
            return f"scheme {scheme}", ""
        try:
            key = JWKRegistry.import_key(self._key(seen))
            proof = jws.deserialize_compact(seen.headers.get("DPoP", ""), key, algorithms=["ES256"])
        except (JoseError, ValueError, KeyError) as fault:
            return f"no proof: {type(fault).__name__}", "invalid_dpop_proof"
        claims, header = json.loads(proof.payload), proof.headers()
        if broken := self._broken(seen, token, claims, header):
            return broken, "use_dpop_nonce" if broken == "nonce" else "invalid_dpop_proof"
        self.seen_numbers.add(claims["jti"])
        if key.thumbprint() != self.thumbprint_of(token):
            return "another key", "invalid_token"
        self.proofs.append(claims)
        return "", ""

    def _broken(self, seen: Seen, token: str, claims: dict[str, Any], header: dict[str, Any]) -> str:
        ath = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        good = {
            "typ": header.get("typ") == "dpop+jwt",
            "private": not {"d", "k", "p"} & header["jwk"].keys(),
            "htm": claims.get("htm") == seen.method,
            "htu": claims.get("htu") == self.url + seen.path.partition("?")[0],
            "ath": claims.get("ath") == ath,
            "iat": abs(claims.get("iat", 0) - time.time()) < LEEWAY,
            "jti": isinstance(claims.get("jti"), str) and len(claims["jti"]) >= 16,
            "nonce": not self.nonce or claims.get("nonce") == self.nonce,
            "replayed": claims.get("jti") not in self.seen_numbers,
        }
        return next((what for what, fine in good.items() if not fine), "")

    def _key(self, seen: Seen) -> Any:
        head = seen.headers["DPoP"].split(".")[0]
        return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["jwk"]
