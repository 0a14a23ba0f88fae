"""Origins (RFC 6454: scheme, host and port of a URL), and which hosts are this machine."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")

HOST: Final = r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])"
"""Pattern of a host in a URL: a name, an IPv4 address, or an IPv6 address in brackets."""


def is_loopback(host: str | None) -> bool:
    """Whether ``host`` is this machine (RFC 8252 section 7.3). Nothing is looked up in DNS.

    Args:
        host: a name or an address, IPv6 without brackets. None is no host.
    """
    if host is None:
        return False
    octets = host.split(".")
    return host in {"localhost", "::1"} or (
        len(octets) == 4
        and octets[0] == "127"
        and all(
            octet.isascii() and octet.isdigit() and len(octet) < 4 and int(octet) < 256 for octet in octets
        )
    )


def split_url(url: str) -> SplitResult:
    """Check that a secret may be sent to ``url`` and return its parts.

    Args:
        url: an absolute URL with https, or with http if its host is this machine.

    Raises:
        ValueError: anything else: another scheme, no host, plain http to another machine, a user name,
            characters that are not printable ASCII. The text says what is wrong and what is allowed, and
            starts with a verb ("must be …"), so that the caller can put the name of the key in front.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(
            "must be an address in printable ASCII without spaces (an international name in punycode)"
        )
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no valid address (host or port)") from None
    if parts.scheme not in DEFAULT_PORTS or not host:
        raise ValueError("must be a whole address that begins with https://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password")
    # urlsplit reads the host of https://[::1]example.com/ as ::1
    if "\\" in url or not re.fullmatch(f"{HOST}(?::[0-9]*)?", parts.netloc):
        raise ValueError("is no valid address (host or port)")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(
            "must begin with https:// (plain http is for this machine only: 127.0.0.1, [::1], localhost)"
        )
    return parts


def origin(parts: SplitResult) -> str:
    """Return the origin of a split URL as text, ``https://host`` or ``https://host:port``."""
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    if port is None or port == DEFAULT_PORTS.get(parts.scheme):
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{port}"
