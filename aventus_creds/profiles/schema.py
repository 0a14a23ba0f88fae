"""Builds the JSON Schema and the reference of profiles.toml from the tables of keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from aventus_creds.profiles.client_auths import CREDENTIALS
from aventus_creds.profiles.grants import DEFAULT_GRANT, GRANTS, Grant
from aventus_creds.profiles.keys import PLACEHOLDERS, Key, all_keys, allowed_values, explained
from aventus_creds.profiles.kinds import ORIGINS, Kind
from aventus_creds.profiles.machine_checks import TAKEN_BY
from aventus_creds.profiles.providers import PROVIDERS, Provider
from aventus_creds.profiles.store_keys import STORE_KEYS
from aventus_creds.profiles.stores import STORES, Store

_SERVER: Final = ("provider", "issuer", "discovery_url", "authorize_url", "token_url")
"""Keys that each name the server."""

_MANY: Final = 10
"""So many allowed values have a table of their own."""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of profiles.toml.

    Which keys a profile must have is told only where none inherits any: a schema cannot follow ``extends``.
    """
    properties = {
        key.name: _with_variables(key.kind) | _described(key) for key in map(explained, all_keys().values())
    }
    profile = {"type": "object", "properties": properties, "additionalProperties": False}
    place = "#/properties/profiles/additionalProperties/properties"
    defaults = {name: {"$ref": f"{place}/{name}"} for name in properties if name != "extends"}
    whole = {
        "allOf": [
            _CLIENT,
            *_provider_rules([*PROVIDERS.values()]),
            *map(_grant_rule, GRANTS.values()),
            *_machine_rules(),
            _NO_GRANT,
            *_of_grants(),
        ],
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "profiles.toml of aventus-creds",
        "type": "object",
        "properties": {
            "default": {"type": "string", "description": "The profile that is used if none is named."},
            "include": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "description": "Files whose profiles can be used too. They hold no secret.",
            },
            "include_origins": dict(ORIGINS.schema)
            | {"description": "The origins that profiles of included files may send anything to."},
            "defaults": {
                "type": "object",
                "properties": defaults,
                "additionalProperties": False,
                "description": "Keys for every profile in this file that does not set them itself.",
            },
            "store": {
                "type": "object",
                "properties": _properties(STORE_KEYS.values()),
                "additionalProperties": False,
                "allOf": [*map(_store_rule, filter(lambda store: store.needs, STORES.values()))],
            },
            "profiles": {
                "type": "object",
                "propertyNames": {"pattern": "^[A-Za-z0-9._-]{1,64}$"},
                "additionalProperties": profile,
            },
        },
        "additionalProperties": False,
        "if": {"not": _INHERITS},
        "then": {"properties": {"profiles": {"additionalProperties": whole}}},
        "definitions": {"variable": _VARIABLE},
    }


def reference(keys: Iterable[Key] | None = None) -> str:
    """Return ``keys``, or all those of a profile, as a Markdown table."""
    keys = map(explained, keys or all_keys().values())
    rows = [f"| `{key.name}` | {key.doc}{_listed(key)} | {key.default} |" for key in keys]
    return "\n".join(["| key | meaning | default |", "| --- | --- | --- |", *rows]) + "\n"


def _listed(key: Key) -> str:
    """Return the values that ``key`` allows, or "" if they are too many for a cell, as the providers are."""
    allowed = allowed_values(key)
    return f"; one of {', '.join(f'`{value}`' for value in allowed)}" if 0 < len(allowed) < _MANY else ""


def _properties(keys: Iterable[Key]) -> dict[str, Any]:
    return {key.name: dict(key.kind.schema) | _described(key) for key in map(explained, keys)}


def _described(key: Key) -> dict[str, str]:
    text, default = key.doc.replace("`", ""), f" Default: {key.default}." if key.default else ""
    return {"description": f"{text[:1].upper()}{text[1:]}.{default}"}


def _with_variables(kind: Kind) -> dict[str, Any]:
    """Return the schema of a kind whose texts may come from the environment."""
    if kind.holds != "text":
        return dict(kind.schema)
    if kind.schema.get("type") == "object":
        return {**kind.schema, "additionalProperties": {"anyOf": [{"type": "string"}, _REFERENCE, _TEXTS]}}
    ways = [kind.schema]
    if "array" in {way.get("type") for way in (kind.schema, *kind.schema.get("anyOf", ()))}:
        ways.append(_TEXTS | {"contains": {"anyOf": [_REFERENCE, _FILLED]}})
    if kind.schema.get("type") != "array":
        ways += [_REFERENCE, _FILLED]
    return {"anyOf": ways}


_VARIABLE: Final = {
    "type": "object",
    "properties": {"env": {"type": "string"}},
    "required": ["env"],
    "additionalProperties": False,
}
_REFERENCE: Final[dict[str, Any]] = {"$ref": "#/definitions/variable"}
_FILLED: Final[dict[str, Any]] = {"type": "string", "pattern": r"\$\{"}
_TEXTS: Final[dict[str, Any]] = {"type": "array", "items": {"anyOf": [{"type": "string"}, _REFERENCE]}}

_EXTENDS: Final = {"required": ["extends"]}
_INHERITS: Final = {
    "anyOf": [
        {"required": ["defaults"]},
        {
            "properties": {"profiles": {"not": {"additionalProperties": {"not": _EXTENDS}}}},
            "required": ["profiles"],
        },
    ]
}
"""Whether any profile of the file inherits keys."""


def _store_rule(row: Store) -> dict[str, Any]:
    """Return the rule for a store: which keys [store] must have."""
    return {"if": _is("type", row.name), "then": {"required": [*row.needs]}}


def _is(key: str, *values: str) -> dict[str, Any]:
    return {"properties": {key: {"enum": list(values)}}, "required": [key]}


def _provider_rules(rows: list[Provider]) -> Iterator[dict[str, Any]]:
    """Yield what the providers' rows demand of a profile, each fact once for all the rows that share it."""
    named = _named(row for row in rows if not row.generic)
    yield {
        "if": named,
        "then": {"properties": {"issuer": False, "discovery_url": False}},
        "else": _generic_rule(),
    }
    for key in PLACEHOLDERS:
        users = [row for row in rows if key in row.placeholders]
        yield {"if": _named(users), "else": {"properties": {key: False}}}
        if required := [row for row in users if not row.placeholders[key]]:
            yield {"if": _named(required), "then": {"required": [key]}}
    for grants in sorted({row.grants for row in rows if row.grants}):
        same = _named(row for row in rows if row.grants == grants)
        yield {"if": same, "then": {"properties": {"grant": {"enum": list(grants)}}}}
    for row in rows:
        if filled := [name for name, text in row.authorize_params.items() if "{" in text]:
            params = {"properties": dict.fromkeys(filled, False)}
            yield {"if": _named([row]), "then": {"properties": {"authorize_params": params}}}
    for grant in GRANTS.values():
        for key, _ in grant.needs:
            having = _named(row for row in rows if getattr(row, key, ""))
            yield {"if": having, "else": {"if": _is("grant", grant.name), "then": {"required": [key]}}}
    of_answer = {"properties": {"api_url": {"pattern": r"^\{"}}, "required": ["api_url"]}
    having = _named(row for row in rows if row.api_hosts)
    yield {"if": having, "else": {"if": of_answer, "then": {"required": ["api_hosts"]}}}
    unregistered = _named(row for row in rows if not row.redirect_uri)
    yield {
        "if": unregistered,
        "then": {"if": _is("grant", *_NO_REDIRECT), "else": {"required": ["redirect_uri"]}},
        "else": {"dependencies": {"listen": ["redirect_uri"]}},
    }


def _named(rows: Iterable[Provider]) -> dict[str, Any]:
    return _is("provider", *(row.name for row in rows))


def _generic_rule() -> dict[str, Any]:
    """Return the rule for a profile that names its server itself."""
    rules = [{"if": _is("grant", grant.name), "then": _endpoints(grant)} for grant in GRANTS.values()]
    return {"allOf": [*rules, {"if": {"required": ["grant"]}, "else": _endpoints(GRANTS[DEFAULT_GRANT])}]}


_NO_REDIRECT: Final = [grant.name for grant in GRANTS.values() if not grant.redirects]


def _endpoints(grant: Grant) -> dict[str, Any]:
    ways = [["issuer"], ["discovery_url"], list(grant.endpoints)]
    return {"anyOf": [{"required": way} for way in ways]}


def _grant_rule(grant: Grant) -> dict[str, Any]:
    """Return the rule for a grant: client_secret, and pkce if only PKCE protects the login."""
    then: dict[str, Any] = {}
    if grant.client_secret == "required":
        then |= _ONE_CREDENTIAL
    elif grant.client_secret == "forbidden":
        then["properties"] = {**dict.fromkeys(CREDENTIALS, False), "pkce": {"const": True}}
    if not grant.attended:
        then["properties"] = {**then.get("properties", {}), "refresh_token": False}
    if grant.needs_one:
        then["anyOf"] = [{"required": [key]} for key in grant.needs_one]
    if not grant.stored:
        then["properties"] = {**then.get("properties", {}), "store": False}
    return {"if": _is("grant", grant.name), "then": then}


def _of_grants() -> list[dict[str, Any]]:
    """Return the rules for keys that only some grants have."""
    keys = dict.fromkeys(key for grant in GRANTS.values() for key, _ in grant.needs if key not in TAKEN_BY)
    having = {key: [row.name for row in GRANTS.values() if key in dict(row.needs)] for key in keys}
    return [{"if": {"required": [key]}, "then": _is("grant", *names)} for key, names in having.items()]


def _machine_rules() -> Iterator[dict[str, Any]]:
    """Yield the rules for each key that some grants need, and no other takes."""
    for key, grants in TAKEN_BY.items():
        yield {"if": _is("grant", *grants), "else": {"properties": {key: False}}}


_CLIENT: Final = {
    "if": _is("grant", *(grant.name for grant in GRANTS.values() if grant.client == "none")),
    "else": {
        "anyOf": [{"required": [key]} for key in _SERVER],
        "if": _is("grant", *(grant.name for grant in GRANTS.values() if grant.client == "optional")),
        "else": {"required": ["client_id"]},
    },
}
_ONE_CREDENTIAL: Final = {"anyOf": [{"required": [key]} for key in CREDENTIALS]}

# If no grant is set, a secret or a key selects the confidential grant. Without a secret, PKCE must stay on.
_NO_GRANT: Final = {
    "if": {"not": {"anyOf": [{"required": ["grant"]}, *_ONE_CREDENTIAL["anyOf"]]}},
    "then": {"properties": {"pkce": {"const": True}}},
}
