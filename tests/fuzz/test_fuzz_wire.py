"""Properties of what arrives from outside: addresses, headers, raw requests, what a person pastes."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
import requests
import urllib3
from attempts import FakeAttempt, connect, follow, make_login
from hypothesis import example, given
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from strategies import ODD_TEXT, TEXT, mutated, tries
from support import Sent, Web, make_profile, make_token
from urllib3.exceptions import LocationParseError, MaxRetryError
from urllib3.util import parse_url

from aventus_creds.basics.urls import origin, split_url
from aventus_creds.basics.waits import LONGEST_WAIT
from aventus_creds.callbacks.loopback import LoopbackCallback
from aventus_creds.callbacks.pasted import query_of
from aventus_creds.session.bearer import BearerAuth
from aventus_creds.session.retries import _Retry
from aventus_creds.session.session import ApiSession
from aventus_creds.tokens import Token

ORIGINS: Final = (
    "https://api.example",
    "https://more.example:8443",
    "http://127.0.0.1:8000",
    "https://[2001:db8::1]",
)


class Source:
    """Gives one token, and counts how often it was refused."""

    def __init__(self) -> None:
        self.refused = 0

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        self.refused += stale is not None
        return make_token(f"token-{self.refused}", refresh_token="r")


# Addresses

PIECES: Final = st.sampled_from(
    [
        *(
            "https://",
            "http://",
            "HTTPS://",
            "https:",
            "//",
            "/",
            "\\",
            "@",
            ":",
            ":443",
            ":8443",
            ":8000",
            ":0",
            "?",
            "#",
        ),
        *(
            "api.example",
            "more.example",
            "evil.example",
            "127.0.0.1",
            "[2001:db8::1]",
            "[::1]",
            "[",
            "]",
            "user",
            ".",
        ),
        *(
            "%2e",
            "%40",
            "%2f",
            "%5c",
            "%00",
            "\t",
            "\n",
            "\r",
            " ",
            "\0",
            "\x0b",
            "\u3002",
            "\uff0f",
            "\uff20",
            "é",
            "ⓐ",
        ),
        *(
            "API.EXAMPLE",
            "api.example.",
            "api.example\\@",
            "..",
            ";",
            "&",
            "x",
            "0x7f.1",
            "127.1",
            "2130706433",
        ),
    ]
)
ADDRESSES: Final = st.one_of(
    st.lists(PIECES, max_size=7).map("".join),
    st.builds("{}{}{}".format, st.sampled_from(ORIGINS), st.lists(PIECES, max_size=3).map("".join), TEXT),
    st.builds("https://{}@api.example{}".format, TEXT, st.sampled_from(["", "/", "/x", "?", "#"])),
    st.builds("https://{}/@api.example/".format, TEXT),
)


def by_urllib3(url: str) -> str:
    """Return the origin that urllib3 reads in ``url``, or what it has against it."""
    try:
        parts = parse_url(url)
    except LocationParseError as fault:
        return type(fault).__name__
    port = {"http": 80, "https": 443}.get(parts.scheme or "")
    return f"{parts.scheme}://{parts.host}" + ("" if parts.port in {None, port} else f":{parts.port}")


def by_requests(request: requests.PreparedRequest) -> str:
    """Return the origin that requests opens a connection to. No connection is opened."""
    where, _ = HTTPAdapter().build_connection_pool_key_attributes(request, verify=True)
    host = f"[{where['host']}]" if ":" in where["host"] else where["host"]
    port = where["port"]
    default = {"http": 80, "https": 443}.get(where["scheme"])
    return f"{where['scheme']}://{host}" + ("" if port in {None, default} else f":{port}")


@tries(400)
@given(ADDRESSES)
@example("https://evil.example\\@api.example/")
@example("https://evil.example\\\\@api.example/")
@example("https://evil.example%5c@api.example/")
@example("https://api.example\\@evil.example/")
@example("https://[2001:db8::1]evil.example/")
def test_the_token_goes_where_every_parser_reads_the_api(url: str) -> None:
    """An address counts as the API's only if urllib's, urllib3's and requests' readings of it are one origin of it."""
    auth = BearerAuth(Source(), ORIGINS)
    if auth.covers(url):
        assert origin(urlsplit(url)) in ORIGINS
        assert by_urllib3(url) in ORIGINS
    try:
        prepared = requests.Request("GET", url, auth=auth).prepare()
    except (requests.RequestException, ValueError, LocationParseError):
        return
    if "Authorization" in prepared.headers:
        assert prepared.url
        assert {origin(urlsplit(prepared.url)), by_urllib3(prepared.url), by_requests(prepared)} <= {*ORIGINS}
        assert len({origin(urlsplit(prepared.url)), by_urllib3(prepared.url), by_requests(prepared)}) == 1


@tries(150)
@given(ADDRESSES)
@example("\\\\evil.example/")
@example("//evil.example/")
def test_a_relative_address_never_leaves_the_api(url: str) -> None:
    """What has no scheme of its own is joined to the API's address as a path, however it looks."""
    session = ApiSession(make_profile(api_url="https://api.example/v1"), Source())
    try:
        prepared = session.prepare_request(requests.Request("GET", url))
    except (requests.RequestException, ValueError, LocationParseError):
        return
    if "://" not in url:
        assert by_urllib3(prepared.url or "") == by_requests(prepared) == "https://api.example"
    assert ("Authorization" in prepared.headers) == (by_urllib3(prepared.url or "") == "https://api.example")


@tries(200)
@given(ADDRESSES)
def test_a_redirect_keeps_the_token_at_the_api_only(url: str) -> None:
    """Wherever a Location points, the token goes along only to one of the API's origins."""
    session = ApiSession(make_profile(api_url="https://api.example/v1"), Source())
    first = session.prepare_request(requests.Request("GET", "/x"))
    answer = requests.Response()
    answer.status_code, answer.request, answer.url = 302, first, first.url or ""
    answer.raw = urllib3.HTTPResponse(body=b"", preload_content=False)
    answer.headers["Location"] = url.encode("utf-8", "replace").decode("latin-1")
    followed = session.resolve_redirects(answer, first, yield_requests=True)
    try:
        prepared = next(followed)
    except (StopIteration, ValueError, requests.RequestException, LocationParseError):
        return
    assert isinstance(prepared, requests.PreparedRequest)
    if "Authorization" in prepared.headers:
        assert by_requests(prepared) == "https://api.example" == by_urllib3(prepared.url or "")


@tries(200)
@given(ADDRESSES)
@example("https://" + "A" * 300)
def test_an_address_of_a_profile_is_read_alike_by_all(url: str) -> None:
    """What a profile may name as a server is the same server for whoever connects to it."""
    try:
        read = origin(split_url(url))
    except ValueError as what:
        assert str(what).isprintable()  # noqa: PT017 - good addresses raise nothing
        return
    assert by_urllib3(url).lower() == read  # urllib3 leaves a name of more than 255 letters as it is


# Headers

DATES: Final = st.sampled_from(
    [
        *("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 9999 08:49:37 GMT", "Sun, 06 Nov 99999 08:49:37 GMT"),
        *(
            "0",
            "-1",
            "1.5",
            "120",
            "121",
            "9" * 400,
            "9" * 5000,
            "1e9",
            "\xb2",
            "\u0661",
            "Sun,",
            "0 Jan 0",
            "1 Jan 1 1:1:1 +9999",
        ),
    ]
)


@tries(200)
@given(DATES | TEXT | mutated(b"Sun, 06 Nov 2044 08:49:37 GMT").map(lambda raw: raw.decode("latin-1")))
def test_any_retry_after_is_honoured_or_ignored(header: str) -> None:
    """No wait longer than the limit, and no exception of a parser."""
    answer = urllib3.HTTPResponse(headers={"Retry-After": header}, status=503)
    retry = _Retry(total=3, status_forcelist={503}, backoff_factor=0)
    waits = retry.get_retry_after(answer)
    assert waits is None or waits >= 0
    try:
        retry.increment("GET", "/", response=answer, _pool=urllib3.HTTPConnectionPool("api.example"))
    except MaxRetryError:
        assert waits is not None
        assert waits > LONGEST_WAIT
    else:
        assert not waits or waits <= LONGEST_WAIT


@tries(20)
@given(
    st.lists(
        st.sampled_from(
            ['Bearer error="invalid_token"', 'Bearer realm="x', "Basic", "Digest qop=auth", "Negotiate"]
        )
        | st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=40),
        max_size=3,
    ).map(", ".join)
)
def test_any_challenge_has_the_token_replaced_once(web: Web, challenge: str) -> None:
    """A 401 is answered with one new token and one more request, whatever its WWW-Authenticate says."""
    web.seen.clear()
    web.answer = lambda _: Sent(401, headers={"WWW-Authenticate": challenge})
    source = Source()
    with ApiSession(make_profile(api_url=web.url, retries=0, timeout=5), source) as session:
        assert session.get("/x").status_code == 401
    assert source.refused == 1
    assert [seen.headers.get("Authorization") for seen in web.seen] == ["Bearer token-0", "Bearer token-1"]


# The listener


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[LoopbackCallback, FakeAttempt]]:
    callback = LoopbackCallback(["http://127.0.0.1:0/callback"])
    attempt = FakeAttempt()
    callback.start(attempt)
    yield callback, attempt
    attempt.ended.set()
    callback.close()


REQUESTS: Final = st.one_of(
    mutated(
        b"GET /callback?code=c&state=s HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        (
            b"\r\n",
            b"\0",
            b"%00",
            b"//",
            b"[",
            b"Host: evil.example\r\n",
            b" HTTP/9.9",
            b"Content-Length: -1\r\n",
        ),
    ),
    st.builds(
        b"%s /callback?%s HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n%s\r\n".__mod__,
        st.tuples(
            st.sampled_from([b"GET", b"HEAD", b"POST", b"get", b"", b"OPTIONS", b"TRACE"]),
            TEXT.map(lambda text: quote(text, errors="replace").encode()) | st.binary(max_size=20),
            st.sampled_from(
                [b"", b"Expect: 100-continue\r\n", b"Content-Length: 9\r\n", b"X: " + b"y" * 70_000, b" \r\n"]
            ),
        ),
    ),
    st.binary(max_size=60),
)


@tries(60)
@given(REQUESTS)
def test_any_request_leaves_the_listener_waiting(listener: Any, capfd: Any, request_bytes: bytes) -> None:
    """Whatever a page or program of this machine sends, only a right redirect ends the wait, and nothing is logged."""
    callback, attempt = listener
    port = urlsplit(callback.redirect_uri).port
    sent = request_bytes.replace(b"PORT", str(port).encode()).replace(b"right", b"")
    with connect(port) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
        answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert not answer or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")), answer
    assert not attempt.ended.is_set()
    assert follow(callback.redirect_uri, "code=c").status == 400  # it still answers
    assert capfd.readouterr() == ("", "")


# What is pasted


@tries(200)
@given(
    TEXT,
    st.sampled_from(["{}", "\x1b[200~{}\x1b[201~", "  '{}'  \n", "<{}>", "{}#_=_", '"{}"', "\r\n{}\r\n"]),
    st.sampled_from(
        ["http://127.0.0.1:8765/callback?", "https://page.example/a?", "?", "", "localhost:8765/?"]
    ),
    st.lists(st.integers(0, 200), max_size=3),
)
def test_the_right_address_is_found_in_what_is_pasted(
    noise: str, around: str, start: str, breaks: list[int]
) -> None:
    """Quoted, bracketed, wrapped by a terminal or without its beginning; anything else leaves the login waiting."""
    login = make_login("http://127.0.0.1:8765/callback")
    assert not login.attempt.deliver(query_of(noise)).ended
    pasted = start + login.query(session_state=quote(noise, errors="replace"))
    for place in breaks:
        pasted = pasted[:place] + "\n" + pasted[place:]
    assert login.attempt.deliver(query_of(around.format(pasted))).success


@pytest.mark.parametrize(
    "text", ["?" * 5_000_000, "code=" * 1_000_000, "\x1b[200~" * 800_000, "&a=b" * 1_000_000]
)
def test_a_paste_without_end(text: str) -> None:
    """Megabytes are refused in no time."""
    login = make_login("http://127.0.0.1:8765/callback")
    began = time.process_time()
    assert not login.attempt.deliver(query_of(text)).ended
    assert time.process_time() - began < 5


@tries(100)
@given(ODD_TEXT | TEXT)
def test_what_is_pasted_is_not_told_again(text: str) -> None:
    """The reply is for a terminal and a page: it repeats nothing of an address that holds a code."""
    reply = make_login("http://127.0.0.1:8765/callback").attempt.deliver(
        query_of(f"state={text}PASTED&code=PASTED")
    )
    assert not reply.ended
    assert "PASTED" not in reply.text
    assert reply.text.isprintable()
