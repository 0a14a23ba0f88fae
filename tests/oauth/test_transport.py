"""The transport to an authorization server, over real sockets that answer well and badly."""

from __future__ import annotations

import gzip
import logging
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from sockets import BASIC_OF_NETRC, Authority, RawServer, drips, lead_here, says, silent, tunnel, write_netrc
from support import Seen, Sent, Web, free_port, make_profile, variables_shown

from aventus_creds.errors import AventusCredsError, InvalidAnswer, NetworkError
from aventus_creds.oauth.answer import Answer
from aventus_creds.oauth.request import ServerRequest
from aventus_creds.oauth.transport import LARGEST_ANSWER, Transport

SECRET = "s3cr3t-of-this-request"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def elsewhere() -> Iterator[Web]:
    with Web() as server:
        yield server


def post(url: str, **keys: Any) -> Answer:
    """Post a request with a secret in its body and in its header."""
    headers = {"Authorization": f"Basic {SECRET}", "Content-Type": "text/plain"}
    keys.setdefault("timeout", 5)
    return Transport(make_profile(**keys)).post(
        ServerRequest(url, headers, f"code={SECRET}".encode(), (SECRET,))
    )


def chain(error: BaseException) -> str:
    """Return the words of an error and of everything that is chained to it, shown or not."""
    words, link = [], [error]
    while link:
        words += [str(link[0]), repr(link[0]), getattr(link[0], "hint", "")]
        link = [found for found in (link[0].__cause__ or link[0].__context__,) if found]
    return "\n".join(words)


def test_request_and_answer(web: Web) -> None:
    """What the request says is sent as it is, and the answer's status, type and body come back."""
    web.answer = lambda _: Sent(body={"a": 1})
    answer = post(f"{web.url}/token")
    assert (answer.status, answer.content_type, answer.body) == (200, "application/json", b'{"a": 1}')
    (seen,) = web.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/token", f"code={SECRET}".encode())
    assert seen.headers["Authorization"] == f"Basic {SECRET}"
    assert seen.headers["Content-Type"] == "text/plain"


def test_get_asks_for_json(web: Web) -> None:
    """A document is fetched with GET, for JSON, and without any credentials."""
    Transport(make_profile()).get(f"{web.url}/doc")
    assert web.seen[0].method == "GET"
    assert web.seen[0].headers["Accept"] == "application/json"
    assert "Authorization" not in web.seen[0].headers


@pytest.mark.parametrize("status", [204, 300, 304, 400, 401, 403, 404, 429, 500, 503])
def test_errors_are_answers(web: Web, status: int) -> None:
    """An HTTP error is an answer like any other, and nothing is sent a second time."""
    web.answer = lambda _: Sent(status, b"" if status in {204, 304} else b"no")
    assert post(web.url).status == status
    assert len(web.seen) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_refused(web: Web, elsewhere: Web, status: int) -> None:
    """A secret goes to the address it was meant for and is not carried on to another, nor back to the same."""
    for target in (elsewhere.url, "/again"):
        web.answer = lambda _, to=target: Sent(status, headers={"Location": to})  # type: ignore[misc]
        with pytest.raises(InvalidAnswer, match="redirects to another address"):
            post(web.url)
    assert elsewhere.seen == []
    assert len(web.seen) == 2


@pytest.mark.parametrize("location", ["http://[::1", "http://127.0.0.1:99999/", "javascript:alert(1)", "//"])
def test_redirects_to_nowhere_are_refused(web: Web, location: str) -> None:
    """An address that cannot even be read makes no other error than any redirect."""
    web.answer = lambda _: Sent(302, headers={"Location": location})
    with pytest.raises(InvalidAnswer, match="redirects to another address"):
        post(web.url)


def test_body_of_a_redirect_is_not_read() -> None:
    """A redirect is refused by its headers: its body may have no end."""
    talk = says(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 999999\r\n\r\n", b"", every=2)
    with RawServer(talk) as server, pytest.raises(InvalidAnswer):
        post(server.url, timeout=1)


def test_largest_answer(web: Web) -> None:
    """An answer of the largest size is read, and one byte more is refused."""
    web.answer = lambda _: Sent(body=b"x" * LARGEST_ANSWER)
    assert len(post(web.url).body) == LARGEST_ANSWER
    web.answer = lambda _: Sent(body=b"x" * (LARGEST_ANSWER + 1))
    with pytest.raises(InvalidAnswer, match="more than 1048576 bytes"):
        post(web.url)


def test_answer_that_swells(web: Web) -> None:
    """The size counts after decompression."""
    web.answer = lambda _: Sent(body=gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"})
    with pytest.raises(InvalidAnswer, match="more than"):
        post(web.url)


def test_damaged_compression(web: Web) -> None:
    """A body that is not compressed as it says is the network's fault, in words."""
    web.answer = lambda _: Sent(body=b"no gzip", headers={"Content-Encoding": "gzip"})
    with pytest.raises(NetworkError, match="damaged"):
        post(web.url)


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    ],
    ids=["status", "header", "headers", "length", "chunks", "endless"],
)
def test_slow_drip(start: bytes, drop: bytes) -> None:
    """The time limit holds for the whole exchange, however often a byte arrives."""
    with RawServer(drips(start, drop)) as server:
        began = time.monotonic()
        with pytest.raises(NetworkError, match="did not answer in time"):
            post(server.url, timeout=0.3)
        assert 0.25 < time.monotonic() - began < 1.2


def test_silence() -> None:
    """A server that accepts and says nothing is given up in time."""
    with RawServer(silent(3)) as server, pytest.raises(NetworkError, match="in time"):
        post(server.url, timeout=0.2)


def test_slow_but_in_time(web: Web) -> None:
    """An answer within the limit is good."""

    def answer(_: Seen) -> Sent:
        time.sleep(0.2)
        return Sent(body=b"late")

    web.answer = answer
    assert post(web.url, timeout=5).body == b"late"


@pytest.mark.parametrize(
    ("talk", "words"),
    [
        (says(), "closed without an answer"),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), "before the end of the answer"),
        (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), "before the end|closed"),
        (says(b"no HTTP at all\r\n\r\n"), "closed without an answer"),
        (says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), "closed without an answer"),
    ],
    ids=["nothing", "half", "no chunks", "no HTTP", "too many headers"],
)
def test_broken_answers(talk: object, words: str) -> None:
    """A connection that breaks is a NetworkError with words of its own."""
    with RawServer(talk) as server, pytest.raises(NetworkError, match=words):  # type: ignore[arg-type]
        post(server.url)


def test_no_such_host() -> None:
    """A name that DNS does not know is told apart from a server that is down."""
    with pytest.raises(NetworkError, match=r"name of its host cannot be found \(DNS\)"):
        post("https://nobody.invalid/token")  # RFC 6761 section 6.4


def test_nobody_there() -> None:
    """A refused connection names the address and what to check."""
    url = f"http://127.0.0.1:{free_port()}/token"
    with pytest.raises(NetworkError, match="connection was refused") as caught:
        post(url)
    assert url in caught.value.message
    assert "proxy settings" in caught.value.hint


@pytest.mark.parametrize(
    "url", ["https://a..b/", f"https://{'a' * 70}.example/", "https://[::1", "", "token"]
)
def test_impossible_addresses(url: str) -> None:
    """An address that is none makes an error of this package, not of a library."""
    with pytest.raises(NetworkError, match="address is not valid"):
        post(url)


def test_tls(authority: Authority) -> None:
    """A certificate that ca_bundle trusts is good, and without it the words speak of the certificate."""
    with authority.web() as web:
        assert post(web.url, ca_bundle=str(authority.bundle)).status == 200
        with pytest.raises(NetworkError, match="certificate is not trusted"):
            post(web.url)


def test_tls_of_the_environment(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQUESTS_CA_BUNDLE is honoured, and the profile's ca_bundle comes before it."""
    other = Authority(tmp_path)
    with authority.web() as web:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
        assert post(web.url).status == 200
        with pytest.raises(NetworkError, match="certificate"):
            post(web.url, ca_bundle=str(other.bundle))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.bundle))
        assert post(web.url, ca_bundle=str(authority.bundle)).status == 200


def test_tls_for_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trusted certificate of another host is refused."""
    lead_here(monkeypatch)
    authority = Authority(tmp_path, names=["api.example"])
    with authority.web() as web:
        assert post(f"https://api.example:{web.port}", ca_bundle=str(authority.bundle)).status == 200
        with pytest.raises(NetworkError, match="certificate"):
            post(f"https://evil.example:{web.port}", ca_bundle=str(authority.bundle))
        assert len(web.seen) == 1


def test_tls_with_a_plain_server(web: Web) -> None:
    """A server that speaks no TLS is told so."""
    with pytest.raises(NetworkError, match="TLS failed"):
        post(f"https://127.0.0.1:{web.port}")


def test_ca_bundle_that_has_gone(authority: Authority, tmp_path: Path) -> None:
    """A certificate file removed after the profile was checked is named."""
    bundle = tmp_path / "gone.pem"
    bundle.touch()
    profile = make_profile(ca_bundle=str(bundle))
    bundle.unlink()
    with authority.web() as web, pytest.raises(NetworkError, match=r"gone\.pem"):
        Transport(profile).get(web.url)


def test_proxy(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is used, and sees nothing of what passes through it."""
    seen: list[bytes] = []
    with authority.web() as web, RawServer(tunnel(web.port, seen)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert post("https://api.example/token", ca_bundle=str(authority.bundle)).status == 200
    assert seen[0].startswith(b"CONNECT api.example:443 ")
    assert SECRET.encode() not in b"".join(seen)
    assert SECRET in web.seen[0].body.decode()


def test_proxy_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is not there is named as the culprit."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(NetworkError, match="the proxy failed"):
        post("https://api.example/token")


def test_no_proxy_for_this_machine(web: Web, elsewhere: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes to this machine in plain text does not travel through a proxy elsewhere."""
    monkeypatch.setenv("HTTP_PROXY", elsewhere.url)
    assert post(web.url).status == 200
    assert elsewhere.seen == []


@pytest.mark.parametrize("by_variable", [False, True])
def test_netrc_is_not_read(
    web: Web, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_variable: bool
) -> None:
    """Neither is the secret's header replaced by ~/.netrc, nor is one added where there is none."""
    write_netrc(monkeypatch, tmp_path, by_variable=by_variable)
    requests.get(web.url, timeout=5)
    assert web.seen.pop().headers["Authorization"] == BASIC_OF_NETRC  # the trap is set
    with authority.web() as tls:
        for server in (web, tls):
            post(server.url, ca_bundle=str(authority.bundle))
            Transport(make_profile(ca_bundle=str(authority.bundle))).get(server.url)
            assert server.seen[0].headers["Authorization"] == f"Basic {SECRET}"
            assert "Authorization" not in server.seen[1].headers


def test_no_secret_in_any_error(web: Web, authority: Authority) -> None:
    """Whatever goes wrong, neither the error nor anything chained to it repeats the request's secret."""
    found: list[AventusCredsError] = []

    def fail(url: str) -> None:
        with pytest.raises(AventusCredsError) as caught:
            post(url, timeout=0.3)
        found.append(caught.value)

    fail(f"http://127.0.0.1:{free_port()}")
    for talk in (says(), drips(b"", b"H", times=20)):
        with RawServer(talk) as server:
            fail(server.url)
    with authority.web() as tls:
        fail(tls.url)
    web.answer = lambda seen: Sent(302, headers={"Location": f"/?{seen.body.decode()}"})
    fail(web.url)
    web.answer = lambda seen: Sent(body=seen.body * 100_000)
    fail(web.url)
    assert len(found) == 6
    for error in found:
        assert SECRET not in chain(error)
        assert SECRET not in "".join(traceback.format_exception(error))
        if isinstance(error, NetworkError):
            assert SECRET not in variables_shown(error)


def test_the_wait_for_an_answer_is_never_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows takes no Ctrl-C while a thread waits for another."""
    waits: list[float | None] = []

    class Noted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return super().wait(timeout)

    noted = SimpleNamespace(Event=Noted, Thread=threading.Thread)
    monkeypatch.setattr("aventus_creds.oauth.transport.threading", noted)
    with RawServer(says()) as server, pytest.raises(NetworkError, match=r"in time|without an answer"):
        post(server.url, timeout=0.5)
    assert waits
    assert all(wait is not None and wait <= 0.2 for wait in waits)


def test_secret_in_a_status_line() -> None:
    """A server that repeats the secret where http.client quotes it is not quoted to the user."""
    talk = says(b"HTTP/1.1 " + SECRET.encode() + b"\r\n\r\n")
    with RawServer(talk) as server, pytest.raises(NetworkError) as caught:
        post(server.url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_no_secret_in_reprs_and_logs(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a repr nor the DEBUG log of requests and urllib3 holds the request's or the answer's body."""
    caplog.set_level(logging.DEBUG)
    web.answer = lambda seen: Sent(400, seen.body)
    answer = post(web.url)
    assert answer.body == f"code={SECRET}".encode()
    assert SECRET not in repr(answer)
    assert SECRET not in repr(ServerRequest(web.url, {"Authorization": SECRET}, SECRET.encode(), (SECRET,)))
    assert "urllib3" in {record.name.partition(".")[0] for record in caplog.records}
    assert SECRET not in caplog.text


def test_cookies_are_forgotten(web: Web) -> None:
    """One request knows nothing of another."""
    web.answer = lambda _: Sent(headers={"Set-Cookie": "a=b"})
    transport = Transport(make_profile())
    transport.get(web.url)
    transport.get(web.url)
    assert "Cookie" not in web.seen[1].headers
