"""A hostile API, and addresses made to mislead: nobody but the API ever sees the bearer, and a request ends.

Every other address in the world leads to one server of the tests, which takes part in TLS with everybody and
keeps what it hears: what it has not heard was not sent.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from clients import open_session
from misleading import BEARER, PLAIN, REFRESH_TOKEN, RENEWED, TLS, World, hostile, one_world
from sockets import BASIC_OF_NETRC, Authority
from support import Seen, Sent, Web, make_token

from aventus_creds import get_session
from aventus_creds.errors import ConfigError, LoginRequired, TokenRefused
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.opening import default_store

# The world below proves nothing by its certificates, for then it would hear nothing.
pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


by_name_and_by_number = pytest.mark.parametrize("world", [TLS, PLAIN], indirect=True)


@pytest.fixture(name="world")
def _world(
    request: pytest.FixtureRequest, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[World]:
    with one_world(getattr(request, "param", PLAIN), authority, monkeypatch, tmp_path, open_session) as world:
        yield world


def attempt(world: World, method: str, url: str, **more: Any) -> None:
    """Send a request. Where an address is none, requests or we say so."""
    with suppress(requests.RequestException, ConfigError, ValueError):
        world.session.request(method, url, **more)


@by_name_and_by_number
def test_the_world_is_heard(world: World) -> None:
    """What the tests below take for granted: without our care, a netrc and a header do get there."""
    requests.get("https://evil.example/", timeout=5, verify=False)
    requests.get("http://evil.example/", timeout=5, headers={"X": "the-bearer"})
    assert len(world.secrets_heard()) == 2
    assert BASIC_OF_NETRC.encode() in world.heard[0]
    world.session.get("/")
    world.session.get(f"{world.origin}/")
    assert world.bearers() == [f"Bearer {BEARER}"] * 2


@by_name_and_by_number
def test_addresses_made_to_mislead(world: World) -> None:
    """Asked for directly: either it is the API that is asked, or the bearer stays here."""
    for url in hostile(world):
        attempt(world, "GET", url)
        assert world.secrets_heard() == [], url
    assert len(world.heard) > 20
    assert set(world.bearers()) == {f"Bearer {BEARER}"}


@by_name_and_by_number
def test_redirects_made_to_mislead(world: World) -> None:
    """Redirected there by the API, with a body; by then it is the API's to see, or nobody's."""
    for url in hostile(world):
        if "\n" in url:
            continue  # no header holds it
        location = url.encode().decode("latin-1")
        world.api.answer = lambda seen, to=location: (  # type: ignore[misc]
            Sent(307, headers={"Location": to}) if seen.path == "/start" else Sent()
        )
        attempt(world, "POST", "/start", data=b"body")
        assert world.secrets_heard() == [], url
    assert len(world.heard) > 20


@by_name_and_by_number
def test_redirects_from_elsewhere(world: World) -> None:
    """Whoever is not the API leads no bearer anywhere, neither to itself nor to the API."""
    for url in hostile(world):
        if "\n" in url:
            continue
        location = url.encode()
        world.answer = lambda heard, to=location: (  # type: ignore[misc]
            b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n"
            % (b"302 Found\r\nLocation: " + to if b" /start " in heard else b"200 OK")
        )
        attempt(world, "GET", "https://evil.example/start")
        assert world.secrets_heard() == [], url
    assert set(world.bearers()) <= {None}


@by_name_and_by_number
def test_the_apis_own_address_in_another_dress(world: World) -> None:
    """A name in capitals, the port written out, a user name: it is the API, which sees it."""
    scheme, _, place = world.origin.partition("://")
    for url in (
        f"{scheme.upper()}://{place.upper()}/x",
        f"{scheme}://{place}{'' if ':' in place else ':443'}/x",
        f"{scheme}://me:pw@{place}/x",
        f"{scheme}://{place}?x",
    ):
        world.api.seen.clear()
        world.session.get(url)
        assert world.bearers() == [f"Bearer {BEARER}"], url
    assert world.heard == []


# Back and forth


@by_name_and_by_number
def test_back_and_forth_for_ever(world: World) -> None:
    """Ours, theirs, ours …: the bearer is in the first request alone, and requests' own bound ends it."""
    world.api.answer = lambda _: Sent(307, headers={"Location": "https://evil.example/"})
    back = f"HTTP/1.1 308 Back\r\nLocation: {world.origin}/\r\nContent-Length: 0\r\n\r\n".encode()
    world.answer = lambda _: back
    with pytest.raises(requests.TooManyRedirects):
        world.session.post("/", data=b"body")
    assert world.bearers()[0] == f"Bearer {BEARER}"
    assert set(world.bearers()[1:]) == {None}
    assert world.secrets_heard() == []
    assert len(world.api.seen) + len(world.heard) < 100


def test_redirects_for_ever(world: World) -> None:
    """Within the API, the bearer goes along, and the end comes as soon."""
    world.api.answer = lambda seen: Sent(302, headers={"Location": f"{seen.path}x"})
    with pytest.raises(requests.TooManyRedirects):
        world.session.get("/")
    assert len(world.api.seen) <= 31
    assert set(world.bearers()) == {f"Bearer {BEARER}"}


def test_headers_that_lead_nowhere(world: World) -> None:
    """Only a redirect is one, whatever else an answer names."""
    world.api.answer = lambda _: Sent(
        201,
        headers={
            "Location": "https://evil.example/",
            "Content-Location": "https://evil.example/",
            "Refresh": "0; url=https://evil.example/",
            "Link": "<https://evil.example/>; rel=preconnect",
            "Alt-Svc": 'h2="evil.example:443"',
            "Authorization": "Bearer evil",
            "Proxy-Authenticate": "Basic",
        },
    )
    assert world.session.get("/").status_code == 201
    world.session.get("/")
    assert world.heard == []
    assert world.bearers() == [f"Bearer {BEARER}"] * 2


@by_name_and_by_number
def test_cookies_stay_where_they_are_from(world: World) -> None:
    """The API's own are not told elsewhere, and elsewhere sets none for the API; not even across a 401."""
    host = world.origin.partition("://")[2].partition(":")[0]
    world.api.answer = lambda seen: Sent(
        401 if seen.headers["Authorization"] == f"Bearer {BEARER}" else 302,
        headers={"Set-Cookie": "ours=1; Path=/", "Location": "http://evil.example/"},
    )
    evil = "".join(
        f"Set-Cookie: theirs{number}=1; Path=/{domain}\r\n"
        for number, domain in enumerate(
            ("", f"; Domain={host}", "; Domain=example", "; Domain=.", f"; Domain=.{host}")
        )
    )
    world.answer = lambda _: f"HTTP/1.1 200 OK\r\n{evil}Content-Length: 0\r\n\r\n".encode()
    world.session.get("/")
    world.session.get("http://evil.example/")
    assert len(world.heard) == 2
    assert b"ours" not in b"".join(world.heard)
    world.session.get("/")
    assert "theirs" not in "".join(seen.headers.get("Cookie", "") for seen in world.api.seen)


# 401


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Basic realm=x",
        'Digest realm="x", nonce="y", qop="auth"',
        "Negotiate",
        "NTLM",
        'Bearer error="insufficient_scope"',
        'Bearer error="invalid_token", error_description="\x1b[2J"',
        'DPoP algs="ES256"',
        ', ,=,"',
        "x" * 60_000,
        "\xff",
    ],
    ids=lambda challenge: ascii(challenge)[:20],
)
def test_challenges_of_odd_kinds(world: World, challenge: str) -> None:
    """Whatever a 401 asks for, it gets one new bearer at most, and nothing that a netrc holds."""
    world.api.answer = lambda _: Sent(401, headers={"WWW-Authenticate": challenge})
    assert world.session.get("/").status_code == 401
    helps = "insufficient_scope" not in challenge
    assert world.bearers() == [f"Bearer {BEARER}", *[f"Bearer {RENEWED}"] * helps]
    assert world.heard == []


def test_refused_every_other_time(world: World) -> None:
    """No request is sent more than twice, and no more tokens are asked for than there are requests."""
    world.api.answer = lambda _: Sent(401 if len(world.api.seen) % 2 else 200)
    assert [world.session.get("/").status_code for _ in range(5)] == [200] * 5
    assert len(world.api.seen) == 10
    source: Any = world.session.auth
    assert source.source.renewed == 5


def test_refused_and_sent_elsewhere(world: World) -> None:
    """A 401 with an address in it, and a repeat that is redirected there: the new bearer stays too."""
    world.api.answer = lambda seen: Sent(
        401 if seen.headers["Authorization"] == f"Bearer {BEARER}" else 308,
        headers={"Location": "https://evil.example/"},
    )
    assert world.session.put("/", data=b"body").status_code == 200
    assert world.bearers() == [f"Bearer {BEARER}", f"Bearer {RENEWED}"]
    assert len(world.heard) == 1
    assert world.secrets_heard() == []


def test_refused_by_everybody_at_once(world: World) -> None:
    """Eight threads, a body that can be sent once only among them, against a 401 for ever: each ends."""
    world.api.answer = lambda _: Sent(401)
    with ThreadPoolExecutor(8) as threads:
        asked = [
            threads.submit(world.session.post, "/", data=iter([b"once"]) if number % 2 else b"again")
            for number in range(8)
        ]
        assert [one.result(20).status_code for one in asked] == [401] * 8
    assert 8 <= len(world.api.seen) <= 12


# What is said back


def echo(seen: Seen, status: int) -> Sent:
    """Say the token back wherever an answer has room for it."""
    said = seen.headers.get("Authorization", "") + seen.body.decode()
    body = {"error": "invalid_token", "error_description": said, "access_token": said}
    return Sent(
        status, body, {"X-Echo": said.partition("\n")[0], "WWW-Authenticate": f'Bearer error="{said}"'}
    )


@pytest.mark.parametrize("refreshed", [400, 401, 500])
def test_a_token_said_back(
    refreshed: int,
    web: Web,
    write_profiles: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither our log nor our error repeats what an API and its server say back."""
    caplog.set_level(logging.DEBUG)
    keys = {"client_id": "c", "authorize_url": f"{web.url}/a", "token_url": f"{web.url}/token"}
    write_profiles({"prod": {**keys, "api_url": web.url, "retries": 0, "timeout": 5}})
    store, key = default_store(), read_profiles().profile("prod").key
    with store.lock(key):
        store.save(key, make_token(BEARER, refresh_token=REFRESH_TOKEN))
    web.answer = lambda seen: echo(seen, refreshed if seen.path == "/token" else 401)
    with (
        get_session("prod", interactive=False) as session,
        pytest.raises((TokenRefused, LoginRequired)) as caught,
    ):
        session.get("/")
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(session)
    shown += str(vars(caught.value))
    assert "the-bearer" not in shown
    assert REFRESH_TOKEN not in shown
    with store.lock(key):
        kept = store.load(key)
    assert kept is not None
    assert kept.refresh_token == REFRESH_TOKEN


# Slow, and without an end


def test_answers_that_break(world: World) -> None:
    """A request to an API that drips, drops or answers no HTTP ends with an error of requests, in time."""
    began = time.monotonic()
    for answer in (
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ):
        world.answer = lambda _, answer=answer: answer  # type: ignore[misc]
        with pytest.raises(requests.RequestException):
            world.session.get("https://evil.example/", timeout=0.3)
    assert time.monotonic() - began < 10
    assert world.secrets_heard() == []
