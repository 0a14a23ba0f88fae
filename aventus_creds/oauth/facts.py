"""What a server says of a login beside the token, such as an instance's address: kept if it is short and no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

from aventus_creds.basics.redact import plain

MOST: Final = 16
"""Facts that are kept of one login, at most."""

LONGEST: Final = 200
"""Characters of a fact, at most."""

LOOKED_AT: Final = 64
"""Fields that are looked at: an answer may have a hundred thousand."""

SHORTEST_TOKEN: Final = 24
"""Characters of a word with letters and digits that may be a token."""

# Patterns. Most answers need none of them, so each is compiled when it is first used.
_LETTER: Final = r"[A-Za-z]"
_DIGIT: Final = r"\d"
_NAME: Final = r"[A-Za-z][A-Za-z0-9_.-]{0,63}"
_UUID: Final = r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_SECRET: Final = tuple(
    "token secret code password passwd pwd passphrase assertion credential signature"
    " session cookie nonce hash jwt otp".split()
)
"""Parts of the names of what may be a secret."""

_SECRET_AT_THE_END: Final = ("pin", "auth", "key")
"""Their ends."""

_OF_THE_PROTOCOL: Final = frozenset(
    (
        *("state", "iss", "scope", "expires", "expires_in", "expires_at", "issued_at", "prompt", "ok"),
        *("error", "error_description", "error_uri", "error_reason", "authuser", "redirect_uri", "client_id"),
    )
)
"""Names of what is read elsewhere, or says nothing of the login."""


def facts(found: Mapping[str, Any], secrets: tuple[str, ...]) -> dict[str, str]:
    """Return what is worth keeping of an answer, or of a redirect's parameters.

    Args:
        found: the fields by name. Texts and numbers are kept, unless their name or their look is a secret's.
        secrets: values that no fact may hold a part of.
    """
    candidates = islice(_candidates(found), LOOKED_AT)
    return dict(islice(((name, text) for name, text in candidates if _is_open(text, secrets)), MOST))


def joined(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return the facts told ``before`` and ``now``; the newer ones first, where there are too many."""
    return dict(islice({**now, **{name: before[name] for name in before if name not in now}}.items(), MOST))


def _candidates(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        if _is_secret_or_known(name.lower()) or not re.fullmatch(_NAME, name):
            continue
        if isinstance(value, str) or (type(value) is int and value.bit_length() <= 64):
            text = str(value)
            if text.strip() and len(text) <= LONGEST and text.isprintable():
                yield name, text


def _is_secret_or_known(name: str) -> bool:
    return (
        name in _OF_THE_PROTOCOL or any(part in name for part in _SECRET) or name.endswith(_SECRET_AT_THE_END)
    )


def _is_open(text: str, secrets: tuple[str, ...]) -> bool:
    """Whether it neither looks like a token nor holds a part of one: an address, a number, a UUID, words."""
    if plain(text, secrets, public=True) != " ".join(text.split()):
        return False
    if text.startswith("https://"):
        try:
            parts = urlsplit(text)
        except ValueError:
            return False
        if parts.query or parts.fragment or "@" in parts.netloc:
            return False
        text = parts.path.replace("/", " ")
    return not any(map(_looks_random, re.sub(_UUID, "", text).split()))


def _looks_random(word: str) -> bool:
    return len(word) >= SHORTEST_TOKEN and bool(re.search(_LETTER, word) and re.search(_DIGIT, word))
