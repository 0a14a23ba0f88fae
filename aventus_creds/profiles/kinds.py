"""The kinds of values for profile keys. Each has a JSON Schema and a check."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from aventus_creds.basics.urls import HOST, origin, split_url
from aventus_creds.profiles.secrets import SecretRef

# Parameters that the protocol sets itself. If a profile could replace them, it would break the login or
# put a secret into a URL.
RESERVED_PARAMETERS: Final = frozenset(
    "response_type response_mode client_id client_secret client_assertion redirect_uri state nonce"
    " scope audience code code_challenge code_challenge_method code_verifier"
    " grant_type refresh_token device_code".split()
)


class InvalidItems(ValueError):
    """Some entries of a table are wrong. ``mistakes`` has the name of each entry and what is wrong."""

    def __init__(self, mistakes: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self.mistakes = tuple(mistakes)


class Kind(NamedTuple):
    """A kind of value.

    Attributes:
        schema: the JSON Schema of the value.
        check: takes the value as parsed from TOML. Returns the value to keep, or raises ValueError with text
            that continues a sentence ("must be …").
    """

    schema: Mapping[str, Any]
    check: Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"must be text, not {_type(value)}")
    if not value.isprintable():
        raise ValueError("must be text in one line, without control characters")
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


def _redirect_uris(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return (_url(value),)
    if not value:
        raise ValueError("must be the callback registered for this client, or a list of such")
    return _each(_url, value)


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

    return Kind({"enum": list(allowed)}, check)


def _type(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return (
        "nothing"
        if value == ""
        else names.get(type(value), "a date" if not isinstance(value, str) else "blanks")
    )


LISTEN_ADDRESS: Final = f"^{HOST}:[0-9]{{1,5}}$"
ALL_INTERFACES: Final = r"^(\*|\[?(::ffff:)?[0:][0x.:]*\]?)?:[0-9]+$"  # 0.0.0.0 can also be written 0, 0x0, …

_STRING: Final[Mapping[str, Any]] = {"type": "string", "minLength": 1}
_STRINGS: Final[Mapping[str, Any]] = {"type": "array", "items": {"type": "string"}}
_URL_PATTERN: Final = r"^(https://[^/?#]|http://(localhost|127\.[0-9.]+|\[::1\])([:/?]|$))"

TEXT: Final = Kind(_STRING, _text)
URL: Final = Kind({"type": "string", "pattern": _URL_PATTERN}, _url)
SERVER_URL: Final = Kind({"type": "string", "pattern": _URL_PATTERN, "not": {"pattern": r"\?"}}, _server_url)
ORIGINS: Final = Kind(
    {"type": "array", "items": {"allOf": [URL.schema, {"pattern": "^[^:]*://[^/?#]+/?$"}]}}, _origins
)
REDIRECT_URIS: Final = Kind(
    {"anyOf": [URL.schema, {"type": "array", "items": URL.schema, "minItems": 1}]}, _redirect_uris
)
SCOPE: Final = Kind({"anyOf": [{"type": "string"}, _STRINGS]}, _scope)
PARAMS: Final = Kind(
    {
        "type": "object",
        "propertyNames": {"not": {"enum": sorted(RESERVED_PARAMETERS)}},
        "additionalProperties": {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
        },
    },
    _params,
)
LISTEN: Final = Kind(
    {"type": "string", "pattern": LISTEN_ADDRESS, "not": {"pattern": ALL_INTERFACES}}, _listen
)
FLAG: Final = Kind({"type": "boolean"}, _flag)
SECONDS: Final = Kind({"type": "number", "exclusiveMinimum": 0, "maximum": 86400}, _seconds)
COUNT: Final = Kind({"type": "integer", "minimum": 0, "maximum": 20}, _count)


def _place(required: Mapping[str, Any]) -> dict[str, Any]:
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
            _place({"env": _STRING}),
            _place({"file": _STRING}),
            _place({"command": {**_STRINGS, "minItems": 1}}),
            _place({"keyring": _STRING, "username": _STRING}),
        ]
    },
    _secret,
)
