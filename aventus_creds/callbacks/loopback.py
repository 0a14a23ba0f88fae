"""LoopbackCallback: a listener on this machine that the browser is redirected to (RFC 8252 section 7.3).

Any program on this machine, and any page in the browser, can send requests to it. So only a GET of the exact
path with the right Host, and with a query that ``deliver`` accepts, ends the wait. Everything else gets an
error, and the wait goes on. Each connection has its own thread and time limit: browsers open connections
ahead of time without using them, and such a connection must not delay the redirect.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from aventus_creds.basics.urls import DEFAULT_PORTS, LOOPBACK_NAMES, is_loopback
from aventus_creds.callbacks import Attempt, page
from aventus_creds.callbacks.connections import Connections, Head
from aventus_creds.errors import CallbackError

IDLE_LIMIT: Final = 10
"""Seconds without data after which a connection is closed."""

LINGER: Final = 1
"""Seconds for which an answered connection is still read (see ``finish``)."""


class LoopbackCallback:
    """Listens for the redirect. The port is bound on creation, before any browser opens.

    Args:
        redirect_uris: are tried in this order. Port 0 takes any free port.
        listen: the ``host:port`` to bind instead of the redirect URI's own, if that one is public and a proxy
            forwards it here. Empty: bind the redirect URI's own.

    Raises:
        CallbackError: none of the addresses can be bound, for example because another program has the port.
    """

    def __init__(self, redirect_uris: list[str], listen: str = "") -> None:
        faults = []
        for uri in redirect_uris:
            parts = urlsplit(uri)
            address = urlsplit(f"//{listen}" if listen else uri)
            try:
                self._servers = _bind(
                    address.hostname or "", _port(parts) if not listen else address.port or 0
                )
            except OSError as fault:
                faults.append(_why_not(listen or uri, fault))
                continue
            bound = self._servers[0].server_address[1]
            if parts.port == 0:
                parts = parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{bound}")
            self.redirect_uri = parts.geturl()
            self._gate = _Gate(parts, address.hostname or "", bound, forwarded=bool(listen))
            return
        raise CallbackError(
            "\n".join(faults),
            hint="Close what uses the port (another login, perhaps), or register a further redirect URI at"
            ' the server and list both: redirect_uri = ["…", "…"]',
        )

    def start(self, attempt: Attempt) -> None:
        """Start to answer requests, each connection in its own thread."""
        for server in self._servers:
            server.attempt, server.gate = attempt, self._gate
            threading.Thread(
                target=server.serve_forever, args=(0.05,), name="aventus-creds listener", daemon=True
            ).start()
            server.serving = True

    def close(self) -> None:
        """Stop listening, after the browser has received the page that answers the redirect."""
        for server in self._servers:
            server.stop()


class _Gate:
    """Decides by Host and path which requests may be the redirect."""

    def __init__(
        self, redirect_uri: SplitResult, bound_host: str, bound_port: int, *, forwarded: bool
    ) -> None:
        host = redirect_uri.hostname or ""
        # Many proxies send the Host under which they reach the listener, not the one that the browser asked
        # for.
        names = {f"[{name}]" if ":" in name else name for name in (host, bound_host)}
        if forwarded or is_loopback(host):
            names.update(LOOPBACK_NAMES)
        ports = {bound_port, _port(redirect_uri)}
        self._hosts = {f"{name}:{port}" for name in names for port in ports}
        # Browsers leave the scheme's default port out of the Host header (RFC 9110 section 7.2).
        if DEFAULT_PORTS[redirect_uri.scheme] in ports:
            self._hosts.update(names)
        path = redirect_uri.path or "/"
        # A forwarding proxy may remove the beginning of the path, which names the proxy. How much is unknown.
        cuts = [i for i, char in enumerate(path[:-1]) if char == "/"] if forwarded else [0]
        self._paths = {path[cut:] for cut in cuts} | {path}

    def host(self, host: str) -> bool:
        """Whether a Host header names this listener.

        This stops DNS rebinding: a web page whose host name suddenly resolves to this machine could otherwise
        read the answers. Its requests still carry its own host name.
        """
        return host.strip().lower() in self._hosts

    def path(self, path: str) -> bool:
        """Whether a request's path is that of the redirect URI, or what a forwarding proxy leaves of it."""
        return path in self._paths


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # an idle connection must not keep the program from ending
    request_queue_size = 128
    # On Windows, SO_REUSEADDR would let another program take over the port. Elsewhere it only means that a
    # new login need not wait until the connections of the last one have timed out.
    allow_reuse_address = os.name == "posix"
    allow_reuse_port = False  # two logins that share a port would get each other's redirects
    attempt: Attempt
    gate: _Gate
    connections: Connections

    def __init__(self, family: socket.AddressFamily, host: str, port: int) -> None:
        self.address_family = family
        self.serving = False
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse DNS look-up that HTTPServer does: it can take seconds."""
        if os.name == "nt":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # type: ignore[attr-defined,unused-ignore]
        TCPServer.server_bind(self)
        if self.server_address[0] in {"0.0.0.0", "::", "::ffff:0.0.0.0"}:  # noqa: S104 - refused here
            raise OSError("it means all interfaces, and the redirect is for this machine only")
        self.connections = Connections(self.fileno())
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment,unused-ignore]

    def get_request(self) -> Any:
        try:
            return super().get_request()
        except OSError as fault:
            # The connection stays in the queue, so once descriptors are free it is accepted after all.
            if fault.errno in {errno.EMFILE, errno.ENFILE}:
                self.connections.serve_fewer()
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        while True:
            try:
                return super().process_request(request, client_address)
            except RuntimeError:  # no more threads can be started
                if not self.connections.serve_fewer():
                    raise

    def shutdown_request(self, request: Any) -> None:
        self.connections.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a browser that hangs up is normal, and a traceback would show the request."""

    def stop(self) -> None:
        # Let the browser get its page before the program goes on, and perhaps ends. After Ctrl-C the login
        # has not ended, so there is no page to wait for.
        self.connections.wait_for_answers(unless=lambda: not self.attempt.ended.is_set())
        if self.serving:
            self.shutdown()
        self.server_close()
        self.connections.hang_up()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = IDLE_LIMIT
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # not 0.9: answers to broken requests need the security headers too

    def setup(self) -> None:
        super().setup()
        # Limit the size of the head: the thread of each connection may hold one in memory.
        self.rfile = Head(self.rfile.detach())

    def version_string(self) -> str:
        return "aventus-creds"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the request line holds the authorization code, and headers may hold cookies."""

    def handle_expect_100(self) -> bool:
        """Do not ask the client for its body: no answer here depends on one."""
        return True

    def do_GET(self) -> None:
        try:
            # Without the query, which holds the code: the exchange below may fail, and tools that show the
            # variables of a traceback must not find it.
            target = urlsplit(self.path)._replace(query="")
        except ValueError:
            self.send_error(400)
            return
        hosts = self.headers.get_all("Host", [])
        # If the request target is a whole URL, its host counts too (RFC 9112 section 3.2.2).
        named = [*hosts, target.netloc] if target.netloc else hosts
        if len(hosts) != 1 or not all(map(self.server.gate.host, named)):
            self._answer(400, "Not for this address", "The request names another host.")
        elif not self.server.gate.path(target.path):
            self._answer(404, "Nothing here", "Only the redirect of a login is answered at this address.")
        else:
            # From here on this connection is not dropped, however many others are opened: the code works only
            # once, so the browser must get the answer to this very request.
            self.server.connections.answering(self.connection, 1)
            try:
                reply = self.server.attempt.deliver(urlsplit(self.path).query)
                if reply.success:
                    self._answer(200, reply.text, "You can close this tab.", good=True)
                elif reply.ended:
                    self._answer(200, "The login failed", reply.text)
                else:
                    self._answer(
                        400, "This does not belong to the login", f"{reply.text}\nThe login is still waiting."
                    )
            finally:
                self.server.connections.answering(self.connection, -1)

    def finish(self) -> None:
        """Keep reading for a moment before closing.

        Closing a socket that has unread data resets the connection, and the browser then drops the page.
        """
        super().finish()
        deadline = time.monotonic() + LINGER
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER)
            while self.connection.recv(65536) and time.monotonic() < deadline:
                pass

    def send_error(self, code: int, *_: Any) -> None:
        """Answer what the base class rejects: methods other than GET (405), and broken requests."""
        code = 405 if code == 501 else code
        self._answer(code, "This is not understood", "Only GET requests are answered at this address.")

    def _answer(self, status: int, heading: str, text: str, *, good: bool = False) -> None:
        self.close_connection = True
        self.request_version = self.protocol_version  # a request of HTTP/0.9 would get a page without headers
        body = page.render(heading, text, good=good)
        with suppress(OSError):  # the browser has hung up
            self.send_response(status)
            for name, value in page.HEADERS.items():
                self.send_header(name, value)
            if status == 405:
                self.send_header("Allow", "GET")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)


def _bind(host: str, port: int) -> list[_Server]:
    """Bind ``host`` at ``port`` (0: any free one). For localhost bind both of its addresses.

    Browsers may try either one. If only one was bound, another program could bind the other and get the
    redirect.
    """
    if host != "localhost":
        return [_Server(socket.AF_INET6 if ":" in host else socket.AF_INET, host, port)]
    servers = [_Server(socket.AF_INET, "127.0.0.1", port)]
    try:
        servers.append(_Server(socket.AF_INET6, "::1", servers[0].server_address[1]))
    except OSError as fault:
        # Taken by another program, which must not get the redirect. Any other error: there is no IPv6 here.
        if fault.errno in {errno.EADDRINUSE, errno.EACCES}:
            servers[0].server_close()
            raise
    return servers


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else DEFAULT_PORTS[parts.scheme]


def _why_not(where: str, fault: OSError) -> str:
    if fault.errno in {errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE)}:
        return f"the port of {where} is taken by another program"
    return f"{where} cannot be listened on: {fault.strerror or fault}"
