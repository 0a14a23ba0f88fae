"""What a test can change while the sandbox runs: lifetimes, rotation and failures."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from threading import Event
from typing import Any, Literal, NamedTuple


class TokenFault(NamedTuple):
    """What the token endpoint does instead of answering: it sends an HTTP status, or closes the connection.

    ``drop`` closes the connection before the grant takes effect. ``lose`` closes it afterwards, so that only
    the answer is lost.
    """

    status: int | Literal["drop", "lose"]
    retry_after: int | None = None  # seconds, for the header of that name


class Switches:
    """Settings that apply from the next request on. Each attribute may be set at any time.

    :ivar token_lifetime: lifetime of access tokens in seconds; None leaves it to the dialect
    :ivar refresh_rotation: whether refresh tokens are one-time; None leaves it to the dialect
    :ivar refresh_grace: seconds in which a used one-time refresh token may be used again
    :ivar refresh_answer_without_refresh_token: a refresh keeps the old refresh token, and its answer has none
    :ivar token_delay: seconds that the token endpoint waits before it answers, after the grant took effect
    :ivar api_header: the header that the API reads the token from, and the scheme before it ("": none)
    :ivar api_swaps: the API takes no token of the server, but what /v1/session/start gives for one
    :ivar redirect_facts: further parameters of a redirect that brings a code
    :ivar empty_secrets: clients without a secret must send an empty one, in the Basic header
    :ivar proof_nonce: what each proof must have as its nonce (RFC 9449); "": none
    :ivar pushed_lifetime: seconds for which a pushed request may be used (RFC 9126)
    :ivar api_wants: what the API wants of each login, as in its challenge: scope, acr_values, max_age
    :ivar id_claims: claims that ID tokens have instead of their own
    :ivar userinfo_claims: the same for the answer of the UserInfo endpoint
    :ivar acr: the class of each login; None takes the first one that is asked for
    :ivar auth_age: how many seconds ago each person has logged in
    :ivar device_interval: seconds between two polls of a device login (RFC 8628 section 3.2)
    """

    def __init__(self) -> None:
        self.token_lifetime: int | None = None
        self.refresh_rotation: bool | None = None
        self.refresh_grace: float = 0
        self.refresh_answer_without_refresh_token = False
        self.token_delay: float = 0
        self.device_interval: float = 5
        self.api_header: tuple[str, str] = ("Authorization", "Bearer")
        self.api_swaps = False
        self.redirect_facts: Mapping[str, str] = {}
        self.empty_secrets = False
        self.proof_nonce = ""
        self.pushed_lifetime = 90
        self.api_wants: Mapping[str, str] = {}
        self.id_claims: Mapping[str, Any] = {}
        self.userinfo_claims: Mapping[str, Any] = {}
        self.acr: str | None = None
        self.auth_age = 0
        self._faults: deque[TokenFault] = deque()
        self._closing = Event()

    def fail_next_token(
        self,
        times: int = 1,
        status: int | Literal["drop", "lose"] = 503,
        *,
        retry_after: int | None = None,
    ) -> None:
        """Make the next requests to any token endpoint fail.

        Args:
            times: how many requests.
            status: what happens to them (see TokenFault).
            retry_after: seconds, for the Retry-After header. None: no such header.
        """
        self._faults.extend([TokenFault(status, retry_after)] * times)

    def next_token_fault(self) -> TokenFault | None:
        """Take and return the failure for the current token request, or None."""
        try:
            return self._faults.popleft()  # atomic, so that exactly the requested number of requests fail
        except IndexError:
            return None

    def delay_token_answer(self) -> None:
        """Wait for ``token_delay`` seconds, or until the sandbox closes."""
        if self.token_delay > 0:
            self._closing.wait(self.token_delay)
