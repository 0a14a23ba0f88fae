from __future__ import annotations

import base64
import gc
import hashlib
import logging
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from attempts import (
    ACCESS_TOKEN,
    CODE,
    FakeAttempt,
    Login,
    Page,
    TokenEndpoint,
    connect,
    endpoints,
    follow,
    log_in,
    make_login,
    read_page,
    request_bytes,
    send,
    state_of,
)
from support import HELPERS, REPOSITORY, free_port, make_profile

from aventus_creds.callbacks import Reply, loopback
from aventus_creds.callbacks.connections import MOST_CONNECTIONS
from aventus_creds.callbacks.loopback import LoopbackCallback
from aventus_creds.errors import CallbackError, LoginTimeout
from aventus_creds.oauth.answer import Answer
from aventus_creds.tokens import Token

ANY_PORT = "http://127.0.0.1:0/callback"
PUBLIC = "https://hub.example.com/user/ann/proxy/8765/callback"

Listen = Callable[..., tuple[LoopbackCallback, FakeAttempt]]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def never_saved(_: Token) -> None:
    pytest.fail("a token was saved")


def port_of(callback: LoopbackCallback) -> int:
    return urlsplit(callback.redirect_uri).port or 0


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Every test ends without a thread that was not there before it."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 3
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Start a listener for an attempt without OAuth; it is closed at the end."""
    with ExitStack() as opened:

        def start(*redirect_uris: str, listen: str = "") -> tuple[LoopbackCallback, FakeAttempt]:
            callback = LoopbackCallback(list(redirect_uris) or [ANY_PORT], listen)
            opened.callback(callback.close)
            attempt = FakeAttempt()
            callback.start(attempt)
            return callback, attempt

        yield start


@pytest.fixture
def login() -> Iterator[tuple[str, Login]]:
    """Start a listener for a real login; give its redirect URI and the login."""
    callback = LoopbackCallback([ANY_PORT])
    login = make_login(callback.redirect_uri)
    callback.start(login.attempt)
    yield callback.redirect_uri, login
    callback.close()


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
        assert threading.active_count() - before <= MOST_CONNECTIONS + 1
        connections[-1].settimeout(0.05)
        with pytest.raises(TimeoutError):
            connections[-1].recv(1)


def test_a_silent_connection_is_closed_in_the_end(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection has a time limit of its own."""
    assert loopback._Handler.timeout == loopback.IDLE_LIMIT
    monkeypatch.setattr(loopback._Handler, "timeout", 0.1)
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


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "get"])
def test_only_get_ends_the_login(listen: Listen, method: str) -> None:
    """Another method gets 405 with Allow, even with everything else right."""
    callback, attempt = listen()
    page = follow(callback.redirect_uri, "right", method=method)
    assert page.status == 405
    assert page.headers["Allow"] == "GET"
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


def test_a_post_with_a_body_gets_its_answer(listen: Listen) -> None:
    """The body is read to its end: to close on unread bytes would reset the connection, answer and all."""
    callback, attempt = listen()
    body = b"code=x&state=right" * 50_000
    head = request_bytes(
        "/callback", "POST", Host=f"127.0.0.1:{port_of(callback)}", **{"Content-Length": len(body)}
    )
    assert send_slowly(port_of(callback), head + body).status == 405
    assert attempt.delivered == []


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


# --- where it listens


def test_the_port_is_bound_before_start(listen: Listen) -> None:
    """The browser may come back at once: its connection waits until somebody serves it."""
    callback = LoopbackCallback([ANY_PORT])
    with connect(port_of(callback)) as early:
        early.sendall(request_bytes("/callback?right", Host=f"127.0.0.1:{port_of(callback)}"))
        callback.start(FakeAttempt())
        assert read_page(early).status == 200
    callback.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of this machine")
def test_no_other_address_of_this_machine_is_listened_on(listen: Listen) -> None:
    """127.0.0.2 reaches a listener on all interfaces, and no listener on 127.0.0.1."""
    callback, _ = listen()
    with pytest.raises(ConnectionRefusedError):
        connect(port_of(callback), "127.0.0.2")


@pytest.mark.parametrize(
    "address", ["0.0.0.0:0", "0:0", "0x0:0", pytest.param("[::]:0", marks=needs_ipv6), "[0:0::0]:0", ":0"]
)
def test_all_interfaces_are_never_listened_on(address: str) -> None:
    """However all interfaces are spelt."""
    with pytest.raises(CallbackError, match="cannot be listened on"):
        LoopbackCallback([PUBLIC], address).close()


def test_a_taken_port_is_named_and_the_next_candidate_is_tried(listen: Listen) -> None:
    """A profile may list several redirect URIs, all of them registered."""
    taken, _ = listen()
    with pytest.raises(CallbackError) as caught:
        LoopbackCallback([taken.redirect_uri])
    assert f"{taken.redirect_uri} is taken" in caught.value.message
    assert "register" in caught.value.hint
    second = f"http://127.0.0.1:{free_port()}/callback"
    callback, _ = listen(taken.redirect_uri, second)
    assert callback.redirect_uri == second
    with pytest.raises(CallbackError) as caught:
        LoopbackCallback([taken.redirect_uri, second])
    assert taken.redirect_uri in caught.value.message
    assert second in caught.value.message


def test_an_address_of_another_machine_is_no_traceback() -> None:
    """192.0.2.1 is nobody's (RFC 5737)."""
    with pytest.raises(CallbackError, match=r"192\.0\.2\.1:8765 cannot be listened on"):
        LoopbackCallback([PUBLIC], "192.0.2.1:8765")


def test_port_0_takes_any_free_port_and_the_redirect_uri_tells_it(listen: Listen) -> None:
    """RFC 8252 section 7.3: the server allows any port of a loopback redirect."""
    first, _ = listen()
    second, _ = listen()
    assert 0 < port_of(first) != port_of(second) > 0
    assert first.redirect_uri == f"http://127.0.0.1:{port_of(first)}/callback"
    assert follow(first.redirect_uri, "right").status == 200


def test_the_redirect_uri_is_used_exactly_as_written(listen: Listen) -> None:
    """It must equal the registered one to the letter, a query of its own included."""
    written = f"http://127.0.0.1:{free_port()}/a%20b/c;d?tenant=x"
    callback, attempt = listen(written)
    assert callback.redirect_uri == written
    assert follow(written, "tenant=x&right+%2B").status == 200
    assert attempt.delivered == ["tenant=x&right+%2B"]


@needs_ipv6
def test_localhost_listens_on_both_its_addresses(listen: Listen) -> None:
    """A browser takes whichever it finds first, and nobody else may sit on the other."""
    callback, attempt = listen("http://localhost:0/callback")
    assert callback.redirect_uri.startswith("http://localhost:")
    for address in ("127.0.0.1", "::1"):
        page = send(
            port_of(callback),
            request_bytes("/callback?wrong", Host=f"localhost:{port_of(callback)}"),
            address,
        )
        assert page.status == 400
    assert len(attempt.delivered) == 2


@needs_ipv6
def test_localhost_is_taken_when_one_of_its_addresses_is(listen: Listen) -> None:
    """Another program on [::1] would get the redirect."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        with pytest.raises(CallbackError, match="taken"):
            LoopbackCallback([f"http://localhost:{port}/callback"])
    listen(f"http://localhost:{port}/callback")


@needs_ipv6
def test_an_ipv6_literal_is_listened_on(listen: Listen) -> None:
    """Its Host header has brackets."""
    callback, _ = listen("http://[::1]:0/callback")
    assert re.fullmatch(r"http://\[::1\]:[1-9]\d*/callback", callback.redirect_uri)
    with pytest.raises(ConnectionRefusedError):
        connect(port_of(callback))
    assert follow(callback.redirect_uri, "right", host="evil.example.com").status == 400
    assert follow(callback.redirect_uri, "right").status == 200


# --- forwarded from a public address


@pytest.mark.parametrize(
    "path", [urlsplit(PUBLIC).path, "/proxy/8765/callback", "/8765/callback", "/callback"]
)
@pytest.mark.parametrize("host", ["hub.example.com", "hub.example.com:443", "127.0.0.1:{port}"])
def test_a_proxy_may_cut_the_path_and_keep_or_change_the_host(listen: Listen, path: str, host: str) -> None:
    """Jupyter's proxies forward /user/ann/proxy/8765/callback as /callback."""
    port = free_port()
    callback, _ = listen(PUBLIC, listen=f"127.0.0.1:{port}")
    assert callback.redirect_uri == PUBLIC
    assert send(port, request_bytes(f"{path}?right", Host=host.format(port=port))).status == 200


def test_a_forwarded_listener_is_as_strict_as_any(listen: Listen) -> None:
    """A part of the path's last word is no path, and a foreign host stays foreign."""
    port = free_port()
    _, attempt = listen(PUBLIC, listen=f"127.0.0.1:{port}")
    for path in ("/", "/back", "/ann", "/other/callback", "callback"):
        assert send(port, request_bytes(f"{path}?right", Host="hub.example.com")).status == 404
    for host in ("evil.example.com", "hub.example.com:444", "hub.example.com.evil.example.com"):
        assert send(port, request_bytes("/callback?right", Host=host)).status == 400
    assert attempt.delivered == []


def test_the_path_is_cut_by_proxies_only(listen: Listen) -> None:
    """Where nothing forwards, the whole path arrives."""
    callback, attempt = listen("http://127.0.0.1:0/app/callback")
    for path in ("/callback", "/app", "/app/"):
        assert follow(callback.redirect_uri.replace("/app/callback", path), "right").status == 404
    assert attempt.delivered == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of this machine")
def test_a_proxy_may_name_the_listener_by_the_address_that_is_bound(listen: Listen) -> None:
    """nginx sends the address of its proxy_pass as Host, unless it is told otherwise."""
    port = free_port()
    listen(PUBLIC, listen=f"127.0.0.2:{port}")
    request = request_bytes("/callback?right", Host=f"127.0.0.2:{port}")
    assert send(port, request, "127.0.0.2").status == 200


# --- the page


def test_success_is_shown_only_when_the_token_is_stored(login: tuple[str, Login]) -> None:
    """The page waits for the exchange and for the store."""
    uri, under_way = login
    storing, stored = threading.Event(), threading.Event()

    def save(_: object) -> None:
        storing.set()
        assert stored.wait(5)

    under_way.attempt._save = save
    with connect(urlsplit(uri).port or 0) as connection:
        connection.sendall(request_bytes(f"/callback?{under_way.query()}", Host=urlsplit(uri).netloc))
        assert storing.wait(5)
        connection.settimeout(0.15)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert not under_way.attempt.ended.is_set()
        stored.set()
        connection.settimeout(5)
        page = read_page(connection)
    assert page.status == 200
    assert "Logged in to prod." in page.body


def test_a_failed_exchange_shows_the_error_escaped(login: tuple[str, Login]) -> None:
    """What the server says may hold HTML."""
    uri, under_way = login
    under_way.endpoint.answer = Answer(
        400,
        "application/json",
        b'{"error": "invalid_grant", "error_description": "<script>alert(1)</script>&"}',
    )
    page = follow(uri, under_way.query())
    assert "The login failed" in page.body
    assert "Logged in" not in page.body
    assert "invalid_grant: &lt;script&gt;alert(1)&lt;/script&gt;&amp;" in page.body
    assert "<script" not in page.body


def test_a_redirect_with_an_error_shows_it_escaped(login: tuple[str, Login]) -> None:
    """The description stands in the address."""
    uri, under_way = login
    query = (
        f"error=access_denied&error_description=%3Cimg%20src%3Dx%3E&state={state_of(under_way.attempt.url)}"
    )
    page = follow(uri, query)
    assert "The login failed" in page.body
    assert "access_denied: &lt;img src=x&gt;" in page.body
    assert "<img" not in page.body


def test_a_failure_that_nobody_foresaw_has_a_page_too(login: tuple[str, Login]) -> None:
    """The person at the browser is told, not left with a broken connection."""
    uri, under_way = login
    under_way.endpoint.fault = RuntimeError(f"no {CODE}")
    page = follow(uri, under_way.query())
    assert "The login failed" in page.body
    assert "RuntimeError" in page.body
    assert CODE not in page.body


def test_the_heading_is_escaped_too(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the attempt says may hold anything, also where it is good news."""
    callback, attempt = listen()
    reply = Reply(ended=True, success=True, text="Logged in to <b>&")
    monkeypatch.setattr(attempt, "deliver", lambda _: reply)
    page = follow(callback.redirect_uri, "right")
    assert page.body.count("Logged in to &lt;b&gt;&amp;") == 2
    assert "<b>" not in page.body


@pytest.mark.parametrize("target", ["/callback?right", "/callback?wrong", "/nowhere"])
def test_every_page_has_the_headers_that_protect_it(listen: Listen, target: str) -> None:
    """Nothing is cached, sent on as a referrer, framed, or loaded from anywhere."""
    callback, _ = listen()
    page = send(port_of(callback), request_bytes(target, Host=f"127.0.0.1:{port_of(callback)}"))
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Connection"] == "close"
    assert "Location" not in page.headers
    assert int(page.headers["Content-Length"]) == len(page.body.encode())
    assert "Python" not in page.headers["Server"]
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    [style] = re.findall(r"<style>(.*?)</style>", page.body, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy["style-src"] == f"'sha256-{digest}'"
    assert "right" not in page.body
    for outside in ("<script", "style=", "src=", "href=", "http:", "https:"):
        assert outside not in page.body


def test_one_connection_serves_one_request(listen: Listen) -> None:
    """Connection: close is meant; a second request on the connection is not served."""
    callback, attempt = listen()
    request = request_bytes("/callback?wrong", Host=f"127.0.0.1:{port_of(callback)}", Connection="keep-alive")
    with connect(port_of(callback)) as connection:
        connection.sendall(request * 2)
        page = read_page(connection)
    assert page.body.count("<!doctype html>") == 1
    assert attempt.delivered == ["wrong"]


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


# --- the end


def test_the_time_limit_ends_the_wait(no_browser: Callable[[str], object]) -> None:
    """Idle connections, strays and forgeries do not prolong it."""
    uri = f"http://127.0.0.1:{free_port()}/callback"
    profile = make_profile(redirect_uri=uri, callback="loopback", login_timeout=0.4)

    def disturb(_: str) -> None:
        with connect(urlsplit(uri).port or 0) as idle:
            follow(uri, "code=x&state=wrong")
            assert idle.recv(1) == b""

    started = time.monotonic()
    with pytest.raises(LoginTimeout, match=r"within 0\.4 s"):
        log_in(profile, endpoints(), post=TokenEndpoint(), save=never_saved, browser=disturb)
    assert 0.4 <= time.monotonic() - started < 1.5
    with pytest.raises(ConnectionRefusedError):
        connect(urlsplit(uri).port or 0)


def test_closing_waits_for_the_page_of_the_redirect(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program goes on, and may exit, when the login has ended; the page must be out by then."""
    callback, attempt = listen()

    def deliver(_: str) -> Reply:
        attempt.ended.set()
        time.sleep(0.2)
        return Reply(ended=True, success=True, text="Logged in.")

    monkeypatch.setattr(attempt, "deliver", deliver)
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(follow, callback.redirect_uri, "right")
        assert attempt.ended.wait(5)
        callback.close()
        closed = time.monotonic()
        assert page.result(5).status == 200
    assert time.monotonic() - closed < 0.1


def test_closing_does_not_wait_for_a_login_that_was_broken_off(login: tuple[str, Login]) -> None:
    """After Ctrl-C nobody waits for the server's answer."""
    _, under_way = login
    under_way.endpoint.gate.clear()
    callback = LoopbackCallback([ANY_PORT])
    callback.start(under_way.attempt)
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(follow, callback.redirect_uri, under_way.query())
        assert under_way.endpoint.reached.wait(5)
        started = time.monotonic()
        callback.close()
        took = time.monotonic() - started
        under_way.endpoint.gate.set()
        page.result(5)
    assert took < 0.5


def test_the_port_is_free_again_after_the_login() -> None:
    """The next login, in this program or another, listens on the same registered port at once."""
    uri = f"http://127.0.0.1:{free_port()}/callback"
    for _ in range(3):
        callback, attempt = LoopbackCallback([uri]), FakeAttempt()
        callback.start(attempt)
        with connect(port_of(callback)) as idle:
            assert follow(uri, "right").status == 200
            callback.close()
            assert idle.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            connect(port_of(callback))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("started", [True, False])
def test_no_socket_and_no_thread_is_left(started: bool) -> None:  # noqa: FBT001 - a case of the test
    """Not of the listener, not of the connections; ResourceWarning is an error here."""
    gc.collect()
    sockets, threads = open_sockets(), set(threading.enumerate())
    callback = LoopbackCallback(["http://localhost:0/callback"])
    uri = callback.redirect_uri.replace("localhost", "127.0.0.1")
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(connect(port_of(callback)))
        if started:
            callback.start(FakeAttempt())
            for query in ("wrong", "right"):
                follow(uri, query)
        callback.close()
        callback.close()
    del callback
    deadline = time.monotonic() + 3
    while set(threading.enumerate()) - threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(threading.enumerate()) <= threads
    gc.collect()
    assert open_sockets() == sockets


def open_sockets() -> int:
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found += str(entry.readlink()).startswith("socket:")
        except OSError:  # the descriptor of this very listing
            continue
    return found


INTERRUPTED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
sys.path.insert(0, {tests!r})
from attempts import endpoints, log_in
from support import make_profile

def post(request):
    print("exchanging", flush=True)
    time.sleep(30)

profile = make_profile(redirect_uri="http://127.0.0.1:0/callback", callback="loopback")
try:
    log_in(profile, endpoints(), post=post, save=print, browser=lambda url: print(url, flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("when", ["waiting", "exchanging"])
def test_ctrl_c_ends_the_wait_at_once(when: str) -> None:
    """Within a second, without a word from the threads, also while the server is slow to answer."""
    from urllib.parse import parse_qs

    script = INTERRUPTED.format(tests=str(HELPERS))
    with (
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        ) as process,
        ExitStack() as held,
    ):
        held.callback(process.kill)
        assert process.stdout
        url = process.stdout.readline().strip()
        uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        for _ in range(5):
            held.enter_context(connect(urlsplit(uri).port or 0))
        if when == "exchanging":
            redirect = held.enter_context(connect(urlsplit(uri).port or 0))
            query = f"code=x&state={state_of(url)}"
            redirect.sendall(request_bytes(f"/callback?{query}", Host=urlsplit(uri).netloc))
            assert process.stdout.readline() == "exchanging\n"
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - started < 1
        assert process.wait(5) == 130
        assert time.monotonic() - started < 2
        assert process.stderr
        said = process.stderr.read()
    assert "Traceback" not in said
    assert "Exception" not in said
