"""The way of httpx: what BearerAuth does there with a request and its answers.

httpx follows redirects outside of the flow, and takes nothing but Authorization off where they lead to another origin.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from aventus_creds.errors import ConfigError
from aventus_creds.session.event_loops import in_thread, token_from
from aventus_creds.session.libraries import can_repeat
from aventus_creds.session.refusals import REFUSALS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    import httpx

    from aventus_creds.session.bearer import BearerAuth
    from aventus_creds.tokens import Token


def flow(auth: BearerAuth, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
    """Give httpx the requests to send for one ``request`` of the caller's. Raises what the source raises."""
    if not _gets_token(auth, request):
        yield request
        return
    token: Token | None = auth.source.token()
    while token:
        auth.put_on(request, token)
        asked_at = time.time()
        response = yield request
        request, token = response.request, _next(auth, token, response, asked_at)


async def async_flow(
    auth: BearerAuth, request: httpx.Request
) -> AsyncGenerator[httpx.Request, httpx.Response]:
    """Give httpx the requests to send, as ``flow`` does. What may block is done in a thread."""
    if not _gets_token(auth, request):
        yield request
        return
    token: Token | None = await token_from(auth.source)
    while token:
        auth.put_on(request, token)
        asked_at = time.time()
        response = yield request
        request, step = response.request, partial(_next, auth, token, response, asked_at)
        token = await in_thread(step) if response.status_code in REFUSALS else step()


def _gets_token(auth: BearerAuth, request: httpx.Request) -> bool:
    """Whether ``request`` gets the token. Raises ConfigError where httpx would take along more than a token."""
    url = str(request.url)
    if not auth.covers(url):
        auth.tell_without(url)
        return False
    if not auth.is_plain:
        raise ConfigError(
            "httpx would take along, to any server that the API redirects to, what this profile sends beside the"
            " header Authorization",
            hint="Use get_client or get_async_client, whose clients take it off; or get_session.",
        )
    return True


def _next(auth: BearerAuth, token: Token, response: httpx.Response, asked_at: float) -> Token | None:
    """Return the token to send the request with once more, or None."""
    if response.status_code not in REFUSALS:
        auth.taken(token, response)
        return None
    return auth.replacement(token, response, asked_at, repeatable=can_repeat(response.request), stream=True)
