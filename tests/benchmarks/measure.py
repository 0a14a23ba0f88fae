"""Measures programs in rounds, and summarises the samples.

If the machine does other work too, a single time means little, but the ratio of two times measured one after the other
is reliable. So each round runs every program once, and a ratio is the median of the ratios of all rounds.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any, Final, NamedTuple, TypeVar

T = TypeVar("T")

LONGEST: Final = 120
"""Seconds after which a process counts as hanging, and is ended."""


class Cost(NamedTuple):
    """What a process cost, in seconds of CPU (user and system) and of the clock; and what it printed."""

    cpu: float
    wall: float
    printed: str

    @property
    def values(self) -> Any:
        """The JSON of the last line that it printed."""
        return json.loads(self.printed.splitlines()[-1])


class Failed(Exception):
    """A program that was to be measured ended with an error: here is what it printed."""


def run(
    command: Sequence[str], environment: Mapping[str, str], folder: str, longest: float = LONGEST
) -> Cost:
    """Run ``command`` in a fresh process, for at most ``longest`` seconds, and return its cost. Raises Failed."""
    begun = time.perf_counter()
    with subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        hanging = threading.Timer(longest, process.kill)
        hanging.daemon = True
        hanging.start()
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)  # the cost of this process only
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        hanging.cancel()
    if process.returncode:
        raise Failed(printed.strip() or f"exit code {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, printed)


def in_turns(programs: Mapping[str, Callable[[], T]], pairs: int) -> dict[str, list[T]]:
    """Run every program ``pairs`` times, in rounds. Unless one round is all, one before them is not counted.

    A round goes round the ring of programs from another one each time, and every second one the other way: so
    neighbours stay together, and neither always comes first.
    """
    names = list(programs)
    taken: dict[str, list[T]] = {name: [] for name in names}
    for each in range(-1 if pairs > 1 else 0, pairs):
        first = each % len(names)
        for name in (names[first:] + names[:first])[:: -1 if each % 2 else 1]:
            result = programs[name]()
            if each >= 0:
                taken[name].append(result)
    return taken


class Summary(NamedTuple):
    """The middle of some numbers, and where nine tenths of them are below and above."""

    median: float
    p10: float
    p90: float


def summary(numbers: Sequence[float]) -> Summary:
    if len(numbers) == 1:
        return Summary(numbers[0], numbers[0], numbers[0])
    tenths = quantiles(numbers, n=10, method="inclusive")
    return Summary(median(numbers), tenths[0], tenths[-1])


class Goal(NamedTuple):
    """At most ``limit``: in the figure's unit, or (``of``) times what somebody else takes."""

    limit: float
    of: str = ""
    exactly: bool = False


@dataclass
class Figure:
    """One thing measured: ``samples`` of several, of whom ``subject`` is the one that it is about."""

    title: str
    unit: str
    samples: Mapping[str, Sequence[float]]
    subject: str
    goal: Goal | None = None

    def ratio(self, name: str) -> Summary:
        """The subject's numbers by those that ``name`` had in the same rounds."""
        pairs = zip(self.samples[self.subject], self.samples[name], strict=True)
        return summary([mine / theirs for mine, theirs in pairs if theirs])

    def reached(self) -> float:
        """What the goal is compared with."""
        assert self.goal
        if self.goal.of:
            return self.ratio(self.goal.of).median
        if self.goal.exactly:
            return max(self.samples[self.subject])
        return summary(self.samples[self.subject]).median

    def met(self) -> bool:
        assert self.goal
        return self.reached() == self.goal.limit if self.goal.exactly else self.reached() <= self.goal.limit
