"""Discovery documents that are kept on this machine: where each belongs, and whom it speaks for. Fetches nothing."""

from __future__ import annotations

import json
from typing import Any

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.basics.urls import split_url
from aventus_creds.errors import StoreError
from aventus_creds.oauth.issuers import is_template, speaks_for
from aventus_creds.profiles.profile import Profile
from aventus_creds.structs import Struct


class Place(Struct):
    """Where a document is asked for: the issuer that it must speak for ("": any), and its address ("": usual)."""

    issuer: str
    url: str

    @property
    def file(self) -> str:
        """The name under which the document is kept."""
        import hashlib  # listing profiles needs none

        place = f"{self.issuer} {self.url}" if self.url else self.issuer
        return f"{hashlib.sha256(place.encode()).hexdigest()[:32]}.json"

    def __str__(self) -> str:
        """Return what messages call it."""
        return self.issuer or self.url


def place_of(profile: Profile) -> Place | None:
    """Return where the document is, or None if all that is needed is known without."""
    if profile.is_discovered:
        return Place(profile.row_issuer or profile.issuer, profile.discovery_url)
    return None


class Kept(Struct):
    """A document, and when it was fetched, in seconds since the epoch, UTC."""

    fetched_at: float
    document: dict[str, Any]


def kept_document(cache: PrivateFolder, place: Place) -> Kept | None:
    """Return the document that is kept for ``place``, however old, or None if there is none that is whole."""
    try:
        content = json.loads(cache.read(place.file) or b"null")
        kept = Kept(float(content["fetched_at"]), content["document"])
    except (StoreError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
        return None
    return kept if is_of(place.issuer, kept.document) else None


def is_of(issuer: str, document: Any) -> bool:
    """Whether the issuers are the same (RFC 8414 section 3.3). Only a slash at the end may differ.

    The document of many tenants has a template in its place, which the issuer must fit. With ``issuer`` "" the profile
    names the document alone, and whoever answers there says who it is.
    """
    found = document.get("issuer") if isinstance(document, dict) else None
    if not isinstance(found, str):
        return False
    if not issuer:
        return is_template(found) or _is_address(found)
    return found.rstrip("/") == issuer.rstrip("/") or (is_template(found) and speaks_for(found, issuer))


def _is_address(url: str) -> bool:
    try:
        split_url(url)
    except ValueError:
        return False
    return True


def announces_iss(profile: Profile, cache: PrivateFolder) -> bool:
    """Whether the profile's server is known to name itself in redirects (RFC 9207 section 3). Fetches nothing.

    Args:
        profile: without an issuer, of its own or its provider's, or with endpoints of its own, nothing is known.
        cache: where documents are kept, by ``find_endpoints``.
    """
    place = place_of(profile)
    kept = kept_document(cache, place) if place else None
    return kept is not None and kept.document.get("authorization_response_iss_parameter_supported") is True
