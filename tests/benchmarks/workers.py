"""Many workers share one login in Redis: measures the cost of a renewal, and how soon every worker has the new token.

    python -m tests.benchmarks.workers [LIFETIMES]

The token lives a few seconds, and each worker asks for it whenever it is due to be replaced.

It counts the token requests at the server and the commands in Redis (INFO commandstats, which includes commands in
scripts). It measures the time from the moment when a token is due to be replaced until the last worker has the next
token. A short token is due when a tenth of its lifetime is left.

Up to PROCESSES workers run as processes. With more workers, each process runs THREADS threads, and each thread has its
own store and connection. That is the same load for Redis, but the threads share interpreters, so the times are upper
bounds. One machine runs the server, Redis and all the workers, so if its cores are busy, the times include that.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import tomli_w

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
from redis_server import RedisServer
from support import free_port

from aventus_creds import login
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.sources.chain import cached_source
from aventus_creds.stores.opening import default_store
from aventus_creds.stores.redis.sealing import new_key
from aventus_creds.stores.redis.store import RedisStore

COUNTS = (1, 10, 100, 1000)
PROCESSES = 100
THREADS = 40
MARGIN = 0.1
"""Of its lifetime: so early is a short token replaced."""


class Served(NamedTuple):
    """A worker has a token that it had not seen before, and that is due to be replaced at ``due``."""

    moment: float
    tail: str
    due: float


class Row(NamedTuple):
    """What was measured; numbers are of one renewal."""

    workers: int
    kind: str
    lifetime: float
    token_requests: float
    sent: float
    """Commands that a worker sent."""
    executed: float
    """Commands that Redis ran for a worker, those in scripts included."""
    lags: list[float]
    everybody: bool

    def __str__(self) -> str:
        """Return it as a line of the table."""
        lags = f"{statistics.median(self.lags) * 1000:.0f} ms, {max(self.lags) * 1000:.0f} ms"
        return (
            f"{self.workers:5} {self.kind:26} {self.lifetime:7} s {self.token_requests:12.2f}   "
            f"{self.sent:12.2f}  {self.executed:15.2f}     {lags}"
            f"{'' if self.everybody else '  (somebody was not served)'}"
        )


def work(url: str, seal: str, until: float, out: list[Served]) -> None:
    """Be a worker until ``until``. All ask at the very moment when the token is due: the worst case."""
    source = cached_source(read_profiles().profile("prod"), RedisStore(url, [seal]))
    seen = ""
    while time.time() < until:
        token = source.token()
        due = token.expires_at - (token.expires_at - token.obtained_at) * MARGIN
        if (tail := token.access_token[-12:]) != seen:
            seen = tail
            out.append(Served(time.time(), tail, due))
        time.sleep(max(min(due, until) - time.time(), 0.002))


def child(url: str, seal: str, until: str, count: str) -> None:
    """Be a process of ``count`` workers: print what each was served."""
    rows: list[list[Served]] = [[] for _ in range(int(count))]
    threads = [threading.Thread(target=work, args=(url, seal, float(until), row)) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(rows))


def measure(count: int, lifetimes: int, server: RedisServer, sandbox: Sandbox, seal: str) -> Row:
    """Let ``count`` workers live through ``lifetimes`` renewals."""
    each, lifetime = (1, 5) if count <= PROCESSES else (THREADS, 20)
    processes = count // each
    server.restart()
    # The first token lives until all workers have started. Counting starts shortly before it ends.
    sandbox.token_lifetime = 6 + processes // 2 + count // 50
    login("prod", browser=Robot())
    key, store = read_profiles().profile("prod").key, RedisStore(server.url, [seal])
    token = default_store().load(key)
    assert token
    with store.lock(key):
        store.save(key, token)
    due = token.expires_at - (token.expires_at - token.obtained_at) * MARGIN
    sandbox.token_lifetime = lifetime
    until = due + (lifetimes - 0.5) * lifetime * (1 - MARGIN)
    before = requests(sandbox)
    code = [
        sys.executable,
        "-m",
        "tests.benchmarks.workers",
        "child",
        server.url,
        seal,
        str(until),
        str(each),
    ]
    running = [subprocess.Popen(code, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    time.sleep(max(due - 0.5 - time.time(), 0))
    server.forget_calls()
    rows: list[list[Served]] = []
    for process in running:
        said, _ = process.communicate(timeout=180)
        rows += [[Served(*served) for served in row] for row in json.loads(said)]
    renewals = renewed(rows, token.access_token[-12:])
    calls = {name: number / count / len(renewals) for name, number in server.calls().items()}
    # Redis counts GET in scripts too: TRY calls it once with its only XREVRANGE, and FREE once with DEL.
    gets = calls["get"] - calls["xrevrange"] - calls.get("del", 0)
    return Row(
        count,
        "processes" if each == 1 else f"threads in {processes} processes",
        lifetime,
        (requests(sandbox) - before) / len(renewals),
        gets + calls["evalsha"] + calls.get("xread", 0),
        sum(calls.values()),
        [max(moments) - began for began, moments in renewals],
        all(len(moments) == count for _, moments in renewals),
    )


def renewed(rows: list[list[Served]], first: str) -> list[tuple[float, list[float]]]:
    """Return of each renewal when the old token was due to be replaced, and when each worker had the new one."""
    due = {served.tail: served.due for row in rows for served in row}
    tails = sorted(due, key=lambda tail: (tail != first, due[tail]))
    return [
        (due[old], [served.moment for row in rows for served in row if served.tail == new])
        for old, new in pairwise(tails)
    ]


def requests(sandbox: Sandbox) -> int:
    """Return how many refreshes the server has seen."""
    return sum(record.grant_type == "refresh_token" for record in sandbox.journal)


def rate(server: RedisServer) -> int:
    """Return how many GETs of an entry's size this Redis answers in a second, by redis-benchmark."""
    command = ["redis-benchmark", "-p", str(server.port), "-t", "get", "-d", "1000", "-n", "100000", "--csv"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(float(said.splitlines()[-1].split(",")[1].strip('"')))


def main() -> None:
    """Measure and print."""
    lifetimes = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        os.environ["AVENTUS_CREDS_PROFILES"] = str(Path(folder, "profiles.toml"))
        os.environ["AVENTUS_CREDS_STATE_DIR"] = folder
        redirect_uri = f"http://127.0.0.1:{free_port()}/callback"
        sandbox = stack.enter_context(Sandbox(redirect_uri=redirect_uri))
        server = stack.enter_context(RedisServer(Path(folder, "redis")))
        keys = {"prod": {**sandbox.profiles()["athoc"], "callback": "loopback"}}
        Path(folder, "profiles.toml").write_text(tomli_w.dumps({"profiles": keys}))
        Path(folder, "profiles.toml").chmod(0o600)
        print(f"{os.cpu_count()} cores, {lifetimes} renewals each; the medians of them, and the worst")
        print(
            "a renewal costs                    lifetime  token requests  sent a worker  run a worker  last served"
        )
        for count in COUNTS:
            row = measure(count, lifetimes, server, sandbox, new_key())
            print(row, flush=True)
        answers, workers = rate(server), 100_000
        load = workers * row.executed  # an upper bound: commands in scripts cost no network time
        print(
            f"\non paper: redis-benchmark has {answers} answers a second here. {workers} workers send"
            f" {workers * row.sent:.0f} commands a renewal, {load:.0f} with those of scripts: at most"
            f" {load / answers:.1f} s of one Redis each renewal, {load / answers / 3600:.2%} of it with tokens of an"
            f" hour. Each worker that is there at that moment holds one connection: maxclients (10,000 by default) is"
            f" to be raised."
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(*sys.argv[2:])
    else:
        main()
