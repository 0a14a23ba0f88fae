"""Finds the endpoints of a profile's authorization server: in the profile, or by discovery from its issuer.

A provider of the table may have both: then its document goes before the table, which serves where there is no document.
"""

from __future__ import annotations

import json
import logging
import math
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.basics.redact import plain
from aventus_creds.basics.urls import origin, split_url
from aventus_creds.errors import InvalidAnswer, NetworkError, StoreError
from aventus_creds.oauth.client_auth import chosen_method, for_certificates, signing_algorithms
from aventus_creds.oauth.documents import Place, is_of, kept_document, place_of
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


def find_endpoints(
    profile: Profile, transport: Transport, cache: PrivateFolder | None, *, now: float
) -> Endpoints:
    """Return the endpoints of the profile's server. Those set explicitly in the profile come first.

    Args:
        profile: if it sets all that is needed, nothing is fetched.
        transport: fetches the discovery document.
        cache: where documents are kept. None means nowhere.
        now: seconds since the epoch, UTC.

    Raises:
        NetworkError: the document cannot be fetched, and there is no older one.
        InvalidAnswer: there is no such document, or it belongs to another issuer or names unsafe addresses.
            Neither is raised for a provider of the table: its row serves then.
    """
    if profile.row_issuer:
        return _of_row(profile, cache, now=now)
    if place_of(profile):
        return _discovered(profile, transport, cache, now=now)
    return _endpoints(profile, {})


def _of_row(profile: Profile, cache: PrivateFolder | None, *, now: float) -> Endpoints:
    """Return what the document of a provider of the table says, or else the row. A miss is remembered for a while."""
    place = place_of(profile)
    name = f"{place.file}.missed" if place else ""
    if cache is None or not 0 <= now - _missed_at(cache, name) < MISSED_FOR:
        hurried = Transport(profile._replace(timeout=min(profile.timeout, PATIENCE)))
        try:
            return _discovered(profile, hurried, cache, now=now)
        except (NetworkError, InvalidAnswer) as fault:
            logger.info("profile %s: the known endpoints serve, because %s", profile.name, fault.message)
        if cache:
            with suppress(StoreError), cache.lock(name):
                cache.write(name, str(now).encode())
    return _endpoints(profile, {})


def _missed_at(cache: PrivateFolder, name: str) -> float:
    try:
        return float(cache.read(name) or b"-inf")
    except (StoreError, ValueError):
        return -math.inf


def _discovered(
    profile: Profile, transport: Transport, cache: PrivateFolder | None, *, now: float
) -> Endpoints:
    place = place_of(profile)
    assert place  # noqa: S101 - the callers have looked
    kept = kept_document(cache, place) if cache else None
    if kept and 0 <= now - kept.fetched_at < KEPT_FOR:
        with suppress(InvalidAnswer):
            return _endpoints(profile, kept.document)
    try:
        document = _fetch(place, transport)
    except NetworkError:
        if kept:  # better an old document than none: endpoints rarely move
            return _endpoints(profile, kept.document)
        raise
    endpoints = _endpoints(profile, document)
    if cache:
        with suppress(StoreError), cache.lock(place.file):
            cache.write(place.file, json.dumps({"fetched_at": now, "document": document}).encode())
    return endpoints


def _endpoints(profile: Profile, document: dict[str, Any]) -> Endpoints:
    document = for_certificates(profile, document)

    def endpoint(key: str, name: str) -> str:
        known: str = getattr(profile, key) if key else ""
        found = document.get(name) if not known or key in profile.row_endpoints else None
        if found:
            _check_endpoint(place_of(profile), name, found)
        return str(found or known)

    endpoints = Endpoints(
        authorize_url=endpoint("authorize_url", "authorization_endpoint"),
        token_url=endpoint("token_url", "token_endpoint"),
        revoke_url=endpoint("revoke_url", "revocation_endpoint"),
        device_url=endpoint("device_url", "device_authorization_endpoint"),
        issuer=document.get("issuer", profile.issuer),
        announces_iss=document.get("authorization_response_iss_parameter_supported") is True,
        client_auth=chosen_method(profile, document),
        assumes_auth=not profile.client_auth and not document.get("token_endpoint_auth_methods_supported"),
        signing_algorithms=signing_algorithms(document),
        par_url=endpoint("par_url", "pushed_authorization_request_endpoint"),
        proof_algorithms=_words(document.get("dpop_signing_alg_values_supported")),
        requires_par=document.get("require_pushed_authorization_requests") is True,
        jwks_url=endpoint("", "jwks_uri"),
        id_token_algorithms=_words(document.get("id_token_signing_alg_values_supported")),
        userinfo_url=endpoint("", "userinfo_endpoint"),
    )
    if not endpoints.token_url:
        raise InvalidAnswer(
            f"the discovery document of {place_of(profile)} names no token_endpoint",
            hint="Give token_url in the profile.",
        )
    return endpoints


def _words(found: Any) -> tuple[str, ...]:
    return tuple(word for word in found if isinstance(word, str)) if isinstance(found, list) else ()


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


def _check_endpoint(place: Place | None, name: str, url: Any) -> None:
    issuer = str(place or "")
    try:
        _check_url(issuer, url if isinstance(url, str) else "")
    except ValueError as what:
        raise InvalidAnswer(
            f"in the discovery document of {issuer}, {name} {what}",
            hint="Tell whoever runs the server, or set the addresses in the profile explicitly.",
        ) from None


def _check_url(issuer: str, url: str) -> None:
    parts = split_url(url)
    if "#" in url:  # RFC 6749 section 3.1
        raise ValueError("must not hold a fragment (#…)")
    if parts.scheme != "https" and urlsplit(issuer).scheme == "https":
        raise ValueError("must begin with https://, as the issuer does")
