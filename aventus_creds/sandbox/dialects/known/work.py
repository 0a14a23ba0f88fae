"""Where people keep their files, code, messages and meetings."""

from typing import Final

from aventus_creds.sandbox.dialects.known.row import server

ROWS: Final = (
    # https://developers.google.com/identity/protocols/oauth2/native-app
    server(
        "google",
        authorize="/accounts.google.com/o/oauth2/v2/auth",
        token="/oauth2.googleapis.com/token",
        revoke="/oauth2.googleapis.com/revoke",
        device="/oauth2.googleapis.com/device/code",
        activate="/www.google.com/device",
        api="/www.googleapis.com/oauth2/v3/userinfo",
        scopes="openid email profile",
        offline="access_type=offline",
        renamed_scopes={
            "email": "https://www.googleapis.com/auth/userinfo.email",
            "profile": "https://www.googleapis.com/auth/userinfo.profile",
        },
        secret="post",
        redirect="http://127.0.0.1/callback",
        any_loopback_port=True,
        lifetime=3920,
        refusals={
            "invalid_grant": (
                400,
                {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
            )
        },
    ),
    # https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
    server(
        "github",
        authorize="/github.com/login/oauth/authorize",
        token="/github.com/login/oauth/access_token",
        device="/github.com/login/device/code",
        activate="/github.com/login/device",
        api="/api.github.com/user",
        scopes="repo gist user read:org",
        offline="never",
        lacks=("expires_in",),
        token_type="bearer",
        secret="post",
        redirect="http://127.0.0.1/callback",
        any_loopback_port=True,
        wants_at_api={"User-Agent": "."},
        refusals={
            "invalid_grant": (
                200,
                {
                    "error": "bad_verification_code",
                    "error_description": "The code passed is incorrect or expired.",
                    "error_uri": "https://docs.github.com/apps",
                },
            ),
            "invalid_client": (
                200,
                {
                    "error": "incorrect_client_credentials",
                    "error_description": "The client_id and/or client_secret passed are incorrect.",
                },
            ),
        },
    ),
    # https://docs.gitlab.com/api/oauth2/
    server(
        "gitlab",
        authorize="/gitlab.com/oauth/authorize",
        token="/gitlab.com/oauth/token",
        revoke="/gitlab.com/oauth/revoke",
        device="/gitlab.com/oauth/authorize_device",
        activate="/gitlab.com/oauth/device",
        api="/gitlab.com/api/v4/user",
        scopes="api read_api read_user openid profile email",
        offline="always",
        knows_nonce=False,
        rotates=True,
        lifetime=7200,
        more={"created_at": 1607635748},
        public=True,
        secret="post",
        refusals={
            "invalid_grant": (
                400,
                {
                    "error": "invalid_grant",
                    "error_description": "The provided authorization grant is invalid, expired, revoked, does not"
                    " match the redirection URI used in the authorization request, or was issued to another client.",
                },
            )
        },
    ),
    # https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/
    server(
        "atlassian",
        authorize="/auth.atlassian.com/authorize",
        token="/auth.atlassian.com/oauth/token",
        api="/api.atlassian.com/me",
        scopes="read:me read:jira-work offline_access",
        requires_audience=True,
        audiences=("api.atlassian.com",),
        body="json",
        rotates=True,
        secret="post",
        refusals={
            "invalid_grant": (
                403,
                {"error": "unauthorized_client", "error_description": "refresh_token is invalid"},
            )
        },
    ),
    # https://docs.slack.dev/authentication/installing-with-oauth
    server(
        "slack",
        authorize="/slack.com/oauth/v2/authorize",
        token="/slack.com/api/oauth.v2.access",
        api="/slack.com/api/auth.test",
        scopes="search:read users:read",
        names_scopes="user_scope",
        scope_separator=",",
        offline="never",
        lacks=("expires_in",),
        token_type="user",
        inside="authed_user",
        more={"ok": True, "app_id": "A0KRD7HC3", "team": {"name": "Slack Softball Team", "id": "T9TK3CUKW"}},
        public=True,
        secret="post",
        refusals={
            "invalid_grant": (200, {"ok": False, "error": "invalid_code"}),
            "invalid_client": (200, {"ok": False, "error": "bad_client_secret"}),
        },
    ),
    # https://developers.notion.com/reference/authorization
    server(
        "notion",
        authorize="/api.notion.com/v1/oauth/authorize",
        token="/api.notion.com/v1/oauth/token",
        revoke="/api.notion.com/v1/oauth/revoke",
        api="/api.notion.com/v1/users/me",
        scopes="",
        offline="owner=user",
        body="json",
        lacks=("expires_in", "scope"),
        token_type="bearer",
        more={"bot_id": "b3414d659", "workspace_name": "Ada's Notion", "workspace_id": "bb8dbd4f"},
        secret="basic",
        wants_at_api={"Notion-Version": r"20\d\d-\d\d-\d\d"},
    ),
    # https://dropbox.tech/developers/using-oauth-2-0-with-offline-access
    server(
        "dropbox",
        authorize="/www.dropbox.com/oauth2/authorize",
        token="/api.dropboxapi.com/oauth2/token",
        api="/api.dropboxapi.com/2/users/get_current_account",
        scopes="account_info.read files.content.read",
        offline="token_access_type=offline",
        lifetime=14400,
        token_type="bearer",
        more={"uid": "12345", "account_id": "dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"},
        public=True,
        secret="post",
        loopback_names=("127.0.0.1", "localhost"),
        refusals={
            "invalid_grant": (
                400,
                {"error": "invalid_grant", "error_description": "refresh token is invalid or revoked"},
            )
        },
    ),
    # https://developers.zoom.us/docs/rooms/oauth/
    server(
        "zoom",
        authorize="/zoom.us/oauth/authorize",
        token="/zoom.us/oauth/token",
        revoke="/zoom.us/oauth/revoke",
        device="/zoom.us/oauth/devicecode",
        activate="/zoom.us/oauth_device",
        api="/api.zoom.us/v2/users/me",
        scopes="user:read meeting:read",
        offline="always",
        rotates=True,
        lifetime=3599,
        token_type="bearer",
        public=True,
        secret="basic",
        refusals={"invalid_grant": (400, {"reason": "Invalid Token!", "error": "invalid_request"})},
    ),
)
