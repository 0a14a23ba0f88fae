"""BearerAuth: adds the access token to requests to an API, and gets a new one if the API refuses it.

It serves requests, niquests, httpx and httpx2 alike, and loads none of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urljoin, urlsplit

from aventus_creds.basics.hidden import Secretive
from aventus_creds.basics.urls import origin, split_url
from aventus_creds.errors import AventusCredsError, LoginRequired
from aventus_creds.session.libraries import can_repeat, httpx_auth, library_of, usual_headers
from aventus_creds.session.presenting import Presentation
from aventus_creds.session.refusals import REFUSALS, Replacements, refuses
from aventus_creds.sources.source import ready_of

if TYPE_CHECKING:
    import httpx
    import requests

    from aventus_creds.sources.source import TokenSource
    from aventus_creds.tokens import Token

logger: Final = logging.getLogger(__name__)

R = TypeVar("R")  # a request, of requests or niquests


class BearerAuth(Secretive):
    """Adds the access token to requests to some origins, and to no others (RFC 6750 section 2.1).

    It is an ``auth`` and not a header, because requests replaces an Authorization header by what it finds in
    ``~/.netrc`` unless there is an ``auth``.

    Args:
        source: where the token comes from, for each request.
        origins: the origins that may see the token, such as ``https://api.example.com``, without a slash at
            the end.
        presentation: which header holds the token. None: Authorization, with the scheme Bearer.
        headers: constant ones that only these origins get, unless the caller sets the same.
        when_short: called with an answer that does not refuse the token, but may want more than it has. It may
            raise, or return a newer token to try. None: the caller gets the answer.
    """

    instead = "call get_session in the other process"
    _scheme = "bearer"  # of the challenges that are about its tokens

    def __init__(
        self,
        source: TokenSource,
        origins: Iterable[str],
        *,
        presentation: Presentation | None = None,
        headers: Mapping[str, str] = {},
        when_short: Callable[[requests.Response, Token, bool], Token | None] | None = None,
    ) -> None:
        self.source = source
        self._ready = ready_of(source)
        self._when_short = when_short
        self._presented = presentation or Presentation()
        self._constant = dict(headers)
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

    def __call__(self, request: R) -> R:
        """Add the token, and watch for an answer that refuses it. Raises what the source raises."""
        prepared: Any = request
        if self.covers(prepared.url):
            token = self._ready() or self.source.token()
            self._presented.present(prepared, token)
            if self._constant:
                self._put_constant(prepared)
            watched, hook = self._watched
            if watched is not token:
                hook = _Watch(self._answered, token)
                hook.header = self._presented.header
                self._watched = token, hook
            prepared.hooks["response"].append(hook)
        else:
            self.tell_without(prepared.url)
        return request

    @property
    def header(self) -> str:
        """The name of the header that holds the token."""
        return self._presented.header

    @property
    def is_plain(self) -> bool:
        """Whether it adds nothing but a bearer token, in the header Authorization."""
        return self._presented.header == "Authorization" and not self._constant

    def put_on(self, request: Any, token: Token) -> None:
        """Put the ``token`` and the constant headers on a ``request`` to the API, of whatever library."""
        self._presented.present(request, token)
        self._put_constant(request)

    def _put_constant(self, request: Any) -> None:
        for name, value in self._constant.items():
            if request.headers.get(name) in {None, usual_headers(library_of(request)).get(name)}:
                request.headers[name] = value

    @property  # type: ignore[misc]
    def __class__(self) -> type[Any]:
        """Return httpx.Auth, once the caller has loaded httpx, which asks for instances of it: see the flows below."""
        return httpx_auth() or type(self)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Give httpx the requests to send for one of the caller's. Raises what the source raises."""
        from aventus_creds.session.httpx_flow import flow  # few callers use httpx

        return flow(self, request)

    def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Give httpx the requests to send, as ``sync_auth_flow`` does. Nothing in it blocks the event loop."""
        from aventus_creds.session.httpx_flow import async_flow  # few callers use httpx

        return async_flow(self, request)

    def take_off(self, request: requests.PreparedRequest) -> None:
        """Take the token and the constant headers from a ``request`` that goes on to another origin."""
        for name in ("Authorization", "DPoP", self._presented.header):
            request.headers.pop(name, None)
        for name, value in self._constant.items():
            if request.headers.get(name) == value:
                del request.headers[name]
                if usual := usual_headers(library_of(request)).get(name):
                    request.headers[name] = usual

    def follow(self, request: requests.PreparedRequest) -> None:
        """Make a ``request`` ready that a redirect has led on to another address of the API. It has the token."""

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
        if response.status_code in REFUSALS:
            asked_at = time.time() - response.elapsed.total_seconds()
            stream, repeatable = bool(settings.get("stream")), can_repeat(response.request)
            if newer := self.replacement(token, response, asked_at, repeatable=repeatable, stream=stream):
                return self._answered(newer, self._repeat(response, newer, settings), **settings)
            return response
        self.taken(token, response)
        if response.is_redirect and not self.covers(urljoin(response.url, response.headers["location"])):
            # requests copies this request for the next one, and where the session is not ApiSession, takes only
            # Authorization off.
            self.take_off(response.request)
        return response

    def taken(self, token: Token, response: Any) -> None:
        """Note that the API has taken ``token``: its ``response`` is none of REFUSALS."""
        del response
        self._replacements.accepted(token)

    def replacement(
        self, token: Token, response: Any, asked_at: float, *, repeatable: bool, stream: bool
    ) -> Token | None:
        """Return the token with which a refused request is sent again. None: the caller gets the API's answer.

        Args:
            token: what the request had.
            response: the API's answer, with a status of REFUSALS, of whatever library.
            asked_at: when the request was sent, in seconds since the epoch, UTC.
            repeatable: whether its body can be sent again.
            stream: whether the answer's body is not read yet.

        Raises:
            AventusCredsError: no newer token can be had, or a person must log in.
        """
        # After a redirect, the refused request may be one that did not carry the token.
        carries = self._carries(response.request, token)
        if not refuses(response, self._scheme):
            newer = self._when_short(response, token, stream) if self._when_short and carries else None
            if newer is None:
                self._replacements.accepted(token)
            return newer if repeatable else None
        if not carries or self._replacements.refused(token):
            return None
        try:
            new = self.source.token(stale=token)
        except AventusCredsError as fault:
            if isinstance(fault, LoginRequired) and not token.refresh_token:
                logger.warning("The API refused the token, which cannot be renewed. %s", fault.hint)
                return None
            if hasattr(response, "connection"):  # httpx closes it by itself
                response.close()  # the caller gets the error, which says what to do, and not the answer
            raise
        if new.obtained_at >= asked_at or response.history:
            self._replacements.made(new)
        # Otherwise it is older than the request: another process had stored it. It may have been revoked
        # together with ours. If it is refused too, try a real refresh, but only once.
        return (
            new if repeatable else None
        )  # the body is used up, but the next request will have the new token

    def _carries(self, request: Any, token: Token) -> bool:
        return bool(request.headers.get(self._presented.header) == self._presented.value(token))

    def _repeat(
        self, response: requests.Response, token: Token, settings: Mapping[str, Any]
    ) -> requests.Response:
        """Send the request again, in the way of requests' own HTTPDigestAuth."""
        from requests.cookies import extract_cookies_to_jar, get_cookie_header

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
        self._presented.present(request, token)
        repeated: requests.Response = response.connection.send(request, **settings)
        repeated.history += [*response.history, response]
        repeated.request = request
        return repeated


class _Watch(partial["requests.Response"]):
    """The hook that watches the answers to one token, which is in ``header`` of the request."""

    header = "Authorization"


def token_of(request: requests.PreparedRequest) -> Token | None:
    """Return the token that a ``request`` was given, or None."""
    watches = [hook for hook in request.hooks["response"] if isinstance(hook, _Watch)]
    return watches[-1].args[0] if watches else None


def without_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return a copy of ``request`` for an error: without what authorises it, here or at a proxy."""
    request = request.copy()
    watches = [hook for hook in request.hooks["response"] if isinstance(hook, _Watch)]
    for name in ("Authorization", "DPoP", "Proxy-Authorization", *(hook.header for hook in watches)):
        request.headers.pop(name, None)
    hooks = [hook for hook in request.hooks["response"] if not isinstance(hook, _Watch)]
    request.hooks = {**request.hooks, "response": hooks}
    return request
