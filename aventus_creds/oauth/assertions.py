"""Assertions: short-lived JSON Web Tokens by which a client proves who it is, or asks for a token (RFC 7523).

They are signed by joserfc, which the extra ``keys`` installs. It is loaded only where something is signed.
"""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import ConfigError
from aventus_creds.oauth.request import Endpoints
from aventus_creds.profiles.profile import Profile
from aventus_creds.structs import Struct

if TYPE_CHECKING:
    from joserfc.jwk import Key

LIFETIME: Final = 50
"""Seconds for which an assertion is valid. Box takes none that is valid for more than a minute."""

INSTALL: Final = "pip install 'aventus-creds[keys]'"

FITTING: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("RS256", "PS256", "RS384", "RS512", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA", "Ed25519"),
    "oct": ("HS256", "HS384", "HS512"),
}
"""How a key of each type or curve signs (RFC 7518, RFC 8037), the most usual algorithm first."""


class Signing(Struct):
    """What is said about a signature, beside the key itself.

    Attributes:
        kind: what the JWT is, for its header ``typ``.
        key_id: the key's name at the server, or "".
        algorithm: the algorithm that the profile names, or "".
        taken: those that the server takes; () if it does not say.
    """

    kind: str
    key_id: str = ""
    algorithm: str = ""
    taken: tuple[str, ...] = ()


def audience(profile: Profile, endpoints: Endpoints) -> str:
    """Return whom an assertion is for: the issuer, as the successor of RFC 7523 (draft-ietf-oauth-rfc7523bis) has it.

    Where no issuer is known it is the token endpoint. The profile may choose that for an older server, or another name.
    """
    asked = profile.machine.assertion_audience if profile.machine else ""
    if asked not in {"", "issuer", "token_url"}:
        return asked
    issuer = endpoints.issuer or profile.row_issuer
    return endpoints.token_url if asked == "token_url" or not issuer else issuer


def whole_claims(claims: Mapping[str, Any], to: str, *, now: float, random: bytes) -> dict[str, Any]:
    """Return ``claims`` with those of every assertion: for whom, from when to when, and which one it is.

    Args:
        claims: who issues it, of whom, and what else it says.
        to: the audience.
        now: seconds since the epoch, UTC.
        random: at least 16 bytes that are never the same: a server takes an assertion once.
    """
    number = base64.urlsafe_b64encode(random).rstrip(b"=").decode()
    return {**claims, "aud": to, "iat": int(now), "exp": int(now) + LIFETIME, "jti": number}


def signed(key: Hidden[str], claims: Mapping[str, Any], how: Signing, *, shared: bool = False) -> str:
    """Return the assertion with these claims, signed.

    Args:
        key: a private key as PEM or JWK; or the client's secret, if it is ``shared``.
        claims: what it says.
        how: what is said about the signature.
        shared: whether the server signs with the same secret (client_secret_jwt).

    Raises:
        ConfigError: joserfc is missing, the key is none, or does not fit the algorithm.
    """
    outcome = _signed(key, claims, how, shared=shared)
    if isinstance(outcome, ConfigError):  # raised here, where no frame below has the key
        raise outcome
    return outcome


def _signed(key: Hidden[str], claims: Mapping[str, Any], how: Signing, *, shared: bool) -> str | ConfigError:
    try:
        import joserfc.jwt
    except ImportError:
        return ConfigError("the client signs with a key, and joserfc is not installed", hint=INSTALL)
    found = _shared(key) if shared else _private(key)
    if isinstance(found, ConfigError):
        return found
    algorithm = _algorithm(found.reveal(), how)
    if isinstance(algorithm, ConfigError):
        return algorithm
    name = how.key_id or found.reveal().kid or ""
    header = {"typ": how.kind, "alg": algorithm, **({"kid": name} if name else {})}
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "EdDSA is deprecated")  # servers know it by this name
            return joserfc.jwt.encode(header, dict(claims), found.reveal(), algorithms=[algorithm])
    except Exception as fault:  # noqa: BLE001 - the library's errors, whose frames have the key
        return ConfigError(f"the client key cannot sign: {type(fault).__name__}")


def _shared(secret: Hidden[str]) -> Hidden[Key]:
    from joserfc.jwk import OctKey

    return Hidden(OctKey.import_key(secret.reveal()))


def _private(text: Hidden[str]) -> Hidden[Key] | ConfigError:
    from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

    fault = "it is neither PEM nor JWK"
    key: Hidden[Any] = Hidden(None)
    if "ENCRYPTED" in text.reveal():
        fault = "it is encrypted, and nobody here can type its passphrase"
    elif text.reveal().lstrip().startswith("{"):
        try:
            key = Hidden(JWKRegistry.import_key(json.loads(text.reveal())))
        except Exception:  # noqa: BLE001 - see _signed
            fault = "it is no JWK"
    else:
        for kind in (RSAKey, ECKey, OKPKey):
            try:
                key = Hidden(kind.import_key(text.reveal()))
                break
            except Exception:  # noqa: BLE001, S112 - see _signed
                continue
    if key.reveal() is None:
        return ConfigError(f"the client key cannot be used: {fault}", hint=_KEYS)
    if key.reveal().key_type == "oct" or not key.reveal().is_private:
        return ConfigError("the client key cannot be used: it is no private key", hint=_KEYS)
    return key


_KEYS: Final = "Give a private key as PEM (-----BEGIN PRIVATE KEY-----) or as JWK, without a passphrase."


def _algorithm(key: Key, how: Signing) -> str | ConfigError:
    kind = getattr(key, "curve_name", None) or key.key_type
    fitting = FITTING.get(kind, ())
    named = how.algorithm or key.alg or ""
    possible = [name for name in fitting if name == named or not named]
    if not possible:
        what = (
            f"signs with {', '.join(fitting)}, not {named}"
            if fitting
            else f"is of a kind that is not known: {kind}"
        )
        return ConfigError(f"the client key {what}", hint="Check client_key and client_key_algorithm.")
    taken = [name for name in possible if name in how.taken or not how.taken]
    if not taken:
        return ConfigError(
            f"the server takes signatures by {', '.join(how.taken)}, and the client key signs by {', '.join(possible)}",
            hint="Use a key of another kind, or another client_key_algorithm.",
        )
    return taken[0]
