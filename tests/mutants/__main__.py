"""Takes protections out, one at a time, and sees that the tests named for them fail.

    python -m tests.mutants                     all of them
    python -m tests.mutants --only NAME…        some of them
    python -m tests.mutants --sample HASH       a dozen of them, chosen by a commit's hash
    python -m tests.mutants --check             only whether the rows still fit the code and the tests
    python -m tests.mutants --list              what there is

Each protection is taken out in a copy of the tree, never in place. First all the named tests run in a copy where
nothing is taken out, and must pass. Exits with 1 if a mutant survives or a row is broken.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from .mutant import ROOT, Mutant, broken
from .table import MUTANTS

SAMPLE: Final = 12
LONGEST: Final = 45
"""Seconds that a test may take before it counts as failed: a protection that is out may leave it waiting."""
_COPIED: Final = (
    "aventus_creds",
    "tests",
    "notebooks",
    "pyproject.toml",
    "profiles.example.toml",
    "*.md",
    ".ci",
)
_LEFT_OUT: Final = shutil.ignore_patterns(".*_cache", ".hypothesis", "node_modules", "benchmarks")


class Outcome(NamedTuple):
    """What became of a mutant: ``killed``, ``survived``, ``skipped`` or ``broken``, and why."""

    mutant: Mutant
    state: str
    why: str = ""


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    asked = _arguments()
    rows = _chosen(asked)
    if asked.list:
        for row in rows:
            print(f"{row.name:44} {row.promise:36} {' '.join(row.tests)}")
        return 0
    wrong = [text for row in rows for text in broken(row)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    if asked.check or wrong:
        print(f"{len(rows)} rows, {len(wrong)} mistakes")
        return int(bool(wrong))
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        whole = _copy(ROOT, Path(folder))  # what is edited meanwhile does not count
        failing = _control(whole, rows, asked.jobs)
        with ThreadPoolExecutor(asked.jobs) as pool:
            outcomes = list(pool.map(partial(_tried, whole, failing), rows))
    end_runners()
    return _told(outcomes, time.monotonic() - start)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="mutants, or the beginnings of their names")
    parser.add_argument("--sample", metavar="HASH", help=f"{SAMPLE} of them, chosen by this text")
    parser.add_argument("--check", action="store_true", help="only see that each row fits code and tests")
    parser.add_argument("--list", action="store_true", help="only list them")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (default: 2)")
    return parser.parse_args()


def _chosen(asked: argparse.Namespace) -> list[Mutant]:
    rows = list(MUTANTS)
    if asked.only:
        rows = [row for row in rows if row.name.startswith(tuple(asked.only))]
    if asked.sample is not None:
        rows = sample(rows, asked.sample)
    if not rows:
        sys.exit("there is no such mutant: python -m tests.mutants --list")
    return rows


def sample(rows: Iterable[Mutant], text: str) -> list[Mutant]:
    """Return SAMPLE of ``rows``, chosen by ``text`` alone, so that a commit always has the same ones."""
    return sorted(rows, key=lambda row: hashlib.sha256(f"{text} {row.name}".encode()).digest())[:SAMPLE]


def _control(whole: Path, rows: Iterable[Mutant], jobs: int) -> set[str]:
    """Run the tests of ``rows`` with nothing taken out, and return those that fail: they would notice nothing."""
    tests = sorted({test for row in rows for test in row.tests})
    shares = [tests[number::jobs] for number in range(min(jobs, len(tests)))]
    with ThreadPoolExecutor(jobs) as pool:
        said = "".join(done.said for done in pool.map(partial(_pytest, whole, limit=3600), shares))
    failed = {
        name
        for name in tests
        if re.search(rf"^(FAILED|ERROR) tests/{re.escape(name)}(?!\w)", said, re.MULTILINE)
    }
    # On a busy machine a test may have waited too long: each that failed has a second try.
    return {name for name in failed if _pytest(whole, [name], limit=3600).code}


def _tried(whole: Path, failing: set[str], mutant: Mutant) -> Outcome:
    start = time.monotonic()
    already = failing & set(mutant.tests)
    outcome = (
        Outcome(mutant, "broken", f"fails with nothing taken out: {' '.join(sorted(already))}")
        if already
        else _try(whole, mutant)
    )
    took = f"{time.monotonic() - start:3.0f} s"
    print(f"{outcome.state:9}{took}  {mutant.name}{f': {outcome.why}' if outcome.why else ''}", flush=True)
    return outcome


def _try(whole: Path, mutant: Mutant) -> Outcome:
    """Take the protection out and see that each of the named tests fails, and not only cannot be collected."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = _copy(whole, Path(folder))
        for edit in mutant.edits:
            path = tree / edit.path
            path.write_text(path.read_text("utf-8").replace(edit.old, edit.new), "utf-8")
        for test in mutant.tests:
            done = _pytest(tree, ["-x", test], limit=LONGEST + 60)
            if done.code is None:
                return Outcome(mutant, "broken", f"{test} does not end: name a quicker one")
            if done.code == 0:
                skipped = " passed" not in done.said and " skipped" in done.said
                return Outcome(mutant, "skipped" if skipped else "survived", test)
            if done.code != 1 or not re.search(r"\b[1-9]\d* failed\b", done.said):
                return Outcome(mutant, "broken", f"{test} cannot run:\n{done.said[-1500:]}")
    return Outcome(mutant, "killed")


def _copy(whole: Path, folder: Path) -> Path:
    """Copy what tests need of the tree ``whole``, with compiled modules, which are valid while times are kept."""
    tree = folder / "tree"
    tree.mkdir()
    for pattern in _COPIED:
        for source in whole.glob(pattern):
            if source.is_dir():
                shutil.copytree(source, tree / source.name, ignore=_LEFT_OUT)
            else:
                shutil.copy2(source, tree)
    return tree


class Done(NamedTuple):
    """What a run of pytest ended with: its exit code, or None if it did not end in time, and what it said."""

    code: int | None
    said: str


_idle: Final[list[subprocess.Popen[str]]] = []
"""Processes of ``runner`` that have nothing to do."""


def _pytest(tree: Path, tests: Iterable[str], *, limit: float) -> Done:
    """Run ``tests`` (and options among them) in ``tree``, in one process, without plugins, which take time."""
    folder = Path(tempfile.mkdtemp(dir=tree.parent))
    arguments = [
        *("-q", "--no-header", "--tb=line", "--color=no", "-rfE", f"--timeout={LONGEST}"),
        *("-o", "addopts=--strict-markers", "-p", "no:cacheprovider", "-p", "pytest_timeout"),
        f"--basetemp={folder / 't'}",
        *(test if test.startswith("-") else f"tests/{test}" for test in tests),
    ]
    runner = _idle.pop() if _idle else _new_runner()
    assert runner.stdin
    assert runner.stdout
    timer = threading.Timer(limit, os.killpg, [runner.pid, signal.SIGKILL])
    timer.start()
    runner.stdin.write(json.dumps([str(tree), arguments, str(folder / "said")]) + "\n")
    runner.stdin.flush()
    code = runner.stdout.readline()
    timer.cancel()
    if code:
        _idle.append(runner)
    else:
        runner.communicate()
    return Done(int(code) if code else None, (folder / "said").read_text("utf-8", "replace"))


def _new_runner() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("runner.py")],
        cwd="/",  # nothing of this tree is to be imported
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end_runners() -> None:
    """End the processes that wait for more to do."""
    while _idle:
        _idle.pop().communicate()


def _told(outcomes: list[Outcome], seconds: float) -> int:
    by_state = {
        state: [outcome for outcome in outcomes if outcome.state == state]
        for state in ("killed", "survived", "skipped", "broken")
    }
    counts = ", ".join(f"{len(found)} {state}" for state, found in by_state.items() if found)
    print(f"\n{len(outcomes)} mutants: {counts}; {seconds:.0f} s")
    for state in ("survived", "broken"):
        for outcome in by_state[state]:
            print(f"  {state}: {outcome.mutant.name}")
    # Where programs are missing (redis-server, gnome-keyring), their tests are skipped; with CI=true they fail.
    return int(bool(by_state["survived"] or by_state["broken"]))


if __name__ == "__main__":
    sys.exit(main())
