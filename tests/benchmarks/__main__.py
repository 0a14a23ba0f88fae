"""Runs the benchmarks, prints a table, and reports which goals were met.

    python -m tests.benchmarks [--pairs N] [--only FIGURE]... [--json FILE] [--without-peers]

Run it from the root of the repository, in an environment with ``pip install -e '.[benchmarks]'``. It needs Linux
or macOS.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from . import expired, growth, listener, memory, startup, warm
from .bench import Bench
from .measure import Figure
from .peers import FILES, FLOOR, OURS
from .table import as_json, goal, lines

FIGURES: Final[dict[str, Callable[[Bench], list[Figure]]]] = {
    "import": startup.imports,
    "cold": startup.cold,
    "warm": warm.request,
    "authorisation": warm.authorization,
    "session": warm.session,
    "token": startup.token,
    "profiles": growth.profiles,
    "expired": expired.token,
    "memory": memory.session,
    "listener": listener.page,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks", description="Measure beside bare requests."
    )
    parser.add_argument("--pairs", type=int, default=15, metavar="N", help="rounds of each figure (15)")
    parser.add_argument(
        "--only", action="append", choices=FIGURES, help="measure this figure; may be repeated"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="save every sample too")
    parser.add_argument("--without-peers", action="store_true", help="measure beside the floor only")
    given = parser.parse_args(arguments)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, Bench(Path(folder), given.pairs) as bench:
        if not given.without_peers:
            bench.invite(name for name in FILES if name not in {FLOOR, OURS})
        print(f"Python {sys.version.split()[0]}, {given.pairs} rounds; the ratio is {OURS} by the line's own")
        for name, why in bench.absent.items():
            print(f"not measured: {name} ({why})")
        for name in given.only or FIGURES:
            for figure in FIGURES[name](bench):
                print(*lines(figure), sep="\n", flush=True)
                figures.append(figure)
    print("\nThe goals")
    for figure in figures:
        if figure.goal:
            print(f"  {figure.title}: {goal(figure).removeprefix('goal: ')}")
    if given.json:
        given.json.write_text(json.dumps(as_json(figures, given.pairs), indent=1), "utf-8")


if __name__ == "__main__":
    main()
