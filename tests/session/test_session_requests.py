"""The session over real sockets: addresses, parameters, time limits, the environment, and all that requests can do.

``Source`` has a row of tokens: each refusal brings the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from session_source import FIRST, SECOND, Source, bearers, redirecting, refusing
from sockets import Authority, RawServer, says, silent, tunnel
from support import Seen, Sent, Web, make_profile

from aventus_creds.errors import ConfigError
from aventus_creds.session.session import ApiSession
from aventus_creds.sources.cached import CachedSource
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

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
    with RawServer(silent(2)) as slow:
        session = make_session(slow.url, timeout=0.1, retries=0)
        with pytest.raises(requests.Timeout):
            session.send(session.prepare_request(requests.Request("GET", "/")))


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


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_ca_bundles(
    variable: str,
    authority: Authority,
    make_session: Callable[..., ApiSession],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The environment is honoured; ca_bundle comes before it, and what the caller says before both."""
    good, bad = str(authority.bundle), str(Authority(tmp_path).bundle)
    with authority.web() as api:
        monkeypatch.setenv(variable, good)
        assert make_session(api).get("/").status_code == 200
        with pytest.raises(requests.exceptions.SSLError) as refused:
            make_session(api, ca_bundle=bad).get("/")
        assert "ca_bundle in the profile" in refused.value.__notes__[0]
        monkeypatch.setenv(variable, bad)
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


@pytest.mark.parametrize("through", ["send", "next"])
def test_no_password_of_a_proxy_for_this_machine(
    web: Web,
    foreign: Web,
    make_session: Callable[..., ApiSession],
    monkeypatch: pytest.MonkeyPatch,
    *,
    through: str,
) -> None:
    """A redirect from elsewhere to this machine leaves the proxy out, and its password with it."""
    monkeypatch.setenv("HTTP_PROXY", foreign.url.replace("//", "//user:password@"))
    # On the second hop requests itself writes the header, and copies it for the third.
    ways = {"http://other.example/start": "http://third.example/", "http://third.example/": f"{web.url}/end"}
    foreign.answer = lambda seen: Sent(302, headers={"Location": ways[seen.path]})
    session = make_session(web)
    if through == "send":
        session.get("http://other.example/start")
    else:
        response = session.get("http://third.example/", allow_redirects=False)
        session.send(response.next)  # type: ignore[arg-type]
    assert "Proxy-Authorization" in foreign.seen[0].headers
    assert [(seen.path, seen.headers.get("Proxy-Authorization")) for seen in web.seen] == [("/end", None)]
    assert len(foreign.seen) == (2 if through == "send" else 1)


def test_proxy_of_the_caller_after_a_redirect(
    web: Web, foreign: Web, make_session: Callable[..., ApiSession]
) -> None:
    """What the program itself sets on the session holds for every request of it."""
    go = Sent(302, headers={"Location": f"{web.url}/end"})
    foreign.answer = lambda seen: go if "start" in seen.path else Sent()
    session = make_session(web)
    session.proxies = {"http": foreign.url.replace("//", "//user:password@")}
    session.get("http://other.example/start")
    assert [seen.path for seen in foreign.seen] == ["http://other.example/start", f"{web.url}/end"]
    assert web.seen == []


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
