"""Logging out: deletes the login here, and revokes it at the server if that is possible."""

from __future__ import annotations

from aventus_creds.errors import AventusCredsError
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.cached import CachedSource
from aventus_creds.structs import Struct


class Logout(Struct):
    """The result of a logout: whether there was a login, whether the server revoked it, and if not, why not."""

    found: bool
    revoked: bool
    why_not: str = ""


def log_out(profile: Profile, cache: CachedSource) -> Logout:
    """Delete the login, then revoke it at the server if the server can do that.

    Args:
        profile: whose login.
        cache: where the login is kept.

    Raises:
        StoreError: it could not be deleted. A failure to revoke it is no error, but part of the result.
    """
    token = cache.forget()
    if token is None:
        return Logout(found=False, revoked=False)
    if not GRANTS[profile.grant].stored:
        return Logout(found=True, revoked=False, why_not="it is somebody else's, and was forgotten only here")
    try:
        revoked = OAuthClient(profile).revoke(token)
    except AventusCredsError as error:
        return Logout(found=True, revoked=False, why_not=error.message)
    return Logout(
        found=True, revoked=revoked, why_not="" if revoked else "the server has no revocation endpoint"
    )
