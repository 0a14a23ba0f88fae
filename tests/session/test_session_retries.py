"""The session over real sockets: which requests are sent again, when, and how often."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import requests
from session_source import bearers
from sockets import Authority, RawServer
from support import Sent, Web, free_port

from aventus_creds.session.session import ApiSession

# Retries


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_passing_faults(
    web: Web, make_session: Callable[..., ApiSession], slept: list[float], method: str, status: int
) -> None:
    """An idempotent request is repeated until it succeeds, with growing waits."""
    web.answer = lambda _: Sent(status if len(web.seen) < 4 else 200)
    assert make_session(web).request(method, "/").status_code == 200
    assert len(web.seen) == 4
    assert bearers(web) == ["Bearer token-1"] * 4
    first, second = slept
    assert 1 <= first <= 1.25
    assert 2 <= second <= 2.25


def test_faults_that_last(web: Web, make_session: Callable[..., ApiSession], slept: list[float]) -> None:
    """When the retries are used up, the caller has the server's last answer."""
    web.answer = lambda _: Sent(503, f"busy {len(web.seen)}".encode())
    response = make_session(web, retries=2).get("/")
    assert (response.status_code, response.text) == (503, "busy 3")
    assert len(slept) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 413, 500, 501])
def test_other_errors(web: Web, make_session: Callable[..., ApiSession], status: int) -> None:
    """Errors that a repetition does not mend are given back at once, Retry-After or not."""
    web.answer = lambda _: Sent(status, headers={"Retry-After": "1"})
    assert make_session(web).get("/").status_code == status
    assert len(web.seen) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_only_idempotent_methods(
    web: Web, make_session: Callable[..., ApiSession], slept: list[float], method: str
) -> None:
    """A POST or PATCH that the API may have received is never sent twice."""
    session = make_session(web)
    web.answer = lambda _: Sent(503, headers={"Retry-After": "1"})
    assert session.request(method, "/", data="x").status_code == 503
    web.answer = lambda _: Sent(drop=True)
    with pytest.raises(requests.ConnectionError):
        session.request(method, "/", data="x")
    assert len(web.seen) == 2
    assert slept == []


def test_no_retries(web: Web, make_session: Callable[..., ApiSession], slept: list[float]) -> None:
    """With retries = 0 nothing is repeated: answers and faults are given back as they are."""
    session = make_session(web, retries=0)
    web.answer = lambda _: Sent(503, b"busy", {"Retry-After": "1"})
    assert session.get("/").text == "busy"
    web.answer = lambda _: Sent(drop=True)
    with pytest.raises(requests.ConnectionError):
        session.get("/")
    assert len(web.seen) == 2
    assert slept == []


def test_dropped_connections(web: Web, make_session: Callable[..., ApiSession], slept: list[float]) -> None:
    """A connection that is closed without an answer is tried again, body and all, then given up."""
    session = make_session(web)
    web.answer = lambda _: Sent(drop=len(web.seen) < 3)
    assert session.put("/", data=b"whole").status_code == 200
    assert [seen.body for seen in web.seen] == [b"whole"] * 3
    web.answer = lambda _: Sent(drop=True)
    with pytest.raises(requests.ConnectionError):
        session.get("/")
    assert len(web.seen) == 3 + 4


def test_nobody_there(make_session: Callable[..., ApiSession], slept: list[float]) -> None:
    """A refused connection is tried again, for a POST too: the API has not received it."""
    session = make_session(f"http://127.0.0.1:{free_port()}")
    for method in ("GET", "POST"):
        with pytest.raises(requests.ConnectionError):
            session.request(method, "/")
    assert len(slept) == 4


def test_untrusted_certificates(
    authority: Authority, make_session: Callable[..., ApiSession], slept: list[float]
) -> None:
    """A certificate that is not trusted is not tried again: it will not be later."""
    with authority.web() as api, pytest.raises(requests.exceptions.SSLError):
        make_session(api.url).get("/")
    assert slept == []


@pytest.mark.parametrize(("method", "times"), [("POST", 1), ("PATCH", 1), ("PUT", 3)])
def test_tls_that_breaks(
    authority: Authority,
    make_session: Callable[..., ApiSession],
    slept: list[float],
    method: str,
    times: int,
) -> None:
    """TLS that fails after the request was sent is a broken connection: no POST is sent twice."""
    received = []

    def talk(connection: Any) -> None:
        with authority.context.wrap_socket(connection, server_side=True) as tls:
            received.append(tls.recv(65536))
            raw = socket.socket(fileno=tls.detach())
        with raw:
            raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))  # a record that no key made
            time.sleep(0.2)

    with RawServer(talk) as server:
        url = server.url.replace("http", "https")
        session = make_session(url, ca_bundle=str(authority.bundle), retries=2)
        with pytest.raises(requests.ConnectionError):
            session.request(method, "/", data=b"once")
    assert len(received) == times


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("fault", [Sent(503), Sent(drop=True)], ids=["503", "drop"])
def test_generator_bodies(
    web: Web, make_session: Callable[..., ApiSession], slept: list[float], method: str, fault: Sent
) -> None:
    """A body that is used up by sending it is sent once: never again, and never empty."""
    web.answer = lambda _: fault
    session = make_session(web)
    try:
        assert session.request(method, "/", data=iter([b"a", b"b"])).status_code == 503
    except requests.ConnectionError:
        assert fault.drop
    assert [seen.body for seen in web.seen] == [b"ab"]


@pytest.mark.parametrize("fault", [Sent(503), Sent(drop=True)], ids=["503", "drop"])
def test_file_bodies(
    web: Web, make_session: Callable[..., ApiSession], slept: list[float], tmp_path: Path, fault: Sent
) -> None:
    """A file is sent again from where the caller had put it."""
    path = tmp_path / "body"
    path.write_bytes(b"0123456789")
    web.answer = lambda _: fault if len(web.seen) < 3 else Sent()
    with path.open("rb") as file:
        file.seek(4)
        assert make_session(web).put("/", data=file).status_code == 200
    assert [seen.body for seen in web.seen] == [b"456789"] * 3


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        (" 7 ", 7, 7),
        ("120", 120, 120),
        (lambda: formatdate(time.time() + 60, usegmt=True), 57, 60),
    ],
    ids=["seconds", "spaces", "longest", "date"],
)
def test_retry_after(
    web: Web,
    make_session: Callable[..., ApiSession],
    slept: list[float],
    *,
    header: str | Callable[[], str],
    least: float,
    most: float,
) -> None:
    """The server's Retry-After, in seconds or as a date, is how long is waited, from the first retry on."""
    value = header if isinstance(header, str) else header()
    web.answer = lambda _: Sent(429 if len(web.seen) == 1 else 200, headers={"Retry-After": value})
    assert make_session(web).get("/").status_code == 200
    (wait,) = slept
    assert least <= wait <= most


@pytest.mark.parametrize(
    "header",
    ["31536000", "121", lambda: formatdate(time.time() + 31_536_000, usegmt=True), "9" * 100],
    ids=["year", "too long", "date", "for ever"],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_too_long(
    web: Web,
    make_session: Callable[..., ApiSession],
    slept: list[float],
    header: str | Callable[[], str],
    status: int,
) -> None:
    """A server that asks for a long wait gets no retry, and the caller its answer, at once and whole."""
    value = header if isinstance(header, str) else header()
    web.answer = lambda _: Sent(status, b"later", {"Retry-After": value})
    response = make_session(web).get("/")
    assert (response.status_code, response.text, response.headers["Retry-After"]) == (status, "later", value)
    assert len(web.seen) == 1
    assert slept == []


@pytest.mark.parametrize(
    "header",
    ["", "soon", "-5", "1.5", "0x10", "Wed, 21 Oct 99999 07:28:00 GMT", "0", "9" * 5000, "\xb2"],
    ids=["empty", "word", "minus", "half", "hex", "year 99999", "zero", "5000 digits", "superscript"],
)
def test_retry_after_malformed(
    web: Web, make_session: Callable[..., ApiSession], slept: list[float], header: str
) -> None:
    """A Retry-After that says nothing usable is as if it were not there."""
    web.answer = lambda _: Sent(503 if len(web.seen) < 3 else 200, headers={"Retry-After": header})
    assert make_session(web).get("/").status_code == 200
    assert [round(wait) for wait in slept] == [1]
