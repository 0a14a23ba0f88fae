"""Servers that the profile itself names, by an issuer or by endpoints."""

from typing import Final

from aventus_creds.profiles.providers import Provider

ROWS: Final = (
    Provider(
        name="oidc",
        title="OpenID Connect",
        generic=True,
        client_auth=None,
        scope="openid",
        redirect_uri="http://127.0.0.1:0/callback",  # RFC 8252 section 7.3: any loopback port
        note="any OpenID Connect or OAuth 2.0 server, by discovery or by its endpoints",
        in_example=True,
    ),
)
