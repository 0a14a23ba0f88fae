"""Words for what goes wrong on the way to a server. None of them holds a part of the request."""

from __future__ import annotations

import socket
from typing import Final

import requests

from aventus_creds.basics.certificates import OWN_AUTHORITIES
from aventus_creds.errors import NetworkError


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
