"""Helpers for login tests: an attempt without OAuth, a token endpoint as a function, and raw HTTP requests."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from support import make_profile

from aventus_creds.callbacks import Browser, Reply
from aventus_creds.errors import AventusCredsError
from aventus_creds.logins.attempt import LoginAttempt
from aventus_creds.logins.login import log_in as real_log_in
from aventus_creds.oauth.answer import Answer
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.oauth.request import Endpoints, ServerRequest
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token

CODE = "the-secret-code"
ACCESS_TOKEN = "the-access-token"


class FakeAttempt:
    """An attempt that knows no OAuth: a query that holds ``right`` ends it well, any other is refused."""

    title = "Log in to prod"
    url = "https://as.example.com/authorize?state=the-state"

    def __init__(self, seconds: float = 60) -> None:
        self.ended = threading.Event()
        self.delivered: list[str] = []
        self.error: AventusCredsError | None = None
        self.unproven = ""
        self._until = time.monotonic() + seconds

    def seconds_left(self) -> float:
        return self._until - time.monotonic()

    def deliver(self, query: str) -> Reply:
        self.delivered.append(query)
        if "right" not in query:
            return Reply(ended=False, success=False, text="refused")
        self.ended.set()
        return Reply(ended=True, success=True, text="Logged in.")

    def fail(self, error: AventusCredsError) -> None:
        self.error = error
        self.ended.set()


class TokenEndpoint:
    """Answers token requests as the test says, once ``gate`` is open; ``requests`` keeps them."""

    def __init__(self) -> None:
        self.requests: list[ServerRequest] = []
        self.answer = Answer(200, "application/json", b'{"access_token": "the-access-token"}')
        self.fault: Exception | None = None
        self.reached = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, request: ServerRequest) -> Answer:
        self.requests.append(request)
        self.reached.set()
        assert self.gate.wait(10)
        if self.fault:
            raise self.fault
        return self.answer


class Login(NamedTuple):
    """A real attempt, and both ends of it: the token endpoint, and what was saved."""

    attempt: LoginAttempt
    endpoint: TokenEndpoint
    saved: list[Token]

    def query(self, code: str = CODE, **more: str) -> str:
        """Return the query of the redirect that ends this login."""
        return urlencode({"code": code, "state": state_of(self.attempt.url), **more})


def make_login(redirect_uri: str, profile: Profile | None = None, *, issuer: str = "") -> Login:
    """Return a login under way whose redirect goes to ``redirect_uri``."""
    profile = profile or make_profile(redirect_uri=redirect_uri)
    authorization = Authorization(profile, endpoints(issuer), redirect_uri, random=os.urandom)
    endpoint, saved = TokenEndpoint(), list[Token]()
    attempt = LoginAttempt(profile, client_of(profile, endpoint), authorization, save=saved.append)
    return Login(attempt, endpoint, saved)


def client_of(
    profile: Profile, post: Callable[[ServerRequest], Answer], known: Endpoints | None = None
) -> OAuthClient:
    """Return a client whose server is the function ``post``, at the endpoints ``known``."""
    client = OAuthClient(profile)
    client.endpoints = known or endpoints()
    client._transport = SimpleNamespace(post=post)  # type: ignore[assignment] # the client only calls post
    return client


def log_in(
    profile: Profile,
    known: Endpoints,
    *,
    post: Callable[[ServerRequest], Answer],
    save: Callable[[Token], None],
    browser: Browser | None = None,
) -> Token:
    """Log in with a server that is a function."""
    return real_log_in(profile, save, browser, client=client_of(profile, post, known))


def endpoints(issuer: str = "") -> Endpoints:
    return Endpoints(
        authorize_url="https://as.example.com/authorize",
        token_url="https://as.example.com/token",
        revoke_url="",
        device_url="",
        issuer=issuer,
        announces_iss=bool(issuer),
        client_auth="basic",
    )


def state_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["state"][0]


class Page(NamedTuple):
    """An HTTP answer, read to the end of its connection."""

    status: int
    headers: dict[str, str]
    body: str


def read_page(connection: socket.socket) -> Page:
    """Read one answer until the server closes. Fails the test when it is no whole HTTP answer."""
    raw = b""
    while chunk := connection.recv(65536):
        raw += chunk
    head, blank, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    assert status.startswith("HTTP/1.1 "), raw[:100]
    assert blank, raw[:100]
    headers = dict(line.split(": ", 1) for line in lines)
    return Page(int(status.split()[1]), headers, body.decode())


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), timeout=5)


def send(port: int, request: bytes, host: str = "127.0.0.1") -> Page:
    """Send raw bytes and read the answer."""
    with connect(port, host) as connection:
        connection.sendall(request)
        return read_page(connection)


def request_bytes(target: str, method: str = "GET", **headers: Any) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def follow(uri: str, query: str = "", *, method: str = "GET", host: str | None = None) -> Page:
    """Request ``uri`` as a browser does that was redirected there."""
    parts = urlsplit(uri)
    target = f"{parts.path}?{query}" if query else parts.path
    request = request_bytes(target, method, Host=host or parts.netloc)
    return send(parts.port or 80, request, parts.hostname or "")
