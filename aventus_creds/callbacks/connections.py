"""What one listener takes on: how many connections at a time, and how much of each request.

Any program on this machine can open connections without end. They must cost neither the file descriptors
and threads that the rest of the process needs, nor its memory, and the redirect must still get through.
"""

from __future__ import annotations

import io
import math
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import LineTooLong
from typing import Final

MOST_CONNECTIONS: Final = 100
"""Connections served at a time. One more, and the oldest that is owed no answer is dropped."""

LEAST_CONNECTIONS: Final = 8
"""Connections served at a time where file descriptors are few."""

SPARE_DESCRIPTORS: Final = 32
"""File descriptors that connections leave free: the exchange of the code and the store need some."""

LONGEST_HEAD: Final = 256 * 1024
"""Bytes of one request's head; the standard library would keep 100 headers of 64 KiB each."""


class Connections:
    """The connections of one listener; ``lowest_free`` is about the lowest number of a free descriptor."""

    def __init__(self, lowest_free: int) -> None:
        # Half of what is free: localhost has two listeners.
        room = (_most_descriptors() - lowest_free - SPARE_DESCRIPTORS) // 2
        self._most = int(max(LEAST_CONNECTIONS, min(MOST_CONNECTIONS, room)))
        self._idle: dict[socket.socket, None] = {}  # those owed no answer, oldest first
        self._answering = 0
        self._change = threading.Condition()

    def add(self, connection: socket.socket) -> None:
        """Take a new connection on, and drop the oldest when there are too many."""
        with self._change:
            self._idle[connection] = None
            self._drop_oldest()

    def answering(self, connection: socket.socket, step: int) -> None:
        """Note that a thread begins (1) or ends (-1) to answer a delivered query."""
        with self._change:
            if step > 0:
                self._idle.pop(connection, None)
            else:
                self._idle[connection] = None
            self._answering += step
            self._change.notify_all()

    def remove(self, connection: socket.socket) -> None:
        """Forget a connection that is closed."""
        with self._change:
            self._idle.pop(connection, None)

    def serve_fewer(self) -> bool:
        """Serve half as many from now on, and let the others' threads end. False when there is nothing to halve."""
        with self._change:
            self._most = max(1, len(self._idle) // 2)
            dropped = self._drop_oldest()
        time.sleep(0.05)
        return dropped

    def wait_for_answers(self, *, unless: Callable[[], bool]) -> None:
        """Wait until no query is being answered."""
        with self._change:
            self._change.wait_for(lambda: self._answering == 0 or unless(), timeout=5)

    def hang_up(self) -> None:
        """End all that are owed no answer."""
        with self._change:
            self._most = 0
            self._drop_oldest()

    def _drop_oldest(self) -> bool:
        dropped = list(self._idle)[: max(0, len(self._idle) - self._most)]
        for connection in dropped:
            del self._idle[connection]
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # its thread closes it
        return bool(dropped)


class Head(io.BufferedReader):
    """The head of a request, line by line, of which no more than LONGEST_HEAD bytes are taken."""

    left = LONGEST_HEAD

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return one line. Raises LineTooLong when the head has become too long with it."""
        line = super().readline(size)
        self.left -= len(line)
        if self.left < 0:
            raise LineTooLong("head")
        return line


def _most_descriptors() -> float:
    """Return how many file descriptors this process may have; on Windows a socket's number is no such count."""
    if os.name == "nt":
        return math.inf
    import resource

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return math.inf if most == resource.RLIM_INFINITY else most
