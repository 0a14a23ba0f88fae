"""Measures a new process: the import, one API call with a cached token, and the command that prints a token."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from .bench import Bench
from .measure import Cost, Figure, Goal, in_turns, run
from .peers import FLOOR, HAND, OURS, PACKAGES

STATEMENTS = {
    **{name: f"import {package}" for name, package in PACKAGES.items()},
    OURS: "from aventus_creds import get_session",
}
"""What people type."""


def imports(bench: Bench) -> list[Figure]:
    """The import statement alone, and the whole process that does nothing else."""

    def load(name: str) -> tuple[float, float]:
        cost = bench.python(
            "import time; begun = time.process_time()\n"
            f"{STATEMENTS[name]}\nprint(time.process_time() - begun)"
        )
        return float(cost.printed) * 1e3, cost.cpu * 1e3

    names = [name for name in bench.peers if name != HAND]  # whose import is that of requests
    taken = in_turns({name: partial(load, name) for name in names}, bench.pairs)
    alone = {name: [statement for statement, _ in numbers] for name, numbers in taken.items()}
    whole = {name: [process for _, process in numbers] for name, numbers in taken.items()}
    return [
        Figure("import, in a fresh process: CPU of the statement", "ms", alone, OURS, Goal(0.12, FLOOR)),
        Figure("import, in a fresh process: CPU of the whole process", "ms", whole, OURS),
    ]


def cold(bench: Bench) -> list[Figure]:
    """A script: a fresh process, a cached token, one API call."""
    taken = in_turns({name: partial(bench.cold, name) for name in bench.peers}, bench.pairs)
    return _cpu_and_wall("cold: fresh process, cached token, one API call", taken, OURS, Goal(1.07, FLOOR))


def token(bench: Bench) -> list[Figure]:
    """``aventus-creds token`` beside an interpreter that does nothing."""
    nothing, ours = "python -c pass", "aventus-creds token"
    script = Path(sys.executable).with_name("aventus-creds")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "aventus_creds"]

    def print_token() -> Cost:
        cost = run([*command, "token", "prod"], bench.environment, str(bench.folder))
        assert cost.printed == "an-access-token\n"
        return cost

    taken = in_turns({nothing: lambda: bench.python("pass"), ours: print_token}, bench.pairs)
    return _cpu_and_wall("aventus-creds token, cached", taken, ours, Goal(4, nothing))


def _cpu_and_wall(title: str, taken: dict[str, list[Cost]], subject: str, goal: Goal) -> list[Figure]:
    cpu = {name: [cost.cpu * 1e3 for cost in costs] for name, costs in taken.items()}
    wall = {name: [cost.wall * 1e3 for cost in costs] for name, costs in taken.items()}
    return [
        Figure(f"{title}: CPU", "ms", cpu, subject, goal),
        Figure(f"{title}: the clock", "ms", wall, subject),
    ]
