"""The kinds of values for profile keys. Each has a JSON Schema and a check."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

from aventus_creds.basics.urls import HOST, origin, split_url
from aventus_creds.profiles.secrets import SecretRef
from aventus_creds.structs import Struct

# Parameters that the protocol sets itself. If a profile could replace them, it would break the login or
# put a secret into a URL.
RESERVED_PARAMETERS: Final = frozenset(
    "response_type response_mode client_id client_secret client_assertion redirect_uri state nonce"
    " scope audience code code_challenge code_challenge_method code_verifier"
    " grant_type refresh_token device_code client_assertion_type subject_token actor_token dpop_jkt"
    " request request_uri".split()  # RFC 9101: they would replace all of the above
)


class InvalidItems(ValueError):
    """Some entries of a table are wrong. ``mistakes`` has the name of each entry and what is wrong."""

    def __init__(self, mistakes: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self.mistakes = tuple(mistakes)


class Kind(Struct):
    """A kind of value.

    Attributes:
        schema: the JSON Schema of the value.
        check: takes the value as parsed from TOML. Returns the value to keep, or raises ValueError with text
            that continues a sentence ("must be …").
        holds: text, which may come from the environment; a number or flag; or a secret or its place. A kind that
            says nothing is taken for a secret.
    """

    schema: Mapping[str, Any]
    check: Callable[[Any], Any]
    holds: Literal["text", "number", "secret"] = "secret"


def refers(value: Any) -> bool:
    """Whether ``value`` refers to an environment variable: ``{ env = "NAME" }``, or ``${`` in a text."""
    if _is_reference(value):
        return True
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(
        _is_reference(item) or (isinstance(item, list) and any(map(_is_reference, item))) for item in items
    )


def _is_reference(value: Any) -> bool:
    return "${" in value if isinstance(value, str) else isinstance(value, dict) and value.keys() == {"env"}


def refers_to_others(table: Any) -> bool:
    """Whether a profile, as it is written, may refer to another one: ``{ profile = "NAME" }``."""
    return isinstance(table, dict) and any(
        isinstance(value, dict) and "profile" in value for value in table.values()
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {_type(value)}")
    if not value.strip():
        raise ValueError("must not be empty")
    if not value.isprintable():
        quotes = "; write a path of Windows in single quotes" if value[1:2] == ":" else ""
        raise ValueError(f"must be text in one line, without control characters{quotes}")
    return value


def _url(value: Any) -> str:
    url = _text(value)
    if split_url(url).fragment or url.endswith("#"):
        raise ValueError("must not hold a fragment (#…)")
    return url


def _server_url(value: Any) -> str:
    url = _url(value)
    if "?" in url:  # paths are appended to it; for an issuer, see RFC 8414 section 2
        raise ValueError("must not hold a query (?…)")
    return url


def _origin(value: Any) -> str:
    parts = split_url(_text(value))
    if parts.path not in {"", "/"} or "?" in value or "#" in value:
        raise ValueError(f"is more than an origin: write {origin(parts)}")
    return origin(parts)


def _origins(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f'must be a list of origins such as ["https://api.example.com"], not {_type(value)}')
    return _each(_origin, value)


def _redirect_uri(value: Any) -> str:
    return value if isinstance(value, str) and re.fullmatch(REDIRECT_NAME, value) else _url(value)


def _redirect_uris(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return (_redirect_uri(value),)
    if not value:
        raise ValueError("must be the callback registered for this client, or a list of such")
    return _each(_redirect_uri, value)


def _each(check: Callable[[Any], str], values: list[Any]) -> tuple[str, ...]:
    found, wrong = [], []
    for number, value in enumerate(values, 1):
        try:
            found.append(check(value))
        except ValueError as what:
            wrong.append(f"item {number} {what}")
    if wrong:
        raise ValueError("; ".join(wrong))
    return tuple(found)


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) and "\0" not in value for value in values)


def _scope(value: Any) -> str:
    words = value if isinstance(value, list) else [value]
    if not _are_texts(words):
        raise ValueError("must be text with spaces between the scopes, or a list of texts")
    scope = " ".join(" ".join(words).split())
    # RFC 6749 section 3.3: printable ASCII without the quote and the backslash
    if not (scope.isascii() and scope.isprintable()) or '"' in scope or "\\" in scope:
        raise ValueError("has characters that no scope may have (RFC 6749 section 3.3)")
    return scope


def _secret(value: Any) -> SecretRef:
    if isinstance(value, str):
        return SecretRef("text", _text(value))
    places = '{ env = "…" }, { file = "…" }, { command = ["…"] } or { keyring = "service", username = "…" }'
    if not isinstance(value, dict):
        raise ValueError(f"must be text, or one of {places}")
    match value:
        case {"env": str(place), **rest} if not rest:
            return SecretRef("env", _text(place))
        case {"file": str(place), **rest} if not rest:
            return SecretRef("file", _text(place))
        case {"command": [str(program), *words], **rest} if not rest and _are_texts(words):
            return SecretRef("command", (_text(program), *words))
        case {"keyring": str(place), "username": str(username), **rest} if not rest:
            return SecretRef("keyring", _text(place), username=_text(username))
        case _:
            raise ValueError(f"must be exactly one of {places}")


def _params(value: Any) -> dict[str, str | list[str]]:
    if not isinstance(value, dict):
        raise ValueError('must be a table of texts such as { prompt = "consent" }')
    wrong = []
    for name, item in value.items():
        if name in RESERVED_PARAMETERS:
            wrong.append((name, "is set by the protocol or by a key of its own, not here"))
        elif not _are_texts(item if isinstance(item, list) else [item]):
            wrong.append((name, "must be text, or a list of texts for a repeated parameter"))
    if wrong:
        raise InvalidItems(wrong)
    return value


def _listen(value: Any) -> str:
    if re.match(ALL_INTERFACES, _text(value)):
        raise ValueError("must name one address, never all interfaces: for example 127.0.0.1")
    if not re.fullmatch(LISTEN_ADDRESS, value) or not 0 < int(value.rpartition(":")[2]) < 65536:
        raise ValueError('must be "host:port", for example "127.0.0.1:8765" or "[::1]:8765"')
    return str(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_type(value)}")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86400:
        raise ValueError("must be a number of seconds, more than 0 and at most 86400")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 20:
        raise ValueError("must be a whole number from 0 to 20")
    return value


def any_of(words: Iterable[str], last: str = "or") -> str:
    """Return ``words`` as a list in a sentence: ``a, b or c``. ``last`` is the word before the last one."""
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def choice(*allowed: str) -> Kind:
    """Return the kind of a text that must be one of ``allowed``."""
    listed = any_of(allowed) if len(allowed) < 3 else f"one of {', '.join(allowed)}"

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            said = isinstance(value, str) and "://" not in value  # a URL may contain a password
            raise ValueError(f"must be {listed}{f', not {value!r}' if said else ''}")
        return value

    return Kind({"enum": list(allowed)}, check, "text")


def matching(pattern: str, such: str) -> Kind:
    """Return the kind of a text that matches ``pattern`` as a whole. ``such`` says in words what it must be."""

    def check(value: Any) -> str:
        if not re.fullmatch(pattern, _text(value)):
            raise ValueError(f"must be {such}")
        return str(value)

    return Kind({"type": "string", "pattern": pattern}, check, "text")


def _type(value: Any) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a table",
        str: "text",
    }
    return names.get(type(value), "a date or a time")


REDIRECT_NAME: Final = r"^[A-Za-z0-9_-]{1,200}$"
"""The name that some servers give a redirect URI, and take in its place (eBay's RuName)."""

LISTEN_ADDRESS: Final = f"^{HOST}:[0-9]{{1,5}}$"
ALL_INTERFACES: Final = r"^(\*|\[?(::ffff:)?[0:][0x.:]*\]?)?:[0-9]+$"  # 0.0.0.0 can also be written 0, 0x0, …

_STRING: Final[Mapping[str, Any]] = {"type": "string", "minLength": 1}
_STRINGS: Final[Mapping[str, Any]] = {"type": "array", "items": {"type": "string"}}
_URL_PATTERN: Final = r"^(https://[^/?#]|http://(localhost|127\.[0-9.]+|\[::1\])([:/?]|$))"

# Of what fills a provider's addresses. A value cannot leave its place: it changes neither the server nor the path.
HOST_ALONE: Final = matching(
    rf"^{HOST}(?::[0-9]{{1,5}})?$",
    "a host alone, such as login.example.com: without https:// and without a path",
)
# Neither "." nor "..", which are steps in a path (RFC 3986 section 3.3)
PART: Final = matching(
    r"^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$", "one word of letters, digits, '.', '_' and '-'"
)
WORD: Final = matching(r"^\S+$", "one word, without spaces")

TEXT: Final = Kind(_STRING, _text, "text")
URL: Final = Kind({"type": "string", "pattern": _URL_PATTERN}, _url, "text")
SERVER_URL: Final = Kind(
    {"type": "string", "pattern": _URL_PATTERN, "not": {"pattern": r"\?"}}, _server_url, "text"
)
ORIGINS: Final = Kind(
    {"type": "array", "items": {"allOf": [URL.schema, {"pattern": "^[^:]*://[^/?#]+/?$"}]}}, _origins, "text"
)
_REDIRECT: Final = {"anyOf": [URL.schema, {"type": "string", "pattern": REDIRECT_NAME}]}
REDIRECT_URIS: Final = Kind(
    {"anyOf": [_REDIRECT, {"type": "array", "items": _REDIRECT, "minItems": 1}]}, _redirect_uris, "text"
)
SCOPE: Final = Kind({"anyOf": [{"type": "string"}, _STRINGS]}, _scope, "text")
PARAMS: Final = Kind(
    {
        "type": "object",
        "propertyNames": {"not": {"enum": sorted(RESERVED_PARAMETERS)}},
        "additionalProperties": {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
        },
    },
    _params,
    "text",
)
LISTEN: Final = Kind(
    {"type": "string", "pattern": LISTEN_ADDRESS, "not": {"pattern": ALL_INTERFACES}}, _listen, "text"
)
FLAG: Final = Kind({"type": "boolean"}, _flag, "number")
SECONDS: Final = Kind({"type": "number", "exclusiveMinimum": 0, "maximum": 86400}, _seconds, "number")
COUNT: Final = Kind({"type": "integer", "minimum": 0, "maximum": 20}, _count, "number")


def place_schema(required: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a table with exactly the entries ``required``."""
    return {
        "type": "object",
        "properties": required,
        "required": list(required),
        "additionalProperties": False,
    }


SECRET: Final = Kind(
    {
        "anyOf": [
            _STRING,
            place_schema({"env": _STRING}),
            place_schema({"file": _STRING}),
            place_schema({"command": {**_STRINGS, "minItems": 1}}),
            place_schema({"keyring": _STRING, "username": _STRING}),
        ]
    },
    _secret,
)
