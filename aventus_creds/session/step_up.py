"""Reads what an API wants beyond the login that there is: a further scope, or a stronger or newer login.

RFC 6750 section 3.1 (``insufficient_scope``) and RFC 9470 section 3 (``insufficient_user_authentication``). What an API
says is shown and offered only as far as it could stand in a request: words of printable ASCII, and a number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from aventus_creds.oauth.scopes import not_granted
from aventus_creds.profiles.login_options import NO_OPTIONS, LoginOptions
from aventus_creds.session.challenges import bearer_challenges

if TYPE_CHECKING:
    import requests

    from aventus_creds.tokens import Token

MOST_WORDS: Final = 32
"""Scopes, or classes of logins, that an API may ask for at once."""

LONGEST_WORD: Final = 200
"""Characters of one of them, at most."""

SCHEMES: Final = frozenset({"bearer", "dpop"})

_WORD: Final = re.compile(rf"[\x21\x23-\x5b\x5d-\x7e]{{1,{LONGEST_WORD}}}")  # RFC 6749 section 3.3
_SECONDS: Final = re.compile(r"[0-9]{1,9}")


def missing(response: requests.Response, token: Token) -> LoginOptions | None:
    """Return what a login must be asked for so that the API takes the request, or None if no login is known to help.

    Args:
        response: the API's refusal.
        token: what the request had. A scope that it has already is not missing.
    """
    for found in bearer_challenges(response.headers.get("WWW-Authenticate", ""), SCHEMES):
        if found.get("error") == "insufficient_scope":
            asked = _words(found.get("scope", ""))
            wanted = not_granted(asked, token.scope, refreshes=False) if asked else []
            if wanted:
                return LoginOptions(scope=" ".join(word for word in asked.split() if word in wanted))
        if found.get("error") == "insufficient_user_authentication":
            age = found.get("max_age", "")
            return NO_OPTIONS._replace(
                acr_values=_words(found.get("acr_values", "")),
                max_age=int(age) if _SECONDS.fullmatch(age) else None,
            )
    return None


def _words(text: str) -> str:
    """Return the words of a list, or "" where it is none that a request could hold."""
    words = [word for word in text.split(" ", MOST_WORDS) if word]  # of more, the last is the rest
    return " ".join(words) if all(map(_WORD.fullmatch, words)) else ""
