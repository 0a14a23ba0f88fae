"""The systems that a business runs on: customers, books, tickets, plans."""

from typing import Final

from aventus_creds.profiles.providers import Provider

READ: Final = "2026-11-26"
_SERVICENOW: Final = "https://www.servicenow.com/docs/r/platform-security/authentication/"

ROWS: Final = (
    Provider(
        name="salesforce",
        title="Salesforce",
        placeholders={"host": "login.salesforce.com"},
        authorize_url="https://{host}/services/oauth2/authorize",
        token_url="https://{host}/services/oauth2/token",
        revoke_url="https://{host}/services/oauth2/revoke",
        api_url="{instance_url}/services/",
        api_hosts=("*.salesforce.com",),
        grants=("pkce", "confidential", "client_credentials"),
        scope="api refresh_token",
        register_at="https://{host}: Setup, External Client App Manager",
        pages=(
            ("https://help.salesforce.com/s/articleView?id=remoteaccess_oauth_web_server_flow.htm", READ),
        ),
    ),
    Provider(
        name="hubspot",
        title="HubSpot",
        authorize_url="https://app.hubspot.com/oauth/authorize",
        token_url="https://api.hubapi.com/oauth/v1/token",
        api_url="https://api.hubapi.com/",
        grants=("confidential",),
        scope="oauth",
        register_at="https://developers.hubspot.com/",
        pages=(("https://developers.hubspot.com/docs/api/oauth-quickstart-guide", READ),),
    ),
    Provider(
        name="xero",
        title="Xero",
        authorize_url="https://login.xero.com/identity/connect/authorize",
        token_url="https://identity.xero.com/connect/token",
        revoke_url="https://identity.xero.com/connect/revocation",
        api_url="https://api.xero.com/",
        client_auth="basic",
        grants=("pkce", "confidential", "client_credentials"),
        refresh_lifetime=60 * 86400,
        scope="openid profile email offline_access",
        register_at="https://developer.xero.com/app/manage",
        pages=(
            ("https://developer.xero.com/documentation/guides/oauth2/auth-flow/", READ),
            ("https://developer.xero.com/faq/oauth2", READ),
        ),
        note="the API wants the organisation in api_headers: Xero-Tenant-Id, which connections lists",
    ),
    Provider(
        name="servicenow",
        title="ServiceNow",
        placeholders={"host": ""},
        authorize_url="https://{host}/oauth_auth.do",
        token_url="https://{host}/oauth_token.do",
        revoke_url="https://{host}/oauth_revoke_token.do",
        api_url="https://{host}/api/",
        grants=("pkce", "confidential", "client_credentials"),
        scope="useraccount",
        register_at="https://{host}: System OAuth, Application Registry",
        pages=(
            (f"{_SERVICENOW}oauth-inbound.html", READ),
            (f"{_SERVICENOW}t_CreateEndpointforExternalClients.html", READ),
        ),
    ),
    Provider(
        name="sap",
        title="SAP BTP (XSUAA)",
        placeholders={"subdomain": "", "region": ""},
        authorize_url="https://{subdomain}.authentication.{region}.hana.ondemand.com/oauth/authorize",
        token_url="https://{subdomain}.authentication.{region}.hana.ondemand.com/oauth/token",
        # In the body: a secret in the Basic header would also need X-CF-ENCODED-CREDENTIALS: true.
        client_auth="post",
        grants=("pkce", "confidential", "client_credentials"),
        register_at="the SAP BTP cockpit: a service key of the XSUAA instance has client_id and client_secret",
        pages=(("https://sap.github.io/cloud-sdk/docs/java/guides/cloud-foundry-xsuaa-service", READ),),
    ),
)
