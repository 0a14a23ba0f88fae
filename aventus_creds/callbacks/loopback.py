"""LoopbackCallback: a listener on this machine that the browser is redirected to (RFC 8252 section 7.3).

Anything on this machine, and any page open in the browser, can send requests here. So only a GET of the
exact path with the right Host and a query that ``deliver`` takes ends the wait; all else is answered with an
error and the wait goes on. Every connection has a thread and a time limit of its own: browsers open idle
connections ahead of time, and one of them must not hold up the redirect.
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
"""Seconds that a connection may be silent."""

LINGER: Final = 1
"""Seconds for which an answered connection is still read from."""


class LoopbackCallback:
    """Listens for the redirect, from its making on: the port is bound before any browser opens.

    Tries ``redirect_uris`` in order; ``listen`` (``host:port``) is bound instead of the redirect URI's own
    address when that one is public and forwarded here. Raises CallbackError when every port is taken.
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
        """Begin to answer requests, each in a thread of its own."""
        for server in self._servers:
            server.attempt, server.gate = attempt, self._gate
            threading.Thread(
                target=server.serve_forever, args=(0.05,), name="aventus-creds listener", daemon=True
            ).start()
            server.serving = True

    def close(self) -> None:
        """Stop listening, once the redirect's own request has got its page."""
        for server in self._servers:
            server.stop()


class _Gate:
    """Which requests may be the redirect: by Host and path."""

    def __init__(
        self, redirect_uri: SplitResult, bound_host: str, bound_port: int, *, forwarded: bool
    ) -> None:
        host = redirect_uri.hostname or ""
        # Many a proxy names the listener as it calls it, not as the browser called the proxy.
        names = {f"[{name}]" if ":" in name else name for name in (host, bound_host)}
        if forwarded or is_loopback(host):
            names.update(LOOPBACK_NAMES)
        ports = {bound_port, _port(redirect_uri)}
        self._hosts = {f"{name}:{port}" for name in names for port in ports}
        if DEFAULT_PORTS[redirect_uri.scheme] in ports:
            self._hosts.update(names)
        path = redirect_uri.path or "/"
        # A proxy that forwards to this listener may cut off the part of the path that names the proxy.
        cuts = [i for i, char in enumerate(path[:-1]) if char == "/"] if forwarded else [0]
        self._paths = {path[cut:] for cut in cuts} | {path}

    def host(self, host: str) -> bool:
        """Whether the Host header is this listener's, and not of a page that rebound its name to here."""
        return host.strip().lower() in self._hosts

    def path(self, path: str) -> bool:
        """Whether the request's path is the redirect URI's, or what a forwarding proxy leaves of it."""
        return path in self._paths


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    # On Windows, SO_REUSEADDR would let another program take the port over; elsewhere it only spares the wait
    # for the last login's connections to time out.
    allow_reuse_address = os.name == "posix"
    allow_reuse_port = False  # a port shared with another login's listener would get that one's redirect
    attempt: Attempt
    gate: _Gate
    connections: Connections

    def __init__(self, family: socket.AddressFamily, host: str, port: int) -> None:
        self.address_family = family
        self.serving = False
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse look-up of the name that HTTPServer makes: it can take seconds."""
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
            if fault.errno in {errno.EMFILE, errno.ENFILE}:
                self.connections.serve_fewer()
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        while True:
            try:
                return super().process_request(request, client_address)
            except RuntimeError:  # no further thread can be started
                if not self.connections.serve_fewer():
                    raise

    def shutdown_request(self, request: Any) -> None:
        self.connections.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that hangs up is no news, and a traceback would show the request."""

    def stop(self) -> None:
        # After Ctrl-C the login has not ended, and there is no page to wait for.
        self.connections.wait_for_answers(unless=lambda: not self.attempt.ended.is_set())
        if self.serving:
            self.shutdown()
        self.server_close()
        self.connections.hang_up()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = IDLE_LIMIT
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # rather than 0.9: what is broken gets the headers of security too

    def setup(self) -> None:
        super().setup()
        self.rfile = Head(self.rfile.detach())

    def version_string(self) -> str:
        return "aventus-creds"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the request line holds the authorization code, the headers perhaps cookies."""

    def handle_expect_100(self) -> bool:
        """Ask for no body: no answer here depends on one."""
        return True

    def do_GET(self) -> None:
        try:
            # Without the query: it must not be in a variable while the login is brought to its end.
            target = urlsplit(self.path)._replace(query="")
        except ValueError:
            self.send_error(400)
            return
        hosts = self.headers.get_all("Host", [])
        # A whole address as the target counts like a Host of its own (RFC 9112 section 3.2.2).
        named = [*hosts, target.netloc] if target.netloc else hosts
        if len(hosts) != 1 or not all(map(self.server.gate.host, named)):
            self._answer(400, "Not for this address", "The request names another host.")
        elif not self.server.gate.path(target.path):
            self._answer(404, "Nothing here", "Only the redirect of a login is answered at this address.")
        else:
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
        """Read on for a moment: to close on bytes unread would reset the connection, and the page be lost."""
        super().finish()
        deadline = time.monotonic() + LINGER
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER)
            while self.connection.recv(65536) and time.monotonic() < deadline:
                pass

    def send_error(self, code: int, *_: Any) -> None:
        """Answer what the base class refuses: other methods than GET (405), and broken requests."""
        code = 405 if code == 501 else code
        self._answer(code, "This is not understood", "Only GET requests are answered at this address.")

    def _answer(self, status: int, heading: str, text: str, *, good: bool = False) -> None:
        self.close_connection = True
        self.request_version = self.protocol_version  # what calls itself 0.9 would get a page without headers
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
    """Bind ``host`` at ``port`` (0: any free one); for localhost both its addresses, lest another does."""
    if host != "localhost":
        return [_Server(socket.AF_INET6 if ":" in host else socket.AF_INET, host, port)]
    servers = [_Server(socket.AF_INET, "127.0.0.1", port)]
    try:
        servers.append(_Server(socket.AF_INET6, "::1", servers[0].server_address[1]))
    except OSError as fault:
        if fault.errno in {errno.EADDRINUSE, errno.EACCES}:
            servers[0].server_close()
            raise
        # this machine has no IPv6
    return servers


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else DEFAULT_PORTS[parts.scheme]


def _why_not(where: str, fault: OSError) -> str:
    if fault.errno in {errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE)}:
        return f"the port of {where} is taken by another program"
    return f"{where} cannot be listened on: {fault.strerror or fault}"
