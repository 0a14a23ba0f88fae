"""A hostile page or program on this machine: one request at a time, of every kind, at the listener of a login.

``Victim`` is the login that a person is going through meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import parse_qsl

import pytest
from attempts import connect, read_page
from login_victim import MALLORY, OTHER, Victim, answer_to, closed, exchanges, get, head, stored

from aventus_creds.callbacks import page
from aventus_creds.callbacks.connections import LONGEST_HEAD
from aventus_creds.sandbox import Sandbox

# --- one request at a time, of every kind


RIGHT_BUT = "code=<b>mallory&state={state}"  # with the victim's own state, which no attacker has
FORGED: Final = {
    "nothing": "",
    "code alone": "code=<b>mallory",
    "wrong state": OTHER,
    "empty state": "code=<b>mallory&state=",
    "state of an earlier login": "code=<b>mallory&state={old}",
    "the earlier login's whole redirect": "{old_redirect}",
    "error alone": "error=<b>&error_description=<b>",  # its words are shown, as what anybody may have sent
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
    return faults + [word for word in ("mallory", "<b>", *secrets) if word in text]


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
