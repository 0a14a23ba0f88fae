"""Servers whose business is logins: a company runs or rents one for its own applications."""

from typing import Final

from aventus_creds.profiles.providers import Provider
from aventus_creds.profiles.providers.columns import RedirectRule

READ: Final = "2026-11-26"
_EXACT: Final = RedirectRule(("127.0.0.1", "localhost", "[::1]"))
_COGNITO: Final = "https://docs.aws.amazon.com/cognito/latest/developerguide/"

ROWS: Final = (
    Provider(
        name="entra",
        title="Microsoft Entra ID",
        placeholders={"tenant": ""},
        authorize_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
        token_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        device_url="https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode",
        api_url="https://graph.microsoft.com/v1.0/",
        scope="openid profile offline_access User.Read",
        redirect_uri="http://localhost:0/callback",
        redirect_rule=RedirectRule(("localhost", "127.0.0.1"), any_port=True),
        register_at="https://entra.microsoft.com: App registrations",
        pages=(
            ("https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow", READ),
            ("https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code", "2026-11-27"),
            ("https://learn.microsoft.com/entra/identity-platform/reply-url", READ),
        ),
        note="the tokens are for Microsoft Graph, unless scope names another API",
    ),
    Provider(
        name="entra_b2c",
        title="Azure AD B2C",
        placeholders={"tenant": "", "policy": ""},
        authorize_url="https://{tenant}.b2clogin.com/{tenant}.onmicrosoft.com/{policy}/oauth2/v2.0/authorize",
        token_url="https://{tenant}.b2clogin.com/{tenant}.onmicrosoft.com/{policy}/oauth2/v2.0/token",
        grants=("pkce", "confidential", "client_credentials"),
        # Without the scope of an API there is no access token. The client's own identifier stands for its own API.
        scope="openid offline_access {client_id}",
        register_at="https://portal.azure.com: Azure AD B2C, App registrations",
        pages=(("https://learn.microsoft.com/azure/active-directory-b2c/authorization-code-flow", READ),),
    ),
    Provider(
        name="okta",
        title="Okta",
        placeholders={"domain": "", "authorization_server": "default"},
        issuer="https://{domain}/oauth2/{authorization_server}",
        authorize_url="https://{domain}/oauth2/{authorization_server}/v1/authorize",
        token_url="https://{domain}/oauth2/{authorization_server}/v1/token",
        revoke_url="https://{domain}/oauth2/{authorization_server}/v1/revoke",
        device_url="https://{domain}/oauth2/{authorization_server}/v1/device/authorize",
        client_auth="basic",
        scope="openid offline_access",
        redirect_rule=_EXACT,
        register_at="https://{domain}/admin/apps",
        pages=(("https://developer.okta.com/docs/api/openapi/okta-oauth/oauth", READ),),
    ),
    Provider(
        name="auth0",
        title="Auth0",
        placeholders={"domain": ""},
        issuer="https://{domain}/",
        authorize_url="https://{domain}/authorize",
        token_url="https://{domain}/oauth/token",
        revoke_url="https://{domain}/oauth/revoke",
        device_url="https://{domain}/oauth/device/code",
        scope="openid profile offline_access",
        redirect_rule=_EXACT,
        register_at="https://manage.auth0.com/#/applications",
        pages=(
            (
                "https://auth0.com/docs/flows/guides/auth-code-pkce/call-api-auth-code-pkce",
                READ,
            ),
            ("https://auth0.com/docs/api/authentication", READ),
        ),
        note="name the API by audience, and allow offline access for it",
    ),
    Provider(
        name="keycloak",
        title="Keycloak",
        placeholders={"host": "", "realm": ""},
        issuer="https://{host}/realms/{realm}",
        authorize_url="https://{host}/realms/{realm}/protocol/openid-connect/auth",
        token_url="https://{host}/realms/{realm}/protocol/openid-connect/token",
        revoke_url="https://{host}/realms/{realm}/protocol/openid-connect/revoke",
        device_url="https://{host}/realms/{realm}/protocol/openid-connect/auth/device",
        client_auth="basic",
        scope="openid offline_access",
        register_at="https://{host}/admin/{realm}/console/",
        pages=(("https://www.keycloak.org/securing-apps/oidc-layers", READ),),
    ),
    Provider(
        name="cognito",
        title="Amazon Cognito",
        placeholders={"domain": ""},
        authorize_url="https://{domain}/oauth2/authorize",
        token_url="https://{domain}/oauth2/token",
        revoke_url="https://{domain}/oauth2/revoke",
        client_auth="basic",
        grants=("pkce", "confidential", "client_credentials"),
        scope="openid",
        redirect_rule=RedirectRule(("localhost",)),
        register_at="https://console.aws.amazon.com/cognito/",
        pages=((f"{_COGNITO}cognito-userpools-server-contract-reference.html", READ),),
    ),
)
