"""A hostile page or program at the listener of a login: connections that misbehave, codes and redirects of others.

``Victim`` is the login that a person is going through meanwhile.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from attempts import Page, connect, follow, request_bytes, send
from login_victim import MALLORY, OTHER, Victim, answer_to, closed, exchanges, get, stored

from aventus_creds.callbacks import handler, page
from aventus_creds.callbacks.connections import MOST_CONNECTIONS
from aventus_creds.errors import InvalidAnswer, LoginRefused, LoginTimeout, TokenRefused
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot

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
    monkeypatch.setattr(handler, "LINGER", 20)
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
    with (
        subprocess.Popen(
            [sys.executable, "-c", STARVED, what],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
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
