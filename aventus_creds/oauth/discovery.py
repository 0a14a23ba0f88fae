"""Discovery: the document in which a server says what its endpoints are is fetched, checked, and kept for a while."""

from __future__ import annotations

import json
import logging
import math
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.basics.redact import plain
from aventus_creds.basics.urls import origin
from aventus_creds.errors import InvalidAnswer, NetworkError, StoreError
from aventus_creds.oauth.documents import Place, is_of, kept_document, place_of
from aventus_creds.oauth.endpoints import from_document
from aventus_creds.oauth.request import Endpoints
from aventus_creds.oauth.transport import Transport
from aventus_creds.profiles.profile import Profile

logger: Final = logging.getLogger(__name__)

KEPT_FOR: Final = 86400.0
"""Seconds for which a discovery document is used before it is fetched again."""

MISSED_FOR: Final = 600.0
"""Seconds for which a document that a login can do without is not asked for again after it could not be had."""

PATIENCE: Final = 5.0
"""Seconds to wait at most for a document that a login can do without."""


def of_row(profile: Profile, cache: PrivateFolder | None, *, now: float) -> Endpoints:
    """Return what the document of a provider of the table says, or else the row. A miss is remembered for a while."""
    place = place_of(profile)
    assert place  # noqa: S101 - the caller has looked
    name = f"{place.file}.missed"
    if cache is None or not 0 <= now - _missed_at(cache, name) < MISSED_FOR:
        hurried = Transport(profile._replace(timeout=min(profile.timeout, PATIENCE)))
        try:
            return discovered(profile, hurried, cache, now=now)
        except (NetworkError, InvalidAnswer) as fault:
            logger.info("profile %s: the known endpoints serve, because %s", profile.name, fault.message)
        if cache:
            with suppress(StoreError), cache.lock(name):
                cache.write(name, str(now).encode())
    return from_document(profile, {}, place)


def _missed_at(cache: PrivateFolder, name: str) -> float:
    try:
        return float(cache.read(name) or b"-inf")
    except (StoreError, ValueError):
        return -math.inf


def discovered(
    profile: Profile, transport: Transport, cache: PrivateFolder | None, *, now: float
) -> Endpoints:
    """Return what the server's document says: the kept one of the last day, or else the server's, or an older one."""
    place = place_of(profile)
    assert place  # noqa: S101 - the caller has looked
    kept = kept_document(cache, place) if cache else None
    if kept and 0 <= now - kept.fetched_at < KEPT_FOR:
        with suppress(InvalidAnswer):
            return from_document(profile, kept.document, place)
    try:
        document = _fetch(place, transport)
    except NetworkError:
        if kept:  # better an old document than none: endpoints rarely move
            return from_document(profile, kept.document, place)
        raise
    endpoints = from_document(profile, document, place)
    if cache:
        with suppress(StoreError), cache.lock(place.file):
            cache.write(place.file, json.dumps({"fetched_at": now, "document": document}).encode())
    return endpoints


def _fetch(place: Place, transport: Transport) -> dict[str, Any]:
    """Fetch the document, and check whom it speaks for."""
    for url in _addresses(place):
        answer = transport.get(url)
        if answer.status >= 500 or answer.status == 429:
            raise NetworkError(f"{url} answered with HTTP {answer.status}", hint="Try again later.")
        if answer.status != 200:
            continue
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            continue
        if not is_of(place.issuer, document):
            named = plain(document.get("issuer"), public=True) if isinstance(document, dict) else ""
            raise InvalidAnswer(
                f"the document at {url} does not speak for the issuer {place}"
                + (f", but for {named}" if named else ""),
                hint="Write issuer in the profile exactly as the server's own documents give it. Where it stands for"
                " many ({…}), set authorize_url and token_url explicitly.",
            )
        return dict(document)
    raise InvalidAnswer(
        f"{place} has no discovery document",
        hint="Check issuer in the profile, or set authorize_url and token_url explicitly.",
    )


def _addresses(place: Place) -> tuple[str, ...]:
    """OpenID Connect Discovery section 4, then RFC 8414 section 3, which puts its name before the path."""
    if place.url:
        return (place.url,)
    parts = urlsplit(place.issuer)
    path = parts.path.rstrip("/")
    return (
        f"{origin(parts)}{path}/.well-known/openid-configuration",
        f"{origin(parts)}/.well-known/oauth-authorization-server{path}",
    )
