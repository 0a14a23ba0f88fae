"""The grants that a profile may use, as one table. Data only."""

from typing import Final, Literal, NamedTuple


class Grant(NamedTuple):
    """How a token is obtained, and what a profile must therefore hold."""

    name: str
    title: str
    endpoints: tuple[str, ...]  # that the profile, the provider or the discovery document must name
    client_secret: Literal["required", "optional", "forbidden"]
    redirects: bool = False  # a browser comes back to the redirect URI
    attended: bool = True  # a person logs in


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
        ),
        Grant(
            name="device",
            title="a login on another device (RFC 8628)",
            endpoints=("device_url", "token_url"),
            client_secret="optional",
        ),
    )
}

DEFAULT_GRANT: Final = "pkce"
DEFAULT_GRANT_WITH_SECRET: Final = "confidential"
