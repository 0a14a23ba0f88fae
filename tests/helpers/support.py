"""Helpers for many tests: a real HTTP server whose answers the test sets, profiles and tokens."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Self

import pytest

import aventus_creds
from aventus_creds.profiles.checks import check_profile
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token

REPOSITORY = Path(__file__).parents[2]
HELPERS = Path(__file__).parent
PATH_WITH_HELPERS = f"{HELPERS}{os.pathsep}{REPOSITORY}"
"""PYTHONPATH of a program of the tests that uses their helpers."""

MACHINE = dict(os.environ)
"""The variables of the machine, which no test itself sees: what installs packages finds the registries by them."""


def unavailable(reason: str) -> NoReturn:
    """Skip the test, because this machine lacks something; under CI, fail it."""
    (pytest.fail if MACHINE.get("CI") == "true" else pytest.skip)(reason)


class Seen(NamedTuple):
    """A request that a Web received."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    certificate: bytes | None = None  # the client's, as DER, where TLS asked for one


class Sent(NamedTuple):
    """An answer that a Web gives. ``drop`` closes the connection without any."""

    status: int = 200
    body: bytes | Mapping[str, Any] = b""
    headers: Mapping[str, str] = {}
    drop: bool = False


class Web:
    """An HTTP server on a free loopback port: ``answer`` decides what a request gets, ``seen`` keeps them."""

    def __init__(self) -> None:  # noqa: C901 - it defines a handler class
        self.seen: list[Seen] = []
        self.answer: Callable[[Seen], Sent] = lambda _: Sent()
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                length = self.headers.get("Content-Length")
                body = self.rfile.read(int(length)) if length else self._chunks()
                tls = getattr(self.connection, "getpeercert", None)
                certificate = tls(binary_form=True) if tls else None
                seen = Seen(self.command, self.path, dict(self.headers.items()), body, certificate)
                web.seen.append(seen)
                sent = web.answer(seen)
                if sent.drop:
                    self.close_connection = True
                    return
                content = sent.body if isinstance(sent.body, bytes) else json.dumps(sent.body).encode()
                self.send_response(sent.status)
                if not isinstance(sent.body, bytes) and "Content-Type" not in sent.headers:
                    self.send_header("Content-Type", "application/json")
                for name, value in sent.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def _chunks(self) -> bytes:
                body = b""
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                return body

            do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = do_GET  # noqa: N815

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128
            block_on_close = False

            def process_request(self, request: Any, client_address: Any) -> None:
                web._connections.append(request)
                super().process_request(request, client_address)

            def handle_error(self, *_: Any) -> None:
                pass

        self._connections: list[socket.socket] = []
        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        hang_up(self._server.socket)  # wakes the thread that serves, where the system does that
        self._server.shutdown()
        self._server.server_close()
        for connection in self._connections:
            hang_up(connection)


def hang_up(connection: socket.socket) -> None:
    """End a connection for good: a thread that waits for it goes on, which a mere ``close`` does not bring about."""
    with suppress(OSError):
        socket.socket.shutdown(
            connection, socket.SHUT_RDWR
        )  # without a word of TLS, which the thread may be at


def make_profile(name: str = "prod", **keys: Any) -> Profile:
    """Return a checked profile: a client with outright endpoints, unless ``keys`` say otherwise."""
    if not {"provider", "issuer", "discovery_url"} & keys.keys():
        keys.setdefault("authorize_url", "https://as.example.com/authorize")
        keys.setdefault("token_url", "https://as.example.com/token")
    keys.setdefault("client_id", "the-client")
    values, mistakes = check_profile(name, keys)
    assert not mistakes, mistakes
    return Profile(**values)


def make_token(
    access_token: str = "an-access-token", *, lifetime: float = 3600, age: float = 0, **fields: Any
) -> Token:
    """Return a token obtained ``age`` seconds ago that lives ``lifetime`` seconds."""
    obtained = time.time() - age
    return Token(access_token, obtained_at=obtained, expires_at=obtained + lifetime, **fields)


def variables_shown(error: BaseException) -> str:
    """Return the package's variables as a traceback with variables (rich, Sentry, pytest -l) shows them."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = str(Path(aventus_creds.__file__).parent)
    return "\n".join(
        f"{name} = {value!r}"
        for frame in frames
        if frame.f_code.co_filename.startswith(ours)
        for name, value in frame.f_locals.items()
    )


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
