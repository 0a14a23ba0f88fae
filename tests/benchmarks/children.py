"""Code that runs inside the measured processes. Each function prints its numbers as JSON.

The arguments are a file of ``peers``, the folder of its cache and the URL of the server. Times are in seconds for one
turn. They are the minimum of several batches, because other work on the machine can only add time.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

BATCHES = 10


def cache_token(file: str, folder: str, url: str) -> None:
    _peer(file).cache_token(folder, url)


def expire_token(file: str, folder: str, url: str) -> None:
    _peer(file).cache_token(folder, url, age=2 * 86400)


def call(file: str, folder: str, url: str) -> None:
    """One call, and its status."""
    print(_peer(file).caller(folder, url)().status_code, flush=True)


def stream(file: str, folder: str, url: str) -> None:
    """Seconds of CPU, and of the clock, for a download of a gigabyte in pieces."""
    get = _peer(file).caller(folder, url).func
    begun, clock, size = time.process_time(), time.perf_counter(), 0
    with get(f"{url}/v1/big", stream=True) as response:
        for piece in response.iter_content(2**16):
            size += len(piece)
    _print(time.process_time() - begun, time.perf_counter() - clock)
    assert size == 2**30


def many(file: str, folder: str, url: str, count: str) -> None:
    """Bytes of memory that each of ``count`` further sessions adds, its connection open."""
    peer = _peer(file)
    calls = [peer.caller(folder, url)]
    assert calls[0]().status_code == 200
    gc.collect()
    before = _resident()
    for _ in range(int(count)):
        calls.append(peer.caller(folder, url))
        assert calls[-1]().status_code == 200
    gc.collect()
    _print((_resident() - before) / int(count))


def warm(file: str, folder: str, url: str) -> None:
    """One request more over a connection that is open: CPU, and the clock."""
    call = _peer(file).caller(folder, url)
    assert call().status_code == 200

    def batch() -> None:
        for _ in range(50):
            call()

    _print_least(batch, 50)


def httpx_request(file: str, folder: str, url: str, way: str) -> None:
    """One request more of a client of httpx, whose token is in a fixed header, or by one of our ways."""
    del file, folder
    import httpx

    from aventus_creds import get_auth, get_client, get_token

    fixed = {"Authorization": f"Bearer {get_token('prod').access_token}"}
    with {
        "header": lambda: httpx.Client(base_url=url, headers=fixed),
        "get_auth": lambda: httpx.Client(base_url=url, auth=get_auth("prod")),
        "get_client": lambda: get_client("prod"),
    }[way]() as client:

        def batch() -> None:
            for _ in range(50):
                assert client.get("/v1/me").status_code == 200

        batch()
        _print_least(batch, 50)


def async_httpx_request(file: str, folder: str, url: str, way: str) -> None:
    """The same of an async client."""
    del file, folder
    import asyncio

    import httpx

    from aventus_creds import get_async_client, get_auth, get_token

    fixed = {"Authorization": f"Bearer {get_token('prod').access_token}"}
    client = {
        "header": lambda: httpx.AsyncClient(base_url=url, headers=fixed),
        "get_auth": lambda: httpx.AsyncClient(base_url=url, auth=get_auth("prod")),
        "get_client": lambda: get_async_client("prod"),
    }[way]()

    async def some() -> None:
        for _ in range(50):
            assert (await client.get("/v1/me")).status_code == 200

    with asyncio.Runner() as runner:
        runner.run(some())
        _print_least(lambda: runner.run(some()), 50)
        runner.run(client.aclose())


def authorize(file: str, folder: str, url: str) -> None:
    """Putting the token into a request that is prepared, each time into another one."""
    import requests
    from requests.hooks import default_hooks

    step = _peer(file).authorizer(folder, url)
    pattern = requests.Request("GET", f"{url}/v1/me").prepare()
    fresh: list[requests.PreparedRequest] = []

    def renew() -> None:
        fresh[:] = [pattern.copy() for _ in range(1000)]
        for request in fresh:
            request.hooks = default_hooks()  # a copy shares the hooks of its original

    def batch() -> None:
        for request in fresh:
            step(request)

    renew()
    step(fresh.pop())
    _print_least(batch, 1000, before=renew)


def again(file: str, folder: str, url: str) -> None:
    """Beginning once more in the same process: the cache is read, and a session made."""
    peer = _peer(file)
    peer.caller(folder, url)

    def batch() -> None:
        for _ in range(50):
            peer.caller(folder, url)

    _print_least(batch, 50)


def memory(file: str, folder: str, url: str) -> None:
    """Bytes: what the process holds after one call, and what each further session that made a call adds."""
    peer = _peer(file)
    calls = [peer.caller(folder, url)]
    assert calls[0]().status_code == 200
    gc.collect()
    resident = _resident()
    many = 20
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(many):
        calls.append(peer.caller(folder, url))
        assert calls[-1]().status_code == 200
    gc.collect()
    _print(resident, (tracemalloc.get_traced_memory()[0] - before) / many)


def threads(file: str, folder: str, url: str, count: str) -> None:
    """Seconds until the last of ``count`` threads has its answer; all begin at once, with an expired token."""
    import aventus_creds.oauth.client
    import aventus_creds.session.session  # noqa: F401

    peer = _peer(file)
    begin = threading.Barrier(int(count) + 1)
    statuses: list[int] = []

    def one() -> None:
        begin.wait()
        statuses.append(peer.caller(folder, url)().status_code)

    every = [threading.Thread(target=one) for _ in range(int(count))]
    for thread in every:
        thread.start()
    begin.wait()
    begun = time.perf_counter()
    for thread in every:
        thread.join()
    _print(time.perf_counter() - begun)
    assert statuses == [200] * int(count)


def when_told(file: str, folder: str, url: str) -> None:
    """One call, when a line comes in; a line goes out before it and after it."""
    import aventus_creds.oauth.client
    import aventus_creds.session.session  # noqa: F401

    peer = _peer(file)
    print("ready", flush=True)
    sys.stdin.readline()
    print(peer.caller(folder, url)().status_code, flush=True)


def log_in(file: str, folder: str, url: str) -> None:
    """Seconds from the browser's asking for the redirect's page to its last byte, the token being stored then."""
    import socket
    from urllib.parse import parse_qs, urlsplit

    import requests

    from aventus_creds import login
    from aventus_creds.profiles.file import read_profiles
    from aventus_creds.stores.opening import default_store

    requests.post(f"{url}/token", data={"grant_type": "authorization_code"}, timeout=10)
    key = read_profiles().profile("login").key
    taken: list[float] = []

    def browse(address: str) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        target = urlsplit(query["redirect_uri"])
        asked = (
            f"GET {target.path}?code=a-code&state={query['state']} HTTP/1.1\r\nHost: {target.netloc}\r\n\r\n"
        )
        begun = time.perf_counter()
        with socket.create_connection((target.hostname, target.port)) as connection:
            connection.sendall(asked.encode())
            page = b""
            while received := connection.recv(65536):
                page += received
        taken.append(time.perf_counter() - begun)
        assert page.startswith(b"HTTP/1.1 200 "), page
        assert default_store().load(key), "the page came before the token was stored"

    login("login", browser=browse)
    while not taken:
        time.sleep(0.01)
    begun = time.perf_counter()
    requests.post(f"{url}/token", data={"grant_type": "authorization_code"}, timeout=10)
    _print(taken[0], time.perf_counter() - begun)


def _peer(file: str) -> Any:
    return import_module(f"benchmarks.peers.{file}")


def _print_least(
    batch: Callable[[], object], turns: int, before: Callable[[], object] = lambda: None
) -> None:
    """Print the least CPU time and the least time of the clock that one turn took."""
    cpu, wall = [], []
    gc.collect()
    for _ in range(BATCHES):
        before()
        at, clock = time.process_time(), time.perf_counter()
        batch()
        cpu.append((time.process_time() - at) / turns)
        wall.append((time.perf_counter() - clock) / turns)
    _print(min(cpu), min(wall))


def _print(*numbers: float) -> None:
    print(json.dumps(numbers))


def _resident() -> float:
    """Return the bytes of memory that this process has now (Linux), or had at most."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    import os

    return pages * os.sysconf("SC_PAGE_SIZE")
