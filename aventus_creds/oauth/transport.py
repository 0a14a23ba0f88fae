"""The one place that talks to an authorization server."""

from __future__ import annotations

import io
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from aventus_creds.basics.netrc import no_netrc
from aventus_creds.errors import AventusCredsError, InvalidAnswer, NetworkError
from aventus_creds.oauth.answer import Answer
from aventus_creds.oauth.request import ServerRequest

if TYPE_CHECKING:
    from aventus_creds.profiles.profile import Profile

LARGEST_ANSWER: Final = 1024 * 1024
"""Bytes of an answer that are read; a token answer or discovery document has a few thousand."""

MOST_RECEIVED: Final = 2 * LARGEST_ANSWER
"""Bytes that are received from a server in all: status lines, headers and the framing of chunks too."""

_DECODED: Final = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Content encodings that make a kilobyte into a megabyte at most. A row of them, and brotli, know no bound."""


class Transport:
    """Sends requests to a profile's authorization server: within its time limit, and never redirected.

    A secret in a request goes to the address it was meant for and to no other: redirects are not
    followed, and ``~/.netrc`` is not read. Proxies and certificate settings of the environment hold, except
    that no proxy is asked for a server on this machine: it would carry the secret off, in plain text.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def post(self, request: ServerRequest) -> Answer:
        """Send ``request`` and return the answer, whatever its status.

        Raises NetworkError when the server cannot be reached, is too slow or hangs up, and InvalidAnswer
        when it redirects or sends too much.
        """
        return self._send("POST", request)

    def get(self, url: str) -> Answer:
        """Fetch a public document of the server. Raises as ``post`` does."""
        return self._send("GET", ServerRequest(url, {"Accept": "application/json"}, b"", ()))

    def _send(self, method: str, request: ServerRequest) -> Answer:
        """Exchange in a thread that can be left behind.

        A socket's time limit starts anew with each byte that arrives, and the look-up of a name has none.
        """
        answer: Future[Answer] = Future()

        def work() -> None:
            try:
                answer.set_result(self._exchange(method, request))
            except BaseException as fault:  # noqa: BLE001 - raised in the caller's thread
                answer.set_exception(fault)

        try:
            threading.Thread(target=work, name="aventus-creds-transport", daemon=True).start()
        except RuntimeError:  # none is to be had, or the interpreter is ending
            work()  # within the socket's limits only
            return answer.result()
        deadline = time.monotonic() + self._profile.timeout
        while (left := deadline - time.monotonic()) > 0:
            with suppress(TimeoutError):
                return answer.result(min(left, 0.2))  # Windows takes no Ctrl-C during a wait
        raise _unreachable(request.url, _TOO_SLOW)

    def _exchange(self, method: str, request: ServerRequest) -> Answer:
        # Header and body stay in the request, whose repr hides them: some show a traceback's variables. For the same
        # reason errors are raised outside of the except clauses: nothing of the foreign ones hangs on them.
        url, limit = request.url, self._profile.timeout
        deadline = time.monotonic() + limit
        try:
            with _Session(url, deadline) as session:
                session.trust_env = urlsplit(url).scheme == "https"  # plain http is for this machine only
                with session.request(
                    method,
                    url,
                    headers={"Accept-Encoding": "gzip, deflate", **request.headers},
                    data=request.body or None,
                    auth=no_netrc,
                    allow_redirects=False,
                    stream=True,
                    timeout=limit,
                    verify=self._profile.ca_bundle or None,
                ) as response:
                    return Answer(
                        status=response.status_code,
                        content_type=response.headers.get("Content-Type", ""),
                        body=_read(response, url),
                        date=response.headers.get("Date", ""),
                    )
        except (requests.RequestException, HTTPError, ValueError) as fault:
            error: AventusCredsError = _unreachable(url, _reason(fault))
        except OSError as fault:  # requests raises it for a certificate file that does not exist
            error = NetworkError(f"{url} cannot be reached: {fault}")
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
        """Return nothing: requests prepares the next request, and reads this one whole, even if it is not to follow."""


class _Adapter(HTTPAdapter):
    """Meters what its connections receive, those through a proxy too."""

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
                # urllib3 would log, for all to see, what it finds here: lines that are no headers.
                self.headers.defects.clear()
                self.headers.set_payload("")

        class Connection(pool.ConnectionCls):  # type: ignore[name-defined,misc]
            response_class = Response

        pool.ConnectionCls = Connection
        return pool


class _Metered(io.RawIOBase):
    """A socket's raw file that gives neither more than MOST_RECEIVED bytes nor any after the deadline.

    http.client reads lines of a chunk, and answers "100 Continue", without end: nobody waits for the thread
    that does by then, but it would go on for as long as the server does.
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


def _too_much(url: str) -> InvalidAnswer:
    return InvalidAnswer(f"{url} sent more than {LARGEST_ANSWER} bytes", hint=_NOT_THE_SERVER)


_NOT_THE_SERVER: Final = "Check that the addresses in the profile are those of an authorization server."


def _unreachable(url: str, reason: str) -> NetworkError:
    return NetworkError(
        f"{url} cannot be reached: {reason}",
        hint="Check the network, the proxy settings and the address in the profile, and try again.",
    )


_TOO_SLOW: Final = "it did not answer in time"


def _reason(fault: Exception) -> str:
    """What went wrong, in words that hold no part of the request."""
    for kind, words in (
        (requests.exceptions.ProxyError, "the proxy failed"),
        (requests.exceptions.SSLError, "its certificate is not trusted, or TLS failed"),
        (requests.exceptions.Timeout, _TOO_SLOW),
        (requests.exceptions.ConnectionError, "no connection, or it was closed without an answer"),
        (requests.exceptions.ChunkedEncodingError, "the connection was closed before the end of the answer"),
        (requests.exceptions.ContentDecodingError, "its answer is damaged"),
        (ValueError, "the address is not valid"),
    ):
        if isinstance(fault, kind):
            return words
    return type(fault).__name__
