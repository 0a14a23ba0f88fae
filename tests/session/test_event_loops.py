"""Programs with an event loop: nothing blocks it, no cancelled task cuts a refresh, and loops may come and go."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import httpx2
import pytest
import trio
from session_source import FIRST, Once, Source
from support import HELPERS, Sent, Web, make_profile

from aventus_creds.session.authorised import auth_for
from aventus_creds.session.event_loops import token_from
from aventus_creds.session.httpx_client import async_client
from aventus_creds.session.providers import async_provider
from aventus_creds.tokens import Token


def test_nothing_blocks_an_event_loop(web: Web) -> None:
    """While sixteen tasks wait for a new token, the loop goes on; one thread waits for all that need one."""
    web.answer = lambda seen: Sent(200 if seen.headers["Authorization"] == "Bearer token-2" else 401)
    source, profile = Once(0.2), make_profile(api_url=web.url)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    async def main() -> list[int]:
        ticking = asyncio.create_task(tick())
        async with async_client(profile, auth_for(profile, source)) as asked:
            answers = await asyncio.gather(*(asked.get("/") for _ in range(16)))
        ticking.cancel()
        return [answer.status_code for answer in answers]

    assert asyncio.run(main()) == [200] * 16
    assert source.renewed == 1
    assert ticks > 5
    assert threading.get_ident() not in source.threads


def test_a_cancelled_task_cuts_no_refresh(web: Web) -> None:
    """The refresh goes on, and the next task has its token."""
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    class Slow(Source):
        def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
            begun.set()
            assert go_on.wait(10)
            ended.set()
            return FIRST

    async def main() -> None:
        source = Slow()
        waiting = [asyncio.create_task(token_from(source)) for _ in range(3)]
        await asyncio.to_thread(begun.wait, 10)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert all(task.cancelled() for task in waiting)
        go_on.set()
        assert await token_from(source) is FIRST
        assert await asyncio.to_thread(ended.wait, 10)

    asyncio.run(main())


def test_one_cancelled_task_of_many() -> None:
    """The others have the token that all of them waited for."""
    go_on = threading.Event()

    class Slow(Source):
        def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
            assert go_on.wait(10)
            return FIRST

    async def main() -> list[Any]:
        source = Slow()
        waiting = [asyncio.create_task(token_from(source)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    first, *others = asyncio.run(main())
    assert isinstance(first, asyncio.CancelledError)
    assert others == [FIRST, FIRST]


LOOP_AFTER_LOOP = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from session_source import FIRST, Source
from support import make_profile
from aventus_creds.session.authorised import auth_for
from aventus_creds.session.httpx_client import async_client

profile = make_profile(api_url=sys.argv[2])
asked = async_client(profile, auth_for(profile, Source(FIRST)))

async def main():
    return [(await asked.get("/")).status_code for _ in range(2)]

print([asyncio.run(main()) for _ in range(3)])
"""


def test_one_event_loop_after_another(web: Web) -> None:
    """A script calls asyncio.run again and again: no connection of a closed loop is used in the next one."""
    arguments = [sys.executable, "-c", LOOP_AFTER_LOOP, str(HELPERS), web.url]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.stdout == "[[200, 200], [200, 200], [200, 200]]\n", done.stderr
    assert len(web._connections) == 3


def test_a_loop_that_was_given_up() -> None:
    """Whoever asks in another loop does not wait for it."""
    go_on = threading.Event()

    class Slow(Source):
        def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
            assert go_on.wait(10)
            return FIRST

    source = Slow()
    gone = asyncio.new_event_loop()
    flight = gone.create_task(token_from(source))
    gone.run_until_complete(asyncio.sleep(0.01))
    go_on.set()

    async def main() -> Token:
        return await asyncio.wait_for(token_from(source), 5)

    assert asyncio.run(main()) is FIRST
    assert gone.run_until_complete(flight) is FIRST
    gone.run_until_complete(gone.shutdown_default_executor())
    gone.close()


@pytest.mark.skipif(sys.platform == "win32", reason="wine lacks what trio asks of Windows' sockets")
@pytest.mark.parametrize("how", ["auth", "client", "provider"])
def test_in_trio(web: Web, how: str) -> None:
    """Nothing there is asyncio's: neither a refresh, nor a wait before the next try, nor a refusal."""
    statuses = iter((401, 503, 200))
    web.answer = lambda _: Sent(next(statuses))
    profile, source = make_profile(api_url=web.url, retries=2), Once(0.02)
    auth = auth_for(profile, source)

    async def main() -> object:
        if how == "provider":
            return await async_provider(profile, source)()
        asked = async_client(profile, auth) if how == "client" else httpx2.AsyncClient(auth=auth)
        async with asked:
            return (await asked.get(f"{web.url}/")).status_code

    assert trio.run(main) == {"provider": "token-1", "client": 200, "auth": 503}[how]
    assert source.renewed == (how != "provider")
    assert threading.get_ident() not in source.threads
