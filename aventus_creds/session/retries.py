"""Decides which requests to an API are retried after a temporary failure, and when."""

from __future__ import annotations

from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any, Final, Self

import requests
from urllib3.exceptions import InvalidHeader, MaxRetryError, ReadTimeoutError, ResponseError, SSLError
from urllib3.util.retry import Retry

from aventus_creds.basics.trust import TrustingAdapter
from aventus_creds.basics.waits import BACKOFF, LONGEST_WAIT, spread
from aventus_creds.session.libraries import can_repeat

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})


class RetryingAdapter(TrustingAdapter):
    """Retries idempotent requests after temporary failures, if their bodies can be sent again.

    An adapter of your own keeps the retries if it derives from this one::

        class OwnTls(RetryingAdapter):
            def init_poolmanager(self, *args, **settings):
                super().init_poolmanager(*args, ssl_context=CONTEXT, **settings)


        session.mount("https://", OwnTls(session.profile.retries))

    To combine it with another adapter, name this one first: ``class Mine(RetryingAdapter, SourceAddressAdapter)``.

    Args:
        retries: how often to try again at most. 0: never.
        settings: those of HTTPAdapter. The pool has room for as many connections as there are threads, unless
            ``pool_maxsize`` says otherwise.
    """

    shares_trust = True

    def __init__(self, retries: int, **settings: Any) -> None:
        settings.setdefault("pool_maxsize", 0)  # for urllib3's queue: no limit
        super().__init__(
            max_retries=_Retry(
                total=retries,
                status_forcelist=RETRIED_STATUSES,
                backoff_factor=BACKOFF,
                backoff_max=LONGEST_WAIT,
                raise_on_status=False,
            ),
            **settings,
        )

    def send(self, request: requests.PreparedRequest, *args: Any, **settings: Any) -> requests.Response:
        """Send ``request``, with retries if that is safe. Raises what requests raises."""
        if not can_repeat(request):
            return super(RetryingAdapter, self._once()).send(request, *args, **settings)
        try:
            return super().send(request, *args, **settings)
        except requests.ConnectionError as fault:
            # After several tries, requests raises ConnectionError even if the last one was a read timeout.
            if isinstance(getattr(fault.args[0], "reason", None), ReadTimeoutError):
                raise requests.ReadTimeout(*fault.args, request=request) from fault
            raise

    def _once(self) -> Self:
        """Return this adapter, pools and all, but without retries."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__, max_retries=Retry(0, read=False))
        return twin


class _Retry(Retry):
    RETRY_AFTER_STATUS_CODES = RETRIED_STATUSES

    def get_backoff_time(self) -> float:
        # The first retry follows at once. Not urllib3's own jitter: it uses the global random generator,
        # which the user may have seeded.
        pause = super().get_backoff_time()
        return pause + spread(0, BACKOFF / 2) if pause else 0.0

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        try:
            return super().get_retry_after(response)
        except (InvalidHeader, ValueError, OverflowError):
            return None  # neither seconds nor a date: ignore the header

    def increment(self, method: str | None = None, *args: Any, **more: Any) -> Self:
        fault, response = more.get("error"), more.get("response")
        if isinstance(fault, SSLError) and (
            # urllib3 would retry a POST too, although TLS may have failed after the API received the request.
            not self._is_method_retryable(method or "") or isinstance(fault.args[0], SSLCertVerificationError)
        ):
            raise MaxRetryError(more["_pool"], "", fault)
        if response is not None and (self.get_retry_after(response) or 0) > LONGEST_WAIT:
            raise MaxRetryError(more["_pool"], "", ResponseError("Retry-After asks for too long a wait"))
        return super().increment(method, *args, **more)
