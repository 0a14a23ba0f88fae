"""Profiles with each key about tokens and keys that the machine has, good ones and mistaken ones."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from profile_texts import ISSUER, several

from aventus_creds.profiles.keys import KEYS, all_keys

MACHINE_NAMES = all_keys().keys() - KEYS.keys()
BLANKS = "must not be empty"
CONTROLS = "must be text in one line, without control characters"

TYPE_IS_MISSING = "missing; what it is: access_token"
NOTHING_SIGNED = "is for what is signed here: give a client_key too"
NO_FILE = f"names {Path('/no/such/file')}, which cannot be read"
KEY_IN_NO_FILE = "TLS reads a certificate's key from a file only"
IN_THE_ACCOUNT = "is in the service_account already"
NO_NAME = "missing; the assertion is issued in its name"
NO_JSON = "may hold texts, numbers, true and false"
PEM = "-----BEGIN PRIVATE KEY-----"

GIVEN: dict[str, Any] = {"grant": "given", "token": {"env": "A"}}

PLACE_OF: dict[str, dict[str, Any]] = {
    "env": {"env": "A"},
    "file": {"file": "a"},
    "command": {"command": ["a", "b"]},
    "keyring": {"keyring": "a", "username": "b"},
    "oidc": {"oidc": "https://api.example.com"},
    "jupyterhub": {"jupyterhub": "access_token"},
    "profile": {"profile": "other"},
}
"""A good value for each place."""

NO_PLACES: tuple[Any, ...] = several(
    *("text", 1, [], {}, {"evn": "A"}, {"env": "A", "file": "b"}, {"env": 1}, {"oidc": 1}, {"oidc": ""}),
    *(
        {"jupyterhub": "a", "x": 1},
        {"jupyterhub": []},
        {"command": []},
    ),
    *({"keyring": "a"}, {"oidc": "a", "env": "A"}),
)

EXCHANGE: dict[str, Any] = {**ISSUER, "grant": "token_exchange", "subject_token": {"oidc": "a"}}
KEYED: dict[str, Any] = {**ISSUER, "client_key": {"env": "A"}}
BEARER: dict[str, Any] = {**KEYED, "grant": "jwt_bearer"}
GOOGLES: dict[str, Any] = {
    "token_url": "https://a.example/t",
    "grant": "jwt_bearer",
    "service_account": {"file": "a"},
}
NAMELESS = {key: value for key, value in EXCHANGE.items() if key != "client_id"}
SECRETS_OWN = ("env", "file", "command", "keyring")

GOOD: list[dict[str, Any]] = [
    *({**GIVEN, "token": place} for place in PLACE_OF.values()),
    *({**EXCHANGE, "subject_token": place, "subject_token_type": "jwt"} for place in PLACE_OF.values()),
    *({**EXCHANGE, "subject_token": PLACE_OF[name]} for name in ("oidc", "jupyterhub", "profile")),
    *({**EXCHANGE, "actor_token": place, "actor_token_type": "urn:x:y"} for place in PLACE_OF.values()),
    {**EXCHANGE, "resource": "https://a.example/x", "requested_token_type": "access_token"},
    {**EXCHANGE, "resource": ["https://a.example/x", "urn:a:b"], "client_secret": "x"},
    NAMELESS,
    *({**KEYED, "client_key": PLACE_OF[name]} for name in SECRETS_OWN),
    {**KEYED, "client_key_id": "k", "client_key_algorithm": "PS256", "assertion_audience": "token_url"},
    {**KEYED, "grant": "client_credentials"},
    {**ISSUER, "id_token_algorithm": "ES256"},
    {**ISSUER, "id_token_algorithm": "HS256", "client_secret": "x"},
    {**KEYED, "grant": "device", "client_auth": "private_key_jwt"},
    {**ISSUER, "client_secret": "x", "client_auth": "client_secret_jwt", "assertion_audience": "issuer"},
    {**ISSUER, "client_certificate": __file__},
    {**ISSUER, "client_certificate": __file__, "client_auth": "tls_client_auth", "client_key": {"file": "a"}},
    {**ISSUER, "client_certificate": __file__, "client_secret": "x"},
    *(
        {**ISSUER, "client_assertion": place, "grant": "client_credentials"}
        for name, place in PLACE_OF.items()
        if name != "profile"
    ),
    {**BEARER, "assertion_claims": {"sub": "ada", "n": [1, 2.5, True, {"a": "b"}]}},
    *({**GOOGLES, "service_account": PLACE_OF[name]} for name in SECRETS_OWN),
]
"""Profiles with each key."""

BAD: list[tuple[dict[str, Any], str, str]] = [
    *(({**GIVEN, "token": value}, "token", "must") for value in NO_PLACES),
    ({**GIVEN, "token": {"profile": " "}}, "token", BLANKS),
    ({**GIVEN, "token": {"oidc": "a\nb"}}, "token", CONTROLS),
    ({"grant": "given"}, "token", "missing; where the token is"),
    *(
        ({**ISSUER, "id_token_algorithm": value}, "id_token_algorithm", "must be one of RS256")
        for value in several("none", "RS1", 1)
    ),
    ({**ISSUER, "id_token_algorithm": "HS256"}, "client_secret", "missing; id_token_algorithm names"),
    ({**ISSUER, "token": {"env": "A"}}, "token", "is for the grant given, and this profile has pkce"),
    ({**GIVEN, "store": "keyring"}, "store", "the grant given stores no token: leave it out"),
    ({**GIVEN, "client_secret": "x"}, "grant", "is for clients without a secret"),
    ({**GIVEN, "client_key": {"env": "A"}}, "grant", "remove client_key"),
    *(({**EXCHANGE, "subject_token": value}, "subject_token", "must") for value in NO_PLACES),
    *(({**EXCHANGE, "actor_token": value}, "actor_token", "must") for value in NO_PLACES),
    ({**ISSUER, "grant": "token_exchange"}, "subject_token", "missing; where the token is that is exchanged"),
    ({**EXCHANGE, "subject_token": {"env": "A"}}, "subject_token_type", TYPE_IS_MISSING),
    ({**EXCHANGE, "actor_token": {"env": "A"}}, "actor_token_type", TYPE_IS_MISSING),
    ({**EXCHANGE, "actor_token_type": "jwt"}, "actor_token", "missing; actor_token_type says what it is"),
    *(
        ({**EXCHANGE, key: value}, key, "must be one of access_token, refresh_token")
        for key in ("subject_token_type", "requested_token_type")
        for value in several("", "token", 1, [], "urn: x")
    ),
    ({**EXCHANGE, "actor_token": {"oidc": "a"}, "actor_token_type": 1}, "actor_token_type", "must be one of"),
    *(({**EXCHANGE, "resource": value}, "resource", "must") for value in several("", "a", 1, [], ["a"])),
    ({**EXCHANGE, "resource": "https://a.example/#x"}, "resource", "without a fragment"),
    *(
        ({**ISSUER, key: value}, key, "is for the grant token_exchange, and this profile has pkce")
        for key, value in {
            "subject_token": {"oidc": "a"},
            "subject_token_type": "jwt",
            "actor_token": {"oidc": "a"},
            "actor_token_type": "jwt",
            "resource": "https://a.example",
            "requested_token_type": "jwt",
        }.items()
    ),
    *(
        ({**KEYED, "client_key": value}, "client_key", "must")
        for value in (*NO_PLACES, {"oidc": "a"}, {"profile": "a"}, {"jupyterhub": "a"}, PEM)
    ),
    *(
        ({**KEYED, key: value}, key, "must")
        for key in ("client_key_id", "assertion_audience")
        for value in several("", 1)
    ),
    *(
        ({**KEYED, "client_key_algorithm": value}, "client_key_algorithm", "must be one of RS256")
        for value in several("none", "HS256", 1)
    ),
    *(
        ({**ISSUER, key: "RS256"}, key, NOTHING_SIGNED)
        for key in ("client_key_id", "client_key_algorithm", "assertion_audience")
    ),
    ({**KEYED, "grant": "pkce"}, "grant", "is for clients without a secret; remove client_key"),
    ({**ISSUER, "grant": "confidential"}, "client_secret", "missing; the confidential grant needs it"),
    ({**ISSUER, "client_auth": "private_key_jwt"}, "client_key", "missing; client_auth"),
    ({**ISSUER, "client_auth": "tls_client_auth"}, "client_certificate", "missing; client_auth"),
    ({**KEYED, "client_auth": "post"}, "client_secret", "missing; client_auth"),
    ({**ISSUER, "client_certificate": "/no/such/file"}, "client_certificate", NO_FILE),
    *(({**ISSUER, "client_certificate": value}, "client_certificate", "must") for value in several("", 1)),
    (
        {**KEYED, "client_certificate": __file__, "client_auth": "tls_client_auth"},
        "client_key",
        KEY_IN_NO_FILE,
    ),
    *(
        ({**ISSUER, "client_assertion": value}, "client_assertion", "must")
        for value in (*NO_PLACES, {"profile": "a"})
    ),
    *(({**GOOGLES, "service_account": value}, "service_account", "must") for value in NO_PLACES),
    ({**GOOGLES, "client_key": {"env": "A"}}, "client_key", IN_THE_ACCOUNT),
    ({**ISSUER, "grant": "jwt_bearer"}, "client_key", "needs client_key or service_account"),
    ({**{k: v for k, v in BEARER.items() if k != "client_id"}}, "client_id", NO_NAME),
    *(
        ({**BEARER, "assertion_claims": value}, "assertion_claims", "must be a table of claims")
        for value in several("a", 1, [])
    ),
    *(
        ({**BEARER, "assertion_claims": {name: 1}}, "assertion_claims", f"must not hold {name}")
        for name in ("aud", "exp", "iat", "jti")
    ),
    ({**BEARER, "assertion_claims": {"a": [dt.date(2026, 1, 1)]}}, "assertion_claims", NO_JSON),
    ({**BEARER, "assertion_claims": {"a": float("nan")}}, "assertion_claims", NO_JSON),
]
"""Profiles with a mistake, the key that is blamed, and what is said."""

NOT_IN_THE_SCHEMA: tuple[str, ...] = (
    *(
        BLANKS,
        CONTROLS,
        TYPE_IS_MISSING,
        NOTHING_SIGNED,
        NO_FILE,
        KEY_IN_NO_FILE,
        IN_THE_ACCOUNT,
        NO_NAME,
        NO_JSON,
    ),
    "missing; client_auth",
    "missing; actor_token_type says what it is",
    "missing; id_token_algorithm names",
)
"""What is said of mistakes that a JSON Schema cannot express."""
