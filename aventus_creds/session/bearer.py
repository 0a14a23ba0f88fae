"""BearerAuth: adds the access token to requests to an API, and gets a new one if the API refuses it."""

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
    """Adds the access token to requests to some origins, and to no others (RFC 6750 section 2.1).

    It is an ``auth`` and not a header, because requests replaces an Authorization header by what it finds in
    ``~/.netrc`` unless there is an ``auth``.

    Args:
        source: where the token comes from, for each request.
        origins: the origins that may see the token, such as ``https://api.example.com``, without a slash at
            the end.
    """

    def __init__(self, source: TokenSource, origins: Iterable[str]) -> None:
        self._source = source
        self._origins = frozenset(origins)
        self._prefixes = tuple(f"{item}/" for item in self._origins)
        self._refused: Token | None = None
        # A token and the hook for its answers, kept so that each request need not make a new hook.
        self._watched: tuple[Token | None, Any] = (None, None)

    def covers(self, url: str | None) -> bool:
        """Whether ``url`` is on one of the origins that may see the token. None and malformed URLs are not."""
        if url is None:
            return False
        if url.startswith(self._prefixes):
            return True
        try:
            user = "".join(urlsplit(url).netloc.rpartition("@")[:2])
            # In https://evil.example\@api.example/ some parsers take the part before the backslash as the
            # host.
            return "\\" not in url and origin(split_url(url.replace(user, "", 1))) in self._origins
        except ValueError:  # a redirect may name an impossible host or port
            return False

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token, and watch for an answer that refuses it. Raises what the source raises."""
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
        # After a redirect, the refused request may be one that did not carry the token.
        if response.status_code != 401 or response.request.headers.get("Authorization") != _bearer(token):
            return response
        # If the replacement for a refused token was refused too, the token is not the problem. Do not replace
        # it again: that would be a refresh for each request.
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
            response.close()  # the caller gets the error, which says what to do, and not the answer
            raise
        repeated = self._repeat(response, new, settings)
        if repeated.status_code == 401 and new.obtained_at < asked_at and not response.history:
            # This token is older than the request: another process had stored it. It may have been revoked
            # together with ours, so try a real refresh, but only once.
            return self._answered(new, repeated, **settings)
        if repeated.status_code == 401:
            self._refused = new
        return repeated

    @staticmethod
    def _repeat(response: requests.Response, token: Token, settings: Mapping[str, Any]) -> requests.Response:
        """Send the request again, in the way of requests' own HTTPDigestAuth."""
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
