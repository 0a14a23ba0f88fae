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

from aventus_creds.basics.hidden import Secretive
from aventus_creds.basics.urls import origin, split_url
from aventus_creds.errors import AventusCredsError, LoginRequired
from aventus_creds.session.refusals import Replacements, refuses
from aventus_creds.session.retries import can_repeat

if TYPE_CHECKING:
    from aventus_creds.sources.source import TokenSource
    from aventus_creds.tokens import Token

logger: Final = logging.getLogger(__name__)


class BearerAuth(Secretive, AuthBase):
    """Adds the access token to requests to some origins, and to no others (RFC 6750 section 2.1).

    It is an ``auth`` and not a header, because requests replaces an Authorization header by what it finds in
    ``~/.netrc`` unless there is an ``auth``.

    Args:
        source: where the token comes from, for each request.
        origins: the origins that may see the token, such as ``https://api.example.com``, without a slash at
            the end.
    """

    instead = "call get_session in the other process"

    def __init__(self, source: TokenSource, origins: Iterable[str]) -> None:
        self._source = source
        self._origins = frozenset(origins)
        self._prefixes = tuple(f"{item}/" for item in self._origins)
        self._replacements = Replacements(self._origins)
        # A token and the hook for its answers, kept so that each request need not make a new hook.
        self._watched: tuple[Token | None, Any] = (None, None)
        self._told: set[str] = set()  # the origins that the log has named

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
                hook = _Watch(self._answered, token)
                self._watched = token, hook
            request.hooks["response"].append(hook)
        else:
            self.tell_without(request.url)
        return request

    def tell_without(self, url: str | None) -> None:
        """Write to the log, once for each origin, that ``url`` gets no token, and what to do if it should."""
        if not logger.isEnabledFor(logging.INFO):
            return
        try:
            place = origin(urlsplit(url or ""))  # without what may stand before the host
        except ValueError:  # requests says what is wrong with it
            return
        if place in self._told:
            return
        self._told.add(place)
        what = "add it to api_origins in the profile"
        try:
            split_url(place)
        except ValueError as why:
            what = f"its links are wrong: an address in api_origins {why}"
        mine = ", ".join(sorted(self._origins))
        logger.info("%s gets no token: only %s gets it. If this is the API too, %s.", place, mine, what)

    def _answered(self, token: Token, response: requests.Response, **settings: Any) -> requests.Response:
        if not refuses(response):
            self._replacements.accepted(token)
            return response
        # After a redirect, the refused request may be one that did not carry the token.
        if not _carries(response.request, token) or self._replacements.refused(token):
            return response
        asked_at = time.time() - response.elapsed.total_seconds()
        try:
            new = self._source.token(stale=token)
        except AventusCredsError as fault:
            if isinstance(fault, LoginRequired) and not token.refresh_token:
                logger.warning("The API refused the token, which cannot be renewed. %s", fault.hint)
                return response
            response.close()  # the caller gets the error, which says what to do, and not the answer
            raise
        if new.obtained_at >= asked_at or response.history:
            self._replacements.made(new)
        # Otherwise it is older than the request: another process had stored it. It may have been revoked
        # together with ours. If it is refused too, try a real refresh, but only once.
        if not can_repeat(response.request):
            return response  # the body is used up, but the next request will have the new token
        return self._answered(new, self._repeat(response, new, settings), **settings)

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
        request.headers["Authorization"] = f"Bearer {token.access_token}"
        repeated: requests.Response = response.connection.send(request, **settings)
        repeated.history += [*response.history, response]
        repeated.request = request
        return repeated


class _Watch(partial[requests.Response]):
    """The hook that watches the answers to one token."""


def without_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return a copy of ``request`` for an error: without what authorises it, here or at a proxy."""
    request = request.copy()
    for name in ("Authorization", "Proxy-Authorization"):
        request.headers.pop(name, None)
    hooks = [hook for hook in request.hooks["response"] if not isinstance(hook, _Watch)]
    request.hooks = {**request.hooks, "response": hooks}
    return request


def _carries(request: requests.PreparedRequest, token: Token) -> bool:
    return request.headers.get("Authorization") == f"Bearer {token.access_token}"
