"""GivenSource: a token that somebody else keeps fresh, such as the hub or an agent."""

from __future__ import annotations

import time

from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.machine import expired, not_renewed
from aventus_creds.sources.places import read_token
from aventus_creds.sources.source import differs
from aventus_creds.tokens import Token


class GivenSource:
    """Reads the token anew from where it is kept. Nothing here can renew it."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the token that is there now.

        Raises:
            LoginRequired: it has expired, or is still the one that the API has refused.
            SecretError: there is none. Otherwise as ``read_token`` does.
        """
        assert self._profile.machine and self._profile.machine.token  # noqa: S101, PT018 - the grant needs it
        reference = self._profile.machine.token
        now = time.time()
        refused = stale if stale is not None and stale.fresh(now, at_least) else None
        found = read_token(reference, self._profile, refused=refused)
        token = Token(found.text, obtained_at=now, expires_at=found.expires_at)
        if token.expired(now):
            raise expired(self._profile, reference, token.expires_at)
        if not differs(token, refused):
            raise not_renewed(self._profile, reference, "was refused")
        return token
