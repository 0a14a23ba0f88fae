"""Where data people keep and fetch data."""

from typing import Final

from aventus_creds.sandbox.dialects.known.row import server

_CDSE: Final = "/identity.dataspace.copernicus.eu/auth/realms/CDSE"

ROWS: Final = (
    # https://docs.databricks.com/aws/en/dev-tools/auth/oauth-u2m
    server(
        "databricks",
        profile={"host": "dbc-a1b2345c-d6e7.cloud.databricks.com"},
        authorize="/dbc-a1b2345c-d6e7.cloud.databricks.com/oidc/v1/authorize",
        token="/dbc-a1b2345c-d6e7.cloud.databricks.com/oidc/v1/token",
        api="/dbc-a1b2345c-d6e7.cloud.databricks.com/api/2.0/preview/scim/v2/Me",
        scopes="all-apis offline_access",
        rotates=True,
        public=True,
        secret="basic",
    ),
    # https://docs.snowflake.com/en/user-guide/oauth-custom
    server(
        "snowflake",
        profile={"account": "myorg-account-xyz"},
        authorize="/myorg-account-xyz.snowflakecomputing.com/oauth/authorize",
        token="/myorg-account-xyz.snowflakecomputing.com/oauth/token-request",
        api="/myorg-account-xyz.snowflakecomputing.com/api/v2/databases",
        scopes="refresh_token session:role:R1",
        offline="scope refresh_token",
        lifetime=600,
        more={"refresh_token_expires_in": 86399, "username": "user1"},
        secret="basic",
        wants_at_api={"X-Snowflake-Authorization-Token-Type": "^OAUTH$"},
        refusals={
            "invalid_grant": (
                400,
                {
                    "data": None,
                    "error": "invalid_grant",
                    "code": None,
                    "message": "This is an invalid grant.",
                    "success": False,
                },
            )
        },
    ),
    # https://github.com/ORCID/ORCID-Source/blob/master/orcid-api-web/tutorial/get_id.md
    server(
        "orcid",
        authorize="/orcid.org/oauth/authorize",
        token="/orcid.org/oauth/token",
        revoke="/orcid.org/oauth/revoke",
        api="/pub.orcid.org/v3.0/status",
        scopes="/authenticate openid",
        offline="always",
        lifetime=631138518,
        token_type="bearer",
        more={"name": "Sofia Garcia", "orcid": "0000-0001-2345-6789"},
        secret="post",
        wants_at_api={"Accept": "json"},
    ),
    # https://docs.globus.org/api/auth/reference/
    server(
        "globus",
        profile={"api_url": "https://api.globus-customer.example/"},
        issuer="/auth.globus.org",
        authorize="/auth.globus.org/v2/oauth2/authorize",
        token="/auth.globus.org/v2/oauth2/token",
        revoke="/auth.globus.org/v2/oauth2/token/revoke",
        api="/api.globus-customer.example/me",
        scopes="openid profile email",
        offline="access_type=offline",
        lifetime=172800,
        more={"resource_server": "auth.globus.org", "other_tokens": []},
        public=True,
        secret="basic",
    ),
    # https://urs.earthdata.nasa.gov/sso_client_impl
    server(
        "earthdata",
        profile={"api_url": "https://data.daac.example/"},
        authorize="/urs.earthdata.nasa.gov/oauth/authorize",
        token="/urs.earthdata.nasa.gov/oauth/token",
        api="/data.daac.example/granule",
        scopes="",
        offline="always",
        lacks=("scope",),
        more={"endpoint": "/api/users/ada"},
        secret="basic",
    ),
    # https://documentation.dataspace.copernicus.eu/APIs/SentinelHub/Overview/Authentication.html
    server(
        "copernicus",
        issuer=_CDSE,
        authorize=f"{_CDSE}/protocol/openid-connect/auth",
        token=f"{_CDSE}/protocol/openid-connect/token",
        device=f"{_CDSE}/protocol/openid-connect/auth/device",
        activate=f"{_CDSE}/device",
        api="/sh.dataspace.copernicus.eu/api/v1/catalog/1.0.0/collections",
        scopes="openid profile email",
        offline="always",
        lifetime=600,
        public=True,
        machine="post",
    ),
    # https://docs.sentinel-hub.com/api/latest/api/overview/authentication/
    server(
        "sentinelhub",
        token="/services.sentinel-hub.com/auth/realms/main/protocol/openid-connect/token",
        api="/services.sentinel-hub.com/api/v1/catalog/1.0.0/collections",
        scopes="",
        machine="post",
    ),
    # https://docs.planet.com/develop/authentication/
    server(
        "planet",
        issuer="/login.planet.com/",
        authorize="/login.planet.com/authorize",
        token="/login.planet.com/oauth/token",
        device="/login.planet.com/oauth/device/code",
        activate="/login.planet.com/activate",
        api="/api.planet.com/data/v1/item-types",
        scopes="openid profile email planet offline_access",
        requires_audience=True,
        audiences=("https://api.planet.com/",),
        public=True,
        rotates=True,
        refusals={
            "invalid_grant": (
                403,
                {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."},
            )
        },
    ),
)
