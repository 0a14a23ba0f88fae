"""Measures the memory of a process after one call, and how much each further session adds."""

from __future__ import annotations

from functools import partial

from .bench import Bench
from .measure import Figure, Goal, in_turns
from .peers import FLOOR, OURS

MANY = 400

ROUNDS = 5
"""Memory varies little from run to run."""


def session(bench: Bench) -> list[Figure]:
    """Beside everyone's."""
    taken = in_turns(bench.children("memory"), min(bench.pairs, ROUNDS))
    resident = {name: [whole / 2**20 for whole, _ in numbers] for name, numbers in taken.items()}
    each = {name: [one / 2**10 for _, one in numbers] for name, numbers in taken.items()}
    return [
        Figure("memory of the process after one call: resident", "MiB", resident, OURS),
        Figure(
            "memory of each further session, its connection open: allocated",
            "KiB",
            each,
            OURS,
            Goal(1.3, FLOOR),
        ),
    ]


def secure(bench: Bench, many: int = MANY) -> list[Figure]:
    """Each with a connection by https of its own: what it trusts is not counted by Python."""

    def each(name: str) -> float:
        return float(bench.child("many", name, many).values[0]) / 2**10

    with bench.secure():
        names = (FLOOR, OURS)
        taken = in_turns({name: partial(each, name) for name in names}, min(bench.pairs, ROUNDS))
    title = f"memory of each of {many:,} sessions by https, connections open: resident"
    return [Figure(title, "KiB", taken, OURS, Goal(1, FLOOR))]
