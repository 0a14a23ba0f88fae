"""What to write instead of a mistake in profiles.toml: for a key that is not known, and for a line that is no TOML."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from aventus_creds.profiles.checks import NAME_RULE, TOP_KEYS, fit_to_show, is_name

FEW: Final = 10
"""So many names fit into a message."""

PART: Final = r"(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')"
"""A part of a key of TOML."""

_WHOLE_HEAD: Final = re.compile(rf"\s*\[\[?\s*{PART}(?:\s*\.\s*{PART})*\s*\]")
_VALUE: Final = re.compile(r"\s*(?:[\"'\[{0-9+-]|true\b|false\b|inf\b|nan\b)")
"""How a value of TOML begins."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean '…'?`` with the known word closest to ``word``, or "" if none is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown_key(key: str, known: Iterable[str], value: Any = None, *, profile: str = "") -> str:
    """Return what is wrong with a key that is not known, and what may have been meant.

    Args:
        key: the key.
        known: the keys that may stand there.
        value: its value.
        profile: the name of the profile that it is in. "": it is in none.
    """
    known = list(known)
    if profile and key in TOP_KEYS:
        meant = "; it belongs above the first [table]"
    elif profile and isinstance(value, dict) and is_name(name := f"{profile}.{key}"):
        meant = f'; a name with a dot needs quotes: [profiles."{name}"]'
    elif not (meant := did_you_mean(key, known)):
        if isinstance(value, dict):
            meant = f"; did you mean [profiles.{fit_to_show(key)}]?"
        else:
            listed = ", ".join(known)
            meant = (
                f"; allowed: {listed}" if len(known) < FEW else "; all of them: aventus-creds docs profiles"
            )
    return f"unknown key{meant}"


def syntax_advice(line: str) -> str:
    """Return what to write instead of a line that is no TOML, or "" if that is not clear. It quotes nothing."""
    return next((text for fits, text in _SYNTAX if fits(line)), "")


_SYNTAX: Final[tuple[tuple[Callable[[str], object], str], ...]] = (
    (
        lambda line: re.search(r'"[^"]*\\', line),
        r"in double quotes a \ begins an escape; write a path in single quotes: 'C:\Users\me\ca.pem'",
    ),
    (
        lambda line: (
            re.match(r"\s*(?:-\s+)?[\w\"'.-]+\s*:(?:\s|$)", line) and "=" not in line.partition(":")[0]
        ),
        'this looks like YAML: write KEY = "VALUE", below [profiles.NAME]',
    ),
    (
        lambda line: re.match(r"\s*[{}]", line),
        "this looks like JSON: write [profiles.NAME], and below it keys",
    ),
    (
        lambda line: line.lstrip().startswith("[") and not _WHOLE_HEAD.match(line),
        f"must be [profiles.NAME], and {NAME_RULE}",
    ),
    (lambda line: re.search(r"=\s*(?:True|False|TRUE|FALSE)\b", line), "write true or false in lower case"),
    (lambda line: re.search("[\u201c\u201d\u2018\u2019]", line), 'write straight quotes: "…"'),
    (lambda line: re.search(r"=\s*(?:#.*)?$", line), "the value is missing"),
    (lambda line: "=" in line and not _VALUE.match(line.partition("=")[2]), 'text needs quotes: "…"'),
    (lambda line: re.fullmatch(r"[^=]*=\s*(?:\"[^\"]*|'[^']*)", line), "the quotes are not closed"),
    (
        lambda line: "=" not in line and line.strip() and not _WHOLE_HEAD.match(line),
        'a line is KEY = "VALUE", or [profiles.NAME]',
    ),
)
