"""Limits of one listener: how many connections at the same time, and how much of each request.

Any program on this machine can open any number of connections. They must not use up the file descriptors,
threads and memory that the rest of the process needs, and the redirect must still get through.
"""

from __future__ import annotations

import errno
import io
import math
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import LineTooLong
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final

from aventus_creds.basics.forks import ForkLock
from aventus_creds.callbacks import Attempt

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

MOST_CONNECTIONS: Final = 100
"""Connections at the same time. For one more, the oldest that is not being answered is dropped."""

LEAST_CONNECTIONS: Final = 8
"""Connections at the same time if file descriptors are scarce."""

GLANCE: Final = 0.2
"""Seconds between two looks whether a connection was dropped, where nothing else tells."""

SCARCE_FOR: Final = 10
"""Seconds for which fewer connections are served after descriptors or threads ran out."""

SPARE_DESCRIPTORS: Final = 32
"""File descriptors to leave free: exchanging the code and storing the token need some."""

LONGEST_HEAD: Final = 256 * 1024
"""Bytes of one request's head. The standard library alone would accept 100 headers of 64 KiB each."""


LONGEST_BODY: Final = LONGEST_HEAD
"""Bytes of a redirect that comes as a form."""


class Connections:
    """The open connections of one listener.

    Args:
        lowest_free: roughly the lowest free file descriptor, from which the number of those in use is
            guessed.
    """

    def __init__(self, lowest_free: int) -> None:
        # Half of what is free, because localhost has two listeners.
        room = (_most_descriptors() - lowest_free - SPARE_DESCRIPTORS) // 2
        self._most = int(max(LEAST_CONNECTIONS, min(MOST_CONNECTIONS, room)))
        self._fewer, self._scarce_until = self._most, -math.inf
        self._idle: dict[socket.socket, None] = {}  # those that are not being answered, oldest first
        self._answering = 0
        self._change = threading.Condition()

    def add(self, connection: socket.socket) -> None:
        """Add a new connection, and drop the oldest if there are too many."""
        with self._change:
            self._idle[connection] = None
            scarce = time.monotonic() < self._scarce_until
            self._drop_oldest(self._fewer if scarce else self._most)

    @contextmanager
    def answering(self, connection: socket.socket) -> Iterator[None]:
        """Within the block, a thread answers on ``connection`` what may end the login: it is never dropped.

        A code works only once, so the browser must get the answer to this very request, however many others there are;
        and ``stop`` waits for it.
        """
        with self._change:
            self._idle.pop(connection, None)
            self._answering += 1
            self._change.notify_all()
        try:
            yield
        finally:
            with self._change:
                self._idle[connection] = None
                self._answering -= 1
                self._change.notify_all()

    def dropped(self, connection: socket.socket) -> bool:
        """Whether a connection whose request is still being read was dropped."""
        with self._change:
            return connection not in self._idle

    def remove(self, connection: socket.socket) -> None:
        """Forget a connection that is closed."""
        with self._change:
            self._idle.pop(connection, None)

    def serve_fewer(self) -> bool:
        """Drop half of the connections, and allow no more than that for a while, but LEAST_CONNECTIONS always.

        Returns after a short wait in which the threads of the dropped ones can end. False means that there
        was nothing to drop.
        """
        with self._change:
            half = max(1, len(self._idle) // 2)
            self._fewer = max(LEAST_CONNECTIONS, half)
            self._scarce_until = time.monotonic() + SCARCE_FOR
            dropped = self._drop_oldest(half)
        time.sleep(0.05)
        return dropped

    def wait_for_answers(self, *, unless: Callable[[], bool]) -> None:
        """Wait until no query is being answered, for 5 seconds at most.

        Args:
            unless: whether not to wait. It is checked again whenever an answer starts or ends.
        """
        with self._change:
            self._change.wait_for(lambda: self._answering == 0 or unless(), timeout=5)

    def hang_up(self) -> None:
        """Close all connections that are not being answered."""
        with self._change:
            self._most = self._fewer = 0
            self._drop_oldest(0)

    def _drop_oldest(self, most: int) -> bool:
        dropped = list(self._idle)[: max(0, len(self._idle) - most)]
        for connection in dropped:
            del self._idle[connection]
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # its thread closes it
        return bool(dropped)


_beginning: Final = ForkLock()


class Bounded(ThreadingMixIn, TCPServer):
    """A server of one login that keeps to these limits: a thread for each connection, and no traces of failures."""

    attempt: Attempt
    connections: Connections
    _serving = _stopped = False

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Answer until ``stop``. Where Ctrl-C has stopped it before its thread begins, there is nothing to answer."""
        with _beginning:
            if self._stopped:
                return
            self._serving = True
        super().serve_forever(poll_interval)

    def get_request(self) -> Any:
        """Accept a connection."""
        try:
            return super().get_request()
        except OSError as fault:
            # The connection stays in the queue, so once descriptors are free it is accepted after all.
            if fault.errno in {errno.EMFILE, errno.ENFILE}:
                self.connections.serve_fewer()
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a connection."""
        self.connections.add(request)
        while True:
            try:
                return super().process_request(request, client_address)
            except RuntimeError:  # no more threads can be started
                if not self.connections.serve_fewer():
                    raise

    def shutdown_request(self, request: Any) -> None:
        """Close a connection that is answered."""
        self.connections.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a browser that hangs up is normal, and a traceback would show the request."""

    def stop(self) -> None:
        """Stop listening, and hang up."""
        # Let the browser get its page before the program goes on, and perhaps ends. After Ctrl-C the login
        # has not ended, so there is no page to wait for.
        self.connections.wait_for_answers(unless=lambda: not self.attempt.ended.is_set())
        # It stops listening, even if another process still holds the socket; and the thread that serves wakes up.
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        with _beginning:
            self._stopped = True
        if self._serving:
            self.shutdown()
        self.server_close()
        self.connections.hang_up()


class Watchful(io.RawIOBase):
    """Reads a connection, and notices soon that it was dropped.

    On Windows, a thread that waits for a connection is not woken when another shuts it down
    (github.com/rust-lang/rust/pull/38867): it would stay until its own time limit.

    Args:
        raw: reads the connection.
        connection: the connection.
        dropped: whether it was dropped.
    """

    def __init__(self, raw: io.RawIOBase, connection: socket.socket, dropped: Callable[[], bool]) -> None:
        self._raw = raw
        self._connection = connection
        self._dropped = dropped

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def readinto(self, buffer: Buffer, /) -> int | None:
        """Read what has come. Returns 0 at the end, and once the connection was dropped. Raises TimeoutError."""
        limit = self._connection.gettimeout()
        deadline = math.inf if limit is None else time.monotonic() + limit
        while not self._dropped():
            if select.select([self._connection], [], [], GLANCE)[0]:
                return self._raw.readinto(buffer)
            if time.monotonic() > deadline:
                raise TimeoutError
        return 0

    def close(self) -> None:
        """Close what it reads from."""
        self._raw.close()
        super().close()


class Head(io.BufferedReader):
    """Reads the head of a request line by line, and at most LONGEST_HEAD bytes of it."""

    left = LONGEST_HEAD

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return one line. Raises LineTooLong if the head is too long with it."""
        line = super().readline(size)
        self.left -= len(line)
        if self.left < 0:
            raise LineTooLong("head")
        return line


def _most_descriptors() -> float:
    """Return how many file descriptors this process may open. On Windows a socket's number says nothing about it."""
    if os.name == "nt":
        return math.inf
    import resource

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return math.inf if most == resource.RLIM_INFINITY else most
