"""Clients of httpx with the rules of ApiSession: the same token, origins, retries, proxies and authorities.

All of it is done below the client, in its transport, through which each request goes, also after a redirect. The
token is put on a copy, so nothing that the client sees, keeps or passes on has it.
"""

from __future__ import annotations

import math
import os
import ssl
import threading
import time
from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import WeakKeyDictionary

import anyio
import httpx
from anyio.lowlevel import RunVar
from requests.utils import select_proxy
from urllib3.exceptions import InvalidHeader
from urllib3.util.retry import Retry

from aventus_creds.basics.certificates import OWN_AUTHORITIES, environment_bundle
from aventus_creds.basics.hidden import Secretive
from aventus_creds.basics.waits import BACKOFF, LONGEST_WAIT, spread
from aventus_creds.oauth.certificate import certificate_files
from aventus_creds.session.environment import environment_proxies, stays_here
from aventus_creds.session.event_loops import in_thread, token_from
from aventus_creds.session.faults import cleaned
from aventus_creds.session.libraries import can_repeat
from aventus_creds.session.refusals import REFUSALS
from aventus_creds.sources.source import patience
from aventus_creds.structs import Struct

if TYPE_CHECKING:
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.session.bearer import BearerAuth
    from aventus_creds.tokens import Token

RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})

IDEMPOTENT: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"})
"""RFC 9110 section 9.2.2: such a request may be sent again although the first one may have arrived."""

Step: TypeAlias = "httpx.Request | httpx.Response | float | Callable[[], Token | None] | None"
"""What a Conversation wants done: send a request, close an answer, wait for seconds, call what may block; or, as
None, give it a token."""

Transports: TypeAlias = dict[tuple[str | None, bool], Any]
"""By the address of a proxy, and whether they are for the API's origins."""

Conversation: TypeAlias = "Generator[Step, Any, httpx.Response]"


def client(profile: Profile, auth: BearerAuth) -> httpx.Client:
    """Return a client for the profile's API."""
    return httpx.Client(
        base_url=profile.api_url,
        timeout=profile.timeout,
        auth=httpx.Auth(),  # none; but without it, httpx would take a user and password from a URL
        transport=ApiTransport(profile, auth),
    )


def async_client(profile: Profile, auth: BearerAuth) -> httpx.AsyncClient:
    """Return an async client for the profile's API."""
    return httpx.AsyncClient(
        base_url=profile.api_url,
        timeout=profile.timeout,
        auth=httpx.Auth(),  # as above
        transport=AsyncApiTransport(profile, auth),
    )


class _Manners(Secretive):
    """How a request to any server is sent: with the token or without, how often, and through which transport."""

    instead = "call get_client in the other process"

    def __init__(
        self, profile: Profile, auth: BearerAuth, kind: type[Any], transports: Callable[[], Transports]
    ) -> None:
        self._profile, self.auth = profile, auth
        self._kind, self._transports = kind, transports  # these are of this event loop, if there is one
        self._opening = threading.Lock()
        self._process = os.getpid()

    def conversation(self, request: httpx.Request) -> Conversation:
        """Say, step by step, what is to be done for ``request``, and return the answer."""
        url = str(request.url)
        if not self.auth.covers(url):
            self.auth.tell_without(url)
            return (yield from self._tried(request))
        if self.auth.header in request.headers:  # the caller's own
            return (yield from self._tried(request))
        token: Token = yield None
        before: list[httpx.Response] = []
        while True:
            sent = httpx.Request(
                request.method, request.url, headers=request.headers.copy(), stream=request.stream
            )
            sent.extensions = request.extensions
            self.auth.put_on(sent, token)
            asked_at = time.time()
            answer = yield from self._tried(sent)
            answer.request, answer.history = sent, before  # the client writes its own there
            if answer.status_code not in REFUSALS:
                self.auth.taken(token, answer)
                return answer
            newer = yield partial(
                self.auth.replacement, token, answer, asked_at, repeatable=can_repeat(sent), stream=True
            )
            if newer is None:
                return answer
            yield answer
            before = [*before, answer]
            token = newer

    def _tried(self, request: httpx.Request) -> Conversation:
        """Send ``request``, with retries after temporary failures where that is safe."""
        attempt = 0
        while True:
            last = attempt >= self._profile.retries or not can_repeat(request)
            wait = _wait_before(attempt)
            try:
                answer: httpx.Response = yield request
            except httpx.TransportError as fault:
                if last or not _may_retry(request, fault):
                    raise
            else:
                wait = _asked_wait(answer, wait)
                retried = answer.status_code in RETRIED_STATUSES and request.method in IDEMPOTENT
                if last or not retried or wait > LONGEST_WAIT:
                    return answer
                yield answer
            yield wait
            attempt += 1

    def patient(self, request: httpx.Request) -> Any:
        """Within the block, wait for a token no longer than ``request`` may take to connect and to be answered."""
        limits: Mapping[str, float | None] = request.extensions.get("timeout", {})
        parts = [limits.get("connect"), limits.get("read")]
        return patience(sum(math.inf if part is None else part for part in parts))

    def transport(self, request: httpx.Request) -> Any:
        """Return the transport for ``request``: by the environment's proxies, and with the client's certificate."""
        url, proxy = str(request.url), None
        if not stays_here(url):
            proxy = select_proxy(url, dict(environment_proxies(url, None)))
        key = proxy, self.auth.covers(url)
        with self._opening:
            transports = self._transports()
            if self._process != os.getpid():  # both processes would read the same answer
                transports.clear()
                self._process = os.getpid()
            if key not in transports:
                transports[key] = self._kind(verify=self._trust(ours=key[1]), proxy=proxy)
            return transports[key]

    def opened(self) -> list[Any]:
        """Return all transports, and forget them."""
        with self._opening:
            transports = self._transports()
            opened = list(transports.values())
            transports.clear()
        return opened

    def _trust(self, *, ours: bool) -> ssl.SSLContext:
        import certifi

        bundle = self._profile.ca_bundle or environment_bundle() or certifi.where()
        if Path(bundle).is_dir():
            context = ssl.create_default_context(capath=bundle)
        else:
            context = ssl.create_default_context(cafile=bundle)
        if ours and (files := certificate_files(self._profile)):
            # Tokens may be bound to it (RFC 8705 section 3). No other origin gets to see it.
            certificate, key = files
            context.load_cert_chain(certificate, key, password=str)  # "": no question at the terminal
        return context


class ApiTransport(httpx.BaseTransport):
    """Sends the requests of an httpx.Client.

    Args:
        profile: names the API, and the limits.
        auth: whose token the API's origins get.
    """

    def __init__(self, profile: Profile, auth: BearerAuth) -> None:
        transports: Transports = {}
        self._manners = _Manners(profile, auth, httpx.HTTPTransport, lambda: transports)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request``. Raises what httpx raises, and what the source of the token raises."""
        conversation = self._manners.conversation(request)
        answer: Any = None
        held: httpx.Response | None = None  # whose connection is in use
        try:
            while not isinstance(step := _next(conversation, answer), _Ended):
                try:
                    answer = self._done(step, request)
                except httpx.TransportError as fault:
                    answer = cleaned(fault)
                held = _held(held, step, answer)
        except BaseException:
            if held:
                held.close()
            raise
        return step.response

    def _done(self, step: Step, request: httpx.Request) -> Any:
        if isinstance(step, httpx.Request):
            return self._manners.transport(step).handle_request(step)
        if isinstance(step, httpx.Response):
            return step.close()
        if isinstance(step, float):
            return time.sleep(step)
        with self._manners.patient(request):
            return self._manners.auth.source.token() if step is None else step()

    def close(self) -> None:
        """Close all connections."""
        for transport in self._manners.opened():
            transport.close()


class AsyncApiTransport(httpx.AsyncBaseTransport):
    """Sends the requests of an httpx.AsyncClient. What may block is done in a thread. Arguments as for ApiTransport.

    One event loop after another may use it. Each has connections of its own, which are of no use to the next.
    """

    def __init__(self, profile: Profile, auth: BearerAuth) -> None:
        self._manners = _Manners(profile, auth, httpx.AsyncHTTPTransport, self._of_this_loop)

    def _of_this_loop(self) -> Transports:
        clients = _open_in_loop.get(None)
        if clients is None:
            _open_in_loop.set(clients := WeakKeyDictionary())
        return clients.setdefault(self, {})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request``. Raises what httpx raises, and what the source of the token raises."""
        conversation = self._manners.conversation(request)
        answer: Any = None
        held: httpx.Response | None = None  # whose connection is in use
        try:
            while not isinstance(step := _next(conversation, answer), _Ended):
                try:
                    answer = await self._done(step, request)
                except httpx.TransportError as fault:
                    answer = cleaned(fault)
                held = _held(held, step, answer)
        except BaseException:
            if held:
                with anyio.CancelScope(shield=True):
                    await held.aclose()
            raise
        return step.response

    async def _done(self, step: Step, request: httpx.Request) -> Any:
        if isinstance(step, httpx.Request):
            return await self._manners.transport(step).handle_async_request(step)
        if isinstance(step, httpx.Response):
            return await step.aclose()
        if isinstance(step, float):
            return await anyio.sleep(step)
        with self._manners.patient(request):
            return await (token_from(self._manners.auth.source) if step is None else in_thread(step))

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in self._manners.opened():
            await transport.aclose()


_open_in_loop: Final[RunVar[WeakKeyDictionary[AsyncApiTransport, Transports]]] = RunVar("transports")


class _Ended(Struct):
    """The end of a conversation."""

    response: httpx.Response


def _next(conversation: Conversation, answer: Any) -> Step | _Ended:
    """Return the next step, or the end, after ``answer`` to the last one: an exception is raised there."""
    try:
        return conversation.throw(answer) if isinstance(answer, Exception) else conversation.send(answer)
    except StopIteration as end:
        return _Ended(end.value)


def _held(held: httpx.Response | None, step: Step, answer: Any) -> httpx.Response | None:
    """Return the answer that is open after ``step``: the last one, until it is closed."""
    if isinstance(answer, httpx.Response):
        return answer
    return None if isinstance(step, httpx.Request | httpx.Response) else held


def _may_retry(request: httpx.Request, fault: httpx.TransportError) -> bool:
    """Whether to send ``request`` again after ``fault``: the API has not got it, or may get it twice."""
    if isinstance(fault, httpx.UnsupportedProtocol | httpx.LocalProtocolError | httpx.PoolTimeout):
        return False
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            fault.add_note(OWN_AUTHORITIES)
            return False
        cause = cause.__cause__ or cause.__context__
    return request.method in IDEMPOTENT or isinstance(fault, httpx.ConnectError | httpx.ConnectTimeout)


def _wait_before(attempt: int) -> float:
    """Return how many seconds to wait after ``attempt``, counted from 0. The first retry follows at once."""
    return min(BACKOFF * 2.0**attempt + spread(0, BACKOFF / 2), LONGEST_WAIT) if attempt else 0.0


def _asked_wait(answer: httpx.Response, wait: float) -> float:
    """Return how many seconds to wait before the next try: as the API asks, or else ``wait``."""
    try:
        return float(Retry().parse_retry_after(answer.headers.get("Retry-After", "")))
    except (InvalidHeader, ValueError, OverflowError):  # neither seconds nor a date
        return wait
