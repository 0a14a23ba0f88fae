"""How many connections a listener serves: fewer when something runs out, and as many as before afterwards."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from aventus_creds.callbacks import connections as module
from aventus_creds.callbacks.connections import LEAST_CONNECTIONS, Connections, Watchful

COUNT = 3 * LEAST_CONNECTIONS


class Crowd:
    """Both ends of connections that ask for nothing."""

    def __init__(self, opened: ExitStack) -> None:
        self.connections = Connections(0)
        self._opened = opened
        self._ends: list[socket.socket] = []

    def come(self, count: int) -> None:
        for _ in range(count):
            here, there = map(self._opened.enter_context, socket.socketpair())
            there.setblocking(False)
            self._ends.append(there)
            self.connections.add(here)

    def left(self) -> int:
        """Return how many have not been hung up on."""
        return sum(not _hung_up(end) for end in self._ends)


def _hung_up(end: socket.socket) -> bool:
    with suppress(BlockingIOError):
        return end.recv(1) == b""
    return False


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    with ExitStack() as opened:
        yield Crowd(opened)


def test_half_is_dropped_and_no_more_come_while_something_is_scarce(crowd: Crowd) -> None:
    """The oldest make room for the redirect."""
    crowd.come(COUNT)
    assert crowd.connections.serve_fewer()
    assert crowd.left() == COUNT // 2
    crowd.come(COUNT)
    assert crowd.left() == COUNT // 2


def test_however_scarce_it_gets_a_few_are_served(crowd: Crowd) -> None:
    """One page of a browser opens six connections; a limit of one would drop them for each other."""
    crowd.come(COUNT)
    while crowd.connections.serve_fewer():
        pass
    crowd.come(COUNT)
    assert crowd.left() == LEAST_CONNECTIONS


def test_after_a_while_as_many_as_before_are_served(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment in which the program had no descriptor left does not limit a login of five minutes."""
    monkeypatch.setattr(module, "SCARCE_FOR", 0)
    crowd.come(COUNT)
    crowd.connections.serve_fewer()
    before = crowd.left()
    crowd.come(COUNT)
    assert crowd.left() == before + COUNT


def test_a_reader_that_nothing_wakes_notices_that_its_connection_was_dropped() -> None:
    """As on Windows, where a connection that is shut down wakes no other thread."""
    here, there = socket.socketpair()
    dropped = threading.Event()
    file = here.makefile("rb")
    with here, there:
        reader = Watchful(file.detach(), here, dropped.is_set)
        buffer = bytearray(4)
        there.sendall(b"some")
        assert reader.readinto(buffer) == 4
        assert buffer == b"some"
        got: list[int | None] = []
        thread = threading.Thread(target=lambda: got.append(reader.readinto(buffer)))
        thread.start()
        dropped.set()
        thread.join(5)
        assert got == [0]
        reader.close()


def test_a_watchful_reader_has_the_time_limit_of_its_connection() -> None:
    """A connection that says nothing is given up, as without it."""
    here, there = socket.socketpair()
    file = here.makefile("rb")
    with here, there:
        here.settimeout(0.05)
        reader = Watchful(file.detach(), here, lambda: False)
        with pytest.raises(TimeoutError):
            reader.readinto(bytearray(1))
        there.close()
        assert reader.readinto(bytearray(1)) == 0
        reader.close()
