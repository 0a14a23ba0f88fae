"""Finds the endpoints of a profile's authorization server: in the profile, or by discovery from its issuer.

A provider of the table may have both: then its document goes before the table, which serves where there is no document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aventus_creds.basics.urls import split_url
from aventus_creds.errors import InvalidAnswer
from aventus_creds.oauth.client_auth import chosen_method, for_certificates, signing_algorithms
from aventus_creds.oauth.request import Endpoints
from aventus_creds.profiles.profile import Profile

if TYPE_CHECKING:
    from aventus_creds.basics.private_folder import PrivateFolder
    from aventus_creds.oauth.documents import Place
    from aventus_creds.oauth.transport import Transport


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
    if not profile.is_discovered:
        return from_document(profile, {})
    from aventus_creds.oauth.discovery import (  # many profiles name the addresses themselves
        discovered,
        of_row,
    )

    if profile.row_issuer:
        return of_row(profile, cache, now=now)
    return discovered(profile, transport, cache, now=now)


def from_document(profile: Profile, document: dict[str, Any], place: Place | None = None) -> Endpoints:
    """Return what the profile and the ``document`` of its server say.

    Args:
        profile: what it names itself goes before the document.
        document: ``{}`` where there is none.
        place: where the document is from.

    Raises:
        InvalidAnswer: it names unsafe addresses, or no token endpoint.
        ConfigError: the server takes none of the ways in which the client can authenticate.
    """
    document = for_certificates(profile, document)

    def endpoint(key: str, name: str) -> str:
        known: str = getattr(profile, key) if key else ""
        found = document.get(name) if not known or key in profile.row_endpoints else None
        if found:
            _check_endpoint(str(place or ""), name, found)
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
            f"the discovery document of {place} names no token_endpoint",
            hint="Give token_url in the profile.",
        )
    return endpoints


def _words(found: Any) -> tuple[str, ...]:
    return tuple(word for word in found if isinstance(word, str)) if isinstance(found, list) else ()


def _check_endpoint(issuer: str, name: str, url: Any) -> None:
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
