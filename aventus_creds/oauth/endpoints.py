"""Finds the endpoints of a profile's authorization server: in the profile, or by discovery from its issuer.

A provider of the table may have both: then its document goes before the table, which serves where there is no document.
"""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import suppress
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.basics.redact import plain
from aventus_creds.basics.urls import origin, split_url
from aventus_creds.errors import InvalidAnswer, NetworkError, StoreError
from aventus_creds.oauth.request import Endpoints
from aventus_creds.oauth.transport import Transport
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.providers import ClientAuth

logger: Final = logging.getLogger(__name__)

KEPT_FOR: Final = 86400.0
"""Seconds for which a discovery document is used before it is fetched again."""

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
        hurried = Transport(profile._replace(timeout=min(profile.timeout, PATIENCE)))
        try:
            return _discovered(profile, hurried, cache, now=now)
        except (NetworkError, InvalidAnswer) as fault:
            logger.info("profile %s: the known endpoints serve, because %s", profile.name, fault.message)
    elif _issuer(profile):
        return _discovered(profile, transport, cache, now=now)
    return _endpoints(profile, {})


def _issuer(profile: Profile) -> str:
    """Return the issuer whose document is asked, or "" if all that is needed is known without."""
    given = profile.authorize_url and profile.token_url
    return profile.row_issuer or ("" if given else profile.issuer)


def _discovered(
    profile: Profile, transport: Transport, cache: PrivateFolder | None, *, now: float
) -> Endpoints:
    issuer = _issuer(profile)
    name = _file_name(issuer)
    kept = _kept(cache, name, issuer) if cache else None
    if kept and 0 <= now - kept.fetched_at < KEPT_FOR:
        with suppress(InvalidAnswer):
            return _endpoints(profile, kept.document)
    try:
        document = _fetch(issuer, transport)
    except NetworkError:
        if kept:  # better an old document than none: endpoints rarely move
            return _endpoints(profile, kept.document)
        raise
    endpoints = _endpoints(profile, document)
    if cache:
        with suppress(StoreError), cache.lock(name):
            cache.write(name, json.dumps({"fetched_at": now, "document": document}).encode())
    return endpoints


def announces_iss(profile: Profile, cache: PrivateFolder) -> bool:
    """Whether the profile's server is known to name itself in redirects (RFC 9207 section 3). Fetches nothing.

    Args:
        profile: without an issuer, of its own or its provider's, or with endpoints of its own, nothing is known.
        cache: where documents are kept, by ``find_endpoints``.
    """
    issuer = _issuer(profile)
    kept = _kept(cache, _file_name(issuer), issuer) if issuer else None
    return kept is not None and kept.document.get("authorization_response_iss_parameter_supported") is True


def _file_name(issuer: str) -> str:
    return f"{hashlib.sha256(issuer.encode()).hexdigest()[:32]}.json"


def _endpoints(profile: Profile, document: dict[str, Any]) -> Endpoints:
    def endpoint(key: str, name: str) -> str:
        known: str = getattr(profile, key)
        found = document.get(name) if not known or key in profile.row_endpoints else None
        if found:
            _check_endpoint(_issuer(profile), name, found)
        return str(found or known)

    endpoints = Endpoints(
        authorize_url=endpoint("authorize_url", "authorization_endpoint"),
        token_url=endpoint("token_url", "token_endpoint"),
        revoke_url=endpoint("revoke_url", "revocation_endpoint"),
        device_url=endpoint("device_url", "device_authorization_endpoint"),
        issuer=document.get("issuer", profile.issuer),
        announces_iss=document.get("authorization_response_iss_parameter_supported") is True,
        client_auth=profile.client_auth or _client_auth(document),
    )
    if not endpoints.token_url:
        raise InvalidAnswer(
            f"the discovery document of {profile.issuer} names no token_endpoint",
            hint="Give token_url in the profile.",
        )
    return endpoints


def _client_auth(document: dict[str, Any]) -> ClientAuth:
    """Return how the client authenticates: Basic if the document does not say (OIDC Discovery section 3)."""
    methods = document.get("token_endpoint_auth_methods_supported")
    only_post = (
        isinstance(methods, list) and "client_secret_post" in methods and "client_secret_basic" not in methods
    )
    return "post" if only_post else "basic"


class _Kept(NamedTuple):
    fetched_at: float
    document: dict[str, Any]


def _kept(cache: PrivateFolder, name: str, issuer: str) -> _Kept | None:
    try:
        content = json.loads(cache.read(name) or b"null")
        kept = _Kept(float(content["fetched_at"]), content["document"])
    except (StoreError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
        return None
    return kept if _is_of(issuer, kept.document) else None


def _fetch(issuer: str, transport: Transport) -> dict[str, Any]:
    """OpenID Connect Discovery section 4, then RFC 8414 section 3, which puts its name before the path."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    for url in (
        f"{origin(parts)}{path}/.well-known/openid-configuration",
        f"{origin(parts)}/.well-known/oauth-authorization-server{path}",
    ):
        answer = transport.get(url)
        if answer.status >= 500 or answer.status == 429:
            raise NetworkError(f"{url} answered with HTTP {answer.status}", hint="Try again later.")
        if answer.status != 200:
            continue
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            continue
        if not _is_of(issuer, document):
            named = plain(document.get("issuer"), public=True) if isinstance(document, dict) else ""
            raise InvalidAnswer(
                f"the document at {url} does not speak for the issuer {issuer}"
                + (f", but for {named}" if named else ""),
                hint="Write issuer in the profile exactly as the server's own documents give it. Where it stands for"
                " many ({…}), give authorize_url and token_url outright.",
            )
        return dict(document)
    raise InvalidAnswer(
        f"{issuer} has no discovery document",
        hint="Check issuer in the profile, or give authorize_url and token_url outright.",
    )


def _is_of(issuer: str, document: Any) -> bool:
    """Whether the issuers are the same (RFC 8414 section 3.3). Only a slash at the end may differ."""
    found = document.get("issuer") if isinstance(document, dict) else None
    return isinstance(found, str) and found.rstrip("/") == issuer.rstrip("/")


def _check_endpoint(issuer: str, name: str, url: Any) -> None:
    try:
        _check_url(issuer, url if isinstance(url, str) else "")
    except ValueError as what:
        raise InvalidAnswer(
            f"in the discovery document of {issuer}, {name} {what}",
            hint="Tell whoever runs the server, or give the addresses in the profile outright.",
        ) from None


def _check_url(issuer: str, url: str) -> None:
    parts = split_url(url)
    if "#" in url:  # RFC 6749 section 3.1
        raise ValueError("must not hold a fragment (#…)")
    if parts.scheme != "https" and urlsplit(issuer).scheme == "https":
        raise ValueError("must begin with https://, as the issuer does")
