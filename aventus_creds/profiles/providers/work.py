"""Where people keep their files, code, messages and meetings."""

from typing import Final

from aventus_creds.profiles.providers import Provider
from aventus_creds.profiles.providers.columns import Page, RedirectRule

READ: Final = "2026-11-26"
_ANY_PORT: Final = RedirectRule(("127.0.0.1", "localhost", "[::1]"), any_port=True)

ROWS: Final = (
    Provider(
        name="google",
        title="Google",
        authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
        token_url="https://oauth2.googleapis.com/token",
        revoke_url="https://oauth2.googleapis.com/revoke",
        device_url="https://oauth2.googleapis.com/device/code",
        api_url="https://www.googleapis.com/",
        # Only the first consent of an account brings a refresh token, so it is asked for again.
        authorize_params={"access_type": "offline", "prompt": "consent"},
        grants=("confidential", "device"),
        scope="openid email profile",
        redirect_uri="http://127.0.0.1:0/callback",
        redirect_rule=_ANY_PORT,
        register_at="https://console.cloud.google.com/auth/clients",
        pages=(
            Page("https://developers.google.com/identity/protocols/oauth2/native-app", READ),
            Page("https://developers.google.com/identity/sign-in/devices", "2026-11-27"),
        ),
        note="make a client of the kind Desktop app; its secret goes into client_secret",
    ),
    Provider(
        name="github",
        title="GitHub",
        authorize_url="https://github.com/login/oauth/authorize",
        token_url="https://github.com/login/oauth/access_token",
        device_url="https://github.com/login/device/code",
        api_url="https://api.github.com/",
        grants=("confidential", "device"),
        redirect_uri="http://127.0.0.1:0/callback",
        redirect_rule=_ANY_PORT,
        register_at="https://github.com/settings/applications/new",
        pages=(
            Page(
                "https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps", READ
            ),
        ),
        note="the token of an OAuth app has no end and no refresh token",
    ),
    Provider(
        name="gitlab",
        title="GitLab",
        placeholders={"host": "gitlab.com"},
        authorize_url="https://{host}/oauth/authorize",
        token_url="https://{host}/oauth/token",
        revoke_url="https://{host}/oauth/revoke",
        device_url="https://{host}/oauth/authorize_device",
        api_url="https://{host}/api/v4/",
        grants=("pkce", "confidential", "device"),
        scope="read_api",
        register_at="https://{host}/-/user_settings/applications",
        pages=(Page("https://docs.gitlab.com/api/oauth2/", "2026-11-27"),),
    ),
    Provider(
        name="atlassian",
        title="Atlassian Cloud",
        authorize_url="https://auth.atlassian.com/authorize",
        token_url="https://auth.atlassian.com/oauth/token",
        api_url="https://api.atlassian.com/",
        authorize_params={"prompt": "consent"},
        audience="api.atlassian.com",
        token_request="json",
        grants=("confidential",),
        scope="read:me offline_access",
        register_at="https://developer.atlassian.com/console/myapps/",
        pages=(Page("https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/", READ),),
        note="api_url ends in ex/jira/ and the site's cloudId, which oauth/token/accessible-resources lists",
    ),
    Provider(
        name="slack",
        title="Slack",
        authorize_url="https://slack.com/oauth/v2/authorize",
        token_url="https://slack.com/api/oauth.v2.access",
        api_url="https://slack.com/api/",
        # The scopes of a user have a parameter of their own, and the token has an object of its own.
        authorize_params={"scope": "", "user_scope": "{scope}"},
        grants=("pkce", "confidential"),
        scope_separator=",",
        token_types=("user",),
        token_path="authed_user",
        redirect_rule=RedirectRule(("localhost",)),
        register_at="https://api.slack.com/apps",
        pages=(
            Page("https://docs.slack.dev/authentication/installing-with-oauth", READ),
            Page("https://docs.slack.dev/changelog/2026/03/30/pkce", READ),
        ),
        note="the token acts for the user; localhost is for apps that have PKCE switched on",
    ),
    Provider(
        name="notion",
        title="Notion",
        authorize_url="https://api.notion.com/v1/oauth/authorize",
        token_url="https://api.notion.com/v1/oauth/token",
        revoke_url="https://api.notion.com/v1/oauth/revoke",
        api_url="https://api.notion.com/v1/",
        authorize_params={"owner": "user"},
        token_request="json",
        client_auth="basic",
        grants=("confidential",),
        token_headers={"Notion-Version": "2025-09-03"},
        api_headers={"Notion-Version": "2025-09-03"},
        register_at="https://app.notion.com/developers/connections",
        pages=(
            Page("https://developers.notion.com/reference/authorization", READ),
            Page("https://developers.notion.com/reference/authentication", READ),
        ),
    ),
    Provider(
        name="dropbox",
        title="Dropbox",
        authorize_url="https://www.dropbox.com/oauth2/authorize",
        token_url="https://api.dropboxapi.com/oauth2/token",
        api_url="https://api.dropboxapi.com/2/",
        authorize_params={"token_access_type": "offline"},
        grants=("pkce", "confidential"),
        redirect_rule=RedirectRule(("127.0.0.1", "localhost")),
        register_at="https://www.dropbox.com/developers/apps",
        pages=(Page("https://dropbox.tech/developers/using-oauth-2-0-with-offline-access", READ),),
    ),
    Provider(
        name="zoom",
        title="Zoom",
        authorize_url="https://zoom.us/oauth/authorize",
        token_url="https://zoom.us/oauth/token",
        revoke_url="https://zoom.us/oauth/revoke",
        device_url="https://zoom.us/oauth/devicecode",
        api_url="https://api.zoom.us/v2/",
        client_auth="basic",
        grants=("pkce", "confidential", "client_credentials", "device", "custom"),
        grant_type="account_credentials",
        register_at="https://marketplace.zoom.us/",
        pages=(
            Page("https://developers.zoom.us/docs/rooms/oauth/", READ),
            Page("https://developers.zoom.us/blog/device-authorization.md", READ),
        ),
        note='a server-to-server app has `grant = "custom"` and its account_id in token_params',
    ),
)
