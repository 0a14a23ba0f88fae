"""Measures a running process: one more request, its authorisation step, and one more session."""

from __future__ import annotations

from .bench import Bench
from .measure import Figure, Goal, in_turns
from .peers import FLOOR, OURS


def request(bench: Bench) -> list[Figure]:
    """One request more, over a connection that is open."""
    cpu, wall = _taken(bench, "warm")
    title = "warm request, keep-alive"
    return [
        Figure(f"{title}: CPU", "µs", cpu, OURS, Goal(0.75, FLOOR)),
        Figure(f"{title}: the clock", "µs", wall, OURS),
    ]


def authorization(bench: Bench) -> list[Figure]:
    """The token into a prepared request: BearerAuth.__call__, and what others have in its place."""
    cpu, _ = _taken(bench, "authorize")
    return [Figure("the authorisation step alone: CPU", "µs", cpu, OURS, Goal(1))]


def session(bench: Bench) -> list[Figure]:
    """get_session again in the same process."""
    cpu, _ = _taken(bench, "again")
    return [Figure("get_session again in the same process: CPU", "µs", cpu, OURS, Goal(100))]


def _taken(bench: Bench, function: str) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return everyone's microseconds of CPU and of the clock."""
    taken = in_turns(bench.children(function), bench.pairs)
    return (
        {name: [cpu * 1e6 for cpu, _ in numbers] for name, numbers in taken.items()},
        {name: [wall * 1e6 for _, wall in numbers] for name, numbers in taken.items()},
    )
