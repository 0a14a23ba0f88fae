"""Make a server's words safe to show: no secrets, no control characters, limited in length."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any, Final
from urllib.parse import quote, quote_plus

LONGEST: Final = 300
"""How many characters of a server's words are shown."""

_LONG_RUN: Final = re.compile(r"[\w.~+=-]{32,}")
_DIGIT: Final = re.compile(r"\d")


def plain(words: Any, secrets: Iterable[str] = ()) -> str:
    """Return ``words`` as one short line of printable text without any of ``secrets``.

    Args:
        words: what the server sent, of any JSON type. Anything but text and numbers gives ``""``.
        secrets: values to remove, also where the server quotes them URL-encoded, HTML-escaped or as JSON.
            Empty ones are ignored.

    Returns:
        At most LONGEST characters, plus an ellipsis if more was cut off. Each removed part is an ellipsis.
    """
    if not isinstance(words, str | int | float):
        return ""
    text = str(words)
    # Longest first: one secret may be part of another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        quoted = {quote(secret), quote(secret, safe=""), quote_plus(secret)}
        for form in {secret, *quoted, escape(secret), json.dumps(secret)[1:-1]}:
            # Remove a short one only where it is a whole word: "r" must not make "invalid_grant" unreadable.
            pattern = re.escape(form) if len(form) >= 8 else rf"(?<!\w){re.escape(form)}(?!\w)"
            text = re.sub(pattern, "…", text, flags=re.IGNORECASE)  # .NET encodes as %2f, not %2F
    text = "".join(char if char.isprintable() else " " for char in text)
    text = " ".join(_LONG_RUN.sub(_hidden_if_token, text).split())
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def _hidden_if_token(run: re.Match[str]) -> str:
    """Hide a long run of letters and digits: it could be a token that we do not know of."""
    return "…" if _DIGIT.search(run[0]) else run[0]
