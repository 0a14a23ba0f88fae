"""google-auth: ``AuthorizedSession(Credentials.from_authorized_user_file("token.json"))``.

Documentation: user guide, "User credentials" and "Making authenticated requests". The file is the output of
``to_json``, as in Google's own quickstarts.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests


def cache_token(folder: str, url: str) -> None:
    from datetime import UTC, datetime, timedelta

    credentials = Credentials(
        "an-access-token",
        refresh_token="a-refresh-token",
        token_uri=f"{url}/token",
        client_id="the-client",
        client_secret="the-secret",
        expiry=datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1),
    )
    with open(f"{folder}/token.json", "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib has to be loaded
        file.write(credentials.to_json())


def caller(folder: str, url: str) -> Callable[[], requests.Response]:
    session = AuthorizedSession(Credentials.from_authorized_user_file(f"{folder}/token.json"))
    return partial(session.get, f"{url}/v1/me")


def authorizer(folder: str, url: str) -> Callable[[requests.PreparedRequest], object]:
    credentials = Credentials.from_authorized_user_file(f"{folder}/token.json")

    def authorize(request: requests.PreparedRequest) -> None:  # as AuthorizedSession.request does
        credentials.before_request(None, request.method, request.url, request.headers)

    return authorize
