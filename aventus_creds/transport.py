"""The one place that talks to an authorization server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import requests
from requests.auth import AuthBase

from aventus_creds.errors import InvalidAnswer, NetworkError
from aventus_creds.protocol import Answer

if TYPE_CHECKING:
    from aventus_creds.profiles import Profile
    from aventus_creds.protocol import ServerRequest

LARGEST_ANSWER: Final = 1024 * 1024
"""Bytes of an answer that are read; a token answer or discovery document has a few thousand."""


class Transport:
    """Sends requests to a profile's authorization server: within its time limit, and never redirected.

    A secret in a request goes to the address it was meant for and to no other: redirects are not
    followed, and ``~/.netrc`` is not read. Proxies and certificate settings of the environment hold.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def post(self, request: ServerRequest) -> Answer:
        """Send ``request`` and return the answer, whatever its status.

        Raises NetworkError when the server cannot be reached, is too slow or hangs up, and InvalidAnswer
        when it redirects or sends too much.
        """
        return self._send("POST", request.url, headers=request.headers, data=request.body)

    def get(self, url: str) -> Answer:
        """Fetch a public document of the server. Raises as ``post`` does."""
        return self._send("GET", url, headers={"Accept": "application/json"})

    def _send(self, method: str, url: str, **content: Any) -> Answer:
        limit = self._profile.timeout
        deadline = time.monotonic() + limit
        try:
            with (
                requests.Session() as session,
                session.request(
                    method,
                    url,
                    **content,
                    auth=_NoNetrc(),
                    allow_redirects=False,
                    stream=True,
                    timeout=limit,
                    verify=self._profile.ca_bundle or None,
                ) as response,
            ):
                if response.is_redirect:
                    raise InvalidAnswer(f"{url} redirects to another address, which is not followed")
                body = self._read(response, url, deadline)
                return Answer(response.status_code, response.headers.get("Content-Type", ""), body)
        except requests.RequestException as fault:
            raise NetworkError(
                f"{url} cannot be reached: {_reason(fault)}",
                hint="Check the network, the proxy settings and the address in the profile, and try again.",
            ) from None
        except OSError as fault:  # requests raises it for a certificate file that does not exist
            raise NetworkError(f"{url} cannot be reached: {fault}") from None

    def _read(self, response: requests.Response, url: str, deadline: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(16384):
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise InvalidAnswer(f"{url} sent more than {LARGEST_ANSWER} bytes")
            if time.monotonic() > deadline:
                raise NetworkError(f"{url} did not finish its answer in {self._profile.timeout:g} s")
        return bytes(body)


class _NoNetrc(AuthBase):
    """Adds nothing. Without any auth, requests would look into ~/.netrc and replace the header."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _reason(fault: requests.RequestException) -> str:
    """What went wrong, in words that hold no part of the request."""
    for kind, words in (
        (requests.exceptions.ProxyError, "the proxy failed"),
        (requests.exceptions.SSLError, "its certificate is not trusted, or TLS failed"),
        (requests.exceptions.ConnectTimeout, "it did not answer in time"),
        (requests.exceptions.ReadTimeout, "it did not answer in time"),
        (requests.exceptions.ConnectionError, "no connection, or it was closed without an answer"),
        (requests.exceptions.InvalidURL, "the address is not valid"),
    ):
        if isinstance(fault, kind):
            return words
    return type(fault).__name__
