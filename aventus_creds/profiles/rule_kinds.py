"""The kinds of values for the keys that say how a server differs. Each has a JSON Schema and a check."""

import re
from collections.abc import Mapping
from typing import Any, Final

from aventus_creds.basics.urls import split_url
from aventus_creds.profiles.kinds import InvalidItems, Kind, matching

_TOKEN: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]"
"""A character of a header's name (RFC 9110 section 5.6.2)."""

REFUSED_HEADERS: Final = frozenset(
    "authorization proxy-authorization cookie cookie2 set-cookie host content-length content-type content-encoding"
    " transfer-encoding accept-encoding connection proxy-connection keep-alive te trailer upgrade expect".split()
)
"""Headers that are not constant: they authorise somebody, or say how the message is sent."""


def _any_case(word: str) -> str:
    """Return a pattern of ``word`` in upper and lower case: JSON Schema knows no flag for that."""
    return "".join(f"[{char.upper()}{char}]" if char.isalpha() else char for char in word)


_REFUSED: Final = "|".join(map(_any_case, sorted(REFUSED_HEADERS)))
_REFUSED_FOR_TOKEN: Final = "|".join(map(_any_case, sorted(REFUSED_HEADERS - {"authorization"})))

HEADER_NAME: Final = rf"^(?!({_REFUSED})$){_TOKEN}{{1,64}}$"
HEADER_VALUE: Final = r"^[!-~]([ -~]{0,510}[!-~])?$"
_VISIBLE: Final = r"[!-z|~]"  # without braces
_VALUE: Final = rf"({_VISIBLE}{{1,64}} )?{_VISIBLE}{{0,64}}\{{token\}}{_VISIBLE}{{0,64}}"
API_AUTH_PATTERN: Final = rf"^(?!({_REFUSED_FOR_TOKEN}):){_TOKEN}{{1,64}}: {_VALUE}$"
_NAME_IN_PATH: Final = r"[A-Za-z0-9_:/@-]{1,64}"
PATH_PATTERN: Final = (
    rf"^{_NAME_IN_PATH}(\[{_NAME_IN_PATH}=[^\[\]=\s]{{1,200}}\])?"
    rf"(\.{_NAME_IN_PATH}(\[{_NAME_IN_PATH}=[^\[\]=\s]{{1,200}}\])?){{0,7}}$"
)
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOST_PATTERN: Final = rf"^((\*\.)?({_LABEL}\.){{1,8}}[A-Za-z]{_LABEL}|localhost|127\.0\.0\.1)$"
"""A host, or all below one. No top-level domain has one letter, or begins with a digit: an IPv4 address does."""
_FACT: Final = r"\{[a-zA-Z][A-Za-z0-9_]{0,63}\}"
_PATH_CHARS: Final = r"[^?#{}\\\s]*"
ADDRESS_PATTERN: Final = (
    rf"^(https://[^/?#{{}}\\\s]+/{_PATH_CHARS}({_FACT}{_PATH_CHARS})+|{_FACT}(/{_PATH_CHARS})?)$"
)
"""An API's address with facts of the login in its path, or with one as its beginning."""


def _headers(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise ValueError('must be a table of texts such as { Notion-Version = "2022-06-28" }')
    wrong = []
    for name, item in value.items():
        if not re.fullmatch(HEADER_NAME, name):
            known = name.lower() in REFUSED_HEADERS
            wrong.append((name, "is not constant: it cannot be set here" if known else "is no header's name"))
        elif not isinstance(item, str) or not re.fullmatch(HEADER_VALUE, item):
            wrong.append((name, "must be text in printable ASCII, in one line"))
    if len({name.lower() for name in value}) < len(value):
        raise ValueError("names a header twice: upper and lower case are the same")
    if wrong:
        raise InvalidItems(wrong)
    return value


def _texts(value: Any) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if (
        not isinstance(words, list)
        or not words
        or not all(isinstance(word, str) and re.fullmatch(HEADER_VALUE, word) for word in words)
    ):
        raise ValueError('must be text in printable ASCII, or a list of texts, such as ["Bearer", "bot"]')
    return tuple(words)


def _hosts(value: Any) -> tuple[str, ...]:
    words = value if isinstance(value, list) else [value]
    if not words or not all(isinstance(word, str) and re.fullmatch(HOST_PATTERN, word) for word in words):
        raise ValueError(
            'must be a list of hosts such as ["*.example.com"]: a star stands for subdomains only'
        )
    return tuple(word.lower() for word in words)


def _separator(value: Any) -> str:
    if not isinstance(value, str) or value not in {" ", ",", ";"}:
        raise ValueError('must be a space, "," or ";"')
    return value


_OTHER_GRANTS: Final = "|".join(
    (
        *("password", "authorization_code", "refresh_token", "client_credentials"),
        "urn:ietf:params:oauth:grant-type:device_code",
    )
)

_TEXT: Final = {"type": "string", "pattern": HEADER_VALUE}
_HOST: Final = {"type": "string", "pattern": HOST_PATTERN}

HEADERS: Final = Kind(
    {"type": "object", "propertyNames": {"pattern": HEADER_NAME}, "additionalProperties": _TEXT},
    _headers,
    "text",
)
TOKEN_TYPES: Final = Kind(
    {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}, _texts, "text"
)
HOSTS: Final = Kind({"anyOf": [_HOST, {"type": "array", "items": _HOST, "minItems": 1}]}, _hosts, "text")
API_AUTH: Final = matching(
    API_AUTH_PATTERN,
    'a header and what is in it, such as "X-Access-Token: {token}", or "Authorization: Own {token}"',
)
PATH: Final = matching(PATH_PATTERN, 'a path in the answer, such as "user" or "tokens[name=api].user"')
SEPARATOR: Final = Kind({"enum": [" ", ",", ";"]}, _separator, "text")
GRANT_TYPE: Final = matching(
    rf"^(?!({_OTHER_GRANTS})$)[!-~]{{1,200}}$",
    "a grant type of the server's own in visible ASCII (RFC 6749 section 4.5), none that has a grant here, and not"
    " password",
)


def _api_url(check: Any) -> Any:
    """Return the check of an address that may hold placeholders for what the server says of a login."""

    def checked(value: Any) -> str:
        if not isinstance(value, str) or "{" not in value:
            return str(check(value))
        if not re.fullmatch(ADDRESS_PATTERN, value):
            raise ValueError(
                "may hold a fact of the login in its path, or begin with one: https://api.example.com/{realmId}/,"
                " {instance_url}/services/"
            )
        if not value.startswith("{"):
            split_url(re.sub(r"\{.*?\}", "x", value))
        return value

    return checked


def with_facts(kind: Kind) -> Kind:
    """Return the kind of a server's address that may hold placeholders, see ``ADDRESS_PATTERN``."""
    return Kind(
        {"anyOf": [kind.schema, {"type": "string", "pattern": ADDRESS_PATTERN}]},
        _api_url(kind.check),
        kind.holds,
    )
