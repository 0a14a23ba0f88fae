"""Sources of tokens that a machine gets for what it has: another token, or a key."""

from __future__ import annotations

import time

from aventus_creds.errors import LoginRequired, TokenRefused
from aventus_creds.oauth.found import Found
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.secrets import SecretRef
from aventus_creds.sources.places import read_token
from aventus_creds.tokens import Token, utc


class TokenExchangeSource:
    """Exchanges a token that the machine has, read anew each time (RFC 8693). It does not need the old one."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:  # noqa: ARG002 - the interface
        """Return a new token.

        Raises:
            LoginRequired: the token that is exchanged has expired.
            SecretError: there is none. Otherwise as ``read_token`` and OAuthClient do.
        """
        from aventus_creds.oauth.client import OAuthClient  # imported late: a fresh token needs no server

        machine = self._profile.machine
        assert machine and machine.subject_token  # noqa: S101, PT018 - the grant needs it
        subject = self._read(machine.subject_token, machine.subject_token_type)
        actor = self._read(machine.actor_token, machine.actor_token_type) if machine.actor_token else None
        try:
            return OAuthClient(self._profile).exchange_token(subject, actor)
        except TokenRefused as refusal:
            refusal.hint = self._profile.provider.exchange_hint or refusal.hint
            raise

    def _read(self, reference: SecretRef, token_type: str) -> Found:
        found = read_token(reference, self._profile, wants=token_type.rpartition(":")[2])
        if found.expires_at <= time.time():
            raise expired(self._profile, reference, found.expires_at)
        return found


class JwtBearerSource:
    """Gets a token for an assertion that is signed with a key of one's own (RFC 7523 section 2.1)."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:  # noqa: ARG002 - the interface
        """Return a new token."""
        from aventus_creds.oauth.client import OAuthClient  # imported late: a fresh token needs no server

        return OAuthClient(self._profile).token_for_assertion()


def expired(profile: Profile, reference: SecretRef, moment: float) -> LoginRequired:
    """Return the error for a token of somebody else that has expired: nobody here can renew it."""
    return not_renewed(profile, reference, f"has expired, at {utc(moment)}")


def not_renewed(profile: Profile, reference: SecretRef, what: str) -> LoginRequired:
    """Return the error for a token of somebody else, with ``what`` is wrong with it."""
    return LoginRequired(
        f"the {reference.name} of profile {profile.name}, in {reference.place}, {what}",
        hint="It is not renewed here: have whoever keeps it there put a fresh one.",
    )
