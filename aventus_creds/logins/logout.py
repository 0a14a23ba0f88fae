"""What a logout does: the login is revoked at the server where that is possible, and forgotten here."""

from __future__ import annotations

from typing import NamedTuple

from aventus_creds.errors import AventusCredsError
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.cached import CachedSource


class Logout(NamedTuple):
    """What a logout did: whether there was a login, whether the server revoked it, and if not, why."""

    found: bool
    revoked: bool
    why_not: str = ""


def log_out(profile: Profile, cache: CachedSource) -> Logout:
    """Forget the login, and revoke it at the server where that has an endpoint. Raises StoreError."""
    token = cache.forget()
    if token is None:
        return Logout(found=False, revoked=False)
    try:
        revoked = OAuthClient(profile).revoke(token)
    except AventusCredsError as error:
        return Logout(found=True, revoked=False, why_not=error.message)
    return Logout(
        found=True, revoked=revoked, why_not="" if revoked else "the server has no revocation endpoint"
    )
