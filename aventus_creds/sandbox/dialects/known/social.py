"""What people do and share."""

from typing import Final

from aventus_creds.sandbox.dialects.known.row import server

ROWS: Final = (
    # https://developer.spotify.com/documentation/web-api/tutorials/code-pkce-flow
    server(
        "spotify",
        authorize="/accounts.spotify.com/authorize",
        token="/accounts.spotify.com/api/token",
        api="/api.spotify.com/v1/me",
        scopes="user-read-private user-library-read",
        offline="always",
        rotates=True,
        public=True,
        secret="basic",
        redirect="http://127.0.0.1/callback",
        any_loopback_port=True,
        loopback_names=("127.0.0.1", "[::1]"),
        refusals={
            "invalid_grant": (
                400,
                {"error": "invalid_grant", "error_description": "Refresh token revoked"},
            )
        },
    ),
    # https://developers.strava.com/docs/authentication
    server(
        "strava",
        authorize="/www.strava.com/oauth/authorize",
        token="/www.strava.com/oauth/token",
        api="/www.strava.com/api/v3/athlete",
        scopes="read read_all activity:read",
        scope_separator=",",
        offline="always",
        lacks=("scope",),
        lifetime=21600,
        more={"expires_at": 4102444800, "athlete": {"id": 134815}},
        secret="post",
        redirect="http://127.0.0.1/callback",
        any_loopback_port=True,
        loopback_names=("127.0.0.1", "localhost"),
        refusals={
            "invalid_grant": (
                400,
                {
                    "message": "Bad Request",
                    "errors": [{"resource": "RefreshToken", "field": "refresh_token", "code": "invalid"}],
                },
            )
        },
    ),
    # https://docs.x.com/resources/fundamentals/authentication/oauth-2-0/authorization-code
    server(
        "x",
        authorize="/x.com/i/oauth2/authorize",
        token="/api.x.com/2/oauth2/token",
        revoke="/api.x.com/2/oauth2/revoke",
        api="/api.x.com/2/users/me",
        scopes="tweet.read users.read follows.read offline.access",
        offline="scope offline.access",
        rotates=True,
        lifetime=7200,
        token_type="bearer",
        public=True,
        secret="basic",
        loopback_names=("127.0.0.1",),
        refusals={
            "invalid_grant": (
                400,
                {
                    "error": "invalid_request",
                    "error_description": "Value passed for the token was invalid.",
                },
            )
        },
    ),
    # https://github.com/reddit-archive/reddit/wiki/OAuth2
    server(
        "reddit",
        authorize="/www.reddit.com/api/v1/authorize",
        token="/www.reddit.com/api/v1/access_token",
        revoke="/www.reddit.com/api/v1/revoke_token",
        api="/oauth.reddit.com/api/v1/me",
        scopes="identity read history",
        offline="duration=permanent",
        token_type="bearer",
        secret="basic",
        wants_at_token={"User-Agent": "^(?!python-requests)."},
        wants_at_api={"User-Agent": "^(?!python-requests)."},
        refusals={"invalid_grant": (400, {"message": "Bad Request", "error": 400})},
    ),
    # https://learn.microsoft.com/linkedin/shared/authentication/authorization-code-flow
    server(
        "linkedin",
        authorize="/www.linkedin.com/oauth/v2/authorization",
        token="/www.linkedin.com/oauth/v2/accessToken",
        api="/api.linkedin.com/v2/userinfo",
        scopes="openid profile email",
        offline="never",
        knows_nonce=False,
        lifetime=5184000,
        secret="post",
    ),
)
