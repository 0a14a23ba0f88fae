"""A hostile page or program on this machine, at the listener of a login that a person is going through."""

from __future__ import annotations

import logging
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from attempts import Page, connect, follow, read_page, request_bytes, send, state_of
from support import REPOSITORY

from aventus_creds import login
from aventus_creds.callbacks import loopback, page
from aventus_creds.callbacks.connections import LONGEST_HEAD, MOST_CONNECTIONS
from aventus_creds.errors import InvalidAnswer, LoginRefused, LoginTimeout, TokenRefused
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


@pytest.fixture
def sandbox(write_profiles: Callable[..., Path]) -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        keys = {
            **sandbox.profiles()["oidc"],
            "redirect_uri": "http://127.0.0.1:0/callback",
            "callback": "loopback",
            "login_timeout": 30,
        }
        write_profiles(
            {"prod": keys, "test": {**keys, "scope": "openid"}, "brief": {**keys, "login_timeout": 1}}
        )
        yield sandbox


@pytest.fixture
def begin(sandbox: Sandbox) -> Iterator[Callable[..., Victim]]:
    """Begin a login; whatever the test leaves of it is ended."""
    with ThreadPoolExecutor() as pool:
        begun: list[Victim] = []

        def begin(name: str = "prod") -> Victim:
            begun.append(Victim(pool, name))
            return begun[-1]

        yield begin
        for victim in begun:
            with suppress(OSError):
                follow(victim.uri, f"error=access_denied&state={victim.state}")


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


# --- one request at a time, of every kind


def head(line: str, *headers: str, host: str = HOST) -> bytes:
    return "\r\n".join([line, f"Host: {host}", *headers, "", ""]).encode("latin-1")


def get(query: str, *headers: str, host: str = HOST) -> bytes:
    return head(f"GET /callback?{query} HTTP/1.1", *headers, host=host)


RIGHT_BUT = "code=<b>mallory&state={state}"  # with the victim's own state, which no attacker has
OTHER = "code=<b>mallory&state=<b>mallory"

FORGED: Final = {
    "nothing": "",
    "code alone": "code=<b>mallory",
    "wrong state": OTHER,
    "empty state": "code=<b>mallory&state=",
    "state of an earlier login": "code=<b>mallory&state={old}",
    "the earlier login's whole redirect": "{old_redirect}",
    "error alone": "error=<b>mallory&error_description=<b>mallory",
    "error of an earlier login": "error=access_denied&error_description=<b>mallory&state={old}",
    "error with a wrong state": "error=server_error&state=<b>mallory&error_uri=https://mallory.example",
    "two states, the right one last": "code=<b>mallory&state={old}&state={state}",
    "two states, the right one first": "code=<b>mallory&state={state}&state={old}",
    "two codes": "code=<b>mallory&code=x&state={state}",
    "another server, another state": "code=<b>mallory&state={old}&iss=https://mallory.example",
    "percent": "code=%&state=%zz%<b>mallory",
    "no UTF-8": "code=%ff%fe<b>mallory&state=%c3%28",
    "a header in it": "code=x%0d%0aSet-Cookie:%20<b>mallory=1%0d%0a%0d%0a<b>mallory&state=x",
    "NUL in it": "code=%00<b>mallory&state=%00",
    "a megabyte": "code=" + MALLORY * 100_000,
    "50 000 parameters": "&".join(["m"] * 30_000),
    "in the fragment": "#code=<b>mallory&state={state}",
}

ATTACKS: Final[dict[str, bytes]] = {
    **{name: get(query) for name, query in FORGED.items()},
    # the victim's own state, by a way that no redirect takes
    **{
        f"{method} with the right state": head(
            f"{method} /callback?{RIGHT_BUT} HTTP/1.1", "Content-Length: 0"
        )
        for method in ("POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "GETT")
    },
    **{
        f"Host {host}": get(RIGHT_BUT, host=host)
        for host in (
            "mallory.example",
            "mallory.example:{port}",
            "127.0.0.1:{port}.mallory.example",
            "mallory@127.0.0.1:{port}",
            "127.0.0.1:{port}\r\nHost: mallory.example",
            "127.0.0.1:{port}\r\n mallory.example",
            "127.0.0.1:{port}\x00",
            "[::ffff:127.0.0.1]:{port}",
            "",
        )
    },
    **{
        f"target {target}": head(f"GET {target}?{RIGHT_BUT} HTTP/1.1")
        for target in (
            "http://mallory.example/callback",
            "http://mallory@127.0.0.1:{port}/callback",
            "//mallory.example/callback",
            "http://[::1/callback",
            "/callback/../callback",
            "/callback%2f",
            "/callback;x",
            "/mallory/callback",
            "callback",
            "*",
        )
    },
    "form POST": head(
        "POST /callback HTTP/1.1", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 300000"
    )
    + b"code=mallory&" * 20_000,
    "CORS preflight": head(
        "OPTIONS /callback HTTP/1.1",
        "Origin: https://mallory.example",
        "Access-Control-Request-Method: GET",
        "Access-Control-Request-Headers: mallory",
        "Access-Control-Request-Private-Network: true",
    ),
    "a fetch that wants to read": get(OTHER, "Origin: https://mallory.example", "Cookie: mallory=1"),
    "websocket": get(
        OTHER,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: bWFsbG9yeQ==",
    ),
    "h2c upgrade": get(
        OTHER, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"
    ),
    "HTTP/0.9": b"GET /callback?code=<b>mallory&state=x\r\n",
    "HTTP/0.9 by name": head(f"GET /callback?{OTHER} HTTP/0.9"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2,
    "pipelined": get(OTHER, "Connection: keep-alive") * 50,
    "pipelined, the right state second": get(OTHER, "Connection: keep-alive") + get(RIGHT_BUT),
    "chunked": get(OTHER, "Transfer-Encoding: chunked") + b"7\r\nmallory\r\n0\r\n\r\n",
    "two lengths": head("POST /callback HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked")
    + b"0\r\n\r\n"
    + get(RIGHT_BUT),
    "a request as the body": get(OTHER, "Content-Length: 500") + get(RIGHT_BUT),
    "100-continue": head("POST /callback HTTP/1.1", "Expect: 100-continue", "Content-Length: 7"),
    "CR in a header": get(OTHER, "X: a\rSet-Cookie: mallory=1"),
    "NUL in the request line": head(f"GET /callback\x00?{RIGHT_BUT} HTTP/1.1"),
    "200 headers": get(RIGHT_BUT, *["X: <b>mallory"] * 200),
    "a header of 100 000 bytes": get(RIGHT_BUT, "X: " + "mallory" * 15_000),
    "5 MB of headers": get(RIGHT_BUT, *["X: " + "mallory" * 9_000] * 80),
    "no header at all": b"GET /callback?code=mallory HTTP/1.1\r\n\r\n",
    "only line breaks": b"\r\n" * 1000,
    "noise": bytes(range(256)) * 300,
}


UNANSWERED: Final = {"only line breaks"}  # to the standard library that is no request yet


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


def faults_of(answer: bytes, *secrets: str) -> list[str]:
    """Return what is wrong with the answer to an attack, which should be one page that says no."""
    text = answer.decode()
    top, _, body = text.partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in top.split("\r\n")[1:])
    faults = [
        f"{name} is {headers.get(name)}" for name in page.HEADERS if headers.get(name) != page.HEADERS[name]
    ]
    faults += [
        name for name in headers if name.lower().startswith(("access-control", "set-cookie", "location"))
    ]
    if not text.startswith(("HTTP/1.1 4", "HTTP/1.1 505 ")):
        faults.append(text.partition("\r")[0])
    if int(headers.get("Content-Length", -1)) != len(body.encode()) and body:
        faults.append("not one whole page")
    return faults + [word for word in ("mallory", *secrets) if word in text]


def test_no_request_but_the_redirect_ends_the_login(
    sandbox: Sandbox,
    begin: Callable[..., Victim],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """All of them at once and again, then the real redirect: one exchange, and no word about any of it."""
    caplog.set_level(logging.DEBUG, "aventus_creds")
    threads = threading.active_count()
    earlier = begin()
    old_redirect = earlier.redirect()
    earlier.log_in(old_redirect)
    victim = begin()
    capfd.readouterr()  # the address of the login is shown to the person, state and all
    known = {"port": victim.port, "state": victim.state, "old": earlier.state, "old_redirect": old_redirect}

    def attack(name: str) -> tuple[str, list[str]]:
        request = ATTACKS[name]
        for key, value in known.items():
            request = request.replace(f"{{{key}}}".encode(), str(value).encode())
        answer = answer_to(victim.port, request)
        if not answer and name in UNANSWERED:
            return name, []
        return name, faults_of(answer, victim.state, earlier.state)

    with ThreadPoolExecutor(12) as pool:
        found = [*pool.map(attack, ATTACKS), *pool.map(attack, reversed(ATTACKS))]
    assert {name: faults for name, faults in found if faults} == {}
    assert not victim.outcome.done()
    query = victim.redirect()
    assert victim.log_in(query) == stored()
    assert exchanges(sandbox) == sandbox.logins("oidc-public") == 2
    assert closed(victim.port)
    deadline = time.monotonic() + 5
    while threading.active_count() > threads + 2 and time.monotonic() < deadline:  # the two of the pool
        time.sleep(0.01)
    assert threading.active_count() <= threads + 2
    said = "".join(capfd.readouterr()) + caplog.text
    for secret in (dict(parse_qsl(query))["code"], victim.state, earlier.state, "mallory", "Traceback"):
        assert secret not in said


def test_a_head_without_end_is_cut_off(begin: Callable[..., Victim]) -> None:
    """100 headers of 64 KiB, on each of 100 connections, would be 600 MB."""
    victim = begin()
    line = b"X: " + b"x" * 60_000 + b"\r\n"
    with connect(victim.port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(LONGEST_HEAD // len(line) + 1):  # and no end of it
            connection.sendall(line)
        assert read_page(connection).status == 431
    victim.log_in()


# --- connections that misbehave


def slow(connection: socket.socket, request: bytes, until: threading.Event) -> None:
    with suppress(OSError):
        for byte in request:
            connection.sendall(bytes([byte]))
            if until.wait(0.05):
                return


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_connections_that_misbehave_do_not_hold_up_the_login(
    sandbox: Sandbox, begin: Callable[..., Victim]
) -> None:
    """500 idle ones, and 200 with half a request, half closed, reset or byte by byte: never many threads."""
    victim = begin()
    before, until = threading.active_count(), threading.Event()
    half = get(OTHER).partition(b"Host")[0]
    with ExitStack() as held, ThreadPoolExecutor(8) as pool:
        held.callback(until.set)
        for number in range(-500, 200):
            connection = held.enter_context(connect(victim.port))
            with suppress(ConnectionError):
                if number >= 0:
                    connection.sendall(half)
                if number >= 0 and number % 3 == 1:
                    connection.shutdown(socket.SHUT_WR)
                elif number >= 0 and number % 3 == 2:
                    reset(connection)
        for _ in range(8):
            pool.submit(slow, held.enter_context(connect(victim.port)), get(OTHER), until)
        assert threading.active_count() - before <= MOST_CONNECTIONS + 8 + 30  # some are about to end
        assert victim.log_in() == stored()
        until.set()
    assert exchanges(sandbox) == 1


def test_those_that_had_their_answer_and_stay_take_no_threads_without_end(
    begin: Callable[..., Victim], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection is read from for a while after its answer; these count like the idle ones."""
    monkeypatch.setattr(loopback, "LINGER", 20)
    victim = begin()
    before = threading.active_count()
    with ExitStack() as held:
        for _ in range(MOST_CONNECTIONS + 100):
            connection = held.enter_context(connect(victim.port))
            connection.sendall(get(OTHER).replace(b"{port}", str(victim.port).encode()))
            connection.recv(1)
        assert threading.active_count() - before <= MOST_CONNECTIONS + 30
        victim.log_in()


STARVED = """
import resource, sys, threading
from aventus_creds import login
from aventus_creds.oauth.client import OAuthClient  # loads requests: imports are not what is starved here

files = []

def open_browser(url):
    if sys.argv[1] == "descriptors, later":
        try:
            while True:
                files.append(open("/dev/null"))
        except OSError:
            del files[-12:]
    print(url, flush=True)

if sys.argv[1] != "threads":
    with open("/dev/null") as lowest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest.fileno() + 60,) * 2)
else:
    threading.stack_size(64 << 20)
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (700 << 20),) * 2)
print(login("prod", browser=open_browser).access_token, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and RLIMIT_AS is no limit elsewhere")
@pytest.mark.parametrize(
    ("what", "flood"),
    # 57: none is refused, and nothing would be left
    [("descriptors", 57), ("descriptors, later", 120), ("threads", 120)],
)
def test_a_flood_takes_neither_the_descriptors_nor_the_threads_that_the_login_needs(
    what: str, flood: int, sandbox: Sandbox
) -> None:
    """In a program with few of either: the redirect gets through, the code is exchanged and the token stored."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with (
        subprocess.Popen(
            [sys.executable, "-c", STARVED, what],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process,
        ExitStack() as held,
    ):
        held.callback(process.kill)
        assert process.stdout
        assert process.stderr
        url = process.stdout.readline().strip()
        uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        for _ in range(flood):
            held.enter_context(connect(urlsplit(uri).port or 0))
        assert follow(uri, urlsplit(Robot().redirect_address(url)).query).status == 200
        access_token = process.stdout.readline().strip()
        assert process.wait(10) == 0
        said = process.stderr.read()
    token = stored()
    assert token
    assert token.access_token == access_token
    assert exchanges(sandbox) == 1
    assert "Traceback" not in said


def test_the_time_limit_holds_in_a_flood(sandbox: Sandbox, begin: Callable[..., Victim]) -> None:
    """Neither the wait nor the closing of the port is prolonged by those who keep asking."""
    victim = begin("brief")
    started, over = time.monotonic(), threading.Event()

    def flood(_: int) -> int:
        sent = 0
        with suppress(OSError):
            while not over.is_set():
                answer_to(victim.port, get(OTHER).replace(b"{port}", str(victim.port).encode()))
                sent += 1
        return sent

    with ThreadPoolExecutor(8) as pool:
        sent = pool.map(flood, range(8))
        with pytest.raises(LoginTimeout):
            victim.outcome.result(15)
        took = time.monotonic() - started
        assert closed(victim.port)
        over.set()
    assert sum(sent) > 8
    assert took < 5
    assert exchanges(sandbox) == 0


# --- what only somebody with the state, or a code, can do


def test_the_attackers_own_code_is_of_no_use(sandbox: Sandbox, begin: Callable[..., Victim]) -> None:
    """Even with the victim's state: the code is bound to another verifier (RFC 7636), so it logs nobody in."""
    victim, attacker = begin(), begin()
    stolen = dict(parse_qsl(attacker.redirect())) | {"state": victim.state}
    answer = follow(victim.uri, urlencode(stolen))
    assert "The login failed" in answer.body
    assert stolen["code"] not in answer.body
    with pytest.raises(TokenRefused) as caught:
        victim.outcome.result(10)
    assert caught.value.error == "invalid_grant"
    assert stolen["code"] not in str(caught.value)
    assert stored() is None


@pytest.mark.parametrize("iss", ["https://mallory.example", None, "", "{issuer}/", "{ISSUER}"])
def test_the_redirect_of_another_server_reaches_no_token_endpoint(
    iss: str | None, sandbox: Sandbox, begin: Callable[..., Victim]
) -> None:
    """The mix-up attack (RFC 9207): the code would be sent to whom it is not from."""
    victim = begin()
    mixed = dict(parse_qsl(victim.redirect()))
    issuer = mixed.pop("iss")
    if iss is not None:
        mixed["iss"] = iss.format(issuer=issuer, ISSUER=issuer.upper())
    answer = follow(victim.uri, urlencode(mixed))
    assert "The login failed" in answer.body
    assert "mallory" not in answer.body
    with pytest.raises(InvalidAnswer, match=r"another issuer|does not say that it is from"):
        victim.outcome.result(10)
    assert exchanges(sandbox) == 0
    assert stored() is None


def test_a_redirect_of_one_login_does_not_end_another(sandbox: Sandbox, begin: Callable[..., Victim]) -> None:
    """Two at the same time, in one process, at one server: each takes its own redirect only."""
    one, other = begin("prod"), begin("test")
    redirects = {one: one.redirect(), other: other.redirect()}
    assert follow(other.uri, redirects[one]).status == follow(one.uri, redirects[other]).status == 400
    assert not one.outcome.done()
    assert not other.outcome.done()
    assert exchanges(sandbox) == 0
    assert other.log_in(redirects[other]) == stored("test")
    assert follow(one.uri, redirects[other]).status == 400
    assert one.log_in(redirects[one]) == stored("prod")
    assert exchanges(sandbox) == 2


def test_many_copies_of_the_redirect_are_one_login_and_then_nobody_listens(
    sandbox: Sandbox, begin: Callable[..., Victim]
) -> None:
    """Whoever saw the redirect and repeats it gains nothing: not at once, and not afterwards."""
    victim = begin()
    query = victim.redirect()

    def repeat(_: int) -> Page | None:
        with suppress(OSError):  # the first one has ended it
            return send(victim.port, request_bytes(f"/callback?{query}", Host=urlsplit(victim.uri).netloc))
        return None

    with ThreadPoolExecutor(12) as pool:
        pages = [answer for answer in pool.map(repeat, range(12)) if answer]
    token = victim.outcome.result(10)
    assert {answer.status for answer in pages} == {200}
    assert len({answer.body for answer in pages}) == 1
    assert token == stored()
    assert exchanges(sandbox) == 1
    assert closed(victim.port)


def test_no_page_can_be_framed_read_or_kept(begin: Callable[..., Victim]) -> None:
    """Of success and of failure: its address holds a code, and what it says is for the person alone."""
    victim, denied = begin(), begin("test")
    query = victim.redirect()
    pages = [
        send(
            victim.port, get(OTHER, "Origin: https://mallory.example").replace(b"{port}", b"%d" % victim.port)
        ),
        follow(victim.uri, query),
        follow(denied.uri, f"error=access_denied&error_description=<b>mallory&state={denied.state}"),
    ]
    assert [answer.status for answer in pages] == [400, 200, 200]
    for answer in pages:
        assert page.HEADERS.items() <= answer.headers.items()
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        for secret in (victim.state, denied.state, dict(parse_qsl(query))["code"], MALLORY):
            assert secret not in answer.body
    with pytest.raises(LoginRefused):
        denied.outcome.result(10)
