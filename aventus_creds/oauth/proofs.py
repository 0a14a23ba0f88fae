"""Proofs that a client has the key that its tokens are bound to (DPoP, RFC 9449). joserfc signs: the extra ``keys``.

There is a key for each login. Its private part is kept with the token, and goes nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import warnings
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from aventus_creds.basics.hidden import Hidden, Secretive, secret_field
from aventus_creds.basics.urls import origin
from aventus_creds.errors import ConfigError, StoreError
from aventus_creds.oauth.assertions import FITTING, INSTALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joserfc.jwk import Key

    from aventus_creds.tokens import Token

HEADER: Final = "DPoP"

WANTS_NONCE: Final = "use_dpop_nonce"
"""The error code of a server that wants its nonce in the proof (RFC 9449 sections 8 and 9)."""

MOST_ORIGINS: Final = 64
"""Origins whose nonces are remembered, at most."""

_CURVES: Final = {
    algorithm: curve for curve in ("P-256", "P-384", "P-521", "Ed25519") for algorithm in FITTING[curve]
}
"""The algorithms of the keys that are made here, the usual one first. All of them are made in no time."""

_NONCE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,2048}")
"""RFC 9449 section 8.1. Some servers encrypt what they remember into it, so it may be long."""


class ProofKey(Secretive):
    """The key that a login's tokens are bound to.

    Args:
        text: the private key as a JWK, with its ``alg``.
    """

    __slots__ = ("_key", "_text", "algorithm", "thumbprint")

    text: str = secret_field("_text")

    def __init__(self, text: Hidden[str], key: Hidden[Key]) -> None:
        self._text = text.reveal()
        self._key = key
        self.algorithm: Final = str(key.reveal().alg)
        self.thumbprint: Final = key.reveal().thumbprint()  # RFC 7638

    @classmethod
    def new(cls, taken: Sequence[str] = ()) -> Self:
        """Make a key.

        Args:
            taken: the algorithms that the server takes; () if it does not say.

        Raises:
            ConfigError: joserfc is missing, or the server takes none that is known here.
        """
        algorithm = next((name for name in _CURVES if name in taken or not taken), "")
        if not algorithm:
            raise ConfigError(
                f"the server takes proofs signed by {', '.join(map(str, taken))}, and none of {', '.join(_CURVES)}",
                hint="Leave dpop out of the profile, or have the server take another algorithm.",
            )
        try:
            from joserfc.jwk import ECKey, OKPKey
        except ImportError:
            raise ConfigError("dpop signs with a key, and joserfc is not installed", hint=INSTALL) from None
        curve = _CURVES[algorithm]
        make: Any = (OKPKey if curve.startswith("Ed") else ECKey).generate_key
        key = Hidden(make(curve, {"alg": algorithm}))
        return cls(Hidden(json.dumps(key.reveal().as_dict(private=True))), key)

    @classmethod
    def read(cls, text: Hidden[str]) -> Self:
        """Return the key that a stored token has.

        Raises:
            ConfigError: joserfc is missing.
            StoreError: it is none.
        """
        try:
            from joserfc.jwk import JWKRegistry
        except ImportError:
            raise ConfigError(
                "the token is bound to a key, and joserfc is not installed", hint=INSTALL
            ) from None
        key: Hidden[Key] | None = None
        try:
            key = Hidden(JWKRegistry.import_key(json.loads(text.reveal())))
            sound = key.reveal().alg in _CURVES and key.reveal().is_private
        except Exception:  # noqa: BLE001 - the library's errors, whose frames have the key
            sound = False
        if key is None or not sound:
            raise StoreError("the key of the stored login is damaged", hint="Log in again.")
        return cls(text, key)

    def proof(
        self,
        method: str,
        url: str,
        *,
        now: float,
        number: bytes,
        nonce: str = "",
        token: Hidden[str] | None = None,
    ) -> str:
        """Return the proof for one request (RFC 9449 section 4.2).

        Args:
            method: of the request.
            url: of the request. What stands after ``?`` or ``#`` is left out.
            now: seconds since the epoch, UTC.
            number: at least 16 random bytes: a server takes a proof once.
            nonce: the server's, if it gave one.
            token: the access token that the request brings to an API; None at the token endpoint.
        """
        claims = {
            "jti": _base64url(number),
            "htm": method,
            "htu": re.split("[?#]", url, maxsplit=1)[0],
            "iat": int(now),
            **({"nonce": nonce} if nonce else {}),
            **({"ath": _base64url(hashlib.sha256(token.reveal().encode()).digest())} if token else {}),
        }
        public = self._key.reveal().as_dict(private=False)
        shown = {name: value for name, value in public.items() if name in {"kty", "crv", "x", "y"}}
        import joserfc.jwt

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "EdDSA is deprecated")  # servers know it by this name
            return joserfc.jwt.encode(
                {"typ": "dpop+jwt", "alg": self.algorithm, "jwk": shown},
                claims,
                self._key.reveal(),
                algorithms=[self.algorithm],
            )


class Nonces:
    """The newest nonce of each origin (RFC 9449 sections 8.2 and 9): in memory, for all threads of this process."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, url: str) -> str:
        """Return the nonce for a request to ``url``, or ""."""
        return self._known.get(origin(urlsplit(url)), "")

    def note(self, url: str, nonce: str | None) -> str:
        """Remember the nonce that an answer of ``url`` brings. Returns it, or "" if it is none."""
        if not nonce or not _NONCE.fullmatch(nonce):
            return ""
        while len(self._known) >= MOST_ORIGINS:
            self._known.pop(next(iter(self._known)), None)
        self._known[origin(urlsplit(url))] = nonce
        return nonce


SERVERS: Final = Nonces()
"""Those of token endpoints. An API on the same origin has its own (RFC 9449 section 9)."""

APIS: Final = Nonces()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def proof_key_of(token: Token) -> ProofKey | None:
    """Return the key of a login, or None. A refresh token of a public client is bound to it (RFC 9449 section 5)."""
    return ProofKey.read(Hidden(token.proof_key)) if token.proof_key else None
