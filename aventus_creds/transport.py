"""The one place that talks to an authorization server."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from aventus_creds.answers import Answer, ServerRequest
from aventus_creds.errors import InvalidAnswer, NetworkError

if TYPE_CHECKING:
    from aventus_creds.profiles import Profile

LARGEST_ANSWER: Final = 1024 * 1024
"""Bytes of an answer that are read; a token answer or discovery document has a few thousand."""


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
        # Header and body stay in the request, whose repr hides them: some show a traceback's variables.
        url, limit = request.url, self._profile.timeout
        deadline = time.monotonic() + limit
        try:
            with _Session() as session:
                session.trust_env = urlsplit(url).scheme == "https"  # plain http is for this machine only
                with session.request(
                    method,
                    url,
                    headers=request.headers,
                    data=request.body or None,
                    auth=_NoNetrc(),
                    allow_redirects=False,
                    stream=True,
                    timeout=limit,
                    verify=self._profile.ca_bundle or None,
                ) as response:
                    if response.is_redirect:
                        raise InvalidAnswer(f"{url} redirects to another address, which is not followed")
                    body = _read(response, url, deadline)
                    headers = response.headers
                    return Answer(
                        response.status_code, headers.get("Content-Type", ""), body, headers.get("Date", "")
                    )
        except (requests.RequestException, HTTPError, ValueError) as fault:
            raise _unreachable(url, _reason(fault)) from None
        except OSError as fault:  # requests raises it for a certificate file that does not exist
            raise NetworkError(f"{url} cannot be reached: {fault}") from None


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return nothing: requests prepares the next request, and reads this one whole, even if it is not to follow."""


def _read(response: requests.Response, url: str, deadline: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(16384):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise InvalidAnswer(f"{url} sent more than {LARGEST_ANSWER} bytes")
        if time.monotonic() > deadline:  # nobody waits any more
            raise _unreachable(url, _TOO_SLOW)
    return bytes(body)


class _NoNetrc(AuthBase):
    """Adds nothing. Without any auth, requests would look into ~/.netrc and replace the header."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


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
