"""Which library is a request of, and what differs between them. None of them is loaded for that."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

HTTPX: Final = ("httpx", "httpx2")
"""httpx, and what goes on from it under another name."""

OTHERS: Final = {**dict.fromkeys(HTTPX, "Request"), "niquests": "PreparedRequest"}
"""The class of requests in each library that is not requests, or made to be like it, as those of its mocks are."""


def library_of(request: Any) -> str:
    """Return the name of the library that sends ``request``."""
    for library, kind in OTHERS.items():
        if isinstance(request, getattr(sys.modules.get(library), kind, ())):
            return library
    return "requests"


def httpx_auth() -> type | None:
    """Return a class that is Auth of httpx and of what goes on from it, as far as they are loaded, or None."""
    kinds = [getattr(sys.modules.get(library), "Auth", None) for library in HTTPX]
    return _joined(*dict.fromkeys(filter(None, kinds)))


@lru_cache(maxsize=8)
def _joined(*kinds: type) -> type | None:
    return type("Auth", kinds, {}) if len(kinds) > 1 else next(iter(kinds), None)


@lru_cache(maxsize=8)
def usual_headers(library: str) -> Mapping[str, str]:
    """Return what ``library`` sends by itself, which is not the caller's."""
    if library in HTTPX:
        return import_module(library).Client(trust_env=False).headers  # type: ignore[no-any-return]
    return import_module(f"{library}.utils").default_headers()  # type: ignore[no-any-return]


def can_repeat(request: Any) -> bool:
    """Whether the request's body can be sent again: no body, bytes, text, or a file that can be rewound."""
    if (library := library_of(request)) in HTTPX:
        return isinstance(request.stream, import_module(library).ByteStream)
    body = request.body
    return (
        body is None
        or isinstance(body, bytes | str)
        or isinstance(getattr(request, "_body_position", None), int)
    )
