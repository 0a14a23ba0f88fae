"""The one place that talks to an authorization server."""

from __future__ import annotations

import io
import logging
import threading
import time
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from aventus_creds.basics.certificates import OWN_AUTHORITIES, environment_bundle
from aventus_creds.basics.netrc import no_netrc
from aventus_creds.basics.threads import must_share_a_thread, started, wait_for
from aventus_creds.basics.trust import TrustingAdapter
from aventus_creds.basics.waits import waiting_for
from aventus_creds.errors import AventusCredsError, InvalidAnswer, NetworkError, SecretError
from aventus_creds.oauth.answer import Answer
from aventus_creds.oauth.failures import TOO_SLOW, failure, unreachable  # now: there may be no open file left
from aventus_creds.oauth.request import ServerRequest

if TYPE_CHECKING:
    from aventus_creds.profiles.profile import Profile

logger: Final = logging.getLogger(__name__)

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
        return self.fetch(ServerRequest(url, {"Accept": "application/json"}, b"", ()))

    def fetch(self, request: ServerRequest) -> Answer:
        """Send ``request`` as a GET, with its headers, and return the answer. Raises as ``post`` does."""
        return self._send("GET", request)

    def _send(self, method: str, request: ServerRequest) -> Answer:
        """Send and receive in a thread that can be abandoned when the time is over.

        A socket's timeout starts again with each byte that arrives, and a DNS look-up has no timeout at all.
        """
        if must_share_a_thread():
            return self._exchange(method, request)
        exchange = _Exchange(self, method, request)
        if not started(threading.Thread(target=exchange.run, name="aventus-creds-transport", daemon=True)):
            exchange.run()  # then only the socket's timeout applies
        with waiting_for(request.url.partition("?")[0]):
            if not wait_for(exchange.ended, self._profile.timeout):
                raise unreachable(request.url, TOO_SLOW)
        return exchange.answer()

    def _exchange(self, method: str, request: ServerRequest) -> Answer:
        # Header and body stay in the request, whose repr hides them, because some tools show the variables of
        # a traceback. For the same reason errors are raised outside the except clauses: inside, the error of
        # requests would be attached as their context, with its own traceback.
        url, limit = request.url, self._profile.timeout
        began = time.monotonic()
        deadline = began + limit
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
                    cert=self._certificate() if method == "POST" else None,  # not for documents
                ) as response:
                    answer = Answer(
                        status=response.status_code,
                        content_type=response.headers.get("Content-Type", ""),
                        body=_read(response, url),
                        date=response.headers.get("Date", ""),
                        dpop_nonce=response.headers.get("DPoP-Nonce", ""),
                        retry_after=_seconds(response.headers.get("Retry-After", "")),
                    )
                    _log(method, url, f"HTTP {answer.status}", began)
                    return answer
        except (requests.RequestException, HTTPError, ValueError) as fault:
            error: AventusCredsError = failure(url, fault)
        except OSError as fault:  # what requests raises if the certificate file does not exist
            error = NetworkError(f"{url} cannot be reached: {fault}", hint=OWN_AUTHORITIES)
        except (InvalidAnswer, NetworkError, SecretError) as fault:
            error = fault.with_traceback(None)
        _log(method, url, error.message.removeprefix(f"{url} "), began)
        raise error

    def _certificate(self) -> tuple[str, str] | None:
        if self._profile.machine is None:
            return None
        from aventus_creds.oauth.certificate import certificate_files  # few clients have one

        return certificate_files(self._profile)


def _log(method: str, url: str, outcome: str, began: float) -> None:
    """Write a request to the log, without the query of its address and with nothing that it says."""
    logger.debug(
        "%s %s: %s, %.0f ms", method, url.partition("?")[0], outcome, (time.monotonic() - began) * 1000
    )


class _Exchange:
    """One request and its answer, or its error, for the thread that waits."""

    def __init__(self, transport: Transport, method: str, request: ServerRequest) -> None:
        self.ended: Final = threading.Event()
        self._exchange = transport._exchange, method, request  # noqa: SLF001 - it is the transport's other half
        self._answer: Answer | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        exchange, method, request = self._exchange
        try:
            self._answer = exchange(method, request)
        except BaseException as fault:  # noqa: BLE001 - raised in the caller's thread
            self._error = fault
        finally:
            self.ended.set()

    def answer(self) -> Answer:
        """Return the answer, or raise the error."""
        if self._answer is not None:
            return self._answer
        assert self._error is not None  # noqa: S101 - it has ended
        try:
            raise self._error
        finally:
            self._error = None  # the traceback has this frame, and the frame would have the error


class _Session(requests.Session):
    def __init__(self, url: str, deadline: float) -> None:
        super().__init__()
        adapter = _Adapter(url, deadline)
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None. Even without following, requests would prepare the next request and read this whole answer."""


class _Adapter(TrustingAdapter):
    """Limits what its connections receive, also through a proxy."""

    shares_trust = True

    def __init__(self, url: str, deadline: float) -> None:
        self._meter = url, deadline
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **more: Any) -> Any:
        pool = super().get_connection_with_tls_context(*args, **more)

        class Connection(pool.ConnectionCls):  # type: ignore[name-defined,misc]
            # Of the class: vcrpy hands on what is set on a connection, to one that has answers of its own.
            response_class = staticmethod(partial(_MeteredResponse, self._meter))

        pool.ConnectionCls = Connection
        return pool


class _MeteredResponse(HTTPResponse):
    def __init__(self, meter: tuple[str, float], *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fp = io.BufferedReader(_Metered(self.fp.detach(), *meter))

    def begin(self) -> None:
        super().begin()
        # Lines that are no headers are collected here, and urllib3 would write them to the log.
        self.headers.defects.clear()
        self.headers.set_payload("")


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
            raise unreachable(self._url, TOO_SLOW)
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
