"""Reads a token from any place that a profile names: those of oauth/places.py, and another profile."""

from __future__ import annotations

import math

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import SecretError
from aventus_creds.oauth.found import Found, token_end
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.secrets import SecretRef
from aventus_creds.tokens import Token


def read_token(
    reference: SecretRef, profile: Profile, *, refused: Token | None = None, wants: str = ""
) -> Found:
    """Return the token in a place, read now.

    Args:
        reference: the place.
        profile: who asks: its file has the other profile, its limits are those of a request.
        refused: a token that an API has refused. Another profile replaces it, if it is its own.
        wants: the field to prefer where there are several tokens, such as ``id_token``.

    Raises:
        SecretError: it cannot be read, or is no token.
        AventusCredsError: what another profile's source raises.
    """
    if reference.kind == "profile":
        return _of_profile(reference.named, profile, refused, wants)
    from aventus_creds.oauth.places import read_place  # loads requests

    return read_place(reference, profile, wants=wants)


def _of_profile(name: str, profile: Profile, refused: Token | None, wants: str) -> Found:
    """Return a token of the profile ``name`` of the same file, from its own cache. Nobody is asked."""
    from aventus_creds.profiles.file import read_profiles
    from aventus_creds.sources.chain import unattended_source

    token = unattended_source(read_profiles(profile.path or None).profile(name)).token(refused)
    if wants == "id_token":
        return _id_token(name, token)
    if token.proof_key and not wants:  # it would be sent to an API, without the proofs
        raise SecretError(
            f"the login of profile {name} is bound to a key, and of no use to another profile",
            hint=f"Use the profile {name} itself, or exchange its token (token_exchange).",
        )
    end = token.expires_at if token.expires_at < math.inf else token_end(token.access_token)
    return Found(token.access_token, end)


def _id_token(name: str, token: Token) -> Found:
    kept = Hidden(getattr(token, "id_token", None))
    if not kept.reveal():
        raise SecretError(
            f"the login of profile {name} has no ID token that was kept",
            hint="Have the scope openid in that profile, or exchange its access token: leave subject_token_type out.",
        )
    return Found(str(kept.reveal()), token_end(str(kept.reveal())))
