"""Checks who has signed an ID token: by the keys that the server publishes, or by the client's secret.

joserfc does it, which the extra ``keys`` installs, and only at a login. Where it is missing, or the server publishes no
keys, TLS stands for the signature: the token came from the token endpoint itself (OpenID Connect Core section 3.1.3.7
item 6).
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from itertools import islice
from typing import Any, Final

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import NetworkError
from aventus_creds.oauth.assertions import FITTING
from aventus_creds.oauth.request import Endpoints
from aventus_creds.oauth.transport import Transport
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token, jwt_header

logger: Final = logging.getLogger(__name__)

MOST_KEYS: Final = 64
"""Keys of a server that are looked at, at most."""

SHARED: Final = FITTING["oct"]
"""Algorithms of which client and server have the same key, the client's secret."""

ASYMMETRIC: Final = frozenset(name for names in FITTING.values() for name in names) - set(SHARED)


def wrong_signature(token: Token, profile: Profile, endpoints: Endpoints, transport: Transport) -> str:
    """Return what is wrong with the signature of the ID token of a login, or "" where it is right, or not checked.

    Args:
        token: what the server has just given.
        profile: names the algorithm that the client is registered for, if it is none of the usual.
        endpoints: the server's.
        transport: fetches the server's keys.

    Raises:
        InvalidAnswer: what it fetches is no key set, or far too large.
        SecretError: the client secret cannot be read.
    """
    named = profile.machine.id_token_algorithm if profile.machine else ""
    shared = named in SHARED
    if not token.id_token or not (shared or endpoints.jwks_url) or find_spec("joserfc") is None:
        return ""
    header = jwt_header(token.id_token)
    algorithm, name = header.get("alg"), header.get("kid")
    if algorithm not in _allowed(named, endpoints):
        return _not_allowed(algorithm, named)
    if shared:
        assert profile.client_secret  # noqa: S101 - the profile's checks have looked
        return "" if _fits(token, _secret_key(Hidden(profile.client_secret.read())), algorithm) else _FORGED
    for _ in range(2):  # a key that was exchanged just now may be missing in an old copy of the set
        try:
            candidates = list(_candidates(_fetched(endpoints.jwks_url, transport), algorithm, name))
        except NetworkError as fault:
            logger.warning("The signature of the ID token was not checked: %s", fault.message)
            return ""
        if candidates:
            return "" if any(_fits(token, Hidden(key), algorithm) for key in candidates) else _FORGED
    return "is signed with a key that the server does not publish"


_FORGED: Final = "has a signature that is wrong"


def _allowed(named: str, endpoints: Endpoints) -> frozenset[str]:
    """Item 7: what the client is registered for, else what the server names; RS256 if it names nothing."""
    if named:
        return frozenset({named})
    return ASYMMETRIC & frozenset(endpoints.id_token_algorithms or ("RS256",))


def _not_allowed(algorithm: Any, named: str) -> str:
    if algorithm in SHARED and not named:
        return (
            f"is signed with {algorithm}, by the client's secret, and the profile does not say so: if the client is"
            f' registered for it, write id_token_algorithm = "{algorithm}"'
        )
    return "is signed with an algorithm that is not expected of this server"


def _fetched(url: str, transport: Transport) -> list[Mapping[str, Any]]:
    """Return the keys that a server publishes (RFC 7517 section 5). Raises NetworkError where it cannot say now."""
    answer = transport.get(url)
    if answer.status != 200:
        raise NetworkError(f"{url} answered with HTTP {answer.status}", hint="Try again later.")
    try:
        keys = json.loads(answer.body)["keys"]
    except (ValueError, RecursionError, TypeError, LookupError):
        keys = None
    return [key for key in islice(keys, MOST_KEYS) if isinstance(key, dict)] if isinstance(keys, list) else []


def _candidates(keys: list[Mapping[str, Any]], algorithm: str, name: Any) -> Iterator[Any]:
    """Yield the keys that may have signed: of the name in the token's header, and of a kind that signs so."""
    from joserfc.jwk import JWKRegistry

    for found in keys:
        kind = found.get("crv") or found.get("kty")
        of_use = found.get("use", "sig") == "sig" and found.get("alg", algorithm) == algorithm
        if not of_use or algorithm not in FITTING.get(str(kind), ()) or name not in {None, found.get("kid")}:
            continue
        try:
            yield JWKRegistry.import_key({**found})
        except Exception:  # noqa: BLE001, S112 - a key of a kind that nobody here knows
            continue


def _secret_key(secret: Hidden[str]) -> Hidden[Any]:
    from joserfc.jwk import OctKey

    return Hidden(OctKey.import_key(secret.reveal()))


def _fits(token: Token, key: Hidden[Any], algorithm: str) -> bool:
    import joserfc.jws

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of keys that are short, and of EdDSA's name
            joserfc.jws.deserialize_compact(token.id_token or "", key.reveal(), algorithms=[algorithm])
    except Exception:  # noqa: BLE001 - whatever it is, the signature was not proven
        return False
    return True
