"""Finds the redirect in what a person pasted, from wherever they copied it."""

from __future__ import annotations

import html
import re
from typing import Final
from urllib.parse import unquote

_CONTROL_SEQUENCE: Final = re.compile(r"\x1b\[[0-9;?]*[@-~]")  # some terminals put these around pasted text
_ESCAPED: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")  # of JSON and of JavaScript
# Only with their semicolon: without it, &section=… would be a paragraph sign.
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_INVISIBLE: Final = re.compile(
    r"[\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]+"
)
# What no browser leaves in a query, but texts put around addresses: quotes, angle brackets. And the fragment.
_EDGE: Final = re.compile(r"[\"'<>`#«»‹›“”„‟‘’‚‛]")  # noqa: RUF001 - the quotes of many languages
_PARAMETER: Final = re.compile(r"(?:^|[?&])(?:code|state|error|error_description|iss)=")
_STATE: Final = re.compile(r"(?:^|[?&])state=")
_OUTCOME: Final = re.compile(r"(?:^|[?&])(?:code|error)=")
_LAST: Final = ".,;:!?…)]}"
"""What a sentence or a list puts behind an address."""


def query_of(pasted: str) -> str:
    """Return the query of a redirect that a person pasted.

    Args:
        pasted: the address that their browser ended at, or just ``code=…&state=…`` in a query or a fragment. It
            may be wrapped, quoted, in a sentence, or written as HTML or JSON.

    Returns:
        The query without its question mark. If there is no redirect in the text, what is most like one.
    """
    text = _INVISIBLE.sub("", _unescaped(_CONTROL_SEQUENCE.sub("", pasted)))
    # Mail programs put an address into the query of their own.
    found = _redirect(text) or _redirect(unquote(text))
    if found:
        return found
    text = text.strip("'\"<>")
    address, mark, query = text.partition("?")
    bare = not mark or _PARAMETER.match(address)
    return (text if bare else query).partition("#")[0]


def is_redirect(query: str) -> bool:
    """Whether ``query`` has the parameters of a redirect, with whatever values (RFC 6749 section 4.1.2)."""
    return bool(_STATE.search(query) and _OUTCOME.search(query))


def why_not(query: str, reason: str, redirect_uri: str) -> str:
    """Return what to tell the person whose pasted text did not end the login. It repeats nothing of the text.

    Args:
        query: as ``query_of`` returned it.
        reason: why the login did not take it.
        redirect_uri: where their browser ends.
    """
    if is_redirect(query):
        return f"That was not it: {reason}. Copy the whole address, and paste it again."
    if "://" not in redirect_uri:  # a server's own name for it
        return "That isn't the address your browser ended at. It has code=… and state=… in it."
    mark = "&" if "?" in redirect_uri else "?"
    return f"That isn't the address your browser ended at. It starts with {redirect_uri}{mark}"


def _redirect(text: str) -> str:
    """Return the query of the first redirect in ``text``, or ""."""
    for part in _EDGE.split(text):
        if not is_redirect(part):
            continue
        first = _PARAMETER.search(part)
        start = part.rfind("?", 0, first.end() if first else 0) + 1
        return part[start:].rstrip(_LAST)
    return ""


def _unescaped(text: str) -> str:
    text = _ESCAPED.sub(lambda found: chr(int(found[1] or found[2], 16)), text).replace("\\", "")
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text)
