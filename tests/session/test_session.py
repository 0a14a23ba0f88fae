"""The session over real sockets: where the token goes, what is sent again, and what is left alone."""

from __future__ import annotations

import copy
import io
import json
import logging
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from sockets import BASIC_OF_NETRC, Authority, RawServer, lead_here, says, tunnel, write_netrc
from support import Seen, Sent, Web, free_port, make_profile, make_token, variables_shown

from aventus_creds.errors import ConfigError, LoginRequired, NetworkError
from aventus_creds.session.bearer import BearerAuth
from aventus_creds.session.session import ApiSession
from aventus_creds.sources.cached import CachedSource
from aventus_creds.sources.chain import token_source
from aventus_creds.sources.source import TokenSource
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

# Tokens are made when they are asked for: later than the request that was refused.
FIRST, SECOND, THIRD = (
    make_token(f"token-{number}", age=-1000, refresh_token="refresh-me") for number in (1, 2, 3)
)


class Source:
    """A source with a row of tokens: each refusal brings the next. ``stale`` keeps what was refused."""

    def __init__(self, *tokens: Token | Exception) -> None:
        self._tokens = list(tokens)
        self.stale: list[Token] = []

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        if stale is not None:
            self.stale.append(stale)
            self._tokens.pop(0)
        if isinstance(self._tokens[0], Exception):
            raise self._tokens[0]
        return self._tokens[0]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def foreign() -> Iterator[Web]:
    """Run a server that is not the API."""
    with Web() as server:
        yield server


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let no retry wait, and keep how long each would have waited."""
    waits: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=waits.append, time=time.time))
    return waits


@pytest.fixture
def make_session() -> Iterator[Callable[..., ApiSession]]:
    """Make sessions for an API, and close them in the end."""
    made = []

    def make(api: Web | str, source: TokenSource | None = None, **keys: Any) -> ApiSession:
        keys.setdefault("timeout", 5)
        profile = make_profile(api_url=api if isinstance(api, str) else api.url, **keys)
        made.append(ApiSession(profile, source or Source(FIRST)))
        return made[-1]

    yield make
    for session in made:
        session.close()


def bearers(web: Web) -> list[str | None]:
    """Return the Authorization header of each request that ``web`` received."""
    return [seen.headers.get("Authorization") for seen in web.seen]


def redirecting(to: str, status: int = 302) -> Callable[[Seen], Sent]:
    """Redirect /start to ``to``; all else is answered with 200."""
    return lambda seen: Sent(status, headers={"Location": to}) if seen.path == "/start" else Sent()


def refusing(*refused: str, then: Sent = Sent()) -> Callable[[Seen], Sent]:  # noqa: B008 - immutable
    """Answer 401 to these tokens and to none at all, else as ``then`` says."""
    bad = {f"Bearer {token}" for token in refused} | {None}
    return lambda seen: Sent(401, b"no") if seen.headers.get("Authorization") in bad else then


# Addresses


@pytest.mark.parametrize(
    ("base", "url", "path"),
    [
        ("", "/v1/me", "/v1/me"),
        ("", "v1/me", "/v1/me"),
        ("", "", "/"),
        ("/", "/v1/me", "/v1/me"),
        ("/base", "/v1/me", "/base/v1/me"),
        ("/base", "v1/me", "/base/v1/me"),
        ("/base/", "v1/me", "/base/v1/me"),
        ("/base/", "", "/base/"),
        ("/base", "?a=1", "/base?a=1"),
        ("/base", "/v1?a=http://x.example/", "/base/v1?a=http://x.example/"),
        ("", "//evil.example/x", "/evil.example/x"),
        ("", "///evil.example/x", "/evil.example/x"),
        ("", "@evil.example/x", "/@evil.example/x"),
        ("", ":80@evil.example/x", "/:80@evil.example/x"),
        ("", "\\\\evil.example/x", "/%5C%5Cevil.example/x"),
        ("", "http:/evil.example/x", "/http:/evil.example/x"),
        ("", "mailto:me", "/mailto:me"),
    ],
)
def test_relative_urls(
    web: Web, make_session: Callable[..., ApiSession], base: str, url: str, path: str
) -> None:
    """A relative URL is joined to the API's address, whatever it looks like, and never leads elsewhere."""
    assert make_session(web.url + base).get(url).status_code == 200
    assert [seen.path for seen in web.seen] == [path]
    assert bearers(web) == ["Bearer token-1"]


def test_absolute_urls(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """An absolute URL is taken as it is, in any case, as text or bytes; parameters are added to it."""
    session = make_session(f"{web.url}/base")
    session.get(f"{web.url}/a", params={"b": "c"})
    session.get(web.url.replace("http", "HTTP") + "/d")
    session.request("GET", f"{web.url}/e".encode())
    assert [seen.path for seen in web.seen] == ["/a?b=c", "/d", "/e"]
    assert bearers(web) == ["Bearer token-1"] * 3


def test_prepared_requests(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A Request is joined and authorised when the session prepares it, and stays as it was."""
    session, request = make_session(web), requests.Request("GET", "/v1/me")
    assert session.send(session.prepare_request(request)).status_code == 200
    assert request.url == "/v1/me"
    assert bearers(web) == ["Bearer token-1"]


def test_no_api_url(web: Web) -> None:
    """With origins only, absolute URLs work and a relative one says what is missing."""
    with ApiSession(make_profile(api_origins=[web.url]), Source(FIRST)) as session:
        session.get(f"{web.url}/a")
        with pytest.raises(ConfigError, match="no api_url to join it to"):
            session.get("/a")
    assert bearers(web) == ["Bearer token-1"]


def test_no_api_at_all() -> None:
    """A profile that names no API makes no session."""
    with pytest.raises(ConfigError, match="names no API"):
        ApiSession(make_profile(), Source(FIRST))


# Who may see the token


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        ("https://api.example", True),
        ("https://api.example/", True),
        ("https://api.example/v1?a#b", True),
        ("https://api.example?a", True),
        ("https://api.example:443/", True),
        ("https://API.Example/", True),
        ("HTTPS://api.example/", True),
        ("https://me@api.example/", True),
        ("https://more.example:8443/", True),
        ("http://api.example/", False),
        ("http://api.example:443/", False),
        ("https://api.example:8443/", False),
        ("https://more.example/", False),
        ("https://api.example@evil.example/", False),
        ("https://api.example:443@evil.example/", False),
        ("https://api.example:x@evil.example/", False),
        ("https://api.example.evil.example/", False),
        ("https://api.examplee/", False),
        ("https://evil.example/https://api.example/", False),
        ("https://evil.example?https://api.example/", False),
        ("https://evil.example#@api.example/", False),
        ("https://sub.api.example/", False),
        ("https://api.example./", False),
        ("https:/api.example/", False),
        ("//api.example/", False),
        ("ftp://api.example/", False),
        ("https://api.example:99999/", False),
        ("https://[api.example/", False),
        ("", False),
        (None, False),
    ],
)
def test_origins(url: str | None, covered: bool) -> None:  # noqa: FBT001 - a column of the table
    """The token is for the API's origins to the letter of scheme, host and port, and for nothing like them."""
    assert (
        BearerAuth(Source(FIRST), ["https://api.example", "https://more.example:8443"]).covers(url) is covered
    )


def test_other_origins_get_nothing(web: Web, foreign: Web, make_session: Callable[..., ApiSession]) -> None:
    """Another port or another name of the same machine is another origin; the source is not even asked."""
    session = make_session(web, Source(RuntimeError("asked")))
    session.get(foreign.url)
    session.get(f"http://localhost:{web.port}/")
    session.get(f"http://127.0.0.1:{web.port}@localhost:{foreign.port}/")
    assert bearers(foreign) == [None, None]
    assert bearers(web) == [None]


def test_backslash_before_another_host(
    web: Web, foreign: Web, make_session: Callable[..., ApiSession]
) -> None:
    """Where parsers disagree about the host, no token arrives at another one."""
    session = make_session(web, retries=0)
    for trick in (f"{web.url}\\@127.0.0.1:{foreign.port}/", f"{foreign.url}\\@127.0.0.1:{web.port}/"):
        try:
            session.get(trick)
        except requests.RequestException:
            continue
    assert set(bearers(foreign)) <= {None}


def test_further_origins(web: Web, foreign: Web, make_session: Callable[..., ApiSession]) -> None:
    """An origin under api_origins gets the token too."""
    make_session(web, api_origins=[foreign.url]).get(foreign.url)
    assert bearers(foreign) == ["Bearer token-1"]


def test_hosts_and_schemes(
    authority: Authority, web: Web, make_session: Callable[..., ApiSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TLS the API has the token; another host, and the same host in plain text, have not."""
    lead_here(monkeypatch)
    with authority.web() as api:
        session = make_session(f"https://api.example:{api.port}", ca_bundle=str(authority.bundle))
        session.get(f"https://API.EXAMPLE:{api.port}/")
        session.get(f"https://evil.example:{api.port}/")
        session.get(f"https://api.example:{api.port}@evil.example:{api.port}/")
        session.get(f"http://api.example:{web.port}/")
    assert bearers(api) == ["Bearer token-1", None, None]
    assert bearers(web) == [None]


def test_headers_of_the_caller(web: Web, foreign: Web, make_session: Callable[..., ApiSession]) -> None:
    """Headers of the session and of a request are kept; an Authorization of the caller's goes to others only."""
    session = make_session(web)
    session.headers["X-Session"] = "1"
    session.get("/", headers={"X-Request": "2", "Authorization": "Mine 1"})
    session.get(foreign.url, headers={"Authorization": "Mine 2"})
    assert (web.seen[0].headers["X-Session"], web.seen[0].headers["X-Request"]) == ("1", "2")
    assert bearers(web) == ["Bearer token-1"]
    assert "token-1" not in web.seen[0].path
    assert bearers(foreign) == ["Mine 2"]


def test_auth_of_the_caller(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A request's own auth replaces the token, and a 401 to it is the caller's."""
    source = Source(FIRST, SECOND)
    web.answer = lambda _: Sent(401)
    assert make_session(web, source).get("/", auth=("me", "pw")).status_code == 401
    assert bearers(web) == ["Basic bWU6cHc="]
    assert source.stale == []


@pytest.mark.parametrize("own", [None, ("me", "pw")])
def test_auth_replaced(
    web: Web,
    make_session: Callable[..., ApiSession],
    own: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session whose auth the caller has replaced still follows redirects, and still reads no netrc."""
    write_netrc(monkeypatch, tmp_path, by_variable=False)
    session = make_session(web)
    session.auth = own
    web.answer = redirecting("/end")
    assert session.get("/start").status_code == 200
    assert bearers(web) == ["Basic bWU6cHc=" if own else None] * 2


@pytest.mark.parametrize("by_variable", [False, True])
def test_netrc_is_not_read(
    web: Web,
    foreign: Web,
    make_session: Callable[..., ApiSession],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    by_variable: bool,
) -> None:
    """No request, no redirect and no repeat carries what ~/.netrc holds."""
    write_netrc(monkeypatch, tmp_path, by_variable=by_variable)
    requests.get(foreign.url, timeout=5)
    assert bearers(foreign) == [BASIC_OF_NETRC]  # the trap is set
    foreign.seen.clear()
    session = make_session(web, Source(FIRST, SECOND))
    web.answer = refusing(
        "token-1", then=Sent(302, headers={"Location": f"http://localhost:{foreign.port}/"})
    )
    assert session.get("/").status_code == 200
    session.get(foreign.url)
    assert bearers(web) == ["Bearer token-1", "Bearer token-2"]
    assert bearers(foreign) == [None, None]


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_another_origin(
    web: Web, foreign: Web, make_session: Callable[..., ApiSession], status: int
) -> None:
    """A redirect to another origin is followed without the token."""
    web.answer = redirecting(f"{foreign.url}/x", status)
    assert make_session(web).get("/start").status_code == 200
    assert bearers(foreign) == [None]


def test_redirect_to_another_name(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """Another name of the same machine and port is another origin."""
    web.answer = redirecting(f"//localhost:{web.port}/end")
    make_session(web).get("/start")
    assert bearers(web) == ["Bearer token-1", None]


@pytest.mark.parametrize("target", ["/end", "end", "{url}/end", "//127.0.0.1:{port}/end"])
def test_redirect_to_the_same_origin(web: Web, make_session: Callable[..., ApiSession], target: str) -> None:
    """A redirect within the API keeps the token."""
    web.answer = redirecting(target.format(url=web.url, port=web.port))
    response = make_session(web).get("/start")
    assert [seen.path for seen in web.seen] == ["/start", "/end"]
    assert bearers(web) == ["Bearer token-1"] * 2
    assert [past.status_code for past in response.history] == [302]


def test_redirect_to_a_further_origin(
    web: Web, foreign: Web, make_session: Callable[..., ApiSession]
) -> None:
    """A redirect to an origin that may have the token takes it along, where requests would drop it."""
    web.answer = redirecting(foreign.url)
    make_session(web, api_origins=[foreign.url]).get("/start")
    assert bearers(foreign) == ["Bearer token-1"]


def test_redirect_there_and_back(web: Web, foreign: Web, make_session: Callable[..., ApiSession]) -> None:
    """What another origin sends back to the API has no token, and its 401 renews nothing."""
    source = Source(FIRST, SECOND)
    web.answer = lambda seen: (
        Sent(302, headers={"Location": f"{foreign.url}/x"}) if seen.path == "/start" else Sent(401)
    )
    foreign.answer = lambda _: Sent(302, headers={"Location": f"{web.url}/end"})
    assert make_session(web, source).get("/start").status_code == 401
    assert bearers(web) == ["Bearer token-1", None]
    assert bearers(foreign) == [None]
    assert source.stale == []


def test_redirect_from_elsewhere(web: Web, foreign: Web, make_session: Callable[..., ApiSession]) -> None:
    """Another server cannot send the session to the API with its token; its own header stays within it."""
    foreign.answer = lambda seen: Sent(302, headers={"Location": "/b" if seen.path == "/a" else web.url})
    make_session(web).get(f"{foreign.url}/a", headers={"Authorization": "Mine"})
    assert bearers(foreign) == ["Mine", "Mine"]
    assert bearers(web) == [None]


def test_redirect_out_of_tls(
    authority: Authority, web: Web, make_session: Callable[..., ApiSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redirect to the same host in plain text drops the token."""
    lead_here(monkeypatch)
    with authority.web() as api:
        api.answer = redirecting(f"http://api.example:{web.port}/end")
        make_session(f"https://api.example:{api.port}", ca_bundle=str(authority.bundle)).get("/start")
    assert bearers(api) == ["Bearer token-1"]
    assert bearers(web) == [None]


def test_redirect_not_followed(web: Web, foreign: Web, make_session: Callable[..., ApiSession]) -> None:
    """The next request that requests prepares for a redirect not followed has no token for others."""
    web.answer = redirecting(foreign.url)
    response = make_session(web).get("/start", allow_redirects=False)
    assert response.status_code == 302
    assert response.next is not None
    assert "Authorization" not in response.next.headers


def test_redirect_to_an_impossible_port(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """An impossible address is requests' error, as its users expect."""
    web.answer = redirecting("http://127.0.0.1:99999/")
    with pytest.raises(requests.exceptions.InvalidURL):
        make_session(web).get("/start")


def test_refused_elsewhere(web: Web, foreign: Web, make_session: Callable[..., ApiSession]) -> None:
    """A 401 of another origin, asked directly or after a redirect, renews nothing."""
    source = Source(FIRST, SECOND)
    web.answer = redirecting(foreign.url)
    foreign.answer = lambda _: Sent(401)
    session = make_session(web, source)
    assert session.get("/start").status_code == 401
    assert session.get(foreign.url).status_code == 401
    assert source.stale == []
    assert len(foreign.seen) == 2


# Time limits


def test_time_limit(make_session: Callable[..., ApiSession]) -> None:
    """The profile's timeout ends a request to a slow server, unless the request names its own."""
    with RawServer(says(b"", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", every=0.3)) as slow:
        session = make_session(slow.url, timeout=0.1, retries=0)
        for method in ("GET", "POST"):
            with pytest.raises(requests.ReadTimeout):
                session.request(method, "/")
        assert session.get("/", timeout=5).status_code == 200
        quick = make_session(slow.url, timeout=5, retries=0)
        with pytest.raises(requests.Timeout):
            quick.get("/", timeout=0.1)


def test_time_limit_of_prepared_requests(make_session: Callable[..., ApiSession]) -> None:
    """What the caller prepares and sends is limited too."""
    with RawServer(lambda _: time.sleep(2)) as slow:
        session = make_session(slow.url, timeout=0.1, retries=0)
        with pytest.raises(requests.Timeout):
            session.send(session.prepare_request(requests.Request("GET", "/")))


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
            raw = tls.detach()
            os.write(raw, b"\x17\x03\x03\x00\x20" + bytes(32))  # a record that no key made
            time.sleep(0.2)
            os.close(raw)

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


# 401


def test_refused_token(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A refused token is shown to the source once, and the request sent once more with the new one."""
    source = Source(FIRST, SECOND)
    web.answer = refusing("token-1", then=Sent(body=b"yes"))
    response = make_session(web, source).get("/v1/me?a=b", headers={"X-Own": "1"})
    assert (response.status_code, response.text) == (200, "yes")
    assert source.stale == [FIRST]
    assert bearers(web) == ["Bearer token-1", "Bearer token-2"]
    assert {(seen.method, seen.path, seen.headers["X-Own"]) for seen in web.seen} == {
        ("GET", "/v1/me?a=b", "1")
    }
    assert [past.status_code for past in response.history] == [401]
    assert isinstance(response.history[0].content, bytes)
    assert response.request.headers["Authorization"] == "Bearer token-2"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "body",
    [
        lambda: b"0123456789",
        lambda: "0123456789",
        lambda: io.BytesIO(b"0123456789"),
        lambda: _at(io.BytesIO(b"before0123456789"), 6),
        lambda: _at(io.BytesIO(b"x" * 200_000 + b"0123456789"), 200_000),
    ],
    ids=["bytes", "text", "file", "offset", "far offset"],
)
def test_refused_with_a_body(
    web: Web, make_session: Callable[..., ApiSession], method: str, body: Callable[[], Any]
) -> None:
    """The body is repeated whole: the API has refused the request and done nothing, so a POST is repeated too."""
    web.answer = refusing("token-1")
    session = make_session(web, Source(FIRST, SECOND))
    assert session.request(method, "/", data=body()).status_code == 200
    assert [seen.body for seen in web.seen] == [b"0123456789"] * 2


def _at(file: io.BytesIO, position: int) -> io.BytesIO:
    file.seek(position)
    return file


def test_refused_with_form_json_and_files(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """Bodies that requests encodes are repeated as they were."""
    web.answer = refusing("token-1")
    for content in ({"data": {"a": "b"}}, {"json": {"a": "b"}}, {"files": {"f": b"content"}}):
        assert make_session(web, Source(FIRST, SECOND)).post("/", **content).status_code == 200
        first, second = web.seen
        assert first.body == second.body != b""
        assert first.headers["Content-Type"] == second.headers["Content-Type"]
        web.seen.clear()


def test_refused_with_a_generator(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A body that cannot be sent again is not: the caller has the 401, and nothing is renewed."""
    source = Source(FIRST, SECOND)
    web.answer = refusing("token-1")
    assert make_session(web, source).post("/", data=iter([b"a", b"b"])).status_code == 401
    assert [seen.body for seen in web.seen] == [b"ab"]
    assert source.stale == []


def test_refused_for_ever(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """An API that refuses every token costs one renewal, not one for each request."""
    source = Source(FIRST, SECOND, THIRD)
    web.answer = lambda _: Sent(401, b"never")
    session = make_session(web, source)
    assert [session.get("/").text for _ in range(4)] == ["never"] * 4
    assert source.stale == [FIRST]
    assert bearers(web) == ["Bearer token-1"] + ["Bearer token-2"] * 4


def test_refused_again_later(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A token that was good and is revoked later is renewed again."""
    source = Source(FIRST, SECOND, THIRD)
    session = make_session(web, source)
    web.answer = refusing("token-1")
    assert session.get("/").status_code == 200
    web.answer = refusing("token-1", "token-2")
    assert session.get("/").status_code == 200
    assert source.stale == [FIRST, SECOND]


def test_refused_like_the_one_that_was_found(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """Another process had renewed the token, and the server has revoked both: this one is renewed as well."""
    found = make_token("token-2", age=100, refresh_token="refresh-me")
    source = Source(FIRST, found, THIRD)
    session = make_session(web, source)
    web.answer = refusing("token-1", "token-2")
    response = session.get("/")
    assert (response.status_code, [old.status_code for old in response.history]) == (200, [401, 401])
    assert source.stale == [FIRST, found]
    # Once only, even where the clock was set back meanwhile, so that a new token looks old.
    web.answer = lambda _: Sent(401)
    older = make_token("token-3", age=200, refresh_token="refresh-me")
    session = make_session(web, source := Source(FIRST, found, older, THIRD))
    assert [session.get("/").status_code for _ in range(3)] == [401] * 3
    assert source.stale == [FIRST, found]
    assert bearers(web)[3:] == ["Bearer token-1", "Bearer token-2"] + ["Bearer token-3"] * 3


def test_refused_without_a_refresh_token(
    web: Web, make_session: Callable[..., ApiSession], caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing can be renewed the caller has the API's 401, and the log says what to do."""
    plain = make_token("token-1")
    source = Source(plain, LoginRequired("over", hint="Run: aventus-creds login prod"))
    web.answer = lambda _: Sent(401, b"no")
    response = make_session(web, source).get("/")
    assert (response.status_code, response.text, response.history) == (401, "no", [])
    (record,) = [record for record in caplog.records if record.name.startswith("aventus_creds")]
    assert record.levelname == "WARNING"
    assert "Run: aventus-creds login prod" in record.getMessage()
    assert "token-1" not in caplog.text


def test_refused_and_renewal_fails(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """What goes wrong in renewing is raised as what it is."""
    web.answer = lambda _: Sent(401)
    with pytest.raises(NetworkError):
        make_session(web, Source(FIRST, NetworkError("down"))).get("/")
    with pytest.raises(LoginRequired) as caught:
        make_session(web, Source(FIRST, LoginRequired("over"))).get("/")
    assert FIRST.access_token not in variables_shown(caught.value)


def test_refused_with_real_sources(web: Web, foreign: Web) -> None:
    """Through store, cache and token endpoint: renewed once; then the server ends the login, and that is said."""
    profile = make_profile(
        authorize_url=f"{foreign.url}/authorize",
        token_url=f"{foreign.url}/token",
        provider="oidc",
        api_url=web.url,
    )
    store = MemoryStore()
    store.save(profile.key, FIRST)
    foreign.answer = lambda _: Sent(
        body={"access_token": "token-2", "token_type": "bearer", "expires_in": 9000}
    )
    web.answer = refusing("token-1")
    source = token_source(
        profile, store, may_ask=lambda: False, log_in=lambda *_: pytest.fail("nobody is here")
    )
    with ApiSession(profile, source) as session:
        assert session.get("/").status_code == 200
        assert b"refresh_token=refresh-me" in foreign.seen[0].body
        stored = store.load(profile.key)
        assert stored is not None
        assert stored.access_token == "token-2"
        foreign.answer = lambda _: Sent(400, {"error": "invalid_grant"})
        web.answer = refusing("token-1", "token-2")
        with pytest.raises(LoginRequired, match="prod") as caught:
            session.get("/")
    assert caught.value.hint == "Run: aventus-creds login prod"
    assert len(foreign.seen) == 2


def test_refused_then_redirected(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A repeat that is redirected within the API comes to its end."""
    source = Source(FIRST, SECOND)
    go = Sent(302, headers={"Location": "/end"})
    web.answer = lambda seen: refusing("token-1", then=go if seen.path == "/start" else Sent())(seen)
    assert make_session(web, SourceThatKnows(source)).get("/start").status_code == 200
    assert source.stale == [FIRST]


class SourceThatKnows:
    """What a cache does: a token that was replaced already is not renewed again."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        newest = self._source.token()
        return newest if stale != newest else self._source.token(stale)


def test_refused_then_busy(web: Web, make_session: Callable[..., ApiSession], slept: list[float]) -> None:
    """The repeat is an idempotent request like any other: a passing fault does not end it."""
    web.answer = lambda seen: Sent(503) if len(web.seen) == 2 else refusing("token-1")(seen)
    assert make_session(web, Source(FIRST, SECOND)).get("/").status_code == 200
    assert bearers(web) == ["Bearer token-1", "Bearer token-2", "Bearer token-2"]


def test_cookies(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """The repeat carries the cookies of the 401, and the session keeps those of both answers."""
    session = make_session(web, Source(FIRST, SECOND))
    session.cookies.set("old", "1", domain="127.0.0.1")
    web.answer = lambda seen: Sent(
        401 if len(web.seen) == 1 else 200, headers={"Set-Cookie": f"answer{len(web.seen)}=x"}
    )
    session.get("/", cookies={"own": "2"})
    assert {*web.seen[1].headers["Cookie"].split("; ")} == {"old=1", "own=2", "answer1=x"}
    assert {*session.cookies.keys()} == {"old", "answer1", "answer2"}


def test_cookie_header_of_the_caller(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A Cookie header that the caller wrote is repeated as it was."""
    web.answer = refusing("token-1")
    make_session(web, Source(FIRST, SECOND)).get("/", headers={"Cookie": "mine=1"})
    assert [seen.headers["Cookie"] for seen in web.seen] == ["mine=1"] * 2


# Parameters


@pytest.mark.parametrize(
    ("own", "named"),
    [
        *(
            ({}, named)
            for named in (None, {}, {"b": "2"}, [("b", "2"), ("b", "3")], "x=1", b"x=1", {"b": None})
        ),
        *(({"a": "1"}, named) for named in (None, {}, {"b": "2"}, {"a": None}, {"a": ["2", "3"]})),
    ],
)
def test_parameters_are_those_that_requests_sends(
    web: Web, make_session: Callable[..., ApiSession], own: dict[str, str], named: Any
) -> None:
    """The session's parameters and the request's are merged as requests merges them; the Request stays as it is."""
    request = requests.Request("GET", f"{web.url}/a?z=9", params=named)
    sessions = make_session(web), requests.Session()
    for session in sessions:
        session.params = dict(own)
    urls = [session.prepare_request(request).url for session in sessions]
    assert urls[0] == urls[1]
    assert request.params == (named or {})


# The environment, and what requests can do


def test_ca_bundles(
    authority: Authority,
    make_session: Callable[..., ApiSession],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """REQUESTS_CA_BUNDLE is honoured; ca_bundle comes before it, and what the caller says before both."""
    good, bad = str(authority.bundle), str(Authority(tmp_path).bundle)
    with authority.web() as api:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", good)
        assert make_session(api).get("/").status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            make_session(api, ca_bundle=bad).get("/")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bad)
        with pytest.raises(requests.exceptions.SSLError):
            make_session(api).get("/")
        assert make_session(api, ca_bundle=good).get("/").status_code == 200
        assert make_session(api, ca_bundle=bad).get("/", verify=good).status_code == 200
        session = make_session(api, ca_bundle=bad)
        session.verify = good
        assert session.get("/").status_code == 200


def test_ca_bundle_of_prepared_requests_and_repeats(
    authority: Authority, make_session: Callable[..., ApiSession]
) -> None:
    """The profile's ca_bundle serves what the caller prepares, and the repeat and the redirect after it."""
    with authority.web() as api:
        session = make_session(api, Source(FIRST, SECOND), ca_bundle=str(authority.bundle))
        api.answer = refusing("token-1", then=Sent())
        prepared = session.prepare_request(requests.Request("GET", "/"))
        assert session.send(prepared).status_code == 200
        assert len(api.seen) == 2


def test_proxy(
    authority: Authority, make_session: Callable[..., ApiSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment is used for the first request and the repeat, and sees no token."""
    seen: list[bytes] = []
    with authority.web() as api, RawServer(tunnel(api.port, seen)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        api.answer = refusing("token-1")
        session = make_session("https://api.example", Source(FIRST, SECOND), ca_bundle=str(authority.bundle))
        assert session.get("/").status_code == 200
    assert seen[0].startswith(b"CONNECT api.example:443 ")
    assert b"token-" not in b"".join(seen)
    assert bearers(api) == ["Bearer token-1", "Bearer token-2"]


def test_proxy_for_others(
    web: Web, foreign: Web, make_session: Callable[..., ApiSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain requests to other machines pass through the proxy, without the token, also after a redirect."""
    monkeypatch.setenv("HTTP_PROXY", foreign.url)
    session = make_session(web)
    session.get("http://other.example/a")
    web.answer = redirecting("http://other.example/b")
    session.get("/start")
    assert [seen.path for seen in foreign.seen] == ["http://other.example/a", "http://other.example/b"]
    assert bearers(foreign) == [None, None]


def test_no_proxy_for_this_machine(
    web: Web, foreign: Web, make_session: Callable[..., ApiSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An API on this machine is not asked through a proxy, which would have the token in plain text."""
    monkeypatch.setenv("HTTP_PROXY", foreign.url)
    web.answer = lambda seen: (
        redirecting("/end")(seen) if seen.path == "/start" else refusing("token-1")(seen)
    )
    assert make_session(web, Source(FIRST, SECOND)).get("/start").status_code == 200
    assert foreign.seen == []


def test_proxy_of_the_caller(web: Web, foreign: Web, make_session: Callable[..., ApiSession]) -> None:
    """A proxy that the program itself sets on the session is its own decision."""
    session = make_session(web)
    session.proxies = {"http": foreign.url}
    session.get("/")
    assert [seen.path for seen in foreign.seen] == [f"{web.url}/"]


def test_hooks(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """Hooks of the session and of a request see the answer that the caller gets."""
    seen: list[tuple[str, int]] = []

    def hook(name: str) -> Callable[..., None]:
        return lambda response, **_: seen.append((name, response.status_code))

    web.answer = refusing("token-1")
    session = make_session(web, Source(FIRST, SECOND))
    session.get("/", hooks={"response": hook("request")})
    session.hooks["response"].append(hook("session"))
    session.get("/")
    assert seen == [("request", 200), ("session", 200)]


def test_streaming(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A streamed answer is not read before the caller reads it, also after a repeat."""
    content = bytes(range(256)) * 4000
    web.answer = refusing("token-1", then=Sent(body=content))
    with make_session(web, Source(FIRST, SECOND)).get("/", stream=True) as response:
        assert response._content_consumed is False
        assert b"".join(response.iter_content(10_000)) == content


def test_uploads_are_streamed(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A generator is sent in chunks, with the token."""
    make_session(web).post("/", data=(b"x" * 10 for _ in range(3)))
    assert web.seen[0].body == b"x" * 30
    assert web.seen[0].headers["Transfer-Encoding"] == "chunked"
    assert bearers(web) == ["Bearer token-1"]


def test_sixteen_threads(web: Web) -> None:
    """Sixteen threads whose token is refused together renew it once, and all succeed."""
    together, renewals = threading.Barrier(16, timeout=10), []

    class Renewing:
        def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
            renewals.append(stale)
            time.sleep(0.05)
            return SECOND

    def answer(seen: Seen) -> Sent:
        if seen.headers["Authorization"] == "Bearer token-1":
            together.wait()
            return Sent(401)
        return Sent(body={"path": seen.path})

    web.answer = answer
    web._server.socket.listen(32)  # the default queue of 5 would delay some by a second
    store = MemoryStore()
    store.save("key", FIRST)
    with (
        ApiSession(
            make_profile(api_url=web.url, timeout=20), CachedSource("key", store, Renewing())
        ) as session,
        ThreadPoolExecutor(16) as threads,
    ):
        responses = list(threads.map(session.get, [f"/{number}" for number in range(16)]))
    assert [response.status_code for response in responses] == [200] * 16
    assert [response.json()["path"] for response in responses] == [f"/{number}" for number in range(16)]
    assert renewals == [FIRST]


# Secrets


def test_repr(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """No repr of what the session is made of shows a token."""
    session = make_session(web)
    response = session.get("/")
    assert repr(session) == f"<ApiSession prod {web.url}>"
    for shown in (
        session,
        session.auth,
        response,
        response.request,
        response.request.hooks,
        session.adapters,
    ):
        assert "token-1" not in repr(shown)


def test_no_copies(web: Web, make_session: Callable[..., ApiSession]) -> None:
    """A session is neither pickled nor copied, and says what to do instead."""
    session = make_session(web)
    session.get("/")
    for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="call get_session in the other process"):
            duplicate(session)


def test_log(
    web: Web,
    foreign: Web,
    make_session: Callable[..., ApiSession],
    slept: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The DEBUG log of repeats, retries and redirects holds no token."""
    caplog.set_level(logging.DEBUG)
    answers = [Sent(503), Sent(drop=True), Sent(401), Sent(302, headers={"Location": foreign.url})]
    web.answer = lambda _: answers[len(web.seen) - 1]
    assert make_session(web, Source(FIRST, SECOND)).get("/").status_code == 200
    assert "Starting new HTTP connection" in caplog.text
    assert "Retry" in caplog.text
    assert "token-" not in caplog.text
    assert "refresh-me" not in caplog.text
    assert "token-" not in json.dumps([str(record.args) for record in caplog.records])
