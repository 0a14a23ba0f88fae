"""The options in the query of a Redis URL: which ones there are, and which values each of them takes.

They are checked here, because redis-py finds most mistakes only while it connects, in frames that hold the password.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl

from aventus_creds.errors import ConfigError
from aventus_creds.profiles.advice import did_you_mean
from aventus_creds.structs import Struct

PASSWORDS: Final = ("password", "sentinel_password", "ssl_password")
"""The options that are secrets."""


class Option(Struct):
    """One option. ``read`` returns its value for redis-py, or None if the text is not ``allowed``."""

    read: Callable[[str], Any]
    allowed: str


def read_options(query: str, kind: str, *, tls: bool) -> dict[str, Any] | ConfigError:
    """Return the options in ``query`` as redis-py's keyword arguments, or the error about the first mistake.

    Args:
        query: what follows the ``?`` of the URL.
        kind: ``redis``, ``unix``, ``sentinel`` or ``cluster``.
        tls: whether the URL begins with ``rediss``.
    """
    found: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in OPTIONS:
            return _unknown(name, query)
        read = OPTIONS[name].read(value)
        wrong = "is there twice" if name in found else _misplaced(name, kind, tls=tls)
        if wrong or read is None:
            return _mistake(name, wrong or f"must be {OPTIONS[name].allowed}")
        found[name] = read
    if tls:
        # Explicitly, because redis-py before 6.0 does not check the name by default.
        checked = found.get("ssl_cert_reqs") != "none"
        if found.setdefault("ssl_check_hostname", checked) and not checked:
            return _mistake("ssl_check_hostname", "needs ssl_cert_reqs=required")
    return found


def _misplaced(name: str, kind: str, *, tls: bool) -> str:
    if name.startswith("ssl_") and not tls:
        return "needs a URL that begins with rediss://, for TLS"
    if name.startswith("sentinel_") and kind != "sentinel":
        return "needs a URL that begins with redis+sentinel:// or rediss+sentinel://"
    return ""


def _mistake(name: str, what: str) -> ConfigError:
    return ConfigError(f"the Redis URL has a mistake: its option {name} {what}")


def _unknown(name: str, query: str) -> ConfigError:
    # With an @ behind it this may be the rest of a password, in which a ? was not written as %3F.
    if "@" in query or not re.fullmatch("[A-Za-z_]{1,40}", name):
        return ConfigError(
            "the Redis URL has an unknown option",
            hint="Characters like ? @ & = in its user and password are written as %3F %40 %26 %3D.",
        )
    return ConfigError(
        f"the Redis URL has the unknown option {name}{did_you_mean(name, OPTIONS)}",
        hint=f"Allowed are: {', '.join(OPTIONS)}",
    )


def _text(value: str) -> str | None:
    return value or None


def _word(value: str) -> str | None:
    return value if re.fullmatch("[!-~]+", value) else None


def _flag(value: str) -> bool | None:
    words = {**dict.fromkeys(("true", "yes", "1"), True), **dict.fromkeys(("false", "no", "0"), False)}
    return words.get(value.lower())


def _number(value: str) -> int | None:
    return int(value) if re.fullmatch("[0-9]{1,5}", value) else None


def _count(value: str) -> int | None:
    return _number(value) or None


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if 0 < seconds < math.inf else None


def _one_of(*values: Any) -> Option:
    words = {str(value): value for value in values}
    return Option(words.get, f"one of {', '.join(words)}")


TEXT: Final = Option(_text, "some text")
FLAG: Final = Option(_flag, "true or false")
NUMBER: Final = Option(_number, "a whole number")
SECONDS: Final = Option(_seconds, "a number of seconds, more than 0")

OPTIONS: Final = {
    "username": TEXT,
    "password": TEXT,
    "sentinel_username": TEXT,
    "sentinel_password": TEXT,
    "db": NUMBER,
    "protocol": _one_of(2, 3),
    "client_name": Option(_word, "a word of printable ASCII"),
    "socket_timeout": SECONDS,
    "socket_connect_timeout": SECONDS,
    "socket_keepalive": FLAG,
    "health_check_interval": NUMBER,
    "max_connections": Option(_count, "a whole number, more than 0"),
    "ssl_ca_certs": TEXT,
    "ssl_ca_path": TEXT,
    "ssl_ca_data": TEXT,
    "ssl_certfile": TEXT,
    "ssl_keyfile": TEXT,
    "ssl_password": TEXT,
    "ssl_cert_reqs": _one_of("required", "optional", "none"),
    "ssl_check_hostname": FLAG,
    "ssl_min_version": _one_of(771, 772),  # TLS 1.2 and 1.3, as in ssl.TLSVersion
    "ssl_ciphers": TEXT,
}
"""The options of redis-py's connections that make sense in a URL. Those of TLS begin with ``ssl_``."""
