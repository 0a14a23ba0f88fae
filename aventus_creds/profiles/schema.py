"""Builds the JSON Schema and the reference of profiles.toml from the tables of keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from aventus_creds.profiles.grants import DEFAULT_GRANT, GRANTS, Grant
from aventus_creds.profiles.keys import KEYS, Key
from aventus_creds.profiles.providers import PROVIDERS, Provider
from aventus_creds.profiles.store_keys import STORE_KEYS
from aventus_creds.profiles.stores import STORES, Store


def schema() -> dict[str, Any]:
    """Return the JSON Schema of profiles.toml."""
    profile = {
        "type": "object",
        "properties": _properties(KEYS.values()),
        "required": ["client_id"],
        "additionalProperties": False,
        "anyOf": [{"required": [key]} for key in ("provider", "issuer", "authorize_url", "token_url")],
        "allOf": [*map(_provider_rule, PROVIDERS.values()), *map(_grant_rule, GRANTS.values()), _NO_GRANT],
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "profiles.toml of aventus-creds",
        "type": "object",
        "properties": {
            "default": {"type": "string", "description": "The profile that serves where none is named."},
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
    }


def reference(keys: Iterable[Key] = KEYS.values()) -> str:
    """Return ``keys`` as a Markdown table."""
    rows = [f"| `{key.name}` | {key.doc} | {key.default} |" for key in keys]
    return "\n".join(["| key | meaning | default |", "| --- | --- | --- |", *rows]) + "\n"


def _properties(keys: Iterable[Key]) -> dict[str, Any]:
    return {key.name: dict(key.kind.schema) | _described(key.doc, key.default) for key in keys}


def _described(doc: str, default: str) -> dict[str, str]:
    text = doc.replace("`", "")
    return {"description": f"{text[:1].upper()}{text[1:]}." + (f" Default: {default}." if default else "")}


def _store_rule(row: Store) -> dict[str, Any]:
    """Return the rule for a store: which keys [store] must have."""
    return {"if": _is("type", row.name), "then": {"required": [*row.needs]}}


def _is(key: str, *values: str) -> dict[str, Any]:
    return {"properties": {key: {"enum": list(values)}}, "required": [key]}


def _provider_rule(row: Provider) -> dict[str, Any]:
    """Return the rule for a provider: which keys a profile must have, and which it must not have."""
    foreign = [other.extra_key.name for other in PROVIDERS.values() if other.extra_key and other is not row]
    forbidden = [*(["issuer"] if row.authorize_url else ["base_url"]), *foreign]
    redirecting = [] if row.redirect_uri else ["redirect_uri"]
    rules: list[dict[str, Any]] = [
        {
            "if": _is("grant", *(g.name for g in GRANTS.values() if not g.redirects)),
            "else": {"required": redirecting},
        },
    ]
    when: dict[str, Any] = _is("provider", row.name)
    if not row.authorize_url:  # the rule also applies if the profile names no provider
        del when["required"]
        rules += [{"if": _is("grant", grant.name), "then": _endpoints(grant)} for grant in GRANTS.values()]
        rules.append({"if": {"required": ["grant"]}, "else": _endpoints(GRANTS[DEFAULT_GRANT])})
    properties: dict[str, Any] = dict.fromkeys(forbidden, False)
    if row.grants:
        properties["grant"] = {"enum": list(row.grants)}
    if row.extra_key and row.extra_key.parameter:
        properties["authorize_params"] = {"properties": {row.extra_key.parameter: False}}
    then: dict[str, Any] = {
        "properties": properties,
        "required": [
            *(["base_url"] if "{base_url}" in row.authorize_url and not row.base_url else []),
            *([row.extra_key.name] if row.extra_key else []),
        ],
        "allOf": rules,
    }
    if row.redirect_uri:
        then["dependencies"] = {"listen": ["redirect_uri"]}
    return {"if": when, "then": then}


def _endpoints(grant: Grant) -> dict[str, Any]:
    return {"anyOf": [{"required": ["issuer"]}, {"required": list(grant.endpoints)}]}


def _grant_rule(grant: Grant) -> dict[str, Any]:
    """Return the rule for a grant: client_secret, and pkce if only PKCE protects the login."""
    then: dict[str, Any] = {}
    if grant.client_secret == "required":
        then["required"] = ["client_secret"]
    elif grant.client_secret == "forbidden":
        then["properties"] = {"client_secret": False, "pkce": {"const": True}}
    return {"if": _is("grant", grant.name), "then": then}


# If no grant is set, a client_secret selects the confidential grant. Without a secret, PKCE must stay on.
_NO_GRANT: Final = {
    "if": {"not": {"anyOf": [{"required": ["grant"]}, {"required": ["client_secret"]}]}},
    "then": {"properties": {"pkce": {"const": True}}},
}
