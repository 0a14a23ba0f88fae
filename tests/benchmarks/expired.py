"""Many with one expired token, beside a hand-rolled refresh: counts the requests, and times the last answer."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final, NamedTuple

from aventus_creds import Token
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.file import FileStore

from .bench import Bench
from .measure import Figure, Goal, in_turns
from .peers import HAND, OURS
from .peers.hand_rolled import TOKEN_URL
from .server import SLOW

MANY = 16


class Rush(NamedTuple):
    """How many token requests it took, and after how many seconds the last answer came."""

    requests: int
    seconds: float


def token(bench: Bench, many: int = MANY) -> list[Figure]:
    """The token endpoint takes a tenth of a second, so that all arrive before it answers."""
    figures = []
    for kind, rush, limit in KINDS:
        alone, together, by_hand = "one alone", f"{many} {kind}", f"{many} {kind}, {HAND}"
        programs: dict[str, Callable[[], Rush]] = {
            alone: partial(_counted, bench, rush, 1, OURS),
            together: partial(_counted, bench, rush, many, OURS),
            by_hand: partial(_counted, bench, rush, many, HAND),
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
                Goal(limit, by_hand),
            ),
        ]
    return figures


@contextmanager
def _expiring(bench: Bench) -> Iterator[None]:
    """Let everybody have the slow token endpoint, and then again what they had."""
    path = bench.folder / "profiles.toml"
    before = path.read_bytes()
    slow = bench.environment[TOKEN_URL] = f"{bench.url}/slow-token"
    bench.write_profiles(path.name, {"prod": bench.profile(token_url=slow)})
    try:
        yield
    finally:
        path.write_bytes(before)
        del bench.environment[TOKEN_URL]


def _counted(bench: Bench, rush: Callable[[Bench, int, str], float], many: int, who: str) -> Rush:
    key = read_profiles(bench.folder / "profiles.toml").profile("prod").key
    store, now = FileStore(bench.folder / "state"), time.time()
    old = Token(
        "an-old-token", obtained_at=now - 7200, expires_at=now - 3600, refresh_token="a-refresh-token"
    )
    with store.lock(key):
        store.save(key, old)
    bench.child("expire_token", HAND)
    before = bench.token_requests()
    seconds = rush(bench, many, who)
    return Rush(bench.token_requests() - before, seconds)


def _threads(bench: Bench, many: int, who: str) -> float:
    seconds: float = bench.child("threads", who, many).values[0]
    return seconds


def _processes(bench: Bench, many: int, who: str) -> float:
    """Processes that have loaded all that they need, and are told to begin."""
    with ExitStack() as open_processes:
        started = [
            open_processes.enter_context(_start(bench, "when_told", who, stdin=subprocess.PIPE))
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


def _programs(bench: Bench, many: int, who: str) -> float:
    """Programs that are simply started, as a scheduler does."""
    with ExitStack() as open_processes:
        begun = time.perf_counter()
        started = [open_processes.enter_context(_start(bench, "call", who)) for _ in range(many)]
        for process in started:
            assert process.stdout
            assert process.stdout.readline() == "200\n"
        return time.perf_counter() - begun


def _start(bench: Bench, function: str, who: str, stdin: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        bench.command(function, who),
        env=bench.environment,
        cwd=bench.folder,
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
    )


KINDS: Final = (("threads", _threads, 1.3), ("processes", _processes, 1.5), ("programs", _programs, 1.2))
"""Who wants the token at once, and how long they may take beside those that are written by hand."""
