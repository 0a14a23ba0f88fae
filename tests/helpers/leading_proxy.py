"""An HTTP proxy that leads every https host to one port of this machine. It ends the TLS on the way."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from sockets import Authority


class LeadingProxy:
    """Answers CONNECT (RFC 9110 section 9.3.6) for any host, with certificates by ``authority``.

    The addresses, the TLS and the names in certificates are what they are on the way to real servers.
    """

    def __init__(self, authority: Authority, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_CONNECT(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.close_connection = True
                with (
                    suppress(OSError),
                    socket.create_connection(("127.0.0.1", port)) as there,
                    authority.context.wrap_socket(self.connection, server_side=True) as here,
                ):
                    _pass_on(here, there)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _pass_on(here: ssl.SSLSocket, there: socket.socket) -> None:
    """Pass on what comes from either end, until one of them has ended."""
    while True:
        ready = [here] if here.pending() else select.select([here, there], [], [], 30)[0]
        if not ready:
            return
        for end in ready:
            content = end.recv(65536)
            if not content:
                return
            (there if end is here else here).sendall(content)
