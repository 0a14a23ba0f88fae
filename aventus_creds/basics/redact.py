"""Make foreign words safe to show: no secrets, no control characters, limited in length.

A server may repeat what it was sent, in any spelling. So secrets are looked for by their letters and digits alone:
any RUN of them in a row is removed, whatever spaces and punctuation stand between them, forwards and backwards, as
they are and in hexadecimal and base64; and also in what the words say once their percent-encoding, HTML entities and
backslashes are decoded, layer by layer.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final
from unicodedata import normalize

LONGEST: Final = 300
"""How many characters of a server's words are shown."""

RUN: Final = 12
"""How many letters and digits in a row of a secret are never shown."""

SHORTEST: Final = 8
"""A secret with fewer letters and digits is removed only as it is: "r" must not make "invalid_grant" unreadable."""

_LOOKED_AT: Final = 16 * LONGEST
"""How many characters are looked at: more than are shown, because what is removed leaves room for others."""

_LAYERS: Final = 8
"""How often words may be encoded. Words that are encoded more often say nothing to a person, and are not shown."""

# Patterns. Most answers need none of them, so each is compiled when it is first used.
_LONG_RUN: Final = r"[\w.~+=-]{32,}"
_DIGIT: Final = r"\d"
_ENCODED: Final = (
    r"(?ai)(?P<percent>(?:%[0-9a-f]{2})+)"
    r"|(?:\\+|%)u(?P<unicode>[0-9a-f]{4})|\\+u\{(?P<braced>[0-9a-f]{1,6})\}|\\+x(?P<byte>[0-9a-f]{2})"
    r"|\\+(?P<itself>\W)|(?P<entity>&[#\w]{2,32};?)|(?P<space>\+)"
)

Span = tuple[int, int]


def plain(words: Any, secrets: Iterable[str] = (), *, public: bool = False) -> str:
    """Return ``words`` as one short line of printable text without any of ``secrets``.

    Args:
        words: what the server sent, of any JSON type. Anything but text and numbers gives ``""``.
        secrets: values to remove, in each spelling that the module's docstring names. Empty ones are ignored.
        public: keep what looks like a token, for a name that is no secret: an issuer with a tenant's number.

    Returns:
        At most LONGEST characters, plus an ellipsis if more was cut off. Each removed part is an ellipsis.
    """
    if not isinstance(words, str | int | float):
        return ""
    whole = str(words)
    text = _without(whole[:_LOOKED_AT], list(filter(None, secrets)))
    text = "".join(char if char.isprintable() else " " for char in text)
    text = " ".join((text if public else re.sub(_LONG_RUN, _hidden_if_token, text)).split())
    return text if len(text) <= LONGEST and len(whole) <= _LOOKED_AT else text[:LONGEST] + "…"


def _without(text: str, secrets: list[str]) -> str:
    runs = _runs_of(secrets)
    words = [_word(secret) for secret in secrets if len(_compact(secret)) < SHORTEST]
    layer, places = text, [(at, at + 1) for at in range(len(text))]
    spans: list[Span] = []
    for _ in range(_LAYERS if secrets else 0):
        spans += [(places[start][0], places[stop - 1][1]) for start, stop in _found(layer, runs, words)]
        decoded, places = _decoded(layer, places)
        if decoded == layer:
            return _blotted(text, spans)
        layer = decoded
    return "…" if secrets else text


def _runs_of(secrets: list[str]) -> dict[int, set[str]]:
    """Return the runs of letters and digits that must not be shown, by their length."""
    found: dict[int, set[str]] = {}
    for secret in secrets:
        for form in _forms(secret) if len(_compact(secret)) >= SHORTEST else ():
            length = min(RUN, len(form) - 1)  # a short one may also come back one character short
            found.setdefault(length, set()).update(*(_runs(each, length) for each in (form, form[::-1])))
    return found


def _forms(secret: str) -> Iterator[str]:
    """Yield the letters and digits of each form in which ``secret`` is looked for."""
    raw = secret.encode("utf-8", "replace")
    yield _compact(secret)
    yield raw.hex()
    for shift in range(3):  # how many bytes before it share the first group of four characters
        # The characters at both ends depend on the neighbouring bytes.
        inner = base64.b64encode(bytes(shift) + raw)[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
        yield _compact(inner.decode())


def _letters(text: str) -> list[tuple[str, int]]:
    """Return the letters and digits in ``text`` without case, width and accents, each with its place."""
    return [
        (letter, at)
        for at, char in enumerate(text)
        for letter in (char if char.isascii() else normalize("NFKD", char)).lower()
        if letter.isalnum()
    ]


def _compact(text: str) -> str:
    if text.isascii():  # faster
        return "".join(filter(str.isalnum, text.lower()))
    return "".join(letter for letter, _ in _letters(text))


def _runs(form: str, length: int) -> list[str]:
    return [form[at : at + length] for at in range(len(form) - length + 1)]


def _word(secret: str) -> re.Pattern[str]:
    """Return the pattern of a secret with few letters and digits: between other letters it is not meant."""
    short = len(secret) < SHORTEST
    return re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)" if short else re.escape(secret), re.IGNORECASE)


def _found(text: str, runs: dict[int, set[str]], words: list[re.Pattern[str]]) -> Iterator[Span]:
    """Yield where in ``text`` a part of a secret is."""
    letters = _letters(text)
    line = "".join(letter for letter, _ in letters)
    for length, wanted in runs.items():
        for at, run in enumerate(_runs(line, length)):
            if run in wanted:
                yield letters[at][1], letters[at + length - 1][1] + 1
    for word in words:
        yield from (found.span() for found in word.finditer(text))


def _decoded(text: str, places: list[Span]) -> tuple[str, list[Span]]:
    """Return ``text`` with one layer of encoding taken off, and for each character which place it comes from."""
    parts: list[str] = []
    origins: list[Span] = []
    end = 0
    for found in re.finditer(_ENCODED, text):
        start, stop = found.span()
        character = _character(found)
        if character == found[0]:
            continue
        parts += [text[end:start], character]
        origins += [*places[end:start], *[(places[start][0], places[stop - 1][1])] * len(character)]
        end = stop
    return "".join((*parts, text[end:])), origins + places[end:]


def _character(found: re.Match[str]) -> str:
    kind, value = found.lastgroup, found[found.lastgroup or 0]
    if kind == "percent":
        return bytes.fromhex(value.replace("%", "")).decode("utf-8", "replace")
    if kind == "itself":
        return value
    if kind == "space":  # in a form
        return " "
    from html import unescape  # a tenth of a megabyte of names, for words that few servers send

    return unescape(value if kind == "entity" else f"&#x{value};")


def _blotted(text: str, spans: list[Span]) -> str:
    parts, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            parts += [text[end:start], "…"]
        end = max(end, stop)
    return "".join((*parts, text[end:]))


def _hidden_if_token(run: re.Match[str]) -> str:
    """Hide a long run of letters and digits: it could be a token that we do not know of."""
    return "…" if re.search(_DIGIT, run[0]) else run[0]
