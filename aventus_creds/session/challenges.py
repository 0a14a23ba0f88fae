"""Reads the challenges of an API: what WWW-Authenticate says (RFC 9110 section 11.6.1). Anybody may have written it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aventus_creds.structs import Struct

if TYPE_CHECKING:
    import requests

LONGEST: Final = 16384
"""Characters of the header that are read, at most."""

MOST: Final = 64
"""Challenges and parameters that are read, at most."""

_PART: Final = re.compile(
    r"""([^\s,="]+)                                           # a scheme, or the name of a parameter
        (?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"=]+))   # its value
          |(=+)(?=[\s,]|$))?                                  # or the end of what Negotiate and others send
    """,
    re.VERBOSE,
)


class Challenge(Struct):
    """One challenge: its scheme and the names of its parameters, both in lower case. Of a repeated one, the first."""

    scheme: str
    parameters: dict[str, str]


def challenges(header: str) -> list[Challenge]:
    """Return the challenges in a WWW-Authenticate header, whose parts an API may have put into several headers."""
    found: list[Challenge] = []
    for count, part in enumerate(_PART.finditer(header[:LONGEST])):
        if count >= MOST:
            break
        name, quoted, bare, padding = part.groups()
        if quoted is not None or bare is not None:
            if found:
                value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
                found[-1].parameters.setdefault(name.lower(), value)
        elif padding is None:
            found.append(Challenge(name.lower(), {}))
    return found


def bearer_challenges(
    header: str, schemes: frozenset[str] = frozenset({"bearer", "dpop"})
) -> list[dict[str, str]]:
    """Return the parameters of each challenge for bearer tokens (RFC 6750 section 3), or other ``schemes``."""
    return [each.parameters for each in challenges(header) if each.scheme in schemes]


def errors(response: requests.Response, ours: str) -> set[str]:
    """Return the ``error`` of each challenge of the scheme ``ours``: bearer (RFC 6750 3) or dpop (RFC 9449 7.1)."""
    header = response.headers.get("WWW-Authenticate", "")
    return {found["error"] for found in bearer_challenges(header, frozenset({ours})) if "error" in found}
