"""Runs the benchmarks, prints a table, and reports which goals were met.

    python -m tests.benchmarks [--pairs N] [--only FIGURE]... [--json FILE] [--without-peers] [--instructions]

Run it from the root of the repository, in an environment with ``pip install -e '.[benchmarks]'``. It needs Linux
or macOS.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from . import expired, growth, instructions, listener, memory, startup, warm
from .bench import Bench
from .measure import Figure
from .peers import FILES, FLOOR, HAND, OURS
from .table import as_json, goal, lines

FIGURES: Final[dict[str, Callable[[Bench], Iterable[Figure]]]] = {
    "import": startup.imports,
    "cold": startup.cold,
    "warm": warm.request,
    "httpx": warm.httpx_request,
    "authorisation": warm.authorization,
    "session": warm.session,
    "token": startup.token,
    "profiles": growth.profiles,
    "expired": expired.token,
    "memory": memory.session,
    "https memory": memory.secure,
    "stream": warm.stream,
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
    parser.add_argument(
        "--instructions",
        nargs="?",
        const="",
        metavar="WORD",
        help="count instructions by valgrind, of what has WORD in its title; measure nothing else",
    )
    given = parser.parse_args(arguments)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, Bench(Path(folder), given.pairs) as bench:
        if not given.without_peers:
            bench.invite(name for name in FILES if name not in {FLOOR, OURS, HAND})
        print(f"Python {sys.version.split()[0]}, {given.pairs} rounds; the ratio is {OURS} by the line's own")
        for name, why in bench.absent.items():
            print(f"not measured: {name} ({why})")
        measures = [FIGURES[name] for name in given.only or FIGURES]
        if given.instructions is not None:
            measures = [partial(instructions.counted, word=given.instructions)]
        for measure in measures:
            for figure in measure(bench):
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
