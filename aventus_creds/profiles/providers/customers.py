"""The systems of business communication that this package was first written for."""

from typing import Final

from aventus_creds.profiles.providers import Provider

READ: Final = "2026-11-27"
_AVENTUS: Final = "https://docs.aventusplatform.com/docs/"
_CIDAAS: Final = "https://docs.cidaas.com/"
_ATHOC: Final = "https://docs.blackberry.com/en/id-comm-collab/blackberry-athoc/"

ROWS: Final = (
    Provider(
        name="aventus",
        title="Aventus Platform",
        placeholders={"base_url": "https://auth.homelyfe.com"},
        authorize_url="{base_url}/authorize",
        token_url="{base_url}/oauth/token",
        # The platform's own pages document the two endpoints above. It runs on Auth0, whose documentation
        # has the two below; they only work if they are enabled for the tenant.
        revoke_url="{base_url}/oauth/revoke",
        device_url="{base_url}/oauth/device/code",
        token_request="json",
        # Another version of its page swaps the token at GET …/opus/session/start. What that answers is not documented,
        # so a profile that needs it names swap_url, and the path to the token in swap_path.
        pages=(
            (f"{_AVENTUS}authorization-code-grant-pkce", READ),
            (f"{_AVENTUS}authorization-code-grant", READ),
            ("https://auth0.com/docs/api/authentication", "2026-11-26"),
        ),
        in_example=True,
    ),
    Provider(
        name="cidaas",
        title="cidaas",
        placeholders={"base_url": ""},
        authorize_url="{base_url}/authz-srv/authz",
        token_url="{base_url}/token-srv/token",
        revoke_url="{base_url}/token-srv/revoke",
        device_url="{base_url}/authz-srv/device/authz",
        par_url="{base_url}/authz-srv/par",
        issuer="{base_url}",
        scope="openid",
        pages=(
            (f"{_CIDAAS}standard-endpoints.html", READ),
            ("https://docs.cidaas.de/standard-endpoints/token-revocation.html", READ),
            (f"{_CIDAAS}guides/authentication-authorisation/oauth2/oauth2Flows/devicecode", READ),
            (f"{_CIDAAS}openapi/authentication/push-authorization-request", READ),
        ),
        note="by discovery, or by its known endpoints",
        in_example=True,
    ),
    Provider(
        name="athoc",
        title="BlackBerry AtHoc",
        placeholders={"base_url": "", "org_code": ""},
        # AtHoc runs on IdentityServer, which accepts a form, although AtHoc's page shows the body of the
        # token request in JSON notation.
        authorize_url="{base_url}/AuthServices/Auth/connect/authorize",
        token_url="{base_url}/AuthServices/Auth/connect/token",
        revoke_url="{base_url}/AuthServices/Auth/connect/revocation",
        authorize_params={"acr_values": "tenant:{org_code}"},
        # Its documentation has more grants, which are not offered here: password and implicit.
        grants=("pkce", "confidential", "token_exchange"),
        exchange_grant_type="change_org",
        exchange_token="token",
        exchange_hint="AtHoc's support switches the grant change_org on; the person needs an account in both"
        " organisations, and org_code must name the other one.",
        refresh_lifetime=15 * 86400,
        scope="openid profile athoc.iws.web.api offline_access",
        pages=(
            (f"{_ATHOC}blackberry-athoc/7_15/api/authentication", READ),
            (f"{_ATHOC}blackberry-athoc/7_15/api/authentication/change-organization-grant", READ),
            (f"{_ATHOC}usc/1_2/user-sync/User-synchronization-process-overview/authentication", READ),
            ("https://docs.duendesoftware.com/identityserver/reference/v8/endpoints/revocation/", READ),
        ),
        note="a login refreshes automatically for 30 days at most, and ends after 15 days without use;"
        " `token_exchange` takes the token of a login to one organisation to another (`change_org`)",
        in_example=True,
        silent_failure="AtHoc answers a wrong organisation or password with a bare page"
        ' "400 Bad Request", and so a client that was made in another organisation: check org_code in the'
        " profile, the account, and where the client was made",
    ),
)
