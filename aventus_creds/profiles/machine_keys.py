"""The profile keys about tokens and keys that the machine has: a part of the table in keys.py, one row each.

A row is the name, the kind, the meaning and, if there is one, the default.
"""

from __future__ import annotations

from typing import Any, Final

from aventus_creds.profiles.kinds import TEXT, Kind, any_of, choice
from aventus_creds.profiles.token_places import PLACES, SECRETS_OWN, place_kind

TOKEN_TYPES: Final = {
    name: f"urn:ietf:params:oauth:token-type:{name}"
    for name in ("access_token", "refresh_token", "id_token", "saml1", "saml2", "jwt")
}
"""The short names of the token types of RFC 8693 section 3."""

ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"),
)
"""The algorithms of RFC 7518 and RFC 8037 by which a key of one's own signs."""

SHARED_ALGORITHMS: Final = ("HS256", "HS384", "HS512")
"""The algorithms of RFC 7518 that sign with the client's secret."""

PROTOCOLS_OWN_CLAIMS: Final = ("aud", "exp", "iat", "jti")


def _token_type(value: Any) -> str:
    if isinstance(value, str) and value in TOKEN_TYPES:
        return TOKEN_TYPES[value]
    if not isinstance(value, str) or ":" not in value or not value.isprintable() or " " in value:
        raise ValueError(f"must be one of {', '.join(TOKEN_TYPES)}, or the whole name of another type")
    return value


def _resource(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("must be the address of an API, or a list of such")
    return tuple(map(_indicator, values))


def _indicator(value: Any) -> str:
    if "#" in TEXT.check(value) or ":" not in value:  # RFC 8707 section 2
        raise ValueError("must be an absolute address, without a fragment (#…)")
    return str(value)


def _claims(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError('must be a table of claims such as { sub = "ada@example.com" }')
    if reserved := [name for name in PROTOCOLS_OWN_CLAIMS if name in value]:
        raise ValueError(
            f"must not hold {any_of(reserved)}: the protocol sets it; for aud, use assertion_audience"
        )
    if not _is_json(value):
        raise ValueError("may hold texts, numbers, true and false, lists and tables")
    return value


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, str | int) or (isinstance(value, float) and value - value == 0)


_TOKEN_TYPE: Final = Kind(
    {"anyOf": [{"enum": list(TOKEN_TYPES)}, {"type": "string", "pattern": "^[^ ]*:[^ ]*$"}]},
    _token_type,
    "text",
)
_ABSOLUTE: Final = {"type": "string", "pattern": "^[^#]*:[^#]*$"}
_RESOURCE: Final = Kind(
    {"anyOf": [_ABSOLUTE, {"type": "array", "items": _ABSOLUTE, "minItems": 1}]}, _resource, "text"
)
_CLAIMS: Final = Kind(
    {"type": "object", "properties": dict.fromkeys(PROTOCOLS_OWN_CLAIMS, False)},
    _claims,
    "number",
)
_BY_ITSELF: Final = tuple(name for name in PLACES if name != "profile")

_WHERE: Final = ", ".join(f"`{place.written}`" for place in PLACES.values())
_AS_TOKEN: Final = "as for token"

MACHINE_KEYS: Final[tuple[tuple[str, Kind, str] | tuple[str, Kind, str, str], ...]] = (
    (
        "client_key",
        place_kind(*SECRETS_OWN, called="client key"),
        "the client's private key, as PEM or JWK, where it is: as for a client_secret",
    ),
    ("client_key_id", TEXT, "the key's `kid` at the server", "the JWK's"),
    (
        "client_key_algorithm",
        choice(*ALGORITHMS),
        "how the key signs",
        "what fits the key and the server",
    ),
    (
        "client_certificate",
        TEXT,
        "a PEM file with the client's certificate, and its key unless client_key is another file (RFC 8705)",
    ),
    (
        "client_assertion",
        place_kind(*_BY_ITSELF, called="client assertion"),
        "where a CI or a Kubernetes puts an assertion to authenticate with (RFC 7523): as for token, but no profile",
    ),
    (
        "assertion_audience",
        TEXT,
        "whom an assertion names as its audience: `issuer`, `token_url` for older servers, or any text",
        "issuer, if it is known",
    ),
    (
        "token",
        place_kind(*PLACES, called="token"),
        f"given: where somebody else keeps the token fresh: {_WHERE}",
    ),
    (
        "subject_token",
        place_kind(*PLACES, called="subject token"),
        f"token_exchange: where the token is that is exchanged: {_AS_TOKEN}",
    ),
    (
        "subject_token_type",
        _TOKEN_TYPE,
        f"token_exchange: what it is: {', '.join(TOKEN_TYPES)}, or a whole URN",
        "by the place: oidc, jupyterhub, profile",
    ),
    (
        "actor_token",
        place_kind(*PLACES, called="actor token"),
        f"token_exchange: where the token of the acting party is: {_AS_TOKEN}",
    ),
    ("actor_token_type", _TOKEN_TYPE, "token_exchange: what it is", "by the place"),
    (
        "resource",
        _RESOURCE,
        "token_exchange: the address of the API that the token is for (RFC 8707), or a list",
    ),
    ("requested_token_type", _TOKEN_TYPE, "token_exchange: the type to ask for", "the server's"),
    (
        "service_account",
        place_kind(*SECRETS_OWN, called="service account"),
        "jwt_bearer: where the JSON file of a Google service account is, as it was given",
    ),
    (
        "assertion_claims",
        _CLAIMS,
        "jwt_bearer: further claims of the assertion, such as `sub`",
        "sub: the client",
    ),
    (
        "id_token_algorithm",
        choice(*ALGORITHMS, *SHARED_ALGORITHMS),
        "how the server signs ID tokens for this client, where that is registered: HS256 is never assumed",
        "what the discovery document names, or RS256",
    ),
)
