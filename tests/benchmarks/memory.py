"""Measures the memory of a process after one call, and how much each further session adds."""

from __future__ import annotations

from .bench import Bench
from .measure import Figure, in_turns
from .peers import OURS

ROUNDS = 5
"""Memory varies little from run to run."""


def session(bench: Bench) -> list[Figure]:
    """Beside everyone's."""
    taken = in_turns(bench.children("memory"), min(bench.pairs, ROUNDS))
    resident = {name: [whole / 2**20 for whole, _ in numbers] for name, numbers in taken.items()}
    each = {name: [one / 2**10 for _, one in numbers] for name, numbers in taken.items()}
    return [
        Figure("memory of the process after one call: resident", "MiB", resident, OURS),
        Figure("memory of each further session, its connection open: allocated", "KiB", each, OURS),
    ]
