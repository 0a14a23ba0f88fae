"""Fixtures for the callbacks: a terminal at which a login is pasted, and a listener."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from attempts import FakeAttempt, Login, make_login
from console_terminal import URI, Start, Streams, Terminal
from loopback_listener import ANY_PORT, Listen

from aventus_creds.callbacks.console import ConsoleCallback
from aventus_creds.callbacks.loopback import LoopbackCallback


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    yield terminal
    terminal.hang_up()
    os.close(terminal.slave)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    return Streams(monkeypatch)


@pytest.fixture
def at_terminal(terminal: Terminal, streams: Streams) -> Iterator[Terminal]:
    """Put this process at a terminal: standard input and standard error."""
    with (
        open(terminal.slave, encoding="utf-8", closefd=False) as stdin,
        io.TextIOWrapper(io.FileIO(terminal.slave, "w", closefd=False), write_through=True) as stderr,
    ):
        streams.update(stdin=stdin, stderr=stderr)
        yield terminal


@pytest.fixture
def start(terminal: Terminal, streams: Streams) -> Iterator[Start]:
    """Start a ConsoleCallback; it is closed at the end, and its thread has ended then."""
    opened = []

    def start(
        attempt: Any, *, paste: bool = True, alone: bool = True, browser: Any = None
    ) -> ConsoleCallback:
        callback = ConsoleCallback(URI, browser or (lambda _: None), paste=paste, alone=alone)
        opened.append(callback)
        streams.put_in_place()
        callback.start(attempt)
        return callback

    yield start
    for callback in opened:
        callback.close()
        assert callback._reader is None or not callback._reader.is_alive()


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Start a listener for an attempt without OAuth; it is closed at the end."""
    with ExitStack() as opened:

        def start(*redirect_uris: str, listen: str = "") -> tuple[LoopbackCallback, FakeAttempt]:
            callback = LoopbackCallback(list(redirect_uris) or [ANY_PORT], listen)
            opened.callback(callback.close)
            attempt = FakeAttempt()
            callback.start(attempt)
            return callback, attempt

        yield start


@pytest.fixture
def login() -> Iterator[tuple[str, Login]]:
    """Start a listener for a real login; give its redirect URI and the login."""
    callback = LoopbackCallback([ANY_PORT])
    login = make_login(callback.redirect_uri)
    callback.start(login.attempt)
    yield callback.redirect_uri, login
    callback.close()
