"""An authorization server's documents, and finding its endpoints by them."""

from __future__ import annotations

from typing import Any

from support import make_profile

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.oauth.endpoints import find_endpoints
from aventus_creds.oauth.request import Endpoints
from aventus_creds.oauth.transport import Transport
from aventus_creds.profiles.profile import Profile

OIDC = "/.well-known/openid-configuration"
NOW = 1_800_000_000.0


def document(issuer: str, **fields: Any) -> dict[str, Any]:
    """Return a discovery document with the endpoints that a login needs."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        **fields,
    }


def find(profile: Profile, cache: PrivateFolder, *, now: float = NOW) -> Endpoints:
    return find_endpoints(profile, Transport(profile), cache, now=now)


def at(issuer: str, **keys: Any) -> Profile:
    """Return a profile of that issuer."""
    keys.setdefault("timeout", 5)
    return make_profile(issuer=issuer, **keys)
