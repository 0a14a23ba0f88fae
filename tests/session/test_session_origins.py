"""The session over real sockets: who may see the token, also after a redirect, and what is shown of it.

``Source`` has a row of tokens: each refusal brings the next.
"""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from session_source import FIRST, SECOND, Source, bearers, redirecting, refusing
from sockets import BASIC_OF_NETRC, Authority, lead_here, write_netrc
from support import Sent, Web

from aventus_creds.session.bearer import BearerAuth
from aventus_creds.session.session import ApiSession

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


# What the log says of it


@pytest.mark.parametrize("way", ["link", "redirect"])
def test_the_log_says_who_gets_no_token(
    web: Web,
    foreign: Web,
    make_session: Callable[..., ApiSession],
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    """A link to another origin is one line, with the origin and the key that lets it have the token."""
    caplog.set_level(logging.INFO, "aventus_creds")
    session = make_session(web)
    web.answer = redirecting(f"{foreign.url}/secret-path")
    for _ in range(2):
        session.get(
            "/start" if way == "redirect" else f"{foreign.url.replace('//', '//me:pw@')}/secret-path?a"
        )
    (record,) = [record for record in caplog.records if record.name.startswith("aventus_creds")]
    assert record.levelname == "INFO"
    assert record.getMessage().startswith(f"{foreign.url} gets no token: ")
    assert "api_origins" in record.getMessage()
    assert web.url in record.getMessage()
    assert "secret-path" not in record.getMessage()


def test_the_log_says_why_plain_http_gets_none(caplog: pytest.LogCaptureFixture) -> None:
    """Behind a proxy, an API may think that it is reached without TLS, and link to itself so."""
    caplog.set_level(logging.INFO, "aventus_creds")
    BearerAuth(Source(FIRST), ["https://api.example"]).tell_without("http://me:pw@api.example:8000/next?a=b")
    assert caplog.messages == [
        (
            "http://api.example:8000 gets no token: only https://api.example gets it. If this is the API too, its links"
            " are wrong: an address in api_origins must begin with https:// (plain http is for this machine only:"
            " 127.0.0.1, [::1], localhost)."
        )
    ]


def test_the_log_says_nothing_of_the_api(
    web: Web, make_session: Callable[..., ApiSession], caplog: pytest.LogCaptureFixture
) -> None:
    """Nor of an impossible address, which requests tells of."""
    caplog.set_level(logging.INFO, "aventus_creds")
    session = make_session(web)
    session.get("/")
    with pytest.raises(requests.exceptions.InvalidURL):
        session.get("http://127.0.0.1:99999/")
    with pytest.raises(requests.exceptions.InvalidURL):
        session.get("http://[::1/")
    assert caplog.messages == []


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
