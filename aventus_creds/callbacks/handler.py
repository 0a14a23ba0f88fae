"""Answers the requests to a listener: what is the redirect is delivered, anything else gets an error."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from aventus_creds.basics.hidden import Hidden
from aventus_creds.callbacks import page
from aventus_creds.callbacks.connections import LONGEST_BODY, Head, Watchful
from aventus_creds.callbacks.gate import of_another_server
from aventus_creds.errors import LoginError

if TYPE_CHECKING:
    from aventus_creds.callbacks.loopback import Server

IDLE_LIMIT: Final = 10
"""Seconds without data after which a connection is closed."""

LINGER: Final = 1
"""Seconds for which an answered connection is still read (see ``finish``)."""


_FORWARDED: Final = (
    "The request names another host. If a port that was forwarded brought you here, copy the whole address of"
    " this page, and paste it where the login waits."
)
_ANOTHER_USER: Final = (
    "The hub sent this here by way of another user's server, so it was not taken. If somebody sent you the link of this"
    " login, close this tab. If the login is your own, copy the whole address of this page, paste it where the login"
    " waits, and give it to nobody."
)
_OPENED_TWICE: Final = "the address that the browser was started with was opened twice"
_OPENED_TWICE_HINT: Final = (
    "Log in again. If this comes back, another program or user of this machine may be watching: open the address"
    " that is printed yourself."
)


class Handler(BaseHTTPRequestHandler):
    """Answers one connection, in its own thread."""

    server: Server
    timeout = IDLE_LIMIT
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # not 0.9: answers to broken requests need the security headers too

    def setup(self) -> None:
        """Prepare to read one request."""
        super().setup()
        # Limit the size of the head: the thread of each connection may hold one in memory.
        raw = self.rfile.detach()
        if os.name == "nt":
            raw = Watchful(raw, self.connection, lambda: self.server.connections.dropped(self.connection))
        self.rfile = Head(raw)

    def parse_request(self) -> bool:
        """Refuse a request line without a version: that is HTTP/0.9, which has no headers, so it names no host.

        Such a request has ``{}`` for its headers from Python 3.14.10 on.
        """
        if not super().parse_request():
            return False
        if len(self.requestline.split()) < 3:
            self.send_error(400)
            return False
        return True

    def version_string(self) -> str:
        """Return the name of this program, without Python's version."""
        return "aventus-creds"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the request line holds the authorization code, and headers may hold cookies."""

    def handle_expect_100(self) -> bool:
        """Do not ask the client for its body: no answer here depends on one."""
        return True

    def do_GET(self) -> None:
        """Answer a redirect, or the browser that was just started."""
        if (path := self._path()) is None:
            return
        if path == self.server.one_time.path:
            self._send_on()
        elif self._is_redirect(path):
            self._deliver(Hidden(urlsplit(self.path).query))

    def do_POST(self) -> None:
        """Answer a redirect that comes as a form."""
        if (path := self._path()) is None or not self._is_redirect(path):
            return
        length = self.headers.get("Content-Length", "")
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            self._answer(415, "This is not understood", "A POST must bring the redirect as a form.")
        elif not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            self._answer(411, "This is not understood", "A POST must say how long it is.")
        elif len(length) > 9 or int(length) > LONGEST_BODY:
            self._answer(413, "This is not understood", "That is too long to be a redirect.")
        else:
            form = Hidden(self.rfile.read(int(length)).decode("latin-1"))
            if len(form.reveal()) == int(length):
                self._deliver(form)
            else:
                self._answer(400, "This is not understood", "The form breaks off.")

    def _path(self) -> str | None:
        """Return the path of a request that names this listener. Any other is answered here."""
        try:
            # Without the query, which holds the code: what follows may fail, and tools that show the
            # variables of a traceback must not find it.
            target = urlsplit(self.path)._replace(query="")
        except ValueError:
            self.send_error(400)
            return None
        hosts = self.headers.get_all("Host", [])
        # If the request target is a whole URL, its host counts too (RFC 9112 section 3.2.2).
        named = [*hosts, target.netloc] if target.netloc else hosts
        if len(hosts) != 1 or not all(map(self.server.gate.host, named)):
            self._answer(400, "Not for this address", _FORWARDED)
            return None
        if any(map(of_another_server, self.headers.get_all("X-Forwarded-Context", []))):
            self._answer(403, "Not for this server", _ANOTHER_USER)
            return None
        return target.path

    def _is_redirect(self, path: str) -> bool:
        if self.server.gate.path(path):
            return True
        self._answer(404, "Nothing here", "Only the redirect of a login is answered at this address.")
        return False

    def _send_on(self) -> None:
        """Redirect the browser to the login, the first time only."""
        attempt = self.server.attempt
        if self.server.one_time.open():
            self._answer(302, "The login", "It is at another address.", location=attempt.url)
            return
        with self.server.connections.answering(self.connection):
            attempt.fail(LoginError(_OPENED_TWICE, hint=_OPENED_TWICE_HINT))
            self._answer(410, "The login was ended", f"{_OPENED_TWICE}.\n{_OPENED_TWICE_HINT}")

    def _deliver(self, query: Hidden[str]) -> None:
        with self.server.connections.answering(self.connection):
            answer = page.page_of(self.server.attempt.deliver(query.reveal()))
            self._answer(answer.status, answer.heading, answer.text, good=answer.good)

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
        """Answer what the base class rejects: methods other than GET and POST (405), and broken requests."""
        code = 405 if code == 501 else code
        self._answer(
            code, "This is not understood", "Only GET and POST requests are answered at this address."
        )

    def _answer(
        self, status: int, heading: str, text: str, *, good: bool = False, location: str = ""
    ) -> None:
        self.close_connection = True
        self.request_version = self.protocol_version  # a request of HTTP/0.9 would get a page without headers
        body = page.render(heading, text, good=good)
        with suppress(OSError):  # the browser has hung up
            self.send_response(status)
            for name, value in page.HEADERS.items():
                self.send_header(name, value)
            if status == 405:
                self.send_header("Allow", "GET, POST")
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
