"""Proxies from the environment: the result is that of requests, but takes less time."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies

from aventus_creds.basics.urls import is_loopback

PROXY_VARIABLES: Final = tuple(
    spelling
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for spelling in (name, name.upper())
)


def environment_proxies(url: str, no_proxy: str | None) -> Mapping[str, str]:
    """Return the proxies that the environment names for ``url``, cached for each origin.

    requests goes through the whole environment twice for each request, which takes a third of its time. The
    result depends only on the origin and a few variables, and is looked up again if one of them changes.
    Windows and macOS also have system settings. Changes of those cannot be noticed, so there nothing is
    cached.

    Args:
        url: where a request goes.
        no_proxy: hosts to reach without a proxy, as requests takes them. None: as the environment says.

    Returns:
        A proxy's URL by scheme. Do not change it: it is shared.
    """
    if sys.platform in {"win32", "darwin"}:
        return get_environ_proxies(url, no_proxy)
    return _resolved(_origin(url), no_proxy, tuple(map(os.environ.get, PROXY_VARIABLES)))


def stays_here(url: str) -> bool:
    """Whether ``url`` is plain http to this machine: a proxy would send the token over the network unencrypted."""
    return url.startswith("http:") and _is_on_loopback(_origin(url))


def _origin(url: str) -> str:
    """Return ``url`` up to its path, without parsing it. That is fast, and as good as the origin for a cache."""
    return url[: url.find("/", len("https://"))]


@lru_cache(maxsize=256)
def _resolved(origin: str, no_proxy: str | None, variables: tuple[str | None, ...]) -> Mapping[str, str]:
    del variables  # they are only part of the cache's key
    return get_environ_proxies(origin, no_proxy)


@lru_cache(maxsize=256)
def _is_on_loopback(origin: str) -> bool:
    return is_loopback(urlsplit(origin).hostname)
