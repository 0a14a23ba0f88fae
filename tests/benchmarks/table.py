"""Prints the figures as a table, and converts them to JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .measure import Figure, Summary, summary
from .peers import FILES

HEAD = f"{'':30} {'median':>9} {'p10 to p90':>19} {'ratio':>8} {'p10 to p90':>15}"


def lines(figure: Figure) -> Iterator[str]:
    """Show one figure: the ratio is the subject's time by this line's, in the same rounds."""
    yield ""
    yield f"{figure.title} ({figure.unit})" if figure.unit else figure.title
    yield HEAD
    for name, numbers in figure.samples.items():
        line = f"  {name:28} {_number(summary(numbers).median):>9} {_spread(summary(numbers)):>19}"
        if name != figure.subject and any(numbers):
            ratio = figure.ratio(name)
            line += f" {_number(ratio.median):>8} {_spread(ratio):>15}"
        yield line
    if figure.goal:
        yield f"  {goal(figure)}"


def goal(figure: Figure) -> str:
    """Say the goal and whether it was met."""
    assert figure.goal
    limit = f"{figure.goal.limit:g}"
    wanted = (
        f"at most {limit} of {figure.goal.of}"
        if figure.goal.of
        else f"{'exactly' if figure.goal.exactly else 'at most'} {limit} {figure.unit}".rstrip()
    )
    return f"goal: {wanted}; here {_number(figure.reached())}: {'met' if figure.met() else 'NOT MET'}"


def as_json(figures: Sequence[Figure], pairs: int) -> dict[str, Any]:
    """Return all that was measured, and on what."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: _version(name) for name in FILES},
        "pairs": pairs,
        "figures": [
            {
                "title": figure.title,
                "unit": figure.unit,
                "subject": figure.subject,
                "goal": goal(figure) if figure.goal else None,
                "met": figure.met() if figure.goal else None,
                "samples": figure.samples,
                "ratios": {
                    name: figure.ratio(name)._asdict()
                    for name, numbers in figure.samples.items()
                    if name != figure.subject and any(numbers)
                },
            }
            for figure in figures
        ],
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _number(value: float) -> str:
    """Three digits that count, and no exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")


def _spread(numbers: Summary) -> str:
    return f"{_number(numbers.p10)} to {_number(numbers.p90)}"
