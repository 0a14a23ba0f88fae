"""Counts the instructions of a process, by valgrind: they do not depend on how busy the machine is.

A figure is what the measured lines cost: the count with them, less the count without them.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from .bench import HERE, Bench
from .measure import Failed, Figure, Goal, run
from .peers import FILES, FLOOR, HAND, OURS

COUNTED: Final = re.compile(r"^==\d+== Collected : (\d+)$", re.MULTILINE)
LONGEST: Final = 900.0
"""Seconds. Valgrind takes fifty times as long as the process alone."""

NOTHING: Final = "python -c pass"

SCRIPT: Final = "from aventus_creds.cli.program import main; main()"
"""What the installed program ``aventus-creds`` is."""


class Row(NamedTuple):
    """One figure: ``measured`` lines, ``times`` over, after ``before``; of ``names`` beside the ``goal``'s."""

    title: str
    measured: str
    before: str = ""
    times: int = 1
    names: Sequence[str] = (FLOOR, OURS)
    goal: Goal | None = None
    secure: bool = False


CALL: Final = "assert caller(folder, url)().status_code == 200"
REFRESH: Final = "refresh = refresher(folder, url)"
ROWS: Final = (
    Row("one API call in a fresh process", CALL, names=(FLOOR, OURS, HAND), goal=Goal(1.07, FLOOR)),
    Row(
        "one API call in a fresh process, https",
        CALL,
        names=(FLOOR, OURS, HAND),
        goal=Goal(1.05, FLOOR),
        secure=True,
    ),
    Row(
        "one request more", "call()", "call = caller(folder, url); call(); call()", 100, goal=Goal(0.7, FLOOR)
    ),
    Row("one more session and its connection, https", CALL, CALL, 2, goal=Goal(0.2, FLOOR), secure=True),
    Row("the first refresh", "refresh()", REFRESH, names=(HAND, OURS), goal=Goal(2.5, HAND)),
    Row("a refresh more", "refresh()", f"{REFRESH}; refresh()", 5, names=(HAND, OURS), goal=Goal(1.3, HAND)),
    Row(
        "a refresh over https, after a call",
        "refresh()",
        f"{CALL}; {REFRESH}; refresh()",
        5,
        names=(HAND, OURS),
        goal=Goal(0.3, HAND),
        secure=True,
    ),
)
PROGRAMS: Final[Mapping[str, tuple[Sequence[str], Goal | None]]] = {
    "from aventus_creds import get_session": (
        ["-c", "from aventus_creds import get_session"],
        None,
    ),
    "get_token": (["-c", "from aventus_creds import get_token; get_token('prod')"], None),
    "get_session": (["-c", "from aventus_creds import get_session; get_session('prod')"], None),
    "aventus-creds token": (["-c", SCRIPT, "token", "prod"], Goal(4, NOTHING)),
    "aventus-creds --help": (["-c", SCRIPT, "--help"], Goal(5, NOTHING)),
    "aventus-creds profiles": (["-c", SCRIPT, "profiles"], Goal(7, NOTHING)),
    "aventus-creds status": (["-c", SCRIPT, "status"], Goal(7, NOTHING)),
}
"""Whole processes, beside one that does nothing."""


def counted(bench: Bench, word: str = "") -> Iterator[Figure]:
    """Yield the figures whose title has ``word``, in millions of instructions. Without valgrind there are none."""
    if shutil.which("valgrind") is None:
        print("valgrind is not installed")
        return
    wanted = {title: program for title, program in PROGRAMS.items() if word in title}
    nothing = samples(bench, partial(count, bench, ["-c", "pass"])) if wanted else []
    for title, (arguments, goal) in wanted.items():
        numbers = samples(bench, partial(count, bench, arguments))
        if title.startswith("from"):
            yield statement(bench, title, numbers, nothing)
        yield Figure(
            f"{title}: instructions of the process", "M", {NOTHING: nothing, title: numbers}, title, goal
        )
    for row in ROWS:
        if word in row.title:
            yield one(bench, row)


def statement(bench: Bench, title: str, numbers: list[float], nothing: list[float]) -> Figure:
    """Compare the statement that people type with the import of requests, each without the bare interpreter."""
    bare = "import requests"
    theirs = samples(bench, partial(count, bench, ["-c", bare]))
    alone = {
        name: [each - least for each, least in zip(taken, nothing, strict=True)]
        for name, taken in ((bare, theirs), (title, numbers))
    }
    return Figure(f"{title}: instructions of the statement", "M", alone, title, Goal(0.12, bare))


def one(bench: Bench, row: Row) -> Figure:
    """Measure a row."""
    with bench.secure() if row.secure else nullcontext():
        taken = {name: samples(bench, partial(lines, bench, row, name)) for name in row.names}
    return Figure(f"{row.title}: instructions", "M", taken, OURS, row.goal)


def lines(bench: Bench, row: Row, name: str) -> float:
    """Return what the row's lines cost for one peer."""
    names = f"from benchmarks.peers import {FILES[name]} as peer; caller = peer.caller"
    parts = (
        f"import sys; sys.path.append({str(HERE.parent)!r})",
        f"folder, url = {str(bench.place(name))!r}, {bench.url!r}",
        names,
        "refresher = getattr(peer, 'refresher', None)",
        row.before,
    )
    before = "\n".join(parts)
    if not row.before:  # all that the process does
        return count(bench, ["-c", f"{before}\n{row.measured}"])
    measured = f"for _ in range({row.times}): {row.measured}"
    return (count(bench, ["-c", f"{before}\n{measured}"]) - count(bench, ["-c", before])) / row.times


def samples(bench: Bench, measure: Callable[[], float]) -> list[float]:
    """Return the counts of so many rounds: they differ by less than a hundredth."""
    return [measure() for _ in range(min(bench.pairs, 3))]


def count(bench: Bench, arguments: Sequence[str]) -> float:
    """Return how many millions of instructions Python has with ``arguments``. Raises Failed."""
    out = Path(bench.folder, "callgrind.out")
    environment = {**bench.environment, "PYTHONHASHSEED": "0"}
    run([sys.executable, *arguments], environment, str(bench.folder))  # so that all is compiled
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", sys.executable]
    cost = run([*valgrind, *arguments], environment, str(bench.folder), LONGEST)
    found = COUNTED.search(cost.printed)
    if not found:
        raise Failed(cost.printed.strip() or "valgrind said nothing")
    return int(found[1]) / 1e6
