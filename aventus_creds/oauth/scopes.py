"""Scopes as servers write them: how a list of them is sent and read, and which were asked for in vain. No I/O."""

from __future__ import annotations

from typing import Final

from aventus_creds.profiles.profile import Profile

UNLISTED: Final = frozenset({"offline_access"})
"""Scopes that servers grant without listing them, since the refresh token shows it (Entra)."""


def joined(profile: Profile) -> str:
    """Return the profile's scopes as its server wants them in a request."""
    return profile.scope_separator.join(profile.scope.split())


def spaced(scope: str, profile: Profile) -> str:
    """Return the ``scope`` of an answer with spaces between the scopes (RFC 6749 section 3.3).

    Some servers separate them by commas, also where they are asked for with spaces (GitHub). A comma within a scope
    counts where the profile asks for such a one.
    """
    separator = profile.scope_separator
    if separator == " " and "," not in profile.scope:
        separator = ","
    return " ".join(scope.replace(separator, " ").split())


def not_granted(asked: str, granted: str | None, *, refreshes: bool) -> list[str]:
    """Return the scopes that were ``asked`` for and are not ``granted``. Both have spaces between them.

    Args:
        asked: the scopes of the request.
        granted: those of the answer. None: it named none.
        refreshes: whether the answer had a refresh token.
    """
    given = {scope.lower() for scope in (granted or "").split()}
    known = given | {name for scope in given for name in _short(scope)}
    missing = {
        word for word in asked.split() if not known & {word.lower()} and not given & _short(word.lower())
    }
    return sorted(missing - UNLISTED if refreshes else missing)


def _short(scope: str) -> set[str]:
    """Return the short names of a scope that is an address.

    Some servers answer with the long name of what was asked for by the short one (Google: ``email`` is
    ``https://www.googleapis.com/auth/userinfo.email``), others the other way round (Entra:
    ``https://graph.microsoft.com/User.Read`` is ``User.Read``).
    """
    name = scope.rpartition("/")[2] if "://" in scope else ""
    return {name, name.removeprefix("userinfo.")} - {""}
