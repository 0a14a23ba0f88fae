"""Every row of the table of providers, at the addresses of the real servers, for which the sandbox speaks.

The client's requests go out to these addresses, through a proxy that leads to the sandbox. So scheme, host, path,
parameters, bodies and headers must be those of the dialect, which was written from the documentation, not from the row.
``pytest -s`` prints what came of each row.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from leading_proxy import LeadingProxy
from sockets import Authority
from support import free_port

from aventus_creds import get_session, get_token, login, logout
from aventus_creds.errors import AventusCredsError, LoginRefused, LoginRequired, ServerError
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.providers import PROVIDERS
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.dialects import CODE, DEVICE, DIALECTS, REFRESH, ClientRow, Dialect
from aventus_creds.sandbox.dialects.known import KNOWN
from aventus_creds.sandbox.hosts import hosts
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import default_store

WriteProfiles = Callable[..., Path]

CLIENTS = [
    (dialect, client) for dialect in (*KNOWN, *DIALECTS) for client in dialect.clients if client.profile
]
PEOPLE = [pair for pair in CLIENTS if CODE in pair[1].grants]
FOREVER = 1e9
CAME = dict[str, dict[str, str]]()


def named(pairs: list[tuple[Dialect, ClientRow]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("dialect", "client"), pairs, ids=[client.client_id for _, client in pairs]
    )


class World(NamedTuple):
    """The sandbox at the servers' addresses."""

    sandbox: Sandbox
    proxy: str
    authorities: str
    port: int  # of redirects

    def robot(self, **how: Any) -> Robot:
        return Robot(proxy=self.proxy, authorities=self.authorities, **how)


@pytest.fixture(scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    authority = Authority(tmp_path_factory.mktemp("authority"), sorted(hosts(KNOWN)))
    port = free_port()
    with (
        Sandbox(
            dialects=(*DIALECTS, *KNOWN),
            redirect_uri=f"http://127.0.0.1:{port}/callback",
            device_interval=0.05,
        ) as sandbox,
        LeadingProxy(authority, int(sandbox.url.rpartition(":")[2])) as proxy,
    ):
        sandbox.register(f"http://localhost:{port}/callback")
        yield World(sandbox, proxy.url, str(authority.bundle), port)
    if CAME:
        print("\n".join(["", *table()]))


@pytest.fixture
def world(_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("HTTPS_PROXY", _world.proxy)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", _world.authorities)
    return _world


def table() -> list[str]:
    """Return what came of each row, as a Markdown table with the pages that it is from."""
    steps = ("login", "API", "refresh", "dead refresh", "logout")
    rows = [
        f"| {name} | {' | '.join(came.get(step, '') for step in steps)} |"
        f" {' '.join(url for url, _ in PROVIDERS[name.split(' ')[0]].pages)} |"
        for name, came in CAME.items()
    ]
    return [f"| provider | {' | '.join(steps)} | from |", f"|{' --- |' * (len(steps) + 2)}", *rows]


def keys_for(world: World, dialect: Dialect, client: ClientRow, **keys: Any) -> dict[str, Any]:
    """Return the profile of ``client`` as a person writes it: nothing in it that the provider's row knows."""
    row = PROVIDERS[dialect.name]
    known = world.sandbox.profiles()[client.profile]
    known.pop("client_auth", None) if not row.generic else None
    host = row.redirect_rule.hosts[0] if row.redirect_rule else "127.0.0.1"
    if client.grants[0] == CODE and not (row.redirect_rule and row.redirect_rule.any_port):
        known["redirect_uri"] = f"http://{host}:{world.port}/callback"
    if client.grants[0] != CODE:
        known["grant"] = "client_credentials"
    return {**known, "callback": "loopback", "login_timeout": 10, "retries": 0, **keys}


def asked(world: World, endpoint: str, since: int) -> list[Any]:
    return [record for record in world.sandbox.journal[since:] if record.endpoint == endpoint]


def path_of(dialect: Dialect, api_url: str) -> str:
    """Return the path of the dialect's own API, relative to the address that the row gives for it."""
    address = f"https:/{dialect.api}" if dialect.public else f"{api_url}v1/me"
    assert address.startswith(api_url), f"{address} is not below {api_url}"
    return address.removeprefix(api_url)


@named(PEOPLE)
def test_login_api_refresh_and_their_ends(
    world: World, dialect: Dialect, client: ClientRow, write_profiles: WriteProfiles
) -> None:
    """A login brings what the server can give; the token renews itself until the server says no; a logout revokes."""
    sandbox, row, came = world.sandbox, PROVIDERS[dialect.name], dict[str, str]()
    keys = keys_for(world, dialect, client)
    write_profiles({"it": keys})
    start = len(sandbox.journal)

    token = login("it", browser=world.robot())
    assert token.access_token
    assert [record.status for record in asked(world, "token", start)] == [200]
    if dialect.public:
        assert (token.refresh_token is not None) == (dialect.offline != "never")
    came["login"] = "✓"

    session = get_session("it")
    path = path_of(dialect, _api_url(session))
    assert session.get(path).json()["sub"] == "ada"
    came["API"] = "✓"

    start = len(sandbox.journal)
    sandbox.revoke_all(client.client_id, refresh_tokens=False)
    if token.refresh_token:
        assert session.get(path).json()["sub"] == "ada"
        assert [(each.grant_type, each.status) for each in asked(world, "token", start)] == [(REFRESH, 200)]
        came["refresh"] = "✓"
    else:
        came["refresh"] = "none given"
    sandbox.revoke_all(client.client_id)
    start = len(sandbox.journal)
    if token.refresh_token:
        with pytest.raises(LoginRequired, match="aventus-creds login it") as caught:
            get_token("it", min_ttl=FOREVER)
        [refused] = asked(world, "token", start)
        assert refused.grant_type == REFRESH
        if dialect.refusals:
            assert refused.status == dialect.refusals["invalid_grant"][0]
        came["dead refresh"] = f"✓ {_reason(caught.value)}"
    else:
        assert session.get(path).status_code == 401
        assert asked(world, "token", start) == []
        came["dead refresh"] = "none given"

    login("it", browser=world.robot())
    again = default_store().load(read_profiles().profile("it").key)
    assert again is not None
    start = len(sandbox.journal)
    done = logout("it")
    assert (done.found, done.revoked) == (True, bool(dialect.revoke))
    revoked = sandbox._state.access_tokens[again.access_token].is_revoked()
    assert revoked == bool(dialect.revoke)
    assert [each.status for each in asked(world, "revoke", start)] == [200] * bool(dialect.revoke)
    came["logout"] = "✓ revoked" if dialect.revoke else "✓ forgotten here"
    kind = "" if not dialect.public else f" ({client.client_id.rpartition('-')[2]})"
    CAME[f"{dialect.name}{kind or f' ({client.client_id})'}"] = came
    assert row.name == dialect.name


def _api_url(session: Any) -> str:
    """Return where a relative path leads to, which may be an address that the server told."""
    url = session.prepare_request(_request("x")).url
    return str(url).removesuffix("x")


def _request(path: str) -> Any:
    import requests

    return requests.Request("GET", path)


def _reason(error: LoginRequired) -> str:
    return str(error).partition("refused to renew it: ")[2].partition("\n")[0]


@named([pair for pair in CLIENTS if pair[1].grants[0] != CODE])
def test_a_client_of_its_own(
    world: World, dialect: Dialect, client: ClientRow, write_profiles: WriteProfiles
) -> None:
    """A client that logs in as itself gets a token, and another one when that is no longer taken."""
    write_profiles({"it": keys_for(world, dialect, client)})
    session = get_session("it")
    path = path_of(dialect, _api_url(session))
    assert session.get(path).json()["sub"] == f"{client.client_id}@clients"
    world.sandbox.revoke_all(client.client_id)
    start = len(world.sandbox.journal)
    assert session.get(path).status_code == 200
    assert [each.status for each in asked(world, "token", start)] == [200]
    CAME[f"{dialect.name} ({client.client_id.rpartition('-')[2]})"] = {
        "login": "✓ by itself",
        "API": "✓",
        "refresh": "✓ asks again",
    }


@named([pair for pair in PEOPLE if DEVICE in pair[1].grants])
def test_a_login_on_another_device(
    world: World, dialect: Dialect, client: ClientRow, write_profiles: WriteProfiles
) -> None:
    """The device endpoint is where the row says; the person types the code at the page that the server names."""
    keys = keys_for(world, dialect, client, grant="device")
    for of_browsers in ("redirect_uri", "par"):
        keys.pop(of_browsers, None)
    write_profiles({"it": keys})
    start, stop = len(world.sandbox.journal), threading.Event()
    person = threading.Thread(target=approve, args=(world, dialect, stop), daemon=True)
    person.start()
    try:
        assert login("it").access_token
    finally:
        stop.set()
        person.join(5)
    assert [record.status for record in asked(world, "device", start)] == [200]
    assert get_session("it").get(path_of(dialect, _api_url(get_session("it")))).json()["sub"] == "ada"


def approve(world: World, dialect: Dialect, stop: threading.Event) -> None:
    """Be the person at the other device."""
    page = dialect.address(world.sandbox.url, dialect.activate)
    while not stop.wait(0.02):
        for device in list(world.sandbox._state.device_logins.values()):
            if device.approved is None:
                world.robot().approve(page, device.user_code)


@named(PEOPLE)
def test_a_person_who_refuses(
    world: World, dialect: Dialect, client: ClientRow, write_profiles: WriteProfiles
) -> None:
    """The person's no ends the login, and is told as such."""
    write_profiles({"it": keys_for(world, dialect, client)})
    with pytest.raises(LoginRefused, match="access_denied"):
        login("it", browser=world.robot(allow=False))


@named([pair for pair in CLIENTS if pair[1].secret])
def test_a_wrong_secret(
    world: World, dialect: Dialect, client: ClientRow, write_profiles: WriteProfiles
) -> None:
    """The server's refusal of the client is told, in whatever words it comes; the secret is not."""
    wrong = "a-wrong-secret-of-the-client"
    write_profiles({"it": keys_for(world, dialect, client, client_secret=wrong)})
    with pytest.raises(ServerError) as caught:
        login("it", browser=world.robot())
    assert wrong not in str(caught.value)
    _, body = dialect.refusals.get("invalid_client", (0, {"error": "invalid_client"}))
    assert str(body["error"]) in str(caught.value)


@named([pair for pair in PEOPLE if pair[0].public])
def test_another_redirect_is_not_taken(
    world: World, dialect: Dialect, client: ClientRow, write_profiles: WriteProfiles
) -> None:
    """The rule for redirects is the server's: a path that is not registered ends on its page, and no code is given."""
    row = PROVIDERS[dialect.name]
    host = row.redirect_rule.hosts[0] if row.redirect_rule else "127.0.0.1"
    elsewhere = f"http://{host}:{free_port()}/elsewhere"
    write_profiles({"it": keys_for(world, dialect, client, redirect_uri=elsewhere, login_timeout=0.05)})
    robot, before = world.robot(), world.sandbox.logins(client.client_id)
    with pytest.raises(AventusCredsError):
        login("it", browser=robot)
    assert robot.join(5)
    assert robot.last_page
    assert robot.last_page.status == 400
    assert world.sandbox.logins(client.client_id) == before


def test_every_row_has_a_dialect_and_pages() -> None:
    """A new row needs a dialect of its own, written from the pages that it names."""
    assert {dialect.name for dialect in (*DIALECTS, *KNOWN)} == set(PROVIDERS)
    for row in PROVIDERS.values():
        assert row.pages or row.generic, row.name
        for url, read in row.pages:
            assert url.startswith("https://")
            date.fromisoformat(read)
        if row.redirect_rule and row.redirect_uri:
            parts = urlsplit(row.redirect_uri)
            assert parts.hostname in row.redirect_rule.hosts
            assert parts.port or row.redirect_rule.any_port
