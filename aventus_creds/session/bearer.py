"""BearerAuth: adds the access token to requests for the API's origins, and replaces one that was refused."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from requests.cookies import extract_cookies_to_jar, get_cookie_header

from aventus_creds.basics.urls import origin, split_url
from aventus_creds.errors import AventusCredsError, LoginRequired
from aventus_creds.session.retries import can_repeat

if TYPE_CHECKING:
    from aventus_creds.sources.source import TokenSource
    from aventus_creds.tokens import Token

logger: Final = logging.getLogger(__name__)


class BearerAuth(AuthBase):
    """Adds the access token to requests for ``origins``, and to no others (RFC 6750 section 2.1).

    ``origins`` are texts such as ``https://api.example.com``. It is an ``auth`` and not a header because
    requests replaces a header by what it finds in ``~/.netrc``, and leaves an ``auth`` alone.
    """

    def __init__(self, source: TokenSource, origins: Iterable[str]) -> None:
        self._source = source
        self._origins = frozenset(origins)
        self._prefixes = tuple(f"{item}/" for item in self._origins)
        self._refused: Token | None = None
        # A token, and the hook that sees what becomes of it.
        self._watched: tuple[Token | None, Any] = (None, None)

    def covers(self, url: str | None) -> bool:
        """Whether ``url`` is on one of the origins that may see the token."""
        if url is None:
            return False
        if url.startswith(self._prefixes):
            return True
        try:
            user = "".join(urlsplit(url).netloc.rpartition("@")[:2])
            # In https://evil.example\@api.example/ others see the host before the backslash.
            return "\\" not in url and origin(split_url(url.replace(user, "", 1))) in self._origins
        except ValueError:  # a redirect may name an impossible host or port
            return False

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token, and take notice when the API refuses it. Raises what the source raises."""
        if self.covers(request.url):
            token = self._source.token()
            request.headers["Authorization"] = f"Bearer {token.access_token}"
            watched, hook = self._watched
            if watched is not token:
                hook = partial(self._answered, token)
                self._watched = token, hook
            request.hooks["response"].append(hook)
        return request

    def _answered(self, token: Token, response: requests.Response, **settings: Any) -> requests.Response:
        # After a redirect, the refused request may be one that went without the token.
        if response.status_code != 401 or response.request.headers.get("Authorization") != _bearer(token):
            return response
        # A token that itself replaced a refused one, and was refused too, is not what the API minds.
        refused_before = self._refused is not None and token.access_token == self._refused.access_token
        if refused_before or not can_repeat(response.request):
            return response
        asked_at = time.time() - response.elapsed.total_seconds()
        try:
            new = self._source.token(stale=token)
        except AventusCredsError as fault:
            if isinstance(fault, LoginRequired) and not token.refresh_token:
                logger.warning("The API answered 401, and the token cannot be renewed. %s", fault.hint)
                return response
            response.close()  # nobody gets it: the caller must know what to do
            raise
        repeated = self._repeat(response, new, settings)
        if repeated.status_code == 401 and new.obtained_at < asked_at and not response.history:
            # Not renewed, but found: another process had it already, and it was revoked with ours. Once.
            return self._answered(new, repeated, **settings)
        if repeated.status_code == 401:
            self._refused = new
        return repeated

    @staticmethod
    def _repeat(response: requests.Response, token: Token, settings: Mapping[str, Any]) -> requests.Response:
        """Send the request once more, as requests' own HTTPDigestAuth does."""
        response.close()
        request = response.request.copy()
        if isinstance(position := getattr(request, "_body_position", None), int):
            request.body.seek(position)  # type: ignore[union-attr]
        if (jar := request._cookies) is not None:  # noqa: SLF001 - as HTTPDigestAuth does
            sent = request.headers.pop("Cookie", None)
            if sent is None or sent == get_cookie_header(jar, request):
                extract_cookies_to_jar(jar, response.request, response.raw)
                request.prepare_cookies(jar)
            else:  # the caller's own header
                request.headers["Cookie"] = sent
        request.headers["Authorization"] = _bearer(token)
        repeated: requests.Response = response.connection.send(request, **settings)
        repeated.history += [*response.history, response]
        repeated.request = request
        return repeated


def _bearer(token: Token) -> str:
    return f"Bearer {token.access_token}"
