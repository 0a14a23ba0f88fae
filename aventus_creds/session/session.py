"""ApiSession: a requests.Session that is authorised for one API. BearerAuth does the authorising."""

from __future__ import annotations

import copy
import logging
import os
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from aventus_creds.basics.certificates import OWN_AUTHORITIES, environment_bundle
from aventus_creds.basics.netrc import no_netrc
from aventus_creds.errors import ConfigError
from aventus_creds.session.authorised import auth_for
from aventus_creds.session.environment import environment_proxies, stays_here
from aventus_creds.session.faults import cleaned
from aventus_creds.session.retries import RetryingAdapter
from aventus_creds.sources.source import patience

if TYPE_CHECKING:
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.session.authorised import StepUp
    from aventus_creds.session.login import Login
    from aventus_creds.sources.source import TokenSource


_NO_MARKS: Final = {ord(mark): None for mark in "+-."}  # RFC 3986 section 3.1

logger: Final = logging.getLogger(__name__)


class ApiSession(requests.Session):
    """A requests.Session for a profile's API.

    Relative URLs are joined to ``api_url``. The token is sent to the API's origins only, also after
    redirects, and ``~/.netrc`` is never read. Idempotent requests are retried after temporary failures. A
    request without a timeout of its own gets the profile's, in seconds.

    A request raises what requests raises, and what the source raises, such as LoginRequired.

    Args:
        profile: names the API, and the limits.
        source: where the token comes from, for each request.
        step_up: called with what a login must be asked for, where the API wants more than the login of a token has.
            It returns the token of a newer login, or the error that the request then raises, or None: then the caller
            gets the API's answer. None: always.

    Raises:
        ConfigError: the profile names no API.
    """

    auth: Any  # the user may put another in its place, or None, as in any session of requests

    def __init__(
        self,
        profile: Profile,
        source: TokenSource,
        step_up: StepUp | None = None,
    ) -> None:
        bearer = auth_for(profile, source, step_up)
        super().__init__()
        self.profile = profile
        self._source = source
        self.auth = self._bearer = bearer
        self.verify = profile.ca_bundle or True
        self._certificate = _certificate(profile) if profile.machine else None
        adapter = RetryingAdapter(profile.retries)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        self._process = os.getpid()

    def __repr__(self) -> str:
        """Return the profile's name and the API."""
        return f"<ApiSession {self.profile.name} {self.profile.api_url or self.profile.api_origins[0]}>"

    @property
    def login(self) -> Login:
        """What is known of the login that the next request uses. Raises what a request raises without a token."""
        from aventus_creds.session.login import Login

        return Login.of(self._source.token())

    def __getstate__(self) -> dict[str, Any]:
        """Refuse pickling: the token would be in the pickle."""
        raise TypeError("an ApiSession is not pickled: call get_session in the other process")

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare ``request`` as requests does, but join a relative URL to the API's.

        Raises:
            ConfigError: the URL is relative, and the profile has no api_url.
        """
        request = copy.copy(request)  # do not change the caller's object
        url = request.url.decode() if isinstance(request.url, bytes) else request.url or ""
        if not _is_absolute(url):
            request.url = self._join(url)
        if not request.auth and not self.auth:  # the caller took the token away
            request.auth = no_netrc
        if not request.params and not self.params:
            # Otherwise requests spends a quarter of the preparation on merging and encoding two empty tables.
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
        parts = urlsplit(base)
        if len(parts.path) > 1 and f"{url.partition('?')[0]}/".startswith(f"{parts.path.rstrip('/')}/"):
            return f"{parts.scheme}://{parts.netloc}{url}"  # a link from an answer, which has the whole path
        return f"{base.rstrip('/')}/{url.lstrip('/')}"

    def request(self, method: Any, url: str | bytes, *args: Any, **settings: Any) -> requests.Response:
        """Send a request. Its ``timeout``, in seconds, also limits the wait for a token that has to be refreshed."""
        if (limit := _seconds(settings.get("timeout"))) is None:
            return super().request(method, url, *args, **settings)
        with patience(limit):
            return super().request(method, url, *args, **settings)

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        """Send ``request``, with the profile's timeout if the caller sets none."""
        if self._process != os.getpid():
            self._leave_connections()
        if settings.get("timeout") is None:
            settings["timeout"] = self.profile.timeout
        if self._certificate and settings.get("cert") in {None, self._certificate}:
            # Tokens may be bound to it (RFC 8705 section 3). No other origin gets to see it, nor after a redirect.
            settings["cert"] = self._certificate if self._bearer.covers(request.url) else None
        if stays_here(request.url or ""):
            settings["proxies"] = dict(self.proxies)
        try:
            return super().send(request, **settings)
        except BaseException as fault:  # noqa: BLE001 - Ctrl-C and a time limit too
            error = cleaned(fault)
            if isinstance(error, requests.exceptions.SSLError):
                error.add_note(OWN_AUTHORITIES)
        try:
            raise error  # outside the except clause, so that the traceback begins here
        finally:
            del error  # the traceback has this frame, and the frame would have the error

    def _leave_connections(self) -> None:
        """After a fork, leave open connections to the parent: both processes would read the same answer."""
        for adapter in self.adapters.values():
            if isinstance(adapter, HTTPAdapter):
                adapter.__setstate__(adapter.__getstate__())  # how requests itself creates new pools
        self._process = os.getpid()

    def merge_environment_settings(
        self, url: str, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> dict[str, Any]:
        """Merge settings as requests does, but prefer the caller's, then the profile's ca_bundle."""
        proxies = dict(proxies or {})
        if verify is None:
            verify = self.verify
        if self.trust_env and verify is True:  # for http too: a redirect to https keeps it
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

    def rebuild_proxies(self, prepared_request: requests.PreparedRequest, proxies: Any) -> dict[str, str]:
        """After a redirect, choose the proxies as ``send`` does, so that none of their passwords goes elsewhere."""
        if not stays_here(prepared_request.url or ""):
            return super().rebuild_proxies(prepared_request, proxies)
        prepared_request.headers.pop("Proxy-Authorization", None)
        return dict(self.proxies)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """After a redirect, keep the token only for the API's origins, and never read ``~/.netrc``."""
        before, after = response.request.url or "", prepared_request.url or ""
        ours = self._bearer.covers(before)
        if ours and self._bearer.covers(after):
            self._bearer.follow(prepared_request)
        elif ours or self.should_strip_auth(before, after):
            prepared_request.headers.pop("Authorization", None)
            if ours:
                self._bearer.take_off(prepared_request)
                self._bearer.tell_without(after)


def _certificate(profile: Profile) -> tuple[str, str] | None:
    """Return the files of the client's certificate and key, if it has one. Raises SecretError."""
    if not profile.machine or not profile.machine.client_certificate:
        return None
    from aventus_creds.oauth.certificate import certificate_files  # few clients have one

    return certificate_files(profile)


def _is_absolute(url: str) -> bool:
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme.isascii() and scheme.translate(_NO_MARKS).isalnum()


def _seconds(timeout: Any) -> float | None:
    """Return the seconds that a timeout of requests allows in all: a number, or one each to connect and to read."""
    parts = timeout if isinstance(timeout, tuple) else (timeout,)
    if not all(isinstance(part, int | float) for part in parts):
        return None  # without a limit, or urllib3's own kind
    return float(sum(parts))
