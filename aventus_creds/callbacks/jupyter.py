"""JupyterCallback: the redirect comes back through the extension of the Jupyter server that started this process."""

from __future__ import annotations

import json
import threading
import weakref
from socketserver import BaseRequestHandler
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from aventus_creds.basics.forks import in_each_child
from aventus_creds.basics.hidden import Hidden
from aventus_creds.callbacks import Attempt
from aventus_creds.callbacks.connections import Bounded, Connections
from aventus_creds.callbacks.rendezvous import SHAKE_LIMIT, Door, name_of, receive, send, sweep
from aventus_creds.errors import CallbackError, StoreError

if TYPE_CHECKING:
    from aventus_creds.callbacks.announcement import JupyterServer


class JupyterCallback:
    """Waits behind a door for what the extension hands over. The door is made when the login begins.

    Args:
        redirect_uri: an address of the extension, as registered.
        server: the Jupyter server.
    """

    one_time_address = ""

    def __init__(self, redirect_uri: str, server: JupyterServer) -> None:
        self.redirect_uri = redirect_uri
        self._folder = server.folder
        self._server: Server | None = None

    def start(self, attempt: Attempt) -> None:
        """Open the door, and answer in threads: the kernel may be busy."""
        sweep(self._folder)
        try:
            self._server = Server(Door(self._folder, name_of(urlsplit(attempt.url).query)), attempt)
        except (OSError, StoreError) as fault:
            attempt.fail(CallbackError(f"{attempt.title}: the redirect cannot be waited for: {fault}"))
            return
        self._server.start()

    def close(self) -> None:
        """Remove the door, after the page that answers the redirect is out."""
        if self._server:
            self._server.stop()


class Visit(BaseRequestHandler):
    """One connection of an extension, in its own thread."""

    server: Server

    def handle(self) -> None:
        """Deliver the redirect, and say what came of it."""
        self.request.settimeout(SHAKE_LIMIT)
        if not self.server.door.proven(self.request):
            return
        query = Hidden(receive(self.request).decode())
        with self.server.connections.answering(self.request):
            reply = self.server.attempt.deliver(query.reveal())
            send(self.request, Hidden(json.dumps(reply).encode()))


class Server(Bounded):
    """Answers at a door."""

    daemon_threads = True

    def __init__(self, door: Door, attempt: Attempt) -> None:
        super().__init__(("", 0), Visit, bind_and_activate=False)
        self.socket.close()
        self.door, self.attempt, self.socket = door, attempt, door.socket
        self.connections = Connections(self.fileno())
        _open.add(self)

    def start(self) -> None:
        """Start to answer."""
        threading.Thread(
            target=self.serve_forever, args=(0.05,), name="aventus-creds door", daemon=True
        ).start()

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - the base class calls it
        """Whether a connection is this user's."""
        return self.door.admits(request)

    def server_close(self) -> None:
        """Remove the door."""
        self.door.close()


_open: Final[weakref.WeakSet[Server]] = weakref.WeakSet()


def _close_in_child() -> None:
    for server in list(_open):
        server.socket.close()


in_each_child(_close_in_child)
