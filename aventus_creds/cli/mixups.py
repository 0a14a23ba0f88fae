"""Finds profiles between whose servers a login could be mixed up (RFC 9700 section 4.4)."""

from __future__ import annotations

from aventus_creds.basics.places import state_folder
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import AventusCredsError
from aventus_creds.oauth.documents import announces_iss
from aventus_creds.profiles.file import ProfilesFile
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.profile import Profile


def mixups(file: ProfilesFile, among: list[str], *, fetch: bool) -> list[str]:
    """Return a warning for each redirect URI that profiles of different servers share.

    A dishonest server could send the browser on to the other one, whose code would then come back as if it were
    its own. Servers that name themselves in the redirect (``iss``, RFC 9207) rule that out, where both do.

    Args:
        file: the profiles. Those with mistakes are left out.
        among: warn only where one of these profiles is affected.
        fetch: whether to ask a server for its metadata if they are not cached. False: it is taken not to name
            itself.
    """
    users: dict[str, list[Profile]] = {}
    for profile in _redirecting(file):
        for uri in dict.fromkeys(profile.redirect_uris):
            users.setdefault(uri, []).append(profile)
    shared: dict[str, list[str]] = {}
    for uri, profiles in users.items():
        names = [profile.name for profile in profiles]
        several = len(set(map(_server, profiles))) > 1 and {*names} & {*among}
        if several and not all(_announces_iss(profile, fetch=fetch) for profile in profiles):
            shared[uri] = names
    return [
        f"{', '.join(dict.fromkeys(names))} share {uri}, and not every server is known to name itself in its"
        " redirects (iss): a dishonest one could get the code of another. Register a redirect URI with a path of"
        " its own for each server, for example http://127.0.0.1:8765/callback/aventus."
        for uri, names in shared.items()
    ]


def _redirecting(file: ProfilesFile) -> list[Profile]:
    found = []
    for name in file.names:
        try:
            profile = file.profile(name)
        except AventusCredsError:  # told elsewhere
            continue
        if GRANTS[profile.grant].redirects:
            found.append(profile)
    return found


def _server(profile: Profile) -> str:
    return profile.issuer or profile.authorize_url


def _announces_iss(profile: Profile, *, fetch: bool) -> bool:
    if not fetch:
        return announces_iss(profile, PrivateFolder(state_folder() / "discovery"))
    from aventus_creds.oauth.client import OAuthClient  # loads requests

    try:
        return OAuthClient(profile).endpoints.announces_iss
    except AventusCredsError:
        return False
