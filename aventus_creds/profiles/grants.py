"""The grants that a profile may use, as one table. Data only."""

from __future__ import annotations

from typing import Final, Literal

from aventus_creds.structs import Struct


class Grant(Struct):
    """A way to obtain a token, and what a profile needs for it."""

    name: str
    title: str
    endpoints: tuple[str, ...]  # set by the profile, the provider or the discovery document
    client_secret: Literal["required", "optional", "forbidden"]
    redirects: bool = False  # the browser returns to the redirect URI
    attended: bool = True  # a user logs in
    source: str = ""  # of an unattended grant: "module:class" in sources/, which makes its tokens
    client: Literal["required", "optional", "none"] = (
        "required"  # whether a profile names a client of the server
    )
    needs: tuple[tuple[str, str], ...] = ()  # further keys that a profile must have, and why
    needs_one: tuple[str, ...] = ()  # of these it must have one
    takes: tuple[str, ...] = ()  # further keys that it may have
    signs: bool = False  # its client_key signs an assertion of its own
    stored: bool = True  # its tokens go into the store; if not, they stay in the process

    @property
    def words(self) -> str:
        """The title without its RFC, for those who use it."""
        return self.title.partition(" (")[0]


GRANTS: Final = {
    row.name: row
    for row in (
        Grant(
            name="pkce",
            title="authorization code with PKCE, for a public client (RFC 6749 section 4.1, RFC 7636)",
            endpoints=("authorize_url", "token_url"),
            client_secret="forbidden",
            redirects=True,
        ),
        Grant(
            name="confidential",
            title="authorization code with a client secret (RFC 6749 section 4.1)",
            endpoints=("authorize_url", "token_url"),
            client_secret="required",
            redirects=True,
        ),
        Grant(
            name="client_credentials",
            title="the client's own token (RFC 6749 section 4.4)",
            endpoints=("token_url",),
            client_secret="required",
            attended=False,
            source="renewing:ClientCredentialsSource",
        ),
        Grant(
            name="custom",
            title="a grant type of the server's own, without a person (RFC 6749 section 4.5)",
            endpoints=("token_url",),
            client_secret="optional",
            attended=False,
            source="renewing:ClientCredentialsSource",
            needs=(
                ("grant_type", "the server's name for the grant; what else it wants goes into token_params"),
            ),
        ),
        Grant(
            name="device",
            title="a login on another device (RFC 8628)",
            endpoints=("device_url", "token_url"),
            client_secret="optional",
        ),
        Grant(
            name="token_exchange",
            title="a token for a token that the machine has (RFC 8693)",
            endpoints=("token_url",),
            client_secret="optional",
            attended=False,
            source="machine:TokenExchangeSource",
            client="optional",
            needs=(("subject_token", "where the token is that is exchanged"),),
            takes=(
                *("subject_token_type", "actor_token", "actor_token_type"),
                *("resource", "requested_token_type"),
            ),
        ),
        Grant(
            name="jwt_bearer",
            title="a token for an assertion that is signed with a key of one's own (RFC 7523 section 2.1)",
            endpoints=("token_url",),
            client_secret="optional",
            attended=False,
            source="machine:JwtBearerSource",
            client="optional",
            needs_one=("client_key", "service_account"),
            takes=("service_account", "assertion_claims"),
            signs=True,
        ),
        Grant(
            name="given",
            title="a token that somebody else keeps fresh, such as the hub or an agent",
            endpoints=(),
            client_secret="forbidden",
            attended=False,
            source="given:GivenSource",
            client="none",
            needs=(("token", "where the token is"),),
            stored=False,  # it is kept already, by whoever keeps it fresh
        ),
    )
}

DEFAULT_GRANT: Final = "pkce"
DEFAULT_GRANT_WITH_SECRET: Final = "confidential"
