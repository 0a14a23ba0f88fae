"""LoopbackCallback: a listener on this machine that the browser is redirected to (RFC 8252 section 7.3).

Any program on this machine, and any page in the browser, can send requests to it. So only a GET of the exact
path with the right Host, and with a query that ``deliver`` accepts, ends the wait; or a POST with such a form (as
OAuth 2.0 Form Post Response Mode has it). Everything else gets an error, and the wait goes on. Each connection has
its own thread and time limit: browsers open connections ahead of time without using them, and such a connection
must not delay the redirect.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import weakref
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Final
from urllib.parse import urlsplit

from aventus_creds.basics.forks import in_each_child
from aventus_creds.callbacks import Attempt
from aventus_creds.callbacks.connections import Bounded, Connections
from aventus_creds.callbacks.gate import Gate, OneTimeAddress, port_of
from aventus_creds.callbacks.handler import Handler
from aventus_creds.errors import CallbackError

_TAKEN: Final = {
    errno.EADDRINUSE,
    getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE),
    errno.EACCES,  # a port below 1024, or on Windows one that another program has for itself
    getattr(errno, "WSAEACCES", errno.EACCES),
}


class PortTaken(CallbackError):
    """The redirect URI is on this machine, but cannot be listened on at the moment."""


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
        faults: dict[str, OSError] = {}
        for uri in redirect_uris:
            parts = urlsplit(uri)
            address = urlsplit(f"//{listen}" if listen else uri)
            try:
                self._servers = _bind(
                    address.hostname or "", port_of(parts) if not listen else address.port or 0
                )
            except OSError as fault:
                faults[uri] = fault
                continue
            bound = self._servers[0].server_address[1]
            if parts.port == 0:
                parts = parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{bound}")
            self.redirect_uri = parts.geturl()
            self._gate = Gate(parts, address.hostname or "", bound, forwarded=bool(listen))
            self._one_time = OneTimeAddress(address.hostname or "", bound)
            return
        texts = "\n".join(_why_not(listen or uri, fault) for uri, fault in faults.items())
        if all(fault.errno in _TAKEN for fault in faults.values()):
            raise PortTaken(
                texts,
                hint="Close what uses the port (another login, perhaps), or register a further redirect URI at"
                ' the server and list both: redirect_uri = ["…", "…"]',
            )
        raise CallbackError(
            texts,
            hint="listen must name an address of this machine, for example 127.0.0.1:8765." if listen else "",
        )

    @property
    def one_time_address(self) -> str:
        """The address to start a browser of this machine with, or "" if there is none."""
        return self._one_time.url

    def start(self, attempt: Attempt) -> None:
        """Start to answer requests, each connection in its own thread."""
        for server in self._servers:
            server.attempt, server.gate, server.one_time = attempt, self._gate, self._one_time
            threading.Thread(
                target=server.serve_forever, args=(0.05,), name="aventus-creds listener", daemon=True
            ).start()

    def close(self) -> None:
        """Stop listening, after the browser has received the page that answers the redirect."""
        for server in self._servers:
            server.stop()


class Server(Bounded, ThreadingHTTPServer):
    """A bound socket, and the connections to it."""

    daemon_threads = True  # an idle connection must not keep the program from ending
    request_queue_size = 128
    # On Windows, SO_REUSEADDR would let another program take over the port. Elsewhere it only means that a
    # new login need not wait until the connections of the last one have timed out.
    allow_reuse_address = os.name == "posix"
    allow_reuse_port = False  # two logins that share a port would get each other's redirects
    gate: Gate
    one_time: OneTimeAddress

    def __init__(self, family: socket.AddressFamily, host: str, port: int) -> None:
        self.address_family = family
        super().__init__((host, port), Handler)
        _open.add(self)

    def server_bind(self) -> None:
        """Bind without the reverse DNS look-up that HTTPServer does: it can take seconds."""
        if os.name == "nt":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)  # type: ignore[attr-defined,unused-ignore]
        TCPServer.server_bind(self)
        if self.server_address[0] in {"0.0.0.0", "::", "::ffff:0.0.0.0"}:  # noqa: S104 - refused here
            raise OSError("it means all interfaces, and the redirect is for this machine only")
        self.connections = Connections(self.fileno())
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment,unused-ignore]


_open: Final[weakref.WeakSet[Server]] = weakref.WeakSet()


def _close_in_child() -> None:
    """Close the listeners of the parent: a child that outlives it would keep the port."""
    for server in list(_open):
        server.socket.close()


in_each_child(_close_in_child)


def _bind(host: str, port: int) -> list[Server]:
    """Bind ``host`` at ``port`` (0: any free one). For localhost bind both of its addresses.

    Browsers may try either one. If only one was bound, another program could bind the other and get the
    redirect.
    """
    if host != "localhost":
        return [Server(socket.AF_INET6 if ":" in host else socket.AF_INET, host, port)]
    servers = [Server(socket.AF_INET, "127.0.0.1", port)]
    try:
        servers.append(Server(socket.AF_INET6, "::1", servers[0].server_address[1]))
    except OSError as fault:
        # Taken by another program, which must not get the redirect. Any other error: there is no IPv6 here.
        if fault.errno in {errno.EADDRINUSE, errno.EACCES}:
            servers[0].server_close()
            raise
    return servers


def _why_not(where: str, fault: OSError) -> str:
    if fault.errno in _TAKEN - {errno.EACCES}:
        return f"the port of {where} is taken by another program"
    if fault.errno in {errno.EADDRNOTAVAIL, getattr(errno, "WSAEADDRNOTAVAIL", errno.EADDRNOTAVAIL)}:
        return f"{where} cannot be listened on: it is no address of this machine"
    return f"{where} cannot be listened on: {fault.strerror or fault}"
