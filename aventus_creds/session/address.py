"""Where an API is that only a login can say: Salesforce's instance, QuickBooks' company.

What a server answers then decides where the token goes. So the profile, or its provider's row, names the hosts that
it may go to; and what stands in a path is one part of that path, and nothing more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aventus_creds.basics.redact import plain
from aventus_creds.basics.urls import is_loopback, origin, split_url
from aventus_creds.errors import InvalidAnswer
from aventus_creds.profiles.rules import FACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aventus_creds.profiles.profile import Profile
    from aventus_creds.tokens import Token

_PART: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
"""A value in a path: no slash, and no dots alone."""


def with_address(profile: Profile, token: Token) -> Profile:
    """Return ``profile`` with the API's address as this login has it.

    Raises:
        InvalidAnswer: the server did not say what the address needs, or what the profile does not allow.
    """
    facts = token.extra
    if missing := [name for name in FACT.findall(profile.api_url) if name not in facts]:
        known = f" It said {', '.join(sorted(facts))}." if facts else ""
        raise InvalidAnswer(
            f"api_url of profile {profile.name} needs {missing[0]}, which the server did not say at the login",
            hint=f"Log in again, or write the address outright.{known}",
        )
    if profile.api_url.startswith("{"):
        name = FACT.findall(profile.api_url)[0]
        base = _allowed(profile, name, facts[name])
        api_url = base.rstrip("/") + profile.api_url.removeprefix(f"{{{name}}}")
    else:
        api_url = FACT.sub(lambda found: _part(profile, found[1], facts), profile.api_url)
    origins = (origin(urlsplit(api_url)), *profile.api_origins)
    return profile._replace(api_url=api_url, api_origins=tuple(dict.fromkeys(origins)))


def _part(profile: Profile, name: str, facts: Mapping[str, str]) -> str:
    if not _PART.fullmatch(facts[name]):
        raise _refused(profile, name, facts[name], "is no single part of a path")
    return facts[name]


def _allowed(profile: Profile, name: str, value: str) -> str:
    """Return ``value`` if it is an address at one of the profile's hosts."""
    try:
        parts = split_url(value)
    except ValueError as what:
        raise _refused(profile, name, value, str(what)) from None
    host = (parts.hostname or "").lower()
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise _refused(profile, name, value, "must not hold a query or a fragment")
    if parts.port is not None and not is_loopback(host):
        raise _refused(profile, name, value, "must not name a port")
    if not is_one_of(host, profile.api_hosts):
        raise _refused(profile, name, value, f"is at none of the hosts {', '.join(profile.api_hosts)}")
    return value


def is_one_of(host: str, patterns: Iterable[str]) -> bool:
    """Whether ``host`` is named by one of ``patterns``: itself, or ``*.`` and what it ends in."""
    return any(host.endswith(it[1:]) if it.startswith("*.") else host == it for it in patterns)


def _refused(profile: Profile, name: str, value: str, why: str) -> InvalidAnswer:
    return InvalidAnswer(
        f"the token is not sent where the server says: {name}, {plain(value, public=True)}, {why}",
        hint=f"If that is the API of profile {profile.name}, add its host to api_hosts.",
    )
