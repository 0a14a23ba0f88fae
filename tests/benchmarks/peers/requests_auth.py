"""requests-auth: ``OAuth2.token_cache = JsonTokenFileCache(…)``, then ``auth=OAuth2ClientCredentials(…)``.

Documentation: README, "Managing token cache" and "Client Credentials flow".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import requests
from requests_auth import JsonTokenFileCache, OAuth2, OAuth2ClientCredentials

if TYPE_CHECKING:
    from collections.abc import Callable


def cache_token(folder: str, url: str) -> None:
    """It asks the token endpoint for it, and writes its cache."""
    assert caller(folder, url)().status_code == 200


def caller(folder: str, url: str) -> Callable[[], requests.Response]:
    session = requests.Session()
    session.auth = _auth(folder, url)
    return partial(session.get, f"{url}/v1/me")


def authorizer(folder: str, url: str) -> Callable[[requests.PreparedRequest], object]:
    return _auth(folder, url)


def _auth(folder: str, url: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    OAuth2.token_cache = JsonTokenFileCache(f"{folder}/tokens.json")
    auth: Callable[[requests.PreparedRequest], requests.PreparedRequest] = OAuth2ClientCredentials(
        f"{url}/token", client_id="the-client", client_secret="the-secret"
    )
    return auth
