"""What goes wrong on the way to a server: in which words, that hold no part of the request, and when to try again."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

import requests

from aventus_creds.basics.certificates import OWN_AUTHORITIES
from aventus_creds.basics.waits import LONGEST_WAIT, backoff, pause
from aventus_creds.errors import NetworkError, TokenRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from aventus_creds.oauth.request import ServerRequest

    T = TypeVar("T")


def unreachable(
    url: str,
    reason: str,
    hint: str = "Check the network, the proxy settings and the address in the profile, and try again.",
) -> NetworkError:
    """Return the error for a server that cannot be reached: why, and what to do."""
    return NetworkError(f"{url} cannot be reached: {reason}", hint=hint)


TOO_SLOW: Final = "it did not answer in time"


def failure(url: str, fault: Exception) -> NetworkError:
    """Return what went wrong in fixed words, which hold no part of the request."""
    said = str(fault)
    if "Missing dependencies for SOCKS" in said:  # requests' own words
        return unreachable(
            url,
            "the proxy is a SOCKS proxy, for which a package is missing",
            "pip install 'requests[socks]', or change ALL_PROXY, HTTPS_PROXY.",
        )
    if "SOCKS version" in said:  # urllib3's; what follows is the proxy's URL, perhaps with a password
        return unreachable(
            url,
            "the proxy's address does not say which SOCKS it is",
            "Write socks5h:// instead of socks:// in ALL_PROXY, HTTPS_PROXY.",
        )
    if isinstance(fault, requests.exceptions.SSLError):
        return unreachable(url, "its certificate is not trusted, or TLS failed", OWN_AUTHORITIES)
    return unreachable(url, _reason(fault))


def _reason(fault: Exception) -> str:
    for kind, words in (
        (requests.exceptions.ProxyError, "the proxy failed"),
        (requests.exceptions.Timeout, TOO_SLOW),
        (requests.exceptions.ConnectionError, _no_connection(fault)),
        (requests.exceptions.ChunkedEncodingError, "the connection was closed before the end of the answer"),
        (requests.exceptions.ContentDecodingError, "its answer is damaged"),
        (ValueError, "the address is not valid"),
    ):
        if isinstance(fault, kind):
            return words
    return type(fault).__name__


def _no_connection(fault: BaseException | None) -> str:
    """Return why there is no connection. requests has one error for it all, and the real one somewhere below."""
    while fault is not None:
        if isinstance(fault, socket.gaierror):
            return "the name of its host cannot be found (DNS)"
        if isinstance(fault, ConnectionRefusedError):
            return "the connection was refused: nothing listens there"
        fault = fault.__cause__ or fault.__context__
    return "no connection, or it was closed without an answer"


def retried(make: Callable[[], ServerRequest], ask: Callable[[ServerRequest], T], retries: int) -> T:
    """Return what ``ask`` returns for a request, and repeat it after temporary failures. Raises the last one as it is.

    Each try makes the request anew: a server takes an assertion only once (RFC 7523 section 3).
    """
    for attempt in range(retries + 1):
        request = make()
        try:
            return ask(request)
        except (NetworkError, TokenRefused) as fault:
            if attempt == retries or not pause(_wait_before_retry(fault, attempt)):
                raise
    raise AssertionError("the last attempt returns or raises")


def _wait_before_retry(fault: NetworkError | TokenRefused, attempt: int) -> float:
    """Return the seconds to wait before the request is repeated. Raises ``fault`` where that would not help."""
    wait = backoff(attempt)
    if isinstance(fault, TokenRefused):
        if not fault.passing or (fault.retry_after or 0) > LONGEST_WAIT:
            raise fault
        wait = max(wait, fault.retry_after or 0)
    return wait
