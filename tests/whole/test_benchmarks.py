"""The benchmarks run, and their arithmetic is right. No test asserts a time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from benchmarks import expired, growth, instructions, memory
from benchmarks.__main__ import FIGURES
from benchmarks.bench import Bench
from benchmarks.measure import Failed, Figure, Goal, in_turns
from benchmarks.peers import FLOOR, HAND, OURS
from benchmarks.table import goal, lines
from support import REPOSITORY

pytestmark = pytest.mark.heavy

ROOT = REPOSITORY
WHOLE = "import cold warm httpx authorisation session token memory listener stream".split()
"""What one round measures quickly. The others have tests of their own, at a small size."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    folder = tmp_path / "bench"
    folder.mkdir()
    with Bench(folder, pairs=1) as bench:
        yield bench


def test_the_command_measures_every_figure(tmp_path: Path) -> None:
    """One round beside the floor alone, of everything but profiles and expired."""
    saved = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--pairs", "1", "--without-peers", "--json", str(saved)]
        + [part for name in WHOLE for part in ("--only", name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    figures = json.loads(saved.read_text("utf-8"))["figures"]
    assert len(figures) == 19
    for figure in figures:
        assert figure["title"] in done.stdout
        assert all(len(numbers) == 1 and numbers[0] > 0 for numbers in figure["samples"].values()), figure
        assert figure["subject"] in figure["samples"]
    assert sum(figure["goal"] is not None for figure in figures) == 8
    assert done.stdout.count("goal: ") == 8


def test_no_figure_is_left_out_here() -> None:
    """A new figure is measured by one of these tests."""
    assert {*WHOLE, "profiles", "expired", "https memory"} == set(FIGURES)


def test_files_of_several_sizes(bench: Bench) -> None:
    """The call is made with each file, and the profile found in it."""
    figures = growth.profiles(bench, sizes=(1, 3))
    assert [list(figure.samples) for figure in figures] == [["1 profile", "3 profiles"]]
    with pytest.raises(Failed, match="there is no profile 'prod'"):
        bench.cold(OURS, profiles=str(bench.write_profiles("others.toml", {"other": bench.profile()})))


def test_two_on_an_expired_token_ask_once(bench: Bench) -> None:
    """Threads and processes; the figure counts what the server saw."""
    figures = expired.token(bench, many=2)
    counts = [figure for figure in figures if figure.goal and figure.goal.exactly]
    assert [list(figure.samples.values()) for figure in counts] == [[[1], [1], [1]]] * 3
    assert all(figure.met() for figure in counts)
    assert bench.token_requests() == 9


def test_memory_by_https(bench: Bench) -> None:
    """The server is asked by https, and trusted by the bundle that the figure names; then by http again."""
    (figure,) = memory.secure(bench, many=3)
    assert set(figure.samples) == {FLOOR, OURS}
    assert bench.url.startswith("http:")
    assert bench.cold(OURS).cpu > 0


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind counts the instructions")
def test_instructions(bench: Bench) -> None:
    """They are those of the process, and do not depend on the machine's other work."""
    less, more = (instructions.count(bench, ["-SEc", f"sum(range({size}))"]) for size in (10, 100_000))
    assert 0.5 < more - less < 100


def test_a_call_without_its_token_is_no_measurement(bench: Bench) -> None:
    """The API insists on the header: what does not send it is not measured."""
    assert bench.cold(FLOOR).cpu > 0
    with pytest.raises(Failed, match="AssertionError"):
        bench.python(f"import requests; assert requests.get({bench.url!r} + '/v1/me').status_code == 200")


def test_a_peer_that_does_not_work_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not end the measuring of the others."""
    monkeypatch.setattr("benchmarks.bench.FILES", {"missing": "missing"})
    bench.invite(["missing"])
    assert bench.peers == [FLOOR, OURS, HAND]
    assert bench.absent == {"missing": "ModuleNotFoundError: No module named 'benchmarks.peers.missing'"}


def test_neighbours_take_turns_in_coming_first() -> None:
    """Each round begins with another one, every second one goes the other way; one before them is not counted."""
    order: list[str] = []

    def turn(name: str) -> int:
        order.append(name)
        return len(order)

    taken = in_turns({name: partial(turn, name) for name in "abc"}, 3)
    assert "".join(order) == "bac" + "abc" + "acb" + "cab"
    assert taken == {"a": [4, 7, 11], "b": [5, 9, 12], "c": [6, 8, 10]}


def test_a_ratio_is_the_median_of_the_rounds_own() -> None:
    """Not the ratio of medians: a round in which the machine was slow is slow for both."""
    samples = {"floor": [1.0, 10.0, 2.0], "ours": [2.0, 11.0, 4.0]}
    figure = Figure("calls", "ms", samples, "ours", Goal(1.9, "floor"))
    assert figure.ratio("floor").median == 2
    assert not figure.met()
    assert goal(figure) == "goal: at most 1.9 of floor; here 2.00: NOT MET"
    figure.goal = Goal(4)
    assert figure.met()
    figure.goal = Goal(2, exactly=True)
    assert not figure.met()
    assert [line.split()[:2] for line in lines(figure)][3:5] == [["floor", "2.00"], ["ours", "4.00"]]
