"""Servers whose business is logins."""

from typing import Final

from aventus_creds.sandbox.dialects.known.row import server

ROWS: Final = (
    # https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
    server(
        "entra",
        profile={"tenant": "contoso.onmicrosoft.com"},
        authorize="/login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/authorize",
        token="/login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token",
        device="/login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/devicecode",
        activate="/microsoft.com/devicelogin",
        api="/graph.microsoft.com/v1.0/me",
        scopes="openid profile email offline_access User.Read",
        renamed_scopes={"offline_access": ""},  # the answer never lists it
        public=True,
        secret="post",
        redirect="http://localhost/callback",
        any_loopback_port=True,
        loopback_names=("localhost", "127.0.0.1"),
        more={"ext_expires_in": 3599},
        refusals={
            "invalid_grant": (
                400,
                {
                    "error": "invalid_grant",
                    "error_description": "AADSTS700082: The refresh token has expired due to inactivity.",
                    "error_codes": [700082],
                    "timestamp": "2026-11-26 10:00:00Z",
                    "trace_id": "b72a68c3-0926-4b8e-bc35-3150069c2800",
                    "correlation_id": "73d656cf-54b1-4eb2-b429-26d8165a52d7",
                },
            )
        },
    ),
    # https://learn.microsoft.com/azure/active-directory-b2c/authorization-code-flow
    server(
        "entra_b2c",
        profile={"tenant": "fabrikam", "policy": "b2c_1_sign_in", "api_url": "https://api.fabrikam.example/"},
        authorize="/fabrikam.b2clogin.com/fabrikam.onmicrosoft.com/b2c_1_sign_in/oauth2/v2.0/authorize",
        token="/fabrikam.b2clogin.com/fabrikam.onmicrosoft.com/b2c_1_sign_in/oauth2/v2.0/token",
        api="/api.fabrikam.example/me",
        scopes="openid offline_access entra_b2c-public entra_b2c-web",
        public=True,
        secret="post",
        more={"not_before": 1442340812},
    ),
    # https://developer.okta.com/docs/api/openapi/okta-oauth/oauth
    server(
        "okta",
        profile={"domain": "dev-1234.okta.com", "api_url": "https://api.okta-customer.example/"},
        issuer="/dev-1234.okta.com/oauth2/default",
        authorize="/dev-1234.okta.com/oauth2/default/v1/authorize",
        token="/dev-1234.okta.com/oauth2/default/v1/token",
        revoke="/dev-1234.okta.com/oauth2/default/v1/revoke",
        device="/dev-1234.okta.com/oauth2/default/v1/device/authorize",
        activate="/dev-1234.okta.com/activate",
        api="/api.okta-customer.example/me",
        scopes="openid profile email offline_access",
        public=True,
        secret="basic",
        rotates=True,
        refusals={
            "invalid_grant": (
                400,
                {"error": "invalid_grant", "error_description": "The refresh token is invalid or expired."},
            )
        },
    ),
    # https://auth0.com/docs/flows/guides/auth-code-pkce/call-api-auth-code-pkce
    server(
        "auth0",
        profile={"domain": "acme.eu.auth0.com", "audience": "https://api.acme.example/"},
        issuer="/acme.eu.auth0.com/",
        authorize="/acme.eu.auth0.com/authorize",
        token="/acme.eu.auth0.com/oauth/token",
        revoke="/acme.eu.auth0.com/oauth/revoke",
        device="/acme.eu.auth0.com/oauth/device/code",
        activate="/acme.eu.auth0.com/activate",
        api="/api.acme.example/me",
        scopes="openid profile email offline_access",
        requires_audience=True,
        audiences=("https://api.acme.example/",),
        public=True,
        secret="post",
        lifetime=86400,
        refusals={
            "invalid_grant": (
                403,
                {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."},
            )
        },
    ),
    # https://www.keycloak.org/securing-apps/oidc-layers
    server(
        "keycloak",
        profile={"host": "sso.science.example", "realm": "lab", "api_url": "https://api.science.example/"},
        issuer="/sso.science.example/realms/lab",
        authorize="/sso.science.example/realms/lab/protocol/openid-connect/auth",
        token="/sso.science.example/realms/lab/protocol/openid-connect/token",
        revoke="/sso.science.example/realms/lab/protocol/openid-connect/revoke",
        device="/sso.science.example/realms/lab/protocol/openid-connect/auth/device",
        activate="/sso.science.example/realms/lab/device",
        api="/api.science.example/me",
        scopes="openid profile email offline_access",
        public=True,
        secret="basic",
        lifetime=300,
        sends_issuer=True,
        more={"refresh_expires_in": 0, "not-before-policy": 0, "session_state": "8f3b5a6c"},
        refusals={
            "invalid_grant": (
                400,
                {"error": "invalid_grant", "error_description": "Offline user session not found"},
            )
        },
    ),
    # https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html
    server(
        "cognito",
        profile={"domain": "shop.auth.eu-west-1.amazoncognito.com", "api_url": "https://api.shop.example/"},
        authorize="/shop.auth.eu-west-1.amazoncognito.com/oauth2/authorize",
        token="/shop.auth.eu-west-1.amazoncognito.com/oauth2/token",
        revoke="/shop.auth.eu-west-1.amazoncognito.com/oauth2/revoke",
        api="/api.shop.example/me",
        scopes="openid profile email phone aws.cognito.signin.user.admin",
        offline="always",
        public=True,
        secret="basic",
        loopback_names=("localhost",),
        lacks=("scope",),
        refusals={"invalid_grant": (400, {"error": "invalid_grant"})},
    ),
)
