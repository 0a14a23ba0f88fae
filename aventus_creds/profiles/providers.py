"""How the authorization servers differ, as one table. Data only: a new provider is a new row."""

from typing import Final, Literal, NamedTuple

TokenRequestFormat = Literal["form", "json"]
ClientAuth = Literal["post", "basic"]


class ProfileKey(NamedTuple):
    """A profile key that only one provider has, and the authorization request parameter it becomes."""

    name: str
    parameter: str
    template: str
    doc: str


class Provider(NamedTuple):
    """One authorization server's dialect. Endpoints are templates on the profile's ``base_url``."""

    name: str
    title: str
    authorize_url: str = ""
    token_url: str = ""
    revoke_url: str = ""
    device_url: str = ""
    base_url: str = ""  # the default; "" where each customer has a server of their own
    token_request: TokenRequestFormat = "form"
    client_auth: ClientAuth = "post"
    scope: str = ""
    redirect_uri: str = ""  # the default; "" where it must be the registered one
    extra_key: ProfileKey | None = None  # required by the provider
    silent_failure: str = ""  # what to check when the browser never comes back


PROVIDERS: Final = {
    row.name: row
    for row in (
        Provider(
            name="aventus",
            title="Aventus Platform",
            base_url="https://auth.homelyfe.com",
            authorize_url="{base_url}/authorize",
            token_url="{base_url}/oauth/token",
            # The platform's own pages name the two endpoints above. It runs on Auth0, whose documentation
            # gives these two; they answer where the tenant has them switched on.
            revoke_url="{base_url}/oauth/revoke",
            device_url="{base_url}/oauth/device/code",
            token_request="json",
        ),
        Provider(
            name="cidaas",
            title="cidaas",
            authorize_url="{base_url}/authz-srv/authz",
            token_url="{base_url}/token-srv/token",
            revoke_url="{base_url}/authz-srv/revoke",
            scope="openid",
        ),
        Provider(
            name="athoc",
            title="BlackBerry AtHoc",
            # The engine is IdentityServer: it takes a form, although AtHoc's page draws the token
            # request's body in JSON notation.
            authorize_url="{base_url}/AuthServices/Auth/connect/authorize",
            token_url="{base_url}/AuthServices/Auth/connect/token",
            revoke_url="{base_url}/AuthServices/Auth/connect/revocation",
            scope="openid profile athoc.iws.web.api offline_access",
            extra_key=ProfileKey(
                name="org_code",
                parameter="acr_values",
                template="tenant:{}",
                doc="the organisation's code, sent as `acr_values=tenant:…`",
            ),
            silent_failure="AtHoc answers a wrong organisation or password with a bare page"
            ' "400 Bad Request": check org_code in the profile, and the account',
        ),
        Provider(
            name="oidc",
            title="OpenID Connect",
            client_auth="basic",
            scope="openid",
            redirect_uri="http://127.0.0.1:0/callback",  # RFC 8252 section 7.3: any loopback port
        ),
    )
}

DEFAULT_PROVIDER: Final = "oidc"
"""Of a profile that gives an issuer or endpoints instead of a provider."""
