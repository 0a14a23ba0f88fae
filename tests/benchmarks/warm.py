"""Measures a running process: one more request, its authorisation step, and one more session."""

from __future__ import annotations

from functools import partial

from .bench import Bench
from .measure import Figure, Goal, in_turns
from .peers import FLOOR, OURS

ROUNDS = 7
"""Of what takes a second."""


def request(bench: Bench) -> list[Figure]:
    """One request more, over a connection that is open."""
    cpu, wall = _taken(bench, "warm")
    title = "warm request, keep-alive"
    return [
        Figure(f"{title}: CPU", "µs", cpu, OURS, Goal(0.75, FLOOR)),
        Figure(f"{title}: the clock", "µs", wall, OURS),
    ]


def httpx_request(bench: Bench) -> list[Figure]:
    """One request more of httpx's clients, beside one with a fixed header."""
    header, ways = "a fixed header", ("get_auth", "get_client")
    figures = []
    for function, title in (("httpx_request", "httpx.Client"), ("async_httpx_request", "httpx.AsyncClient")):
        programs = {
            header if way == "header" else way: partial(_least, bench, function, way)
            for way in ("header", *ways)
        }
        taken = in_turns(programs, min(bench.pairs, ROUNDS))
        figures += [
            Figure(f"warm request by {title}: CPU", "µs", {header: taken[header], way: taken[way]}, way)
            for way in ways
        ]
    return figures


def _least(bench: Bench, function: str, way: str) -> float:
    return float(bench.child(function, OURS, way).values[0]) * 1e6


def stream(bench: Bench) -> list[Figure]:
    """A download of a gigabyte."""
    taken = in_turns(bench.children("stream", (FLOOR, OURS)), min(bench.pairs, ROUNDS))
    cpu = {name: [cpu for cpu, _ in numbers] for name, numbers in taken.items()}
    wall = {name: [wall for _, wall in numbers] for name, numbers in taken.items()}
    return [
        Figure("a download of 1 GiB, streamed: CPU", "s", cpu, OURS, Goal(1.03, FLOOR)),
        Figure("a download of 1 GiB, streamed: the clock", "s", wall, OURS),
    ]


def authorization(bench: Bench) -> list[Figure]:
    """The token into a prepared request: BearerAuth.__call__, and what others have in its place."""
    cpu, _ = _taken(bench, "authorize")
    return [Figure("the authorisation step alone: CPU", "µs", cpu, OURS, Goal(1))]


def session(bench: Bench) -> list[Figure]:
    """get_session again in the same process."""
    cpu, _ = _taken(bench, "again")
    return [Figure("get_session again in the same process: CPU", "µs", cpu, OURS, Goal(100))]


def _taken(bench: Bench, function: str) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return everyone's microseconds of CPU and of the clock."""
    taken = in_turns(bench.children(function), bench.pairs)
    return (
        {name: [cpu * 1e6 for cpu, _ in numbers] for name, numbers in taken.items()},
        {name: [wall * 1e6 for _, wall in numbers] for name, numbers in taken.items()},
    )
