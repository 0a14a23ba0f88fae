"""The differences between the sandbox's authorization servers, in one table. A new dialect is a new row."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple
from uuid import uuid4

ClientAuth = Literal["none", "client_secret_post", "client_secret_basic"]

CODE: Final = "authorization_code"
REFRESH: Final = "refresh_token"
CLIENT_CREDENTIALS: Final = "client_credentials"
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"


class ClientRow(NamedTuple):
    """A client that is registered at a dialect's server, and what its profile contains."""

    client_id: str
    profile: str
    scope: str
    grants: tuple[str, ...] = (CODE, REFRESH)
    auth: ClientAuth = "none"
    secret: str = ""
    redirect_uris: tuple[str, ...] = ()  # registered beside those of the sandbox
    in_demo: bool = True

    @property
    def public(self) -> bool:
        """Whether it has no secret. Then it must use PKCE (RFC 9700 section 2.1.1)."""
        return self.auth == "none"


class Dialect(NamedTuple):
    """One authorization server. Paths are relative to ``base``. "" means that it has no such endpoint."""

    name: str
    title: str
    base: str
    authorize: str
    token: str
    revoke: str
    jwks: str
    scopes: tuple[str, ...]
    clients: tuple[ClientRow, ...]
    profile: Mapping[str, str]  # templates with {url} and {redirect_uri}
    device: str = ""
    activate: str = ""
    userinfo: str = ""
    issuer_suffix: str = ""
    body: Literal["form", "json"] = "form"
    lifetime: int = 3600  # of an access token, in seconds
    rotates: bool = False  # one-time refresh tokens
    requires_audience: bool = False
    requires_nonce: bool = False  # if the scope openid is requested
    refuses_unknown_scopes: bool = True  # False: drops them silently
    always_names_scope: bool = True  # False: only if it is not the requested one (RFC 6749 section 5.1)
    any_loopback_port: bool = False  # RFC 8252 section 7.3
    sends_issuer: bool = False  # RFC 9207
    refusal_status: int = 400  # for invalid_grant, and a pending or refused device login
    org_code: str = ""  # required as acr_values=tenant:…; a wrong login then gets a bare page "400"
    new_code: Callable[[], str] = lambda: secrets.token_urlsafe(32)

    def issuer(self, url: str) -> str:
        """Return the issuer identifier of this server in the sandbox at ``url``."""
        return f"{url}{self.base}{self.issuer_suffix}"


_API_SCOPES: Final = ("read:contacts", "write:contacts")
_OPENID_SCOPES: Final = ("openid", "profile", "email", "offline_access")

DIALECTS: Final = (
    Dialect(
        name="aventus",
        title="Aventus Platform",
        base="/aventus",
        authorize="/authorize",
        token="/oauth/token",
        revoke="/oauth/revoke",
        device="/oauth/device/code",
        activate="/activate",
        userinfo="/userinfo",
        jwks="/.well-known/jwks.json",
        issuer_suffix="/",  # Auth0's issuer ends in a slash
        body="json",
        lifetime=86400,
        requires_audience=True,
        refuses_unknown_scopes=False,
        always_names_scope=False,
        refusal_status=403,  # as Auth0 answers
        scopes=(*_OPENID_SCOPES, *_API_SCOPES),
        clients=(
            ClientRow("aventus-pkce", "aventus", "read:contacts", (CODE, REFRESH, DEVICE)),
            ClientRow(
                "aventus-confidential",
                "backoffice",
                "read:contacts write:contacts",
                (CODE, REFRESH, CLIENT_CREDENTIALS),
                "client_secret_post",
                "sandbox-backoffice-secret",
            ),
        ),
        profile={
            "provider": "aventus",
            "base_url": "{url}/aventus",
            "audience": "{url}/",
            "redirect_uri": "{redirect_uri}",
        },
    ),
    Dialect(
        name="cidaas",
        title="cidaas",
        base="/cidaas",
        authorize="/authz-srv/authz",
        token="/token-srv/token",
        revoke="/token-srv/revoke",
        device="/authz-srv/device/authz",
        activate="/device",
        jwks="/.well-known/jwks.json",
        lifetime=86400,
        scopes=(*_OPENID_SCOPES, *_API_SCOPES),
        clients=(
            ClientRow(
                "cidaas-pkce",
                "cidaas",
                "openid profile offline_access",
                (CODE, REFRESH, DEVICE),
                redirect_uris=("https://example.com/user-profile/editprofile",),
            ),
        ),
        profile={
            "provider": "cidaas",
            "base_url": "{url}/cidaas",
            "api_url": "{url}/",
            "redirect_uri": "{redirect_uri}",
        },
        new_code=lambda: str(uuid4()),
    ),
    Dialect(
        name="athoc",
        title="BlackBerry AtHoc",
        base="/athoc/AuthServices/Auth",
        authorize="/connect/authorize",
        token="/connect/token",
        revoke="/connect/revocation",
        jwks="/.well-known/openid-configuration/jwks",
        rotates=True,
        scopes=("openid", "profile", "athoc.iws.web.api", "offline_access"),
        clients=(ClientRow("athoc-pkce", "athoc", "openid profile athoc.iws.web.api offline_access"),),
        profile={
            "provider": "athoc",
            "base_url": "{url}/athoc",
            "api_url": "{url}/",
            "org_code": "LOVELACE",
            "redirect_uri": "{redirect_uri}",
        },
        org_code="LOVELACE",
    ),
    Dialect(
        name="oidc",
        title="OpenID Connect",
        base="/oidc",
        authorize="/authorize",
        token="/token",
        revoke="/revoke",
        device="/device_authorization",
        activate="/device",
        userinfo="/userinfo",
        jwks="/jwks",
        rotates=True,
        requires_nonce=True,
        any_loopback_port=True,
        sends_issuer=True,
        scopes=(*_OPENID_SCOPES, *_API_SCOPES),
        clients=(
            ClientRow(
                "oidc-public",
                "oidc",
                "openid profile offline_access read:contacts",
                (CODE, REFRESH, DEVICE),
                redirect_uris=("http://127.0.0.1/callback", "http://[::1]/callback"),
            ),
            ClientRow(
                "oidc-confidential",
                "oidc-confidential",
                "openid profile offline_access read:contacts",
                (CODE, REFRESH, CLIENT_CREDENTIALS),
                "client_secret_basic",
                # RFC 6749 section 2.3.1: the secret is form-encoded in the Basic header. This one changes
                # when it is encoded, and when it is decoded, so a client that forgets to encode it is
                # refused.
                "sandbox secret:50%25/+=",
                redirect_uris=("http://127.0.0.1/callback", "http://[::1]/callback"),
                in_demo=False,
            ),
        ),
        profile={"provider": "oidc", "issuer": "{url}/oidc", "api_url": "{url}/"},
    ),
)
