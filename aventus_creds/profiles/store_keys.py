"""``[store]`` of profiles.toml: where tokens are stored.

The checks, the JSON Schema and the reference come from the table of its keys.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from aventus_creds.basics.owners import Weakness
from aventus_creds.profiles.checks import Mistake
from aventus_creds.profiles.keys import Key
from aventus_creds.profiles.kinds import SECRET, TEXT, Kind, choice
from aventus_creds.profiles.secrets import SecretRef
from aventus_creds.profiles.stores import DEFAULT_STORE, STORES
from aventus_creds.structs import Struct

PREFIX: Final = "aventus-creds:"
REDIS_SCHEMES: Final = (
    *("redis", "rediss", "unix"),
    *("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"),
)
URL_PATTERN: Final = f"^({'|'.join(map(re.escape, REDIS_SCHEMES))})://."
KEY_PATTERN: Final = "^[A-Za-z0-9_-]{43}=?$"
"""32 bytes as base64url. A key that is not in profiles.toml itself is checked when it is read."""


class StoreSettings(Struct):
    """Where tokens are stored: ``type``, and what the Redis store needs. Holds references, never the secrets."""

    type: str
    url: SecretRef | None = None
    encryption_keys: tuple[SecretRef, ...] = ()
    prefix: str = PREFIX

    @property
    def literal_secret(self) -> str | None:
        """The name of the first secret that is written in profiles.toml itself, or None."""
        secrets = list(self.encryption_keys)
        if self.url and self.url.kind == "text" and _has_password(self.url.read()):
            secrets.append(self.url)
        return next((secret.name for secret in secrets if secret.kind == "text"), None)

    def distrusted(self, distrust: Weakness) -> StoreSettings:
        """Return the same settings, which run no command: other users may have written it."""
        return self._replace(
            url=self.url and self.url.distrusted(distrust),
            encryption_keys=tuple(key.distrusted(distrust) for key in self.encryption_keys),
        )


def check_store(
    table: Any, chosen: Any, *, folder: Path, chooser: tuple[str, ...] = ()
) -> tuple[StoreSettings, list[Mistake]]:
    """Check ``[store]`` and apply the defaults.

    Args:
        table: the table as parsed from TOML. It may have any type; anything but a table is a mistake.
        chosen: the ``store`` of a profile, which overrides the type in the table. None if it sets none.
        folder: the folder that relative paths start from.
        chooser: the path of ``chosen`` in the file, for mistakes about keys it needs.

    Returns:
        The settings and every mistake, each with its path in the file. If there are mistakes, ignore the
        settings.
    """
    if not isinstance(table, dict):
        what = 'must be a table: write [store], and below it type = "…"'
        return StoreSettings(DEFAULT_STORE), [(("store",), what)]
    values: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for key, value in table.items():
        if key not in STORE_KEYS:
            from aventus_creds.profiles.advice import unknown_key  # most keys are known

            mistakes.append((("store", key), unknown_key(key, STORE_KEYS)))
            continue
        try:
            values[key] = STORE_KEYS[key].kind.check(value)
        except ValueError as what:
            mistakes.append((("store", key), str(what)))
    settings = StoreSettings(
        chosen
        if isinstance(chosen, str) and chosen in STORES
        else values.get("type", DEFAULT_STORE),  # otherwise it is a mistake in the profile
        values["url"].relative_to(folder) if "url" in values else None,
        tuple(key.relative_to(folder) for key in values.get("encryption_key", ())),
        values.get("prefix", PREFIX),
    )
    for key, why in STORES[settings.type].needs.items():
        if key not in table and table.get("type") == settings.type:
            mistakes.append((("store", key), f"missing; {why}"))
        elif key not in table:
            mistakes.append((chooser, f"needs {key} below [store]; {why}"))
    return settings, mistakes


def _has_password(url: str) -> bool:
    rest = url.partition("://")[2]
    user, at, _ = rest.rpartition("@")
    options = parse_qsl(rest.partition("?")[2])
    return bool(at and ":" in user) or any(name.endswith("password") for name, _ in options)


def _url(value: Any) -> SecretRef:
    if isinstance(value, str) and not re.search(URL_PATTERN, value):
        schemes = ", ".join(f"{scheme}://" for scheme in REDIS_SCHEMES)
        raise ValueError(f"must begin with one of {schemes}")
    found: SecretRef = SECRET.check(value)
    return found.called("Redis URL")


def _keys(value: Any) -> tuple[SecretRef, ...]:
    keys = value if isinstance(value, list) else [value]
    if not keys:
        raise ValueError("must be a key that `aventus-creds store key` made, or a list of such")
    found, wrong = [], []
    for number, key in enumerate(keys, 1):
        try:
            found.append(_key(key))
        except ValueError as what:
            wrong.append(f"item {number} {what}" if isinstance(value, list) else str(what))
    if wrong:
        raise ValueError("; ".join(wrong))
    return tuple(found)


def _key(value: Any) -> SecretRef:
    if isinstance(value, str) and not re.search(KEY_PATTERN, value):
        raise ValueError("must be a key that `aventus-creds store key` made, or where it is")
    found: SecretRef = SECRET.check(value)
    return found.called("encryption key")


def _text_or_place(pattern: str) -> dict[str, Any]:
    text, *places = SECRET.schema["anyOf"]
    return {"anyOf": [{**text, "pattern": pattern}, *places]}


_KEY_SCHEMA: Final = _text_or_place(KEY_PATTERN)

STORE_KEYS: Final = {
    key.name: key
    for key in (
        Key(
            "type",
            choice(*STORES),
            "where tokens are stored: in files of the state folder, in the system's keyring, or in a Redis",
            DEFAULT_STORE,
        ),
        Key(
            "url",
            Kind(_text_or_place(URL_PATTERN), _url),
            "redis: its address, `rediss://USER:PASSWORD@HOST:PORT/0`, or `redis://`, `unix://`,"
            " `redis+sentinel://HOST,HOST/SERVICE`, `redis+cluster://HOST,HOST`; or where it is, as for a"
            " client_secret",
        ),
        Key(
            "encryption_key",
            Kind({"anyOf": [_KEY_SCHEMA, {"type": "array", "items": _KEY_SCHEMA, "minItems": 1}]}, _keys),
            "redis: the key that encrypts the tokens, or where it is, as for a client_secret; in a list, the"
            " first encrypts, and all decrypt",
        ),
        Key("prefix", TEXT, "redis: the prefix of the names of its entries", PREFIX),
    )
}
