"""How a request presents its token to an API: which token, in which header, with which scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aventus_creds.errors import ConfigError

if TYPE_CHECKING:
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.tokens import Token

USUAL: Final = "Authorization: Bearer {token}"
"""RFC 6750 section 2.1."""


class Presentation:
    """The header that holds the token.

    Args:
        api_auth: the header and what is in it, with ``{token}`` for the token.
        bearer: ``access_token``, or ``id_token`` where the API wants that one.
    """

    __slots__ = ("_after", "_before", "_by_id", "header")

    header: str
    _before: str
    _after: str
    _by_id: bool

    def __init__(self, api_auth: str = USUAL, bearer: str = "access_token") -> None:
        self.header, _, value = api_auth.partition(": ")
        self._before, _, self._after = value.partition("{token}")
        self._by_id = bearer == "id_token"

    def token(self, token: Token) -> str:
        """Return what the API gets of ``token``. One that the environment injects is used as it is."""
        return (self._by_id and token.id_token) or token.access_token

    def present(self, request: Any, token: Token) -> None:
        """Put the token into the header of ``request``, of whatever library."""
        request.headers[self.header] = (
            f"{self._before}{self.token(token)}{self._after}"  # as value: it is quicker
        )

    def value(self, token: Token) -> str:
        """Return the value of the header."""
        return f"{self._before}{self.token(token)}{self._after}"


def alone(profile: Profile) -> Presentation:
    """Return how to present a profile's token to whoever gets nothing else. Raises ConfigError if it is of no use."""
    if profile.dpop:
        raise ConfigError(
            f"the tokens of profile {profile.name} are bound to a key: alone they are of no use",
            hint="Use get_session or get_client, which send a proof with each request.",
        )
    return Presentation(profile.api_auth, profile.bearer)
