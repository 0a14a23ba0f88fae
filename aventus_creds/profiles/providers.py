"""The differences between authorization servers, as one table. Data only: a new provider is a new row."""

from typing import Final, Literal, NamedTuple

TokenRequestFormat = Literal["form", "json"]
ClientAuth = Literal["post", "basic"]


class ProfileKey(NamedTuple):
    """A profile key for one provider only. It fills ``{name}`` in the provider's templates."""

    name: str
    doc: str
    parameter: str = ""  # of the authorization request, if it becomes one
    template: str = ""  # of that parameter's value


class Provider(NamedTuple):
    """How one authorization server differs. Endpoints and issuer are templates with the profile's ``base_url``."""

    name: str
    title: str
    authorize_url: str = ""
    token_url: str = ""
    revoke_url: str = ""
    device_url: str = ""
    issuer: str = ""  # its discovery document, if it can be had, goes before the endpoints above
    base_url: str = ""  # the default; "" if each customer has its own server
    token_request: TokenRequestFormat = "form"
    client_auth: ClientAuth = "post"
    grants: tuple[str, ...] = ()  # those that its documentation has; () means all
    refresh_lifetime: int = (
        0  # of an unused refresh token, in seconds, where the answers do not say; 0: unknown
    )
    scope: str = ""
    redirect_uri: str = ""  # the default; "" if the profile must set the registered one
    extra_key: ProfileKey | None = None  # required by the provider
    note: str = ""  # for the README's table
    in_example: bool = False  # whether profiles.example.toml shows it
    silent_failure: str = ""  # what to check if the browser never returns


PROVIDERS: Final = {
    row.name: row
    for row in (
        Provider(
            name="aventus",
            title="Aventus Platform",
            base_url="https://auth.homelyfe.com",
            authorize_url="{base_url}/authorize",
            token_url="{base_url}/oauth/token",
            # The platform's own pages document the two endpoints above. It runs on Auth0, whose documentation
            # has the two below; they only work if they are enabled for the tenant.
            revoke_url="{base_url}/oauth/revoke",
            device_url="{base_url}/oauth/device/code",
            token_request="json",
            in_example=True,
        ),
        Provider(
            name="cidaas",
            title="cidaas",
            authorize_url="{base_url}/authz-srv/authz",
            token_url="{base_url}/token-srv/token",
            revoke_url="{base_url}/token-srv/revoke",
            device_url="{base_url}/authz-srv/device/authz",
            issuer="{base_url}",
            scope="openid",
            note="by discovery, or by its known endpoints",
            in_example=True,
        ),
        Provider(
            name="athoc",
            title="BlackBerry AtHoc",
            # AtHoc runs on IdentityServer, which accepts a form, although AtHoc's page shows the body of the
            # token request in JSON notation.
            authorize_url="{base_url}/AuthServices/Auth/connect/authorize",
            token_url="{base_url}/AuthServices/Auth/connect/token",
            revoke_url="{base_url}/AuthServices/Auth/connect/revocation",
            # Its documentation has more grants: password and implicit, which are not offered here, and
            # change_org.
            grants=("pkce", "confidential"),
            refresh_lifetime=15 * 86400,
            scope="openid profile athoc.iws.web.api offline_access",
            extra_key=ProfileKey(
                name="org_code",
                parameter="acr_values",
                template="tenant:{}",
                doc="the organisation's code, sent as `acr_values=tenant:…`",
            ),
            note="a login renews itself for 30 days at most, and ends after 15 days without use",
            in_example=True,
            silent_failure="AtHoc answers a wrong organisation or password with a bare page"
            ' "400 Bad Request", and so a client that was made in another organisation: check org_code in the'
            " profile, the account, and where the client was made",
        ),
        Provider(
            name="oidc",
            title="OpenID Connect",
            client_auth="basic",
            scope="openid",
            redirect_uri="http://127.0.0.1:0/callback",  # RFC 8252 section 7.3: any loopback port
            note="any OpenID Connect or OAuth 2.0 server, by discovery or by its endpoints",
            in_example=True,
        ),
    )
}

DEFAULT_PROVIDER: Final = "oidc"
"""The provider of a profile that sets an issuer or endpoints instead of a provider."""
