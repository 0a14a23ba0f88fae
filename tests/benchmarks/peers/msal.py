"""MSAL: ``acquire_token_for_client`` before each call. It looks into the cache first.

Documentation: the reference of MSAL, ``acquire_token_for_client``, and the README of msal-extensions (a
PersistedTokenCache with a FilePersistence). The constructor always asks the authority for its endpoints over the
network. Here, a custom client (the documented ``http_client``) answers from memory, so that this is not measured.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import requests
from msal import ConfidentialClientApplication
from msal_extensions import FilePersistence, PersistedTokenCache

if TYPE_CHECKING:
    from collections.abc import Callable

AUTHORITY = "https://login.microsoftonline.com/a-tenant"
SCOPES = ["https://api.example.com/.default"]


def cache_token(folder: str, url: str) -> None:
    """MSAL asks for the token, and writes its cache."""
    assert "access_token" in _application(folder).acquire_token_for_client(SCOPES)


def caller(folder: str, url: str) -> Callable[[], requests.Response]:
    application, session, address = _application(folder), requests.Session(), f"{url}/v1/me"

    def call() -> requests.Response:
        result = application.acquire_token_for_client(SCOPES)
        return session.get(address, headers={"Authorization": "Bearer " + result["access_token"]})

    return call


def authorizer(folder: str, url: str) -> Callable[[requests.PreparedRequest], object]:
    application = _application(folder)

    def authorize(request: requests.PreparedRequest) -> None:
        result = application.acquire_token_for_client(SCOPES)
        request.headers["Authorization"] = "Bearer " + result["access_token"]

    return authorize


def _application(folder: str) -> Any:
    cache = PersistedTokenCache(FilePersistence(f"{folder}/token_cache.bin"))
    return ConfidentialClientApplication(
        "the-client",
        client_credential="the-secret",
        authority=AUTHORITY,
        token_cache=cache,
        instance_discovery=False,
        http_client=_Memory(),
    )


class _Answer:
    status_code = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed

    def __init__(self, content: object) -> None:
        self.text = json.dumps(content)

    def raise_for_status(self) -> None:
        pass


class _Memory:
    """The authority's answers, without a network."""

    def get(self, *_: object, **__: object) -> _Answer:
        return _Answer(
            {
                "issuer": f"{AUTHORITY}/v2.0",
                "authorization_endpoint": f"{AUTHORITY}/oauth2/v2.0/authorize",
                "token_endpoint": f"{AUTHORITY}/oauth2/v2.0/token",
            }
        )

    def post(self, *_: object, **__: object) -> _Answer:
        return _Answer({"access_token": "an-access-token", "token_type": "Bearer", "expires_in": 86400})

    def close(self) -> None:
        pass
