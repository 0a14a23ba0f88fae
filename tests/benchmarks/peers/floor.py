"""The floor: bare requests with the token in the source code. No cache, no expiry, no refresh."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Callable

BEARER = "Bearer an-access-token"


def cache_token(folder: str, url: str) -> None:
    """There is nothing to cache."""


def caller(folder: str, url: str) -> Callable[[], requests.Response]:
    session = requests.Session()
    session.headers["Authorization"] = BEARER
    return partial(session.get, f"{url}/v1/me")


def authorizer(folder: str, url: str) -> Callable[[requests.PreparedRequest], object]:
    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = BEARER
        return request

    return authorize
