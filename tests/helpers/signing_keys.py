"""Keys of clients and issuers: made for the tests, as PEM and as JWK, with what a server gets to know of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

KINDS: dict[str, Callable[[], Any]] = {
    "RSA": lambda: RSAKey.generate_key(2048),
    "P-256": lambda: ECKey.generate_key("P-256"),
    "P-384": lambda: ECKey.generate_key("P-384"),
    "P-521": lambda: ECKey.generate_key("P-521"),
    "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
}


class SigningKey:
    """A key pair. ``pem`` and ``jwk`` are the private part, ``public`` is a JWK of the other."""

    def __init__(self, kind: str = "P-256", **members: Any) -> None:
        self.key: Any = KINDS[kind]()
        self.pem: str = self.key.as_pem(private=True).decode()
        self.jwk = {**self.key.as_dict(private=True), **members}
        self.public = {**self.key.as_dict(private=False), **members}

    def write(self, path: Path) -> Path:
        """Write the PEM to a file of its owner's."""
        path.touch(0o600)
        path.write_text(self.pem)
        return path

    def sign(self, **claims: Any) -> str:
        """Return a JWT with these claims, as an issuer with this key signs them."""
        header = {"alg": {"RSA": "RS256", "EC": "ES256"}[self.key.key_type]}
        if kid := self.public.get("kid"):
            header["kid"] = kid
        now = int(time.time())
        return jwt.encode(
            header, {"iss": "https://ci.example.com", "iat": now, "exp": now + 300, **claims}, self.key
        )
