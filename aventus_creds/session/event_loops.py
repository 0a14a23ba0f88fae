"""For programs with an event loop, of asyncio or trio: no refresh, lock or file stops it.

A task that is cancelled stops no refresh either.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from aventus_creds.sources.source import ready_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from aventus_creds.sources.source import TokenSource
    from aventus_creds.tokens import Token

T = TypeVar("T")

_flights: Final[dict[tuple[asyncio.AbstractEventLoop, TokenSource], asyncio.Task[Token]]] = {}
"""The tokens that are being waited for, by event loop and source: a hundred tasks need one thread."""


async def in_thread(work: Callable[[], T]) -> T:
    """Run what may block in a thread. If the task that waits is cancelled, the thread goes on to its end."""
    if _loop():
        return await asyncio.to_thread(work)
    from anyio import to_thread  # it comes with httpx, which is what runs in trio

    return await to_thread.run_sync(work, abandon_on_cancel=True)


def _loop() -> asyncio.AbstractEventLoop | None:
    """Return the running event loop of asyncio, or None in trio."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def token_from(source: TokenSource) -> Token:
    """Return a fresh token of ``source``: at once if it is in memory, else from a thread. Raises what that raises."""
    if token := ready_of(source)():
        return token
    if (loop := _loop()) is None:
        return await in_thread(source.token)
    key = loop, source
    flight = _flights.get(key)
    if flight is None:
        flight = _flights[key] = asyncio.create_task(in_thread(source.token))
        flight.add_done_callback(lambda ended: _landed(key, ended))
    return await asyncio.shield(flight)


def _landed(key: tuple[asyncio.AbstractEventLoop, TokenSource], flight: asyncio.Task[Token]) -> None:
    del _flights[key]
    if not flight.cancelled():
        flight.exception()  # everybody who waited for it may have been cancelled
