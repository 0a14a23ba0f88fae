"""The one place that talks to an authorization server."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from aventus_creds.basics.certificates import OWN_AUTHORITIES, environment_bundle
from aventus_creds.basics.mocks import must_share_a_thread
from aventus_creds.basics.netrc import no_netrc
from aventus_creds.errors import AventusCredsError, InvalidAnswer, NetworkError
from aventus_creds.oauth.answer import Answer
from aventus_creds.oauth.request import ServerRequest

if TYPE_CHECKING:
    from aventus_creds.profiles.profile import Profile

LARGEST_ANSWER: Final = 1024 * 1024
"""Bytes of an answer at most. Token answers and discovery documents have a few thousand."""

MOST_RECEIVED: Final = 2 * LARGEST_ANSWER
"""Bytes received from a server at most, including status lines, headers and the framing of chunks."""

_DECODED: Final = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Content encodings that expand a kilobyte to a megabyte at most. Several in a row, and brotli, have no limit."""


class Transport:
    """Sends requests to a profile's authorization server, within the profile's time limit.

    A secret in a request goes only to the address that it is meant for: redirects are not followed, and
    ``~/.netrc`` is not read. Proxy and certificate settings of the environment are used, with one exception:
    requests with plain http to this machine bypass the proxy, since it would send the secret over the network
    unencrypted.

    Args:
        profile: for its time limit in seconds and its certificate authorities.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def post(self, request: ServerRequest) -> Answer:
        """Send ``request`` and return the answer, whatever its status.

        Raises:
            NetworkError: the server cannot be reached, is too slow or closes the connection.
            InvalidAnswer: it redirects, or sends too much or in an unexpected encoding.
        """
        return self._send("POST", request)

    def get(self, url: str) -> Answer:
        """Fetch a public document from the server. Raises as ``post`` does."""
        return self._send("GET", ServerRequest(url, {"Accept": "application/json"}, b"", ()))

    def _send(self, method: str, request: ServerRequest) -> Answer:
        """Send and receive in a thread that can be abandoned when the time is over.

        A socket's timeout starts again with each byte that arrives, and a DNS look-up has no timeout at all.
        """
        if must_share_a_thread():
            return self._exchange(method, request)
        answer: Future[Answer] = Future()

        def work() -> None:
            try:
                answer.set_result(self._exchange(method, request))
            except BaseException as fault:  # noqa: BLE001 - raised in the caller's thread
                answer.set_exception(fault)

        try:
            threading.Thread(target=work, name="aventus-creds-transport", daemon=True).start()
        except RuntimeError:  # no thread can be started, for example because the interpreter is ending
            work()  # then only the socket's timeout applies
            return answer.result()
        deadline = time.monotonic() + self._profile.timeout
        while (left := deadline - time.monotonic()) > 0:
            with suppress(TimeoutError):
                return answer.result(min(left, 0.2))  # in steps: on Windows, Ctrl-C does not interrupt a wait
        raise _unreachable(request.url, _TOO_SLOW)

    def _exchange(self, method: str, request: ServerRequest) -> Answer:
        # Header and body stay in the request, whose repr hides them, because some tools show the variables of
        # a traceback. For the same reason errors are raised outside the except clauses: inside, the error of
        # requests would be attached as their context, with its own traceback.
        url, limit = request.url, self._profile.timeout
        deadline = time.monotonic() + limit
        try:
            with _Session(url, deadline) as session:
                session.trust_env = urlsplit(url).scheme == "https"  # plain http goes to this machine only
                with session.request(
                    method,
                    url,
                    headers={"Accept-Encoding": "gzip, deflate", **request.headers},
                    data=request.body or None,
                    auth=no_netrc,
                    allow_redirects=False,
                    stream=True,
                    timeout=limit,
                    verify=self._profile.ca_bundle or environment_bundle(),
                ) as response:
                    return Answer(
                        status=response.status_code,
                        content_type=response.headers.get("Content-Type", ""),
                        body=_read(response, url),
                        date=response.headers.get("Date", ""),
                        retry_after=_seconds(response.headers.get("Retry-After", "")),
                    )
        except (requests.RequestException, HTTPError, ValueError) as fault:
            error: AventusCredsError = _failure(url, fault)
        except OSError as fault:  # what requests raises if the certificate file does not exist
            error = NetworkError(f"{url} cannot be reached: {fault}", hint=OWN_AUTHORITIES)
        except (InvalidAnswer, NetworkError) as fault:
            error = fault.with_traceback(None)
        raise error


class _Session(requests.Session):
    def __init__(self, url: str, deadline: float) -> None:
        super().__init__()
        adapter = _Adapter(url, deadline)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None. Even without following, requests would prepare the next request and read this whole answer."""


class _Adapter(HTTPAdapter):
    """Limits what its connections receive, also through a proxy."""

    def __init__(self, url: str, deadline: float) -> None:
        self._meter = url, deadline
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **more: Any) -> Any:
        pool = super().get_connection_with_tls_context(*args, **more)
        meter = self._meter

        class Response(HTTPResponse):
            def __init__(self, *args: Any, **more: Any) -> None:
                super().__init__(*args, **more)
                self.fp = io.BufferedReader(_Metered(self.fp.detach(), *meter))

            def begin(self) -> None:
                super().begin()
                # Lines that are no headers are collected here, and urllib3 would write them to the log.
                self.headers.defects.clear()
                self.headers.set_payload("")

        class Connection(pool.ConnectionCls):  # type: ignore[name-defined,misc]
            response_class = Response

        pool.ConnectionCls = Connection
        return pool


class _Metered(io.RawIOBase):
    """A socket's raw file that stops after MOST_RECEIVED bytes, and at the deadline.

    http.client reads the lines of a chunk, and "100 Continue" answers, without a limit. The caller has given
    up by then, but the thread would go on for as long as the server sends.
    """

    def __init__(self, raw: io.RawIOBase, url: str, deadline: float) -> None:
        self._raw, self._url, self._deadline = raw, url, deadline
        self._left = MOST_RECEIVED

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if time.monotonic() > self._deadline:
            raise _unreachable(self._url, _TOO_SLOW)
        count: int | None = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise _too_much(self._url)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _read(response: requests.Response, url: str) -> bytes:
    if response.is_redirect:
        raise InvalidAnswer(
            f"{url} redirects to another address, which is not followed",
            hint="Write the address in the profile exactly as the server gives it.",
        )
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _DECODED:
        raise InvalidAnswer(
            f"{url} sent an answer in a content encoding that was not asked for", hint=_NOT_THE_SERVER
        )
    body = bytearray()
    for chunk in response.iter_content(16384):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise _too_much(url)
    return bytes(body)


def _seconds(retry_after: str) -> float | None:
    """Return the seconds that a Retry-After header names, as a number or as a date (RFC 9110 section 10.2.3)."""
    try:
        if retry_after.strip().isdecimal():
            return float(retry_after)
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError, TypeError):
        return None


def _too_much(url: str) -> InvalidAnswer:
    return InvalidAnswer(f"{url} sent more than {LARGEST_ANSWER} bytes", hint=_NOT_THE_SERVER)


_NOT_THE_SERVER: Final = "Check that the addresses in the profile are those of an authorization server."


def _unreachable(
    url: str,
    reason: str,
    hint: str = "Check the network, the proxy settings and the address in the profile, and try again.",
) -> NetworkError:
    return NetworkError(f"{url} cannot be reached: {reason}", hint=hint)


_TOO_SLOW: Final = "it did not answer in time"


def _failure(url: str, fault: Exception) -> NetworkError:
    """Return what went wrong in fixed words, which hold no part of the request."""
    said = str(fault)
    if "Missing dependencies for SOCKS" in said:  # requests' own words
        return _unreachable(
            url,
            "the proxy is a SOCKS proxy, for which a package is missing",
            "pip install 'requests[socks]', or change ALL_PROXY, HTTPS_PROXY.",
        )
    if "SOCKS version" in said:  # urllib3's; what follows is the proxy's URL, perhaps with a password
        return _unreachable(
            url,
            "the proxy's address does not say which SOCKS it is",
            "Write socks5h:// instead of socks:// in ALL_PROXY, HTTPS_PROXY.",
        )
    if isinstance(fault, requests.exceptions.SSLError):
        return _unreachable(url, "its certificate is not trusted, or TLS failed", OWN_AUTHORITIES)
    return _unreachable(url, _reason(fault))


def _reason(fault: Exception) -> str:
    for kind, words in (
        (requests.exceptions.ProxyError, "the proxy failed"),
        (requests.exceptions.Timeout, _TOO_SLOW),
        (requests.exceptions.ConnectionError, "no connection, or it was closed without an answer"),
        (requests.exceptions.ChunkedEncodingError, "the connection was closed before the end of the answer"),
        (requests.exceptions.ContentDecodingError, "its answer is damaged"),
        (ValueError, "the address is not valid"),
    ):
        if isinstance(fault, kind):
            return words
    return type(fault).__name__
