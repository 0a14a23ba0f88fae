"""What people do and share: music, sport, posts."""

from typing import Final

from aventus_creds.profiles.providers import Provider
from aventus_creds.profiles.providers.columns import RedirectRule

READ: Final = "2026-11-26"

ROWS: Final = (
    Provider(
        name="spotify",
        title="Spotify",
        authorize_url="https://accounts.spotify.com/authorize",
        token_url="https://accounts.spotify.com/api/token",
        api_url="https://api.spotify.com/v1/",
        client_auth="basic",
        grants=("pkce", "confidential", "client_credentials"),
        redirect_uri="http://127.0.0.1:0/callback",
        redirect_rule=RedirectRule(("127.0.0.1", "[::1]"), any_port=True),
        register_at="https://developer.spotify.com/dashboard",
        pages=(
            ("https://developer.spotify.com/documentation/web-api/tutorials/code-pkce-flow", READ),
            ("https://developer.spotify.com/documentation/web-api/concepts/redirect_uri", READ),
        ),
        note="register http://127.0.0.1/callback, without a port",
    ),
    Provider(
        name="strava",
        title="Strava",
        authorize_url="https://www.strava.com/oauth/authorize",
        token_url="https://www.strava.com/oauth/token",
        api_url="https://www.strava.com/api/v3/",
        grants=("confidential",),
        scope_separator=",",
        scope="read",
        redirect_uri="http://127.0.0.1:0/callback",
        redirect_rule=RedirectRule(("127.0.0.1", "localhost"), any_port=True),
        register_at="https://www.strava.com/settings/api",
        pages=(("https://developers.strava.com/docs/authentication", READ),),
    ),
    Provider(
        name="x",
        title="X",
        authorize_url="https://x.com/i/oauth2/authorize",
        token_url="https://api.x.com/2/oauth2/token",
        revoke_url="https://api.x.com/2/oauth2/revoke",
        api_url="https://api.x.com/2/",
        client_auth="basic",
        grants=("pkce", "confidential"),
        scope="tweet.read users.read offline.access",
        redirect_rule=RedirectRule(("127.0.0.1",)),
        register_at="https://developer.x.com/en/portal/dashboard",
        pages=(
            ("https://docs.x.com/resources/fundamentals/authentication/oauth-2-0/authorization-code", READ),
            ("https://developer.x.com/en/docs/apps/callback-urls", READ),
        ),
    ),
    Provider(
        name="reddit",
        title="Reddit",
        authorize_url="https://www.reddit.com/api/v1/authorize",
        token_url="https://www.reddit.com/api/v1/access_token",
        revoke_url="https://www.reddit.com/api/v1/revoke_token",
        api_url="https://oauth.reddit.com/",
        authorize_params={"duration": "permanent"},
        client_auth="basic",
        empty_secret=True,
        scope="identity",
        # Both refuse the usual name of a library: https://github.com/reddit-archive/reddit/wiki/API
        token_headers={"User-Agent": "python:aventus-creds"},
        api_headers={"User-Agent": "python:aventus-creds"},
        grants=("pkce", "confidential", "client_credentials"),
        register_at="https://www.reddit.com/prefs/apps",
        pages=(("https://github.com/reddit-archive/reddit/wiki/OAuth2", READ),),
    ),
    Provider(
        name="linkedin",
        title="LinkedIn",
        authorize_url="https://www.linkedin.com/oauth/v2/authorization",
        token_url="https://www.linkedin.com/oauth/v2/accessToken",
        api_url="https://api.linkedin.com/",
        grants=("confidential", "client_credentials"),
        scope="openid profile email",
        register_at="https://www.linkedin.com/developers/apps",
        pages=(
            ("https://learn.microsoft.com/linkedin/shared/authentication/authorization-code-flow", READ),
            ("https://learn.microsoft.com/linkedin/shared/authentication/programmatic-refresh-tokens", READ),
        ),
        note="a token lives 60 days; only approved partners get a refresh token",
    ),
)
