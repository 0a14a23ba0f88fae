"""A login that a person is going through, and the requests of whoever attacks it."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qs, urlsplit

from attempts import connect, follow, state_of

from aventus_creds import login
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token

HOST: Final = "127.0.0.1:{port}"
MALLORY: Final = "<b>mallory"  # in all that the attacker sends, and never in an answer


class Victim:
    """A real login at the sandbox, up to where the person is at the login page."""

    def __init__(self, pool: ThreadPoolExecutor, name: str) -> None:
        self.url = ""
        self._asked = threading.Event()
        self.outcome: Future[Token] = pool.submit(login, name, browser=self._open)
        assert self._asked.wait(10)
        self.state = state_of(self.url)
        self.uri = parse_qs(urlsplit(self.url).query)["redirect_uri"][0]
        self.port = urlsplit(self.uri).port or 0

    def _open(self, url: str) -> None:
        self.url = url
        self._asked.set()

    def redirect(self) -> str:
        """Let the person log in at the server; return the query of the redirect that comes of it."""
        return urlsplit(Robot().redirect_address(self.url)).query

    def log_in(self, query: str = "") -> Token:
        """Let the browser follow the redirect, and the login end well."""
        answer = follow(self.uri, query or self.redirect())
        assert (answer.status, "Logged in to " in answer.body) == (200, True)
        return self.outcome.result(10)


def exchanges(sandbox: Sandbox) -> int:
    return sum(record.grant_type == "authorization_code" for record in sandbox.journal)


def stored(name: str = "prod") -> Token | None:
    return default_store().load(read_profiles().profile(name).key)


def closed(port: int) -> bool:
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return True
    return False


def head(line: str, *headers: str, host: str = HOST) -> bytes:
    return "\r\n".join([line, f"Host: {host}", *headers, "", ""]).encode("latin-1")


def get(query: str, *headers: str, host: str = HOST) -> bytes:
    return head(f"GET /callback?{query} HTTP/1.1", *headers, host=host)


OTHER = "code=<b>mallory&state=<b>mallory"


def answer_to(port: int, request: bytes) -> bytes:
    """Send a request and no more, and return all that comes back, however the connection ends."""
    answer = b""
    with connect(port) as connection, suppress(ConnectionError):
        with suppress(ConnectionError):  # it may be refused before it is out
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        while chunk := connection.recv(65536):
            answer += chunk
    return answer
