"""A hostile or broken authorization server: what never ends or breaks on the wire, certificates and proxies.

``Pouring`` sends without end, as long as anybody takes it; ``Listening`` keeps what arrives at a connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import Any

import pytest
from hostile_server import (
    CLIENT_SECRET,
    GOOD,
    NEW_TOKEN,
    REFRESH_TOKEN,
    Profiles,
    assert_no_secret,
    open_door,
    refresh,
    refused,
    stored,
    token_answer,
)
from sockets import Authority, RawServer, drips, lead_here, says, silent, tunnel
from support import Sent

from aventus_creds import logout
from aventus_creds.errors import InvalidAnswer, NetworkError, TokenRefused

Talk = Callable[[socket], object]


# The wire


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TOO_LONG = b"x" * 65536


class Pouring:
    """A talk that sends ``start``, and then ``block`` for as long as anybody takes it. ``sent`` counts."""

    def __init__(self, start: bytes, block: bytes) -> None:
        self._start, self._block = start, block
        self.sent = 0

    def __call__(self, connection: socket) -> None:
        connection.settimeout(5)
        connection.recv(65536)
        connection.sendall(self._start)
        while self.sent < 200_000_000:
            connection.sendall(self._block)
            self.sent += len(self._block)


POURED = {
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "100 Continue with headers": (b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 1000),
    "a line": (b"", TOO_LONG),
    "a header": (b"HTTP/1.1 200 OK\r\nX: ", TOO_LONG),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000),
    "a body": (HEAD + b"\r\n", TOO_LONG),
    "a gigabyte": (HEAD + b"Content-Length: 1073741824\r\n\r\n", TOO_LONG),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "chunks of a byte": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 1000),
    "a line of a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;x=", TOO_LONG),
    "a chunk of less than nothing": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", TOO_LONG),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", b"X: y\r\n" * 1000),
}


@pytest.mark.parametrize("what", POURED)
def test_what_has_no_end(what: str, profiles: Profiles, caplog: pytest.LogCaptureFixture) -> None:
    """A few megabytes are taken, and the thread that took them does not stay behind."""
    pouring = Pouring(*POURED[what])
    others = set(threading.enumerate())  # of earlier tests
    with RawServer(pouring) as server:
        profiles(server.url)
        assert isinstance(refused(refresh, caplog), NetworkError | InvalidAnswer)
        deadline = time.monotonic() + 5
        while [one for one in set(threading.enumerate()) - others if one.name == "aventus-creds-transport"]:
            assert time.monotonic() < deadline, "a thread stays behind"
            time.sleep(0.02)
    assert pouring.sent < 30_000_000  # what the buffers of both sockets hold counts as sent


@pytest.mark.parametrize(
    ("start", "drop"), [(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (HEAD + b"\r\n", b"x")], ids=["1xx", "body"]
)
def test_nobody_stays_with_a_slow_server(
    start: bytes, drop: bytes, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread that reads leaves with the caller, however long the server has a byte every moment."""
    others = set(threading.enumerate())  # of earlier tests
    with RawServer(drips(start, drop, every=0.02, times=500)) as server:
        profiles(server.url, timeout=0.3)
        assert "in time" in refused(refresh, caplog, within=3).message
        deadline = time.monotonic() + 3
        while [one for one in set(threading.enumerate()) - others if one.name == "aventus-creds-transport"]:
            assert time.monotonic() < deadline, "a thread stays behind"
            time.sleep(0.02)


BROKEN = {
    "nothing": says(),
    "half a status line": says(b"HTTP/1."),
    "half the headers": says(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "headers and no body": says(HEAD + b"Content-Length: 100\r\n\r\n"),
    "half a chunk": says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n64\r\n{"),
    "no number": says(b"HTTP/1.1 abc OK\r\n\r\n"),
    "another protocol": says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "bytes": says(bytes(range(256)) * 20),
    "two lengths": says(HEAD + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\n{}"),
    "a length of less than nothing": says(HEAD + b"Content-Length: -1\r\n\r\n{}"),
    "a length beyond all": says(HEAD + b"Content-Length: " + b"9" * 4000 + b"\r\n\r\n{}"),
    "switching": says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
    "early hints": says(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "status 0": says(b"HTTP/1.1 000 \r\n\r\n"),
    "status 999": says(b"HTTP/1.1 999 \x1b[2J\r\n\r\n"),
    "strange headers": says(HEAD + b"\xff\xfe: \x1b[31m\r\n no: name\r\n: x\r\n\r\n{}"),
}


@pytest.mark.parametrize("door", ["refresh", "device", "discovery"])
@pytest.mark.parametrize("what", BROKEN)
def test_what_breaks(what: str, door: str, profiles: Profiles, caplog: pytest.LogCaptureFixture) -> None:
    """Dropped at each point, or not HTTP at all: an error of ours, wherever it comes."""
    with RawServer(BROKEN[what]) as server:
        error = refused(open_door(door, server.url, profiles), caplog)
    assert isinstance(error, NetworkError | InvalidAnswer | TokenRefused)


@pytest.mark.parametrize("what", [*BROKEN, "silence"])
def test_a_logout_ends_well_whatever_breaks(
    what: str, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """It is forgotten here, and why it was not revoked is told in words of one line."""
    with RawServer(BROKEN.get(what, silent(3))) as server:
        profiles(server.url, timeout=0.5)
        done = logout("prod")
    assert done.found
    assert done.revoked or done.why_not
    assert done.why_not.isprintable()
    assert_no_secret(done.why_not + caplog.text)
    assert stored() is None


def test_the_secret_in_a_header_that_is_none(profiles: Profiles, caplog: pytest.LogCaptureFixture) -> None:
    """What a library logs of a damaged header is nothing that was sent."""
    talk = says(HEAD + f"{CLIENT_SECRET} {REFRESH_TOKEN}\r\nX: y\r\n\r\n".encode() + b"{}")
    with RawServer(talk) as server:
        profiles(server.url)
        refused(refresh, caplog)


# TLS and proxies


@pytest.mark.parametrize("door", ["refresh", "client credentials", "discovery"])
@pytest.mark.parametrize(
    "fault", ["another name", "signed by itself", "expired", "not yet valid", "another authority"]
)
def test_certificates_that_prove_nothing(
    fault: str,
    door: str,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    profiles: Profiles,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The server does not get to see a request."""
    lead_here(monkeypatch)
    days = {"expired": (-9, -2), "not yet valid": (2, 9)}.get(fault, (-1, 1))
    names = ["other.example"] if fault == "another name" else ["as.example"]
    server = Authority(tmp_path, names, days=days, alone=fault == "signed by itself")
    bundle = authority.bundle if fault == "another authority" else server.bundle
    with server.web() as web:
        call = open_door(door, f"https://as.example:{web.port}", profiles, ca_bundle=str(bundle))
        error = refused(call, caplog)
        assert isinstance(error, NetworkError)
        assert "certificate" in error.message
        assert web.seen == []


def test_a_good_certificate_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profiles: Profiles
) -> None:
    """What the test above takes for granted."""
    lead_here(monkeypatch)
    server = Authority(tmp_path, ["as.example"])
    with server.web() as web:
        web.answer = lambda _: Sent(body=token_answer())
        profiles(f"https://as.example:{web.port}", ca_bundle=str(server.bundle))
        assert refresh().access_token == NEW_TOKEN


PROXIES: dict[str, Talk] = {
    "asks for a password": says(
        b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="\x1b[2J"\r\n\r\n'
    ),
    "redirects": says(b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n"),
    "answers itself": says(b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" + GOOD.encode(), every=0.1),
    "hangs up": says(),
    "is no proxy": says(b"220 smtp.example ESMTP\r\n"),
    "says nothing": says(b"", every=3),
    "never ends": Pouring(b"HTTP/1.1 200 OK\r\nX: ", TOO_LONG),
    "drips": drips(b"HTTP/1.1 200 OK\r\nX: ", b"x"),
}


@pytest.mark.parametrize("what", PROXIES)
def test_hostile_proxies(
    what: str, profiles: Profiles, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the environment names as a proxy gets the name of the server, and not one byte of the request."""
    seen: list[bytes] = []

    def talk(connection: socket) -> None:
        PROXIES[what](Listening(connection, seen))  # type: ignore[arg-type]

    with RawServer(talk) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        for door in ("refresh", "discovery"):
            error = refused(open_door(door, "https://as.example", profiles, timeout=0.5), caplog)
            assert isinstance(error, NetworkError)
    assert b"as.example" in b"".join(seen)
    assert_no_secret(b"".join(seen).decode("latin-1"))


class Listening:
    """A connection, of which ``seen`` keeps what arrives."""

    def __init__(self, connection: socket, seen: list[bytes]) -> None:
        self._connection, self._seen = connection, seen

    def recv(self, size: int) -> bytes:
        self._seen.append(self._connection.recv(size))
        return self._seen[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def test_a_proxy_in_the_middle(
    authority: Authority,
    tmp_path: Path,
    profiles: Profiles,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One that ends the TLS itself, with a certificate of its own for the right name, reads nothing."""
    seen: list[bytes] = []
    with (
        Authority(tmp_path, ["as.example"]).web() as middle,
        RawServer(tunnel(middle.port, seen)) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        profiles("https://as.example", ca_bundle=str(authority.bundle))
        assert "certificate" in refused(refresh, caplog).message
        assert middle.seen == []
    assert seen[0].startswith(b"CONNECT as.example:443 ")
