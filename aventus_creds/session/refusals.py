"""Does an API's answer refuse the token, and would another token help?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    import requests

    from aventus_creds.tokens import Token

SHORT_OF: Final = frozenset(
    {"insufficient_scope", "insufficient_user_authentication", "use_dpop_nonce", "invalid_dpop_proof"}
)
"""Errors of a 401 that a refresh does not help against (RFC 6750 3.1, RFC 9470 3, RFC 9449 7.1 and 9)."""

AGAIN: Final = 300.0
"""Seconds after which a token that replaced a refused one, in vain, is itself replaced when it is refused."""

REFUSALS: Final = frozenset({401, 403})
"""The statuses of answers that may say something of the token."""


def refuses(response: requests.Response, scheme: str = "bearer") -> bool:
    """Whether the answer says that the token is not good, so that a new one may help.

    That is a 401, unless it asks for more rights or another login; and a 403 with ``invalid_token``, with
    which some APIs answer where RFC 6750 section 3.1 asks for a 401.
    """
    if response.status_code not in REFUSALS:
        return False
    from aventus_creds.session.challenges import errors  # most answers have no challenge

    if response.status_code == 401:
        return not SHORT_OF & errors(response, scheme)
    return "invalid_token" in errors(response, scheme)


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
