"""How a server differs in what is sent and answered: the row of its provider says so, and the profile's own keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from aventus_creds.basics.urls import origin
from aventus_creds.profiles.grants import Grant
from aventus_creds.profiles.providers import Provider

PLAIN: Final = (
    *("scope_separator", "token_types", "token_path", "bearer", "api_auth", "refresh_scope"),
    *("api_hosts", "swap_url", "swap_path"),
)
"""Columns of the table of providers that a profile's key of the same name replaces."""

MERGED: Final = ("api_headers", "token_headers")
"""Columns that a profile's key of the same name adds to."""

FACT: Final = re.compile(r"\{(\w+)\}")
"""A fact of the login in an address, see ``oauth.facts``."""


def rules(
    values: Mapping[str, Any], provider: Provider, grant: Grant, places: Mapping[str, str]
) -> dict[str, Any]:
    """Return the fields of ``Profile`` that say how its server differs.

    Args:
        values: the profile's own keys, checked.
        provider: its row.
        grant: its grant.
        places: what fills the templates of the row.
    """
    needed = {name for name, _ in grant.needs}
    return {
        **{key: values.get(key, getattr(provider, key)) for key in PLAIN},
        **{key: getattr(provider, key) | values.get(key, {}) for key in MERGED},
        "discovery_url": values.get("discovery_url") or provider.discovery_url.format_map(places),
        "grant_type": values.get("grant_type", provider.grant_type) if "grant_type" in needed else "",
        # Who says how a client without a secret authenticates has it send an empty one (RFC 6749 section 2.3.1).
        "empty_secret": "client_secret" not in values
        and (values.get("client_auth") == "basic" or provider.empty_secret),
    }


def filled(template: str, places: Mapping[str, str]) -> str:
    """Return a row's ``template`` with its placeholders filled. The facts of a login stay as they are."""
    return FACT.sub(lambda found: places.get(found[1], found[0]), template)


def literal_origins(api_url: str) -> list[str]:
    """Return the origin of an API's address, or none where only a login says it."""
    return [origin(urlsplit(api_url))] if api_url and not api_url.startswith("{") else []


def mistakes(
    given: Mapping[str, Any], values: Mapping[str, Any], provider: Provider, grant: Grant
) -> Iterator[tuple[str, str]]:
    """Yield each key that contradicts another one, and what is wrong.

    Args:
        given: the profile as it is written.
        values: those of its keys that are right by themselves.
        provider, grant: as for ``rules``.
    """
    for key, why in grant.needs:
        if key not in given and not getattr(provider, key, ""):
            yield key, f"missing; {why}"
    if "grant_type" in given and "grant_type" not in {name for name, _ in grant.needs}:
        yield "grant_type", 'is for grant = "custom": the others have their own'
    if "refresh_token" in given and not grant.attended:
        yield "refresh_token", f"is for logins of people: {grant.name} needs none"
    if "par" in given and not grant.redirects:
        yield "par", f"is for logins in a browser, and this profile has {grant.name}"
    if values.get("dpop"):
        yield from _against_proofs(given, provider, grant)
    if "discovery_url" in given and not provider.generic:
        yield "discovery_url", f"is for servers that the profile names itself, not for {provider.title}"
    api_url = values.get("api_url", "" if "api_url" in given else provider.api_url)
    if api_url.startswith("{") and not given.get("api_hosts", provider.api_hosts):
        what = "missing; api_url begins with what the server says, so name the hosts that may get the token:"
        yield "api_hosts", f'{what} ["*.example.com"]'


def _against_proofs(given: Mapping[str, Any], provider: Provider, grant: Grant) -> Iterator[tuple[str, str]]:
    """Yield what cannot be where each request to the API brings a proof (RFC 9449 section 7)."""
    if not grant.stored:
        yield (
            "dpop",
            f"is for tokens that are got here: with the grant {grant.name}, somebody else has the key",
        )
    for key in ("api_auth", "bearer", "swap_url", "token_types"):
        usual = Provider._field_defaults[key]
        if key in given or getattr(provider, key) != usual:
            yield "dpop", f"goes with no {key}: the access token is sent as RFC 9449 says, with its proof"
