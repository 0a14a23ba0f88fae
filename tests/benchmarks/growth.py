"""Measures how a cold call slows down with more profiles in the file. It uses the last profile in the file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from .bench import Bench
from .measure import Figure, Goal, in_turns
from .peers import OURS

SIZES = (1, 10, 100, 1_000, 10_000)
MOST = 1_000
"""Up to here, a call may take at most twice as long as with one profile."""


def profiles(bench: Bench, sizes: Sequence[int] = SIZES) -> list[Figure]:
    """One figure for each size, beside one profile."""
    names = {size: f"{size:,} profile{'s' if size > 1 else ''}" for size in sizes}
    programs = {
        name: partial(
            bench.cold, OURS, profiles=str(bench.write_profiles(f"{size}.toml", _many(bench, size)))
        )
        for size, name in names.items()
    }
    taken = in_turns(programs, bench.pairs)
    cpu = {name: [cost.cpu * 1e3 for cost in costs] for name, costs in taken.items()}
    one = names[sizes[0]]
    return [
        Figure(
            f"cold call with {names[size]} in the file: CPU",
            "ms",
            {one: cpu[one], names[size]: cpu[names[size]]},
            names[size],
            Goal(2, one) if size == MOST else None,
        )
        for size in sizes[1:]
    ]


def _many(bench: Bench, size: int) -> dict[str, Any]:
    others = {f"other-{i}": bench.profile(scope="openid offline_access") for i in range(size - 1)}
    return {**others, "prod": bench.profile()}
