"""Every client that takes our auth, and our clients of httpx, with a hostile API and addresses made to mislead.

As test_hostile_api.py has it for get_session's: nobody but the API ever sees the bearer, and a request ends.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import requests
from clients import CLIENTS, NO_ADDRESS
from misleading import BEARER, PLAIN, RENEWED, TLS, World, hostile, one_world
from sockets import Authority
from support import Sent

# The world proves nothing by its certificates, for then it would hear nothing.
pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")

every_client = pytest.mark.parametrize(
    "world", [(name, PLAIN) for name in CLIENTS], ids=" ".join, indirect=True
)
by_name_and_by_number = pytest.mark.parametrize(
    "world", [(name, where) for name in CLIENTS for where in (TLS, PLAIN)], ids=" ".join, indirect=True
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(name="world")
def _world(
    request: pytest.FixtureRequest, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[World]:
    name, where = request.param
    trusting = ssl._create_unverified_context()
    monkeypatch.setattr("aventus_creds.session.httpx_client._Manners._trust", lambda *_, **__: trusting)
    with one_world(where, authority, monkeypatch, tmp_path, CLIENTS[name]) as world:
        world.name = name
        # requests itself gives whom it is redirected to what ~/.netrc has for them.
        world.netrc_is_theirs = name == "auth of requests"
        yield world


def attempt(world: World, method: str, url: str, **more: Any) -> None:
    """Send a request. Where an address is none, the client or we say so."""
    with suppress(*NO_ADDRESS):
        world.session.request(method, url, **more)


@by_name_and_by_number
def test_addresses_made_to_mislead(world: World) -> None:
    """Asked for directly: either it is the API that is asked, or the bearer stays here."""
    attempt(world, "GET", f"{world.origin}/")
    for url in hostile(world):
        attempt(world, "GET", url)
        assert world.secrets_heard() == [], url
    assert len(world.heard) > 10
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
        attempt(world, "POST", f"{world.origin}/start", data=b"body")
        assert world.secrets_heard() == [], url
    assert len(world.heard) > 10


@every_client
def test_redirects_from_elsewhere(world: World) -> None:
    """Whoever is not the API leads no bearer anywhere, neither to itself nor, without our clients, to the API."""
    for to in (f"{world.origin}/", "https://evil.example/x"):
        away = f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
        world.answer = lambda heard, away=away: (  # type: ignore[misc]
            away if b" /start " in heard else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        )
        attempt(world, "GET", "https://evil.example/start")
        assert world.secrets_heard() == [], to


@every_client
def test_within_the_api(world: World) -> None:
    """A redirect there takes the bearer along."""
    world.api.answer = lambda seen: Sent(302, headers={"Location": "/x"}) if seen.path == "/start" else Sent()
    assert world.session.get("/start").status_code == 200
    if not world.netrc_is_theirs:
        assert world.bearers() == [f"Bearer {BEARER}"] * 2


@every_client
@pytest.mark.parametrize("again", [200, 401])
def test_a_refused_token(world: World, again: int) -> None:
    """One new token, one repeat, with the same body; if that is refused too, the caller gets the answer."""
    world.api.answer = lambda seen: Sent(
        401 if seen.headers["Authorization"] == f"Bearer {BEARER}" else again
    )
    assert world.session.post("/", data=b"body").status_code == again
    assert world.bearers() == [f"Bearer {BEARER}", f"Bearer {RENEWED}"]
    assert [seen.body for seen in world.api.seen] == [b"body"] * 2


@every_client
def test_no_token_helps(world: World) -> None:
    """An API that refuses each token costs one refresh, and not one for each request."""
    world.api.answer = lambda _: Sent(401)
    assert [world.session.get("/").status_code for _ in range(4)] == [401] * 4
    assert world.bearers() == [f"Bearer {BEARER}", *[f"Bearer {RENEWED}"] * 4][: len(world.api.seen)]
    assert len(world.api.seen) <= 6


@every_client
def test_what_asks_for_more(world: World) -> None:
    """A 401 that no refresh helps against is the caller's."""
    challenge = 'Bearer error="insufficient_user_authentication", acr_values="strong"'
    world.api.answer = lambda _: Sent(401, headers={"WWW-Authenticate": challenge})
    assert world.session.get("/").status_code == 401
    assert world.bearers() == [f"Bearer {BEARER}"]


@every_client
def test_a_body_that_is_used_up(world: World) -> None:
    """It is not sent a second time, half or empty; the next request has the new token."""
    world.api.answer = lambda seen: Sent(401 if seen.headers["Authorization"] == f"Bearer {BEARER}" else 200)
    asynchronous = "async" in world.name

    async def parts() -> Any:
        yield b"body"

    assert world.session.post("/", data=parts() if asynchronous else iter([b"body"])).status_code == 401
    assert world.session.get("/").status_code == 200
    assert world.bearers() == [f"Bearer {BEARER}", f"Bearer {RENEWED}"]


@every_client
def test_refused_and_sent_elsewhere(world: World) -> None:
    """A 401 with an address in it, and a repeat that is redirected there: the new bearer stays too."""
    world.api.answer = lambda seen: Sent(
        401 if seen.headers.get("Authorization") == f"Bearer {BEARER}" else 307,
        headers={"Location": "https://evil.example/"},
    )
    attempt(world, "POST", f"{world.origin}/", data=b"body")
    assert world.heard
    assert world.secrets_heard() == []


@every_client
def test_a_netrc_is_not_read(world: World) -> None:
    """It has a word for the API, and for everybody else."""
    world.session.get("/")
    attempt(world, "GET", "https://evil.example/")
    assert world.bearers() == [f"Bearer {BEARER}"]
    assert world.secrets_heard() == []


@every_client
def test_back_and_forth_for_ever(world: World) -> None:
    """Ours, theirs, ours …: theirs never see the bearer, and the client's own bound ends it."""
    world.api.answer = lambda _: Sent(307, headers={"Location": "https://evil.example/"})
    back = f"HTTP/1.1 308 Back\r\nLocation: {world.origin}/\r\nContent-Length: 0\r\n\r\n".encode()
    world.answer = lambda _: back
    with pytest.raises((requests.TooManyRedirects, httpx.TooManyRedirects, httpx2.TooManyRedirects)):
        world.session.post("/", data=b"body")
    assert world.secrets_heard() == []
    assert len(world.api.seen) + len(world.heard) < 100
