"""What leaves a request as an exception: without the frames of HTTP libraries, which hold the headers.

Error reporters, ``pytest --showlocals`` and IPython's Verbose mode show the variables of a traceback's frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

import requests

from aventus_creds.session.bearer import without_token
from aventus_creds.session.libraries import HTTPX

if TYPE_CHECKING:
    from requests import PreparedRequest, Response


def cleaned(fault: BaseException) -> BaseException:
    """Take everything out of ``fault`` that holds a request's headers, and return it.

    Type, message and ``response`` stay. So do the frames of the caller's own code, such as a hook. ``request``
    becomes a copy without Authorization.
    """
    for one in [*_linked(fault)]:
        one.__traceback__ = _without_http(one.__traceback__)
        if isinstance(one, requests.RequestException):
            one.__cause__ = one.__context__ = None
            one.request = one.request and _clean_request(one.request)
        if isinstance(response := getattr(one, "response", None), requests.Response):
            for each in (response, *response.history):
                _clean_response(each)
    return fault


def _linked(fault: BaseException) -> Iterator[BaseException]:
    """Yield ``fault`` and every exception that can be reached from it: causes, contexts, reasons and arguments."""
    seen: set[int] = set()
    rest: list[object] = [fault]
    while rest:
        one = rest.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            rest += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
            yield one


def _without_http(trace: TracebackType | None) -> TracebackType | None:
    """Return ``trace`` without the frames of requests and httpx, and all below: sockets get headers too."""
    if trace is None or _library(trace) in {"urllib3", "httpcore", "httpcore2"}:
        return None
    rest = _without_http(trace.tb_next)
    if _library(trace) in {"requests", *HTTPX}:
        return rest
    return TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)


def _library(trace: TracebackType) -> str:
    return str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0]


def _clean_request(request: PreparedRequest | requests.Request) -> PreparedRequest | requests.Request:
    return without_token(request) if isinstance(request, requests.PreparedRequest) else request


def _clean_response(response: Response) -> None:
    if isinstance(response.request, requests.PreparedRequest):
        response.request = without_token(response.request)
