"""The systems that a business runs on."""

from typing import Final

from aventus_creds.sandbox.dialects.known.row import server

ROWS: Final = (
    # https://help.salesforce.com/s/articleView?id=remoteaccess_oauth_web_server_flow.htm
    server(
        "salesforce",
        authorize="/login.salesforce.com/services/oauth2/authorize",
        token="/login.salesforce.com/services/oauth2/token",
        revoke="/login.salesforce.com/services/oauth2/revoke",
        api="/acme.my.salesforce.com/services/oauth2/userinfo",
        scopes="api refresh_token openid id",
        offline="scope refresh_token",
        lacks=("expires_in",),
        more={"instance_url": "https://acme.my.salesforce.com", "issued_at": "1278448384422"},
        public=True,
        secret="post",
        refusals={
            "invalid_grant": (
                400,
                {"error": "invalid_grant", "error_description": "expired access/refresh token"},
            )
        },
    ),
    # https://developers.hubspot.com/docs/api/oauth-quickstart-guide
    server(
        "hubspot",
        authorize="/app.hubspot.com/oauth/authorize",
        token="/api.hubapi.com/oauth/v1/token",
        api="/api.hubapi.com/account-info/v3/details",
        scopes="oauth crm.objects.contacts.read",
        offline="always",
        lacks=("scope",),
        lifetime=1800,
        token_type="bearer",
        secret="post",
        refusals={
            "invalid_grant": (
                400,
                {
                    "status": "BAD_REFRESH_TOKEN",
                    "message": "missing or invalid refresh token",
                    "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
                },
            )
        },
    ),
    # https://developer.xero.com/documentation/guides/oauth2/auth-flow/
    server(
        "xero",
        authorize="/login.xero.com/identity/connect/authorize",
        token="/identity.xero.com/connect/token",
        revoke="/identity.xero.com/connect/revocation",
        api="/api.xero.com/connections",
        scopes="openid profile email offline_access accounting.transactions",
        rotates=True,
        lifetime=1800,
        public=True,
        secret="basic",
        refusals={"invalid_grant": (400, {"error": "invalid_grant"})},
    ),
    # https://www.servicenow.com/docs/r/platform-security/authentication/oauth-inbound.html
    server(
        "servicenow",
        profile={"host": "dev12345.service-now.com"},
        authorize="/dev12345.service-now.com/oauth_auth.do",
        token="/dev12345.service-now.com/oauth_token.do",
        revoke="/dev12345.service-now.com/oauth_revoke_token.do",
        api="/dev12345.service-now.com/api/now/table/sys_user",
        scopes="useraccount",
        offline="always",
        lifetime=1799,
        public=True,
        secret="post",
    ),
    # https://sap.github.io/cloud-sdk/docs/java/guides/cloud-foundry-xsuaa-service
    server(
        "sap",
        profile={"subdomain": "acme-dev", "region": "eu10", "api_url": "https://orders.cfapps.eu10.example/"},
        authorize="/acme-dev.authentication.eu10.hana.ondemand.com/oauth/authorize",
        token="/acme-dev.authentication.eu10.hana.ondemand.com/oauth/token",
        api="/orders.cfapps.eu10.example/me",
        scopes="openid",
        offline="always",
        lifetime=43199,
        token_type="bearer",
        more={"jti": "4b2f6a7c"},
        secret="post",
    ),
)
