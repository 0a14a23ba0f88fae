"""InjectedSource: a token from an environment variable, used as it is."""

from __future__ import annotations

import math
import os
import time

from aventus_creds.basics.hidden import Secretive
from aventus_creds.errors import ConfigError, LoginRequired
from aventus_creds.profiles.profile import token_variable
from aventus_creds.sources.source import differs, long_enough
from aventus_creds.tokens import LONGEST_LIFETIME, Token, is_header_safe, jwt_claims


class InjectedSource(Secretive):
    """Gives a token from the environment as it is. It cannot be refreshed.

    Args:
        token: the token.
        place: where it came from, for error messages: the name of the variable.
    """

    def __init__(self, token: Token, place: str) -> None:
        self._token = token
        self._place = place

    @classmethod
    def of(cls, variable: str) -> InjectedSource:
        """Return the source of the token in the environment ``variable``. Raises ConfigError where it holds none."""
        return cls(_injected(variable), variable)

    def ready(self) -> Token:
        """Return the token: it can always be had at once."""
        return self._token

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        """Return the token. Raises LoginRequired if it is the one that an API has refused."""
        if not differs(self._token, stale):
            raise LoginRequired(
                f"the token in {self._place} was refused", hint=f"Put a fresh one into {self._place}."
            )
        return long_enough(self._token, at_least)


def injected_source(name: str) -> InjectedSource | None:
    """Return the source of the token that the environment injects for the profile ``name``, if it does.

    Raises ConfigError where what it injects is no access token.
    """
    variable = token_variable(name)
    if variable not in os.environ:  # a statement apart: IPython draws all that the one that raises names
        return None
    return InjectedSource.of(variable)


def _injected(variable: str) -> Token:
    """Return the token in ``variable``. Only a JWT says when it expires."""
    if not is_header_safe(os.environ[variable].strip()):
        raise ConfigError(
            f"{variable} holds no access token", hint="Set it to the access token alone, or unset it."
        )
    text, now = os.environ[variable].strip(), time.time()
    expiry = jwt_claims(text).get("exp")
    if not isinstance(expiry, int | float) or not 0 < expiry < now + LONGEST_LIFETIME:
        expiry = math.inf
    return Token(text, obtained_at=now, expires_at=float(expiry))
