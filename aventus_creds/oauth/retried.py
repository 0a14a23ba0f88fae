"""Repeats a request to an authorization server after temporary failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aventus_creds.basics.waits import LONGEST_WAIT, backoff, pause
from aventus_creds.errors import NetworkError, TokenRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from aventus_creds.oauth.request import ServerRequest

T = TypeVar("T")


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
