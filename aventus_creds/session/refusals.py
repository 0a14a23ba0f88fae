"""Does an API's answer refuse the token, and would another token help?"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    import requests

    from aventus_creds.tokens import Token

SHORT_OF: Final = frozenset({"insufficient_scope", "insufficient_user_authentication"})
"""Errors of a 401 that a refresh does not help against (RFC 6750 section 3.1, RFC 9470 section 3)."""

AGAIN: Final = 300.0
"""Seconds after which a token that replaced a refused one, in vain, is itself replaced when it is refused."""

_PART: Final = re.compile(r"""([^\s,="]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?""")
"""A scheme, or a parameter with its value, in WWW-Authenticate (RFC 9110 section 11.6.1)."""


def refuses(response: requests.Response) -> bool:
    """Whether the answer says that the token is not good, so that a new one may help.

    That is a 401, unless it asks for more rights or another login; and a 403 with ``invalid_token``, with
    which some APIs answer where RFC 6750 section 3.1 asks for a 401.
    """
    if response.status_code == 401:
        return not SHORT_OF & _errors(response)
    return response.status_code == 403 and "invalid_token" in _errors(response)


def _errors(response: requests.Response) -> set[str]:
    """Return the ``error`` of each Bearer challenge (RFC 6750 section 3)."""
    found, scheme = set(), ""
    for name, quoted, plain in _PART.findall(response.headers.get("WWW-Authenticate", "")):
        if quoted or plain:
            if scheme == "bearer" and name.lower() == "error":
                found.add(quoted or plain)
        else:
            scheme = name.lower()
    return found


class Replacements:
    """The tokens that took the place of a refused one at an API, and whether that helped.

    If the replacement of a refused token is refused too, the token is not the problem. Replacing it again would
    be a refresh for each request. All sessions of a process share this, because a program may make one for each
    call. Only the hashes of tokens are kept.

    Args:
        origins: those of the API.
    """

    _untried: ClassVar[set[int]] = set()
    _in_vain: ClassVar[dict[int, float]] = {}

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = origins

    def made(self, token: Token) -> None:
        """Note that ``token`` replaces a refused one. Whether that helps is not known yet."""
        self._untried.add(hash((self._origins, token)))

    def accepted(self, token: Token) -> None:
        """Note that the API has taken ``token``."""
        if self._untried:  # seldom: every answer comes through here
            self._untried.discard(hash((self._origins, token)))

    def refused(self, token: Token) -> bool:
        """Note that the API has refused ``token``. Returns whether replacing it would be in vain."""
        key, now = hash((self._origins, token)), time.monotonic()
        for old in [old for old, when in tuple(self._in_vain.items()) if now - when >= AGAIN]:
            self._in_vain.pop(old, None)
        if key in self._untried:
            self._in_vain[key] = now
            self._untried.discard(key)
        return key in self._in_vain
