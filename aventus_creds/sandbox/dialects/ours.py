"""The servers that every sandbox has: the demo's, for the systems that this package was first written for."""

from __future__ import annotations

from typing import Final
from uuid import uuid4

from aventus_creds.sandbox.dialects.dialect import (
    CHANGE_ORG,
    CLIENT_CREDENTIALS,
    CODE,
    DEVICE,
    EXCHANGE,
    JWT_BEARER,
    REFRESH,
    ClientRow,
    Dialect,
)

_API_SCOPES: Final = ("read:contacts", "write:contacts")
_OPENID_SCOPES: Final = ("openid", "profile", "email", "offline_access")

ROWS: Final = (
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
        par="/authz-srv/par",
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
        clients=(
            ClientRow("athoc-pkce", "athoc", "openid profile athoc.iws.web.api offline_access"),
            ClientRow(
                "athoc-orgs",
                "",
                "openid profile athoc.iws.web.api offline_access",
                (CODE, REFRESH, CHANGE_ORG),
                auth="client_secret_post",
                secret="the-secret-of-athoc-orgs",
            ),
        ),
        profile={
            "provider": "athoc",
            "base_url": "{url}/athoc",
            "api_url": "{url}/",
            "org_code": "LOVELACE",
            "redirect_uri": "{redirect_uri}",
        },
        org_code="LOVELACE",
        other_orgs=("BABBAGE",),
    ),
    Dialect(
        name="oidc",
        title="OpenID Connect",
        base="/oidc",
        authorize="/authorize",
        token="/token",
        revoke="/revoke",
        device="/device_authorization",
        par="/par",
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
            ClientRow(
                "oidc-bound",
                "oidc-bound",
                "openid profile offline_access read:contacts",
                (CODE, REFRESH, DEVICE),
                redirect_uris=("http://127.0.0.1/callback", "http://[::1]/callback"),
                in_demo=False,
                bound=True,
                pushes=True,
            ),
            ClientRow(
                "oidc-key",
                "",
                "read:contacts",
                (CODE, REFRESH, CLIENT_CREDENTIALS, DEVICE, EXCHANGE, JWT_BEARER),
                "private_key_jwt",
                redirect_uris=("http://127.0.0.1/callback", "http://[::1]/callback"),
            ),
            ClientRow(
                "oidc-secret-key",
                "",
                "read:contacts",
                (CLIENT_CREDENTIALS, EXCHANGE),
                "client_secret_jwt",
                "sandbox secret that is long enough to sign",
            ),
            ClientRow("oidc-workload", "", "read:contacts", (CLIENT_CREDENTIALS, EXCHANGE), "federated"),
        ),
        profile={"provider": "oidc", "issuer": "{url}/oidc", "api_url": "{url}/"},
    ),
)
