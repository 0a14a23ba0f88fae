"""What comes to the listener: idle and slow connections, foreign hosts, and requests that are no redirect."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from attempts import (
    ACCESS_TOKEN,
    CODE,
    Login,
    Page,
    connect,
    follow,
    read_page,
    request_bytes,
    send,
    state_of,
)
from loopback_listener import Listen, port_of

from aventus_creds.callbacks import handler
from aventus_creds.callbacks.connections import MOST_CONNECTIONS

# --- connections that ask for nothing


def test_an_idle_connection_first_does_not_hold_up_the_redirect(listen: Listen) -> None:
    """Browsers connect ahead of time and send nothing on that connection."""
    callback, attempt = listen()
    with connect(port_of(callback)):
        started = time.monotonic()
        assert follow(callback.redirect_uri, "right").status == 200
    assert time.monotonic() - started < 1
    assert attempt.ended.is_set()


def test_many_idle_connections_do_not_hold_up_the_redirect(listen: Listen) -> None:
    """Those that sent half a request line are as idle as those that sent nothing."""
    callback, attempt = listen()
    with ExitStack() as held:
        for half in [b"", b"GET", b"GET /callback?right HTTP/1.1\r\nHost:"] * 10:
            held.enter_context(connect(port_of(callback))).sendall(half)
        assert follow(callback.redirect_uri, "right").status == 200
    assert attempt.delivered == ["right"]


def test_150_idle_connections_take_no_150_threads(listen: Listen) -> None:
    """Beyond the limit the oldest idle connection is dropped, and the redirect is served."""
    callback, _ = listen()
    before = threading.active_count()
    with ExitStack() as held:
        connections = [held.enter_context(connect(port_of(callback))) for _ in range(150)]
        assert connections[0].recv(1) == b""
        assert follow(callback.redirect_uri, "right").status == 200
        give_up = time.monotonic() + handler.IDLE_LIMIT / 2  # of Windows, the threads look for it themselves
        while threading.active_count() - before > MOST_CONNECTIONS + 1:
            assert time.monotonic() < give_up
            time.sleep(0.01)
        connections[-1].settimeout(0.05)
        with pytest.raises(TimeoutError):
            connections[-1].recv(1)


def test_a_silent_connection_is_closed_in_the_end(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection has a time limit of its own."""
    assert handler.Handler.timeout == handler.IDLE_LIMIT
    monkeypatch.setattr(handler.Handler, "timeout", 0.1)
    callback, attempt = listen()
    with connect(port_of(callback)) as nothing, connect(port_of(callback)) as half:
        half.sendall(b"GET /callback?right HTTP/1.1\r\nHost: ")
        assert nothing.recv(1) == b""
        assert half.recv(1) == b""
    assert attempt.delivered == []


def test_a_request_that_comes_byte_by_byte_is_served(listen: Listen) -> None:
    """The request may arrive in as many pieces as it has bytes."""
    callback, attempt = listen()
    with connect(port_of(callback)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request_bytes("/callback?right", Host=f"127.0.0.1:{port_of(callback)}"):
            connection.sendall(bytes([byte]))
            time.sleep(0.001)
        assert read_page(connection).status == 200
    assert attempt.delivered == ["right"]


# --- requests that are not the redirect


@pytest.mark.parametrize(
    "path", ["/favicon.ico", "/", "/callback/", "/callbac", "/CALLBACK", "/x/callback", "/%63allback", "*"]
)
def test_a_stray_path_does_not_end_the_login(listen: Listen, path: str) -> None:
    """Only the exact path counts, whatever the query."""
    callback, attempt = listen()
    page = send(port_of(callback), request_bytes(f"{path}?right", Host=f"127.0.0.1:{port_of(callback)}"))
    assert page.status == 404
    assert attempt.delivered == []
    assert follow(callback.redirect_uri, "right").status == 200


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "get"])
def test_only_get_and_post_end_the_login(listen: Listen, method: str) -> None:
    """Another method gets 405 with Allow, even with everything else right."""
    callback, attempt = listen()
    page = follow(callback.redirect_uri, "right", method=method)
    assert page.status == 405
    assert page.headers["Allow"] == "GET, POST"
    assert (page.body == "") == (method == "HEAD")
    assert attempt.delivered == []
    assert follow(callback.redirect_uri, "right").status == 200


def send_slowly(port: int, request: bytes) -> Page:
    """Send the request in parts, so that most of it is still under way when the server answers."""
    with connect(port) as connection:
        for part in (request[:100_000], request[100_000:200_000], request[200_000:]):
            connection.sendall(part)
            time.sleep(0.05)
        return read_page(connection)


def test_a_repeated_redirect_gets_the_same_page_and_exchanges_once(login: tuple[str, Login]) -> None:
    """Browsers repeat requests: on reload, or when a connection broke."""
    uri, under_way = login
    pages = [follow(uri, under_way.query()) for _ in range(3)]
    assert pages[0].status == 200
    assert {page.body for page in pages} == {pages[0].body}
    assert len(under_way.endpoint.requests) == len(under_way.saved) == 1


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "code=x",
        "code=x&state=",
        "code=x&state=wrong",
        "code=x&state=%FF",
        "code=x&state=wrong&state={state}",
        "code=x&state={state}&state={state}",
        "code=x&code=y&state={state}",
        "code=&state={state}",
        "state={state}",
        "error=access_denied",
        "error=access_denied&state=wrong",
        "error=access_denied&state=&code=x",
        "error=access_denied&error=x&state={state}",
        "code=x&STATE={state}",
        "code=x;state={state}",
    ],
)
def test_a_forged_redirect_is_refused_and_the_wait_goes_on(login: tuple[str, Login], forged: str) -> None:
    """Any page that is open in the browser can send such requests."""
    uri, under_way = login
    page = follow(uri, forged.format(state=state_of(under_way.attempt.url)))
    assert page.status == 400
    assert "still waiting" in page.body
    assert not under_way.attempt.ended.is_set()
    assert under_way.endpoint.requests == []
    assert follow(uri, under_way.query()).status == 200
    assert under_way.attempt.result().access_token == ACCESS_TOKEN


# --- the Host header


@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.example.com:{port}"],
        ["evil.example.com"],
        [],
        [""],
        ["127.0.0.1:{port}", "127.0.0.1:{port}"],
        ["127.0.0.1:{port}", "evil.example.com:{port}"],
        ["evil.example.com:{port}", "127.0.0.1:{port}"],
        ["127.0.0.1"],
        ["127.0.0.1:1"],
        ["127.0.0.1:{port}.evil.example.com"],
        ["localhost.evil.example.com:{port}"],
        ["127.0.0.2:{port}"],
        ["0.0.0.0:{port}"],
        ["127.0.0.1:{port}, evil.example.com"],
    ],
)
def test_a_foreign_host_header_is_refused(listen: Listen, hosts: list[str]) -> None:
    """A page may rebind its own name to 127.0.0.1; then its name is in the Host header."""
    callback, attempt = listen()
    port = port_of(callback)
    lines = ["GET /callback?right HTTP/1.1", *(f"Host: {host.format(port=port)}" for host in hosts), "", ""]
    assert send(port, "\r\n".join(lines).encode()).status == 400
    assert attempt.delivered == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_loopback_names_are_accepted(listen: Listen, host: str) -> None:
    """Proxies and editors that forward a port use any of this machine's names for itself."""
    callback, _ = listen()
    assert follow(callback.redirect_uri, "right", host=f"{host}:{port_of(callback)}").status == 200


def test_a_whole_address_as_the_target_must_be_this_listeners_too(listen: Listen) -> None:
    """RFC 9112 section 3.2.2: the target's own host counts, and may not differ from what is listened on."""
    callback, attempt = listen()
    host = f"127.0.0.1:{port_of(callback)}"
    for target in ("http://evil.example.com/callback?right", "http://[/callback?right", "//x/callback?right"):
        assert send(port_of(callback), request_bytes(target, Host=host)).status in {400, 404}
    assert attempt.delivered == []
    page = send(port_of(callback), request_bytes(f"{callback.redirect_uri}?right", Host=host))
    assert page.status == 200


# --- requests that are broken


def test_a_query_of_a_megabyte_is_refused_with_a_page(listen: Listen) -> None:
    """It gets 414, not a reset connection, and the wait goes on."""
    callback, attempt = listen()
    request = request_bytes(f"/callback?right{'x' * 1_000_000}", Host=f"127.0.0.1:{port_of(callback)}")
    assert send_slowly(port_of(callback), request).status == 414
    assert attempt.delivered == []
    assert follow(callback.redirect_uri, "right").status == 200


def test_a_long_query_is_accepted(login: tuple[str, Login]) -> None:
    """Some servers' codes have tens of thousands of characters."""
    uri, under_way = login
    assert follow(uri, under_way.query("c" * 50_000)).status == 200


@pytest.mark.parametrize("damage", ["%", "%zz", "%E2%82", "\xff", "&" * 1000, "=", "%00", "&&&", "a=%F0%28"])
def test_broken_percent_encoding_is_refused_and_the_wait_goes_on(
    login: tuple[str, Login], damage: str
) -> None:
    """Whatever the address holds, it gets an answer."""
    uri, under_way = login
    assert follow(uri, f"code={damage}&state={damage}").status == 400
    assert follow(uri, under_way.query()).status == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /callback?right HTTP/1.0\r\nHost: 127.0.0.1:%d\r\n\r\n", 200),
        (b"GET /callback?right HTTP/1.0\r\n\r\n", 400),
        (b"GET /callback?right\r\n\r\n", 400),
        (b"POST /callback?right\r\n\r\n", 400),
        (b"GET /callback?right HTTP/9.9\r\nHost: 127.0.0.1:%d\r\n\r\n", 505),
        (b"GET /callback?right HTTP/x\r\nHost: 127.0.0.1:%d\r\n\r\n", 400),
        (b"GET /callback?right FTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", 400),
        (b"GET /callback right HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", 400),
        (b"GET callback?right HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", 404),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\r\n", 400),
        (b"\x00" * 1000 + b"\r\n\r\n", 400),
        (b"GET /callback?right HTTP/1.1\r\n" + b"X-Many: x\r\n" * 200 + b"\r\n", 431),
        (b"GET /callback?right HTTP/1.1\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET http://[/callback?right HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", 400),
    ],
)
def test_a_broken_request_gets_a_whole_answer(listen: Listen, request_: bytes, status: int) -> None:
    """The headers that protect a page are on these answers as well, and the wait goes on."""
    callback, attempt = listen()
    page = send(port_of(callback), request_.replace(b"%d", str(port_of(callback)).encode()))
    assert page.status == status
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert attempt.ended.is_set() == (status == 200)
    assert follow(callback.redirect_uri, "right").status == 200


def test_nothing_is_printed_or_logged(
    login: tuple[str, Login], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The request line holds the authorization code, and a traceback would show it."""
    uri, under_way = login
    port = urlsplit(uri).port or 0
    others = set(threading.enumerate())  # an earlier test's listener may still linger on a connection
    caplog.set_level(logging.DEBUG)
    under_way.endpoint.fault = RuntimeError(CODE)
    for target in (f"/callback?code={CODE}", f"/x?code={CODE}", f"http://[?code={CODE}"):
        send(port, request_bytes(target, Host=urlsplit(uri).netloc))
        for request in (request_bytes(target, Host=urlsplit(uri).netloc), f"GET {target}".encode()):
            with connect(port) as hung_up:
                hung_up.sendall(request)
                time.sleep(0.02)
                # on, for 0 seconds: closing resets the connection
                hung_up.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    follow(uri, f"code={CODE}", method="POST")
    follow(uri, under_way.query())
    deadline = time.monotonic() + 3
    while any("process_request" in thread.name for thread in set(threading.enumerate()) - others):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
