"""What a server says, made fit to be shown: no secrets, no control characters, not endless."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any, Final
from urllib.parse import quote, quote_plus

LONGEST: Final = 300
"""Characters of a server's words that are shown."""

_LONG_RUN: Final = re.compile(r"[\w.~+=-]{32,}")
_DIGIT: Final = re.compile(r"\d")


def plain(words: Any, secrets: Iterable[str] = ()) -> str:
    """Return ``words`` as one short line of printable text in which none of ``secrets`` is left."""
    if not isinstance(words, str | int | float):
        return ""
    text = str(words)
    for secret in sorted(filter(None, secrets), key=len, reverse=True):  # one may be a part of another
        quoted = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
        for form in {secret, *quoted, escape(secret), json.dumps(secret)[1:-1]}:
            # A short one only as a word of its own: "r" must not make "invalid_grant" unreadable.
            pattern = re.escape(form) if len(form) >= 8 else rf"(?<!\w){re.escape(form)}(?!\w)"
            text = re.sub(pattern, "…", text, flags=re.IGNORECASE)  # .NET writes %2f
    text = "".join(char if char.isprintable() else " " for char in text)
    text = " ".join(_LONG_RUN.sub(_hidden_if_token, text).split())
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _hidden_if_token(run: re.Match[str]) -> str:
    """A long run of letters and digits could be a token that was not asked about."""
    return "…" if _DIGIT.search(run[0]) else run[0]
