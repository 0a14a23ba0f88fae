"""Decides which requests to a listener belong to the login: the redirect, and the opening of the browser."""

from __future__ import annotations

import secrets
import threading
from urllib.parse import SplitResult

from aventus_creds.basics.urls import DEFAULT_PORTS, LOOPBACK_NAMES, is_loopback
from aventus_creds.callbacks.hub import own_servers


class Gate:
    """Decides by Host and path which requests may be the redirect.

    Args:
        redirect_uri: the redirect URI of the login. One without a scheme is the server's own name for it: then no
            path is known, and a proxy must send the Host under which it reaches the listener.
        bound_host, bound_port: the address that is listened on.
        forwarded: whether a proxy forwards the redirect URI to that address.
    """

    def __init__(
        self, redirect_uri: SplitResult, bound_host: str, bound_port: int, *, forwarded: bool
    ) -> None:
        host = redirect_uri.hostname or ""
        # Many proxies send the Host under which they reach the listener, not the one that the browser asked
        # for.
        names = {f"[{name}]" if ":" in name else name for name in (host, bound_host) if name}
        if forwarded or is_loopback(host):
            names.update(LOOPBACK_NAMES)
        named = not redirect_uri.scheme
        ports = {bound_port} if named else {bound_port, port_of(redirect_uri)}
        self._hosts = {f"{name}:{port}" for name in names for port in ports}
        # Browsers leave the scheme's default port out of the Host header (RFC 9110 section 7.2).
        if not named and DEFAULT_PORTS[redirect_uri.scheme] in ports:
            self._hosts.update(names)
        path = redirect_uri.path or "/"
        # A forwarding proxy may remove the beginning of the path, which names the proxy. How much is unknown.
        cuts = [i for i, char in enumerate(path[:-1]) if char == "/"] if forwarded else [0]
        self._paths = None if named else {path[cut:] for cut in cuts} | {path}

    def host(self, host: str) -> bool:
        """Whether a Host header names this listener.

        This stops DNS rebinding: a web page whose host name suddenly resolves to this machine could otherwise
        read the answers. Its requests still carry its own host name.
        """
        return host.strip().lower() in self._hosts

    def path(self, path: str) -> bool:
        """Whether a request's path is that of the redirect URI, or what a forwarding proxy leaves of it."""
        return self._paths is None or path in self._paths


def of_another_server(context: str) -> bool:
    """Whether a request came by way of another user's server on this hub.

    On a machine that the users of a hub share, a port belongs to whoever binds it first. A browser whose user opened a
    link of somebody else then ends at the other's listener, with a code for its own user.

    Args:
        context: the header X-Forwarded-Context, in which jupyter-server-proxy names its own server:
            /user/NAME/proxy/PORT.
    """
    own = own_servers()
    return bool(own) and (not f"{context.rstrip('/')}/".startswith(own) or "/.." in context)


class OneTimeAddress:
    """An address of the listener that sends the browser on to the login, once.

    A browser's arguments can be read by every user of the machine. So it is started with this address, which
    is worth nothing once it was opened. Whoever opens it a second time has seen it too.

    Args:
        bound_host, bound_port: the address that is listened on.
    """

    def __init__(self, bound_host: str, bound_port: int) -> None:
        self.path = f"/login/{secrets.token_urlsafe(24)}"
        # On this machine only: elsewhere plain HTTP could be read on the way.
        host = "127.0.0.1" if bound_host == "localhost" else bound_host
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{bound_port}{self.path}" if is_loopback(host) else ""
        self._lock = threading.Lock()
        self._opened = False

    def open(self) -> bool:
        """Whether this is the first time that it is opened."""
        with self._lock:
            first, self._opened = not self._opened, True
            return first


def port_of(parts: SplitResult) -> int:
    """Return the port of a URL, or the default one of its scheme."""
    return parts.port if parts.port is not None else DEFAULT_PORTS[parts.scheme]
