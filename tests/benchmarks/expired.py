"""Many threads or processes with one expired token: counts the token requests, and times the last answer."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

from aventus_creds import Token
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.file import FileStore

from .bench import Bench
from .measure import Figure, Goal, in_turns
from .peers import OURS
from .server import SLOW

MANY = 16


class Rush(NamedTuple):
    """How many token requests it took, and after how many seconds the last answer came."""

    requests: int
    seconds: float


def token(bench: Bench, many: int = MANY) -> list[Figure]:
    """The token endpoint takes a tenth of a second, so that all arrive before it answers."""
    figures = []
    for kind, rush in (("threads", _threads), ("processes", _processes)):
        alone, together = "one alone", f"{many} {kind}"
        programs: dict[str, Callable[[], Rush]] = {
            alone: partial(_counted, bench, rush, 1),
            together: partial(_counted, bench, rush, many),
        }
        with _expiring(bench):
            taken = in_turns(programs, bench.pairs)
        counts = {name: [it.requests for it in rushes] for name, rushes in taken.items()}
        times = {name: [it.seconds * 1e3 for it in rushes] for name, rushes in taken.items()}
        figures += [
            Figure(
                f"{together} on an expired token: token requests",
                "",
                counts,
                together,
                Goal(1, exactly=True),
            ),
            Figure(
                f"{together} on an expired token: until the last answer ({SLOW * 1e3:g} ms are the server's)",
                "ms",
                times,
                together,
            ),
        ]
    return figures


@contextmanager
def _expiring(bench: Bench) -> Iterator[None]:
    """Let the profile ``prod`` have the slow token endpoint, and then again what it had."""
    path = bench.folder / "profiles.toml"
    before = path.read_bytes()
    bench.write_profiles(path.name, {"prod": bench.profile(token_url=f"{bench.url}/slow-token")})
    try:
        yield
    finally:
        path.write_bytes(before)


def _counted(bench: Bench, rush: Callable[[Bench, int], float], many: int) -> Rush:
    key = read_profiles(bench.folder / "profiles.toml").profile("prod").key
    store, now = FileStore(bench.folder / "state"), time.time()
    old = Token(
        "an-old-token", obtained_at=now - 7200, expires_at=now - 3600, refresh_token="a-refresh-token"
    )
    with store.lock(key):
        store.save(key, old)
    before = bench.token_requests()
    seconds = rush(bench, many)
    return Rush(bench.token_requests() - before, seconds)


def _threads(bench: Bench, many: int) -> float:
    seconds: float = bench.child("threads", OURS, many).values[0]
    return seconds


def _processes(bench: Bench, many: int) -> float:
    with ExitStack() as open_processes:
        started = [
            open_processes.enter_context(
                subprocess.Popen(
                    bench.command("when_told", OURS),
                    env=bench.environment,
                    cwd=bench.folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(many)
        ]
        for process in started:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        begun = time.perf_counter()
        for process in started:
            assert process.stdin
            process.stdin.write("now\n")
            process.stdin.flush()
        for process in started:
            assert process.stdout
            assert process.stdout.readline() == "200\n"
        return time.perf_counter() - begun
