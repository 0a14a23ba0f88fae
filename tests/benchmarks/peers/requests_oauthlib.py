"""requests-oauthlib: ``OAuth2Session(client_id, token=token, auto_refresh_url=…, token_updater=…)``.

Documentation: "OAuth 2 Workflow", "Refreshing tokens", the third and recommended way. The program decides where to
store the token; here it is a JSON file. Plain HTTP on the loopback is enabled as the documentation shows.
"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING

from requests_oauthlib import OAuth2Session

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def cache_token(folder: str, url: str) -> None:
    from time import time

    token = {
        "access_token": "an-access-token",
        "token_type": "Bearer",
        "expires_in": 86400,
        "expires_at": time() + 86400,
        "refresh_token": "a-refresh-token",
    }
    _save(folder, token)


def caller(folder: str, url: str) -> Callable[[], requests.Response]:
    return partial(_session(folder, url).get, f"{url}/v1/me")


def authorizer(folder: str, url: str) -> Callable[[requests.PreparedRequest], object]:
    session = _session(folder, url)

    def authorize(request: requests.PreparedRequest) -> object:  # as OAuth2Session.request does
        request.url, request.headers, request.body = session._client.add_token(
            request.url, http_method="GET", body=request.body, headers=request.headers
        )
        return request

    return authorize


def _session(folder: str, url: str) -> OAuth2Session:
    with open(f"{folder}/token.json", encoding="utf-8") as file:  # noqa: PTH123 - pathlib has to be loaded
        token = json.load(file)
    return OAuth2Session(
        "the-client",
        token=token,
        auto_refresh_url=f"{url}/token",
        auto_refresh_kwargs={"client_id": "the-client"},
        token_updater=partial(_save, folder),
    )


def _save(folder: str, token: object) -> None:
    with open(f"{folder}/token.json", "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(token, file)
