"""The grants that a profile may use, as one table. Data only."""

from typing import Final, Literal, NamedTuple


class Grant(NamedTuple):
    """A way to obtain a token, and what a profile needs for it."""

    name: str
    title: str
    endpoints: tuple[str, ...]  # set by the profile, the provider or the discovery document
    client_secret: Literal["required", "optional", "forbidden"]
    redirects: bool = False  # the browser returns to the redirect URI
    attended: bool = True  # a user logs in


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
