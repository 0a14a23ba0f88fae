"""``[store]`` of profiles.toml: where tokens rest. The table of its keys drives checking, schema and reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

from aventus_creds.profile_checks import Mistake, did_you_mean
from aventus_creds.profile_keys import STORES, Key
from aventus_creds.secret_refs import SecretRef
from aventus_creds.value_kinds import SECRET, TEXT, Kind, choice

PREFIX: Final = "aventus-creds:"
REDIS_SCHEMES: Final = (
    *("redis", "rediss", "unix"),
    *("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"),
)


class StoreSettings(NamedTuple):
    """Where tokens rest: ``type``, and what the Redis store needs. It holds references, never the secrets."""

    type: str
    url: SecretRef | None = None
    encryption_keys: tuple[SecretRef, ...] = ()
    prefix: str = PREFIX

    @property
    def literal_secret(self) -> str | None:
        """What secret stands in profiles.toml itself, if one does."""
        secrets = list(self.encryption_keys)
        if self.url and self.url.kind == "text" and "@" in self.url.read():
            secrets.append(self.url)
        return next((secret.name for secret in secrets if secret.kind == "text"), None)


def check_store(table: Any, chosen: str | None, *, folder: Path) -> tuple[StoreSettings, list[Mistake]]:
    """Return what ``[store]`` says, and every mistake found in ``table``. With mistakes, it is worthless.

    ``chosen`` is what a profile says instead of the table's type. ``folder`` is where relative paths start.
    """
    if not isinstance(table, dict):
        return StoreSettings("file"), [((), 'must be a table: write [store], and below it type = "…"')]
    values: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for key, value in table.items():
        if key not in STORE_KEYS:
            meant = did_you_mean(key, STORE_KEYS) or f"; allowed: {', '.join(STORE_KEYS)}"
            mistakes.append(((key,), f"unknown key{meant}"))
            continue
        try:
            values[key] = STORE_KEYS[key].kind.check(value)
        except ValueError as what:
            mistakes.append(((key,), str(what)))
    settings = StoreSettings(
        chosen or values.get("type", "file"),
        values["url"].relative_to(folder) if "url" in values else None,
        tuple(key.relative_to(folder) for key in values.get("encryption_key", ())),
        values.get("prefix", PREFIX),
    )
    if settings.type == "redis":
        mistakes += [((key,), f"missing; {why}") for key, why in _NEEDED.items() if key not in table]
    return settings, mistakes


def _url(value: Any) -> SecretRef:
    if isinstance(value, str) and value.partition("://")[0] not in REDIS_SCHEMES:
        schemes = ", ".join(f"{scheme}://" for scheme in REDIS_SCHEMES)
        raise ValueError(f"must begin with one of {schemes}")
    found: SecretRef = SECRET.check(value)
    return found.called("Redis URL")


def _keys(value: Any) -> tuple[SecretRef, ...]:
    keys = value if isinstance(value, list) else [value]
    if not keys:
        raise ValueError("must be a key that `aventus-creds store key` made, or a list of such")
    return tuple(SECRET.check(key).called("encryption key") for key in keys)


_NEEDED: Final = {
    "url": "the address of the Redis, rediss://…",
    "encryption_key": "what seals the tokens there: aventus-creds store key makes one",
}

STORE_KEYS: Final = {
    key.name: key
    for key in (
        Key(
            "type",
            choice(*STORES),
            "where tokens rest: in files of the state folder, in the system's keyring, or in a Redis",
            "file",
        ),
        Key(
            "url",
            Kind(SECRET.schema, _url),
            "redis: its address, `rediss://USER:PASSWORD@HOST:PORT/0`, or `redis://`, `unix://`,"
            " `redis+sentinel://HOST,HOST/SERVICE`, `redis+cluster://HOST,HOST`; or where it is, as for a"
            " client_secret",
        ),
        Key(
            "encryption_key",
            Kind({"anyOf": [SECRET.schema, {"type": "array", "items": SECRET.schema, "minItems": 1}]}, _keys),
            "redis: the key that seals the tokens, or where it is, as for a client_secret; of a list the"
            " first seals, and all open",
        ),
        Key("prefix", TEXT, "redis: what the names of its entries begin with", PREFIX),
    )
}
