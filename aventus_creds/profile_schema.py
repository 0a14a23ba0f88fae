"""What is made from the table of profile keys: the JSON Schema, and the reference in the README.

python -m aventus_creds.profile_schema              prints the schema
python -m aventus_creds.profile_schema --reference  prints the reference
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from aventus_creds.profile_keys import KEYS
from aventus_creds.providers import PROVIDERS, Provider


def schema() -> dict[str, Any]:
    """Return the JSON Schema of profiles.toml."""
    profile = {
        "type": "object",
        "properties": {
            key.name: dict(key.kind.schema) | _described(key.doc, key.default) for key in KEYS.values()
        },
        "required": ["client_id"],
        "additionalProperties": False,
        "anyOf": [{"required": [key]} for key in ("provider", "issuer", "authorize_url", "token_url")],
        "allOf": [*map(_rule, PROVIDERS.values()), *_SECRET_RULES],
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "profiles.toml of aventus-creds",
        "type": "object",
        "properties": {
            "default": {"type": "string", "description": "The profile that serves where none is named."},
            "profiles": {
                "type": "object",
                "propertyNames": {"pattern": "^[A-Za-z0-9._-]{1,64}$"},
                "additionalProperties": profile,
            },
        },
        "additionalProperties": False,
    }


def reference() -> str:
    """Return the keys as a Markdown table."""
    rows = [f"| `{key.name}` | {key.doc} | {key.default} |" for key in KEYS.values()]
    return "\n".join(["| key | meaning | default |", "| --- | --- | --- |", *rows]) + "\n"


# PKCE is for clients without a secret and must not be off for them; the confidential grant needs one.
_SECRET_RULES: Final = (
    {"if": {"required": ["client_secret"]}, "then": {"properties": {"grant": {"const": "confidential"}}}},
    {
        "if": {"not": {"required": ["client_secret"]}},
        "then": {"properties": {"grant": {"const": "pkce"}, "pkce": {"const": True}}},
    },
)


def _described(doc: str, default: str) -> dict[str, str]:
    text = doc.replace("`", "")
    return {"description": f"{text[:1].upper()}{text[1:]}." + (f" Default: {default}." if default else "")}


def _rule(row: Provider) -> dict[str, Any]:
    """Return what a provider's row asks of a profile, or forbids it."""
    required = [
        *(["base_url"] if row.authorize_url and not row.base_url else []),
        *([row.extra_key.name] if row.extra_key else []),
        *([] if row.redirect_uri else ["redirect_uri"]),
    ]
    foreign = [other.extra_key.name for other in PROVIDERS.values() if other.extra_key and other is not row]
    forbidden = [*(["issuer"] if row.authorize_url else ["base_url"]), *foreign]
    when: dict[str, Any] = {"properties": {"provider": {"const": row.name}}}
    then: dict[str, Any] = {"properties": dict.fromkeys(forbidden, False), "required": required}
    if row.authorize_url:
        when["required"] = ["provider"]
    else:  # also where no provider is named
        then["anyOf"] = [{"required": ["issuer"]}, {"required": ["authorize_url", "token_url"]}]
    if row.redirect_uri:
        then["dependencies"] = {"listen": ["redirect_uri"]}
    return {"if": when, "then": then}


if __name__ == "__main__":
    print(reference() if "--reference" in sys.argv else json.dumps(schema(), indent=2, ensure_ascii=False))  # noqa: T201
