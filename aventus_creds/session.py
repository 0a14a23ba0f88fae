"""ApiSession: a requests.Session that is authorised for one API, and BearerAuth, which makes it so."""

from __future__ import annotations

import copy
import logging
import os
import time
from collections.abc import Iterable, Mapping
from functools import partial
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.cookies import extract_cookies_to_jar, get_cookie_header
from urllib3.exceptions import InvalidHeader, MaxRetryError, ReadTimeoutError, ResponseError, SSLError
from urllib3.util.retry import Retry

from aventus_creds.environment import environment_bundle, environment_proxies, stays_here
from aventus_creds.errors import AventusCredsError, ConfigError, LoginRequired
from aventus_creds.origins import origin, split_url

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

    from aventus_creds.profiles import Profile
    from aventus_creds.sources import TokenSource
    from aventus_creds.tokens import Token

RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})
BACKOFF: Final = 0.5
"""Half the seconds before the second retry (the first comes at once); each further one waits twice as long."""
LONGEST_WAIT: Final = 120
"""Seconds. A server whose Retry-After asks for more gets no retry: the caller has its answer."""

_NO_MARKS: Final = {ord(mark): None for mark in "+-."}  # RFC 3986 section 3.1

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


class ApiSession(requests.Session):
    """A requests.Session for a profile's API. It raises what requests raises, and what its source raises.

    Relative URLs are joined to ``api_url``. The token goes to the API's origins only, also across
    redirects; ``~/.netrc`` is never read; idempotent requests are repeated after passing faults; and each
    request has a time limit (``profile.timeout``, seconds) unless it names its own.
    """

    def __init__(self, profile: Profile, source: TokenSource) -> None:
        if not profile.api_origins:
            raise ConfigError(
                f"profile {profile.name} names no API that a session could be for",
                hint="Set api_url (or an audience that is a URL) in the profile, or use get_token.",
            )
        super().__init__()
        self.profile = profile
        self.auth = self._bearer = BearerAuth(source, profile.api_origins)
        self.verify = profile.ca_bundle or True
        adapter = _Adapter(profile.retries)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self._process = os.getpid()

    def __repr__(self) -> str:
        """Return the profile's name and the API."""
        return f"<ApiSession {self.profile.name} {self.profile.api_url or self.profile.api_origins[0]}>"

    def __getstate__(self) -> dict[str, Any]:
        """Refuse to be pickled: the token would be in the pickle."""
        raise TypeError("an ApiSession is not pickled: call get_session in the other process")

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare ``request``, its URL joined to the API's when it is relative."""
        request = copy.copy(request)  # the caller's own stays as it is
        url = request.url.decode() if isinstance(request.url, bytes) else request.url or ""
        if not _is_absolute(url):
            request.url = self._join(url)
        if not request.auth and not self.auth:  # the caller took the token away
            request.auth = _no_netrc
        if not request.params and not self.params:
            # To merge and encode two empty tables takes requests a quarter of the preparation.
            request.params = ""
        return super().prepare_request(request)

    def _join(self, url: str) -> str:
        base = self.profile.api_url
        if not base:
            raise ConfigError(
                f"{url} is relative, and profile {self.profile.name} has no api_url to join it to"
            )
        if not url or url.startswith("?"):
            return base + url
        return f"{base.rstrip('/')}/{url.lstrip('/')}"

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        """Send ``request``, within the profile's time limit where the caller names none."""
        if self._process != os.getpid():
            self._leave_connections()
        if settings.get("timeout") is None:
            settings["timeout"] = self.profile.timeout
        if stays_here(request.url or ""):
            settings["proxies"] = dict(self.proxies)
        return super().send(request, **settings)

    def _leave_connections(self) -> None:
        """After a fork, leave the open connections to the other process: both would read one answer."""
        for adapter in self.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                adapter.__setstate__(adapter.__getstate__())  # as requests itself makes its pools anew
        self._process = os.getpid()

    def merge_environment_settings(
        self, url: str, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> dict[str, Any]:
        """Merge as requests does, but let the profile's ca_bundle, or what the caller has set, come first."""
        proxies = dict(proxies or {})
        if verify is None:
            verify = self.verify
        if self.trust_env and verify is True:  # for http too: a redirect keeps the setting
            verify = environment_bundle() or True
        if self.trust_env and not stays_here(url):
            proxies = {**environment_proxies(url, proxies.get("no_proxy")), **proxies}
        return {
            "proxies": {
                key: value for key, value in {**self.proxies, **proxies}.items() if value is not None
            },
            "stream": self.stream if stream is None else stream,
            "verify": verify,
            "cert": self.cert if cert is None else cert,
        }

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Across a redirect, take the token along to the API's origins only, and never ask ``~/.netrc``."""
        before, after = response.request.url or "", prepared_request.url or ""
        ours = self._bearer.covers(before)
        if not (self._bearer.covers(after) if ours else not self.should_strip_auth(before, after)):
            prepared_request.headers.pop("Authorization", None)


class _Adapter(HTTPAdapter):
    """Repeats idempotent requests after passing faults, as long as their bodies can be sent again."""

    def __init__(self, retries: int) -> None:
        super().__init__(
            max_retries=_Retry(
                total=retries,
                status_forcelist=RETRIED_STATUSES,
                backoff_factor=BACKOFF,
                backoff_max=LONGEST_WAIT,
                backoff_jitter=BACKOFF / 2,
                raise_on_status=False,
            )
        )
        self._once: HTTPAdapter | None = None  # most sessions send no stream

    def send(self, request: requests.PreparedRequest, *args: Any, **settings: Any) -> requests.Response:
        if not can_repeat(request):
            self._once = self._once or HTTPAdapter()
            return self._once.send(request, *args, **settings)
        try:
            return super().send(request, *args, **settings)
        except requests.ConnectionError as fault:
            # requests does not tell the two apart where it has tried several times
            if isinstance(getattr(fault.args[0], "reason", None), ReadTimeoutError):
                raise requests.ReadTimeout(*fault.args, request=request) from fault
            raise

    def close(self) -> None:
        if self._once:
            self._once.close()
        super().close()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._once = None


class _Retry(Retry):
    RETRY_AFTER_STATUS_CODES = RETRIED_STATUSES

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        try:
            return super().get_retry_after(response)
        except (InvalidHeader, ValueError, OverflowError):
            return None  # neither seconds nor a date: as if it were not there

    def increment(self, method: str | None = None, *args: Any, **more: Any) -> Self:
        fault, response = more.get("error"), more.get("response")
        if isinstance(fault, SSLError) and (
            # urllib3 would repeat a POST too, although TLS may have failed after the API received it.
            not self._is_method_retryable(method or "") or isinstance(fault.args[0], SSLCertVerificationError)
        ):
            raise MaxRetryError(more["_pool"], "", fault)
        if response is not None and (self.get_retry_after(response) or 0) > LONGEST_WAIT:
            raise MaxRetryError(more["_pool"], "", ResponseError("Retry-After asks for too long a wait"))
        return super().increment(method, *args, **more)


def _is_absolute(url: str) -> bool:
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme.isascii() and scheme.translate(_NO_MARKS).isalnum()


def _bearer(token: Token) -> str:
    return f"Bearer {token.access_token}"


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add nothing. Without any auth, requests would look into ~/.netrc."""
    return request


def can_repeat(request: requests.PreparedRequest) -> bool:
    """Whether the request's body can be sent once more: none, bytes, text, or a file that can be rewound."""
    body = request.body
    return (
        body is None
        or isinstance(body, bytes | str)
        or isinstance(getattr(request, "_body_position", None), int)
    )
