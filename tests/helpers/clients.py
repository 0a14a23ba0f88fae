"""Every client that a profile's API can be asked with, as one kind of thing that has ``request`` and ``get``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Final

import httpx
import httpx2
import requests

from aventus_creds.errors import ConfigError
from aventus_creds.profiles.profile import Profile
from aventus_creds.session.authorised import auth_for
from aventus_creds.session.httpx_client import async_client, client
from aventus_creds.session.session import ApiSession
from aventus_creds.sources.source import TokenSource

NO_ADDRESS: Final = (
    *(requests.RequestException, httpx.HTTPError, httpx.InvalidURL, httpx2.HTTPError, httpx2.InvalidURL),
    *(ConfigError, ValueError),
)
"""What clients raise for an address that is none, or where nobody answers."""

Open = Callable[[Profile, Any], AbstractContextManager[Any]]


class Asking:
    """Asks with ``send``, which is what has the arguments of requests.request."""

    def __init__(self, send: Callable[..., Any], origin: str = "") -> None:
        self.send, self._origin = send, origin

    def request(self, method: str, url: str, **more: Any) -> Any:
        return self.send(method, self._origin + url if url.startswith("/") else url, **more)

    def get(self, url: str, **more: Any) -> Any:
        return self.request("GET", url, **more)

    def post(self, url: str, **more: Any) -> Any:
        return self.request("POST", url, **more)


@contextmanager
def open_session(profile: Profile, source: TokenSource) -> Iterator[ApiSession]:
    """get_session's."""
    with ApiSession(profile, source) as session:
        session.verify = False
        yield session


@contextmanager
def auth_of_requests(profile: Profile, source: TokenSource) -> Iterator[Asking]:
    """get_auth's, with a session of requests."""
    with requests.Session() as session:
        session.auth, session.verify = auth_for(profile, source), False
        yield Asking(session.request, profile.api_url)


@contextmanager
def auth_of_httpx(profile: Profile, source: TokenSource, library: Any = httpx) -> Iterator[Asking]:
    """get_auth's, with a client of httpx, or of httpx2."""
    with library.Client(auth=auth_for(profile, source), verify=False, follow_redirects=True) as asked:
        yield Asking(_with_content(asked.request), profile.api_url)


@contextmanager
def client_of_httpx(profile: Profile, source: TokenSource) -> Iterator[Asking]:
    """get_client's."""
    with client(profile, auth_for(profile, source)) as asked:
        asked.follow_redirects = True
        yield Asking(_with_content(asked.request))


@contextmanager
def auth_of_async_httpx(profile: Profile, source: TokenSource, library: Any = httpx) -> Iterator[Asking]:
    """get_auth's, with an async client of httpx, or of httpx2."""
    asked = library.AsyncClient(auth=auth_for(profile, source), verify=False, follow_redirects=True)
    with _in_a_loop(asked) as asking:
        asking._origin = profile.api_url
        yield asking


@contextmanager
def async_client_of_httpx(profile: Profile, source: TokenSource) -> Iterator[Asking]:
    """get_async_client's."""
    asked = async_client(profile, auth_for(profile, source))
    asked.follow_redirects = True
    with _in_a_loop(asked) as asking:
        yield asking


CLIENTS: Final[dict[str, Open]] = {
    "auth of requests": auth_of_requests,
    "auth of httpx": auth_of_httpx,
    "auth of async httpx": auth_of_async_httpx,
    "auth of httpx2": partial(auth_of_httpx, library=httpx2),
    "auth of async httpx2": partial(auth_of_async_httpx, library=httpx2),
    "client": client_of_httpx,
    "async client": async_client_of_httpx,
}


@contextmanager
def _in_a_loop(asked: httpx.AsyncClient | httpx2.AsyncClient) -> Iterator[Asking]:
    with asyncio.Runner() as runner:
        request = _with_content(asked.request)
        yield Asking(lambda *arguments, **named: runner.run(request(*arguments, **named)))
        runner.run(asked.aclose())


def _with_content(send: Callable[..., Any]) -> Callable[..., Any]:
    """Give httpx as ``content`` what requests takes as ``data``."""

    def sent(*arguments: Any, **named: Any) -> Any:
        if "data" in named:
            named["content"] = named.pop("data")
        return send(*arguments, **named)

    return sent
