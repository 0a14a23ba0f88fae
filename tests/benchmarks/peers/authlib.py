"""Authlib: ``OAuth2Session(client_id, client_secret, token=restored, update_token=…)``.

Documentation: "OAuth 2 Session", "Access Protected Resources" and "Refresh & Auto Update Token". The program decides
where to store the token; here it is a JSON file.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from authlib.integrations.requests_client import OAuth2Session

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests


def cache_token(folder: str, url: str) -> None:
    from time import time

    token = {
        "access_token": "an-access-token",
        "token_type": "Bearer",
        "expires_at": int(time()) + 86400,
        "refresh_token": "a-refresh-token",
    }
    _save(folder, token)


def caller(folder: str, url: str) -> Callable[[], requests.Response]:
    return partial(_session(folder, url).get, f"{url}/v1/me")


def authorizer(folder: str, url: str) -> Callable[[requests.PreparedRequest], object]:
    authorize: Callable[[requests.PreparedRequest], object] = _session(folder, url).token_auth
    return authorize


def _session(folder: str, url: str) -> OAuth2Session:
    with open(f"{folder}/token.json", encoding="utf-8") as file:  # noqa: PTH123 - pathlib has to be loaded
        token = json.load(file)
    return OAuth2Session(
        "the-client",
        "the-secret",
        token=token,
        token_endpoint=f"{url}/token",
        update_token=partial(_save, folder),
    )


def _save(folder: str, token: object, **_: object) -> None:
    with open(f"{folder}/token.json", "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(token, file)
