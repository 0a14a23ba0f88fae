"""requests_oauth2client: a BearerToken from the TokenSerializer is the ``auth`` of a call.

Documentation: README, "Calling APIs with Access Tokens". The documentation of the serializer says that it is for
stored tokens. Nothing refreshes this token: this is the fastest documented way, not the one with the most features.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import requests
from requests_oauth2client import BearerToken, TokenSerializer

if TYPE_CHECKING:
    from collections.abc import Callable


def cache_token(folder: str, url: str) -> None:
    token = BearerToken("an-access-token", expires_in=86400)
    with open(f"{folder}/token", "wb") as file:  # noqa: PTH123 - pathlib has to be loaded
        file.write(TokenSerializer().dumps(token))


def caller(folder: str, url: str) -> Callable[[], requests.Response]:
    session = requests.Session()
    session.auth = _token(folder)
    return partial(session.get, f"{url}/v1/me")


def authorizer(folder: str, url: str) -> Callable[[requests.PreparedRequest], object]:
    return _token(folder)


def _token(folder: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    with open(f"{folder}/token", "rb") as file:  # noqa: PTH123
        token: Callable[[requests.PreparedRequest], requests.PreparedRequest] = TokenSerializer().loads(
            file.read()
        )
    return token
