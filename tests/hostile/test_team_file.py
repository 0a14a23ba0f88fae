"""A team's file that somebody has changed, by a commit that the user pulled: no secret and no token goes anywhere new.

Real servers: an honest one, whose login the user has, and one of the attacker, which hears whatever is sent to it.
"""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
import tomli_w
from support import Seen, Sent, Web, make_token, variables_shown

from aventus_creds import get_session, get_token, login, logout
from aventus_creds.basics.places import state_folder
from aventus_creds.errors import AventusCredsError, ConfigError, LoginRequired, ProfileError
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.opening import default_store

SECRET = "hunter2-is-the-secret"
TOKENS = ("an-access-token", "a-refresh-token", "a-new-access-token", "a-new-refresh-token")


class World(NamedTuple):
    """The user's file, the team's file beside it, the honest server and the attacker's."""

    folder: Path
    honest: Web
    evil: Web
    named: bool  # whether the user's file names the origins, or they are those that were seen first

    def own(self, **tables: Any) -> None:
        """Write the user's own file."""
        path = self.folder / "profiles.toml"
        top: dict[str, Any] = {"include": ["team/profiles.toml"]}
        if self.named:
            top["include_origins"] = [self.honest.url]
        path.write_text(tomli_w.dumps(top | tables))
        path.chmod(0o600)

    def team(self, top: Any = None, **keys: Any) -> None:
        """Write the team's file with one profile; ``keys`` are what the attacker has changed."""
        honest = {
            "authorize_url": f"{self.honest.url}/authorize",
            "token_url": f"{self.honest.url}/token",
            "revoke_url": f"{self.honest.url}/revoke",
            "api_url": f"{self.honest.url}/api/",
            "client_id": "the-client",
            "redirect_uri": "http://127.0.0.1:0/callback",
            "callback": "loopback",
            "retries": 0,
            "timeout": 10,
        }
        path = self.folder / "team" / "profiles.toml"
        path.write_text(tomli_w.dumps((top or {}) | {"profiles": {"prod": honest | keys}}))

    def use(self) -> list[BaseException]:
        """Do all that a user does with the profile, with an honest person at the browser. Return the errors."""
        errors: list[BaseException] = []
        for step in (
            lambda: get_session("prod", interactive=False).get("v1/contacts"),
            lambda: get_session("prod", interactive=False).get(f"{self.evil.url}/api/v1"),
            lambda: get_token("prod", interactive=False, min_ttl=3000),  # refreshes
            lambda: login("prod", browser=person),
            lambda: login("prod", device=True, browser=person),
            lambda: get_session("prod", interactive=False).get("v1/contacts"),
            lambda: get_session("prod", interactive=False).get(f"{self.evil.url}/api/v1"),
            lambda: logout("prod"),
        ):
            try:
                step()
            except AventusCredsError as error:
                errors.append(error)
        return errors

    def heard(self) -> str:
        """Return all that the attacker's server was sent."""
        return "\n".join(map(str, self.evil.seen))


def person(url: str) -> None:
    """Log in as somebody does who trusts the page that the browser shows."""
    import requests

    with suppress(requests.RequestException):
        requests.get(url, timeout=10)


def server(request: Seen) -> Sent:
    """Answer as an authorization server and an API do, whoever runs them."""
    parts = urlsplit(request.path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if parts.path == "/authorize":
        address = f"{query['redirect_uri']}?code=the-code&state={query['state']}"
        return Sent(302, headers={"Location": address})
    if parts.path == "/token":
        fresh = {"access_token": "a-new-access-token", "refresh_token": "a-new-refresh-token"}
        return Sent(body={**fresh, "token_type": "Bearer", "expires_in": 3600})
    return Sent(body={})


@pytest.fixture(params=[True, False], ids=["named", "seen"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a user who is logged in to the profile of a team, and who has a secret in the environment."""
    monkeypatch.setenv("THE_SECRET", SECRET)
    (tmp_path / "team").mkdir()
    with Web() as honest, Web() as evil:
        honest.answer = evil.answer = server
        world = World(tmp_path, honest, evil, named=request.param)
        world.own()
        world.team()
        key = read_profiles().profile("prod").key
        store = default_store()
        with store.lock(key):
            store.save(key, make_token(lifetime=2000, refresh_token="a-refresh-token"))
        yield world


def test_the_honest_file_works(world: World) -> None:
    """Every step of a user reaches the honest server, with what belongs to it: the attacks below have a target."""
    errors = world.use()
    assert [type(error).__name__ for error in errors if not isinstance(error, ConfigError)] == []
    heard = "\n".join(map(str, world.honest.seen))
    assert all(token in heard for token in ("an-access-token", "a-refresh-token", "a-new-access-token"))
    assert {urlsplit(seen.path).path for seen in world.honest.seen} >= {
        "/authorize",
        "/token",
        "/revoke",
        "/api/v1/contacts",
    }
    assert not any(token in world.heard() for token in TOKENS)


ADDRESSES: dict[str, Callable[[str], Any]] = {
    "api_url": lambda url: f"{url}/api/",
    "api_origins": lambda url: [url],
    "authorize_url": lambda url: f"{url}/authorize",
    "token_url": lambda url: f"{url}/token",
    "revoke_url": lambda url: f"{url}/revoke",
    "device_url": lambda url: f"{url}/device",
}


@pytest.mark.parametrize("key", ADDRESSES)
def test_an_address_is_changed(world: World, key: str) -> None:
    """Nothing is sent there: not by a session, a refresh or a logout, and not after a new login."""
    world.team(**{key: ADDRESSES[key](world.evil.url)})
    errors = world.use()
    assert world.evil.seen == []
    assert all(isinstance(error, ProfileError) for error in errors)
    assert f"would send requests to {world.evil.url}, as team/profiles.toml says" in str(errors[0])
    assert "include_origins = " in str(errors[0])


@pytest.mark.parametrize("key", ADDRESSES)
def test_the_attacks_are_real(world: World, key: str) -> None:
    """Where the user lets the attacker's origin in, it hears something: the origins are what protects."""
    world.own(include_origins=[world.honest.url, world.evil.url])
    world.team(**{key: ADDRESSES[key](world.evil.url)})
    world.use()
    assert world.evil.seen
    assert any(token in world.heard() for token in (*TOKENS, "the-client"))


@pytest.mark.parametrize("key", ["api_url", "api_origins", "token_url", "revoke_url"])
def test_among_origins_that_are_let_in(world: World, key: str) -> None:
    """A login of one profile goes to no other of them: whoever changes the file gets no token without a new login."""
    world.own(include_origins=[world.honest.url, world.evil.url])
    world.team(**{key: ADDRESSES[key](world.evil.url)})
    with pytest.raises(LoginRequired):
        get_session("prod", interactive=False)
    assert not logout("prod").found
    assert world.evil.seen == []


def test_an_issuer_is_changed(world: World) -> None:
    """Its document is not asked for."""
    world.team(issuer=world.evil.url, authorize_url="", token_url="")
    path = world.folder / "team" / "profiles.toml"
    kept = [line for line in path.read_text().splitlines() if '_url = ""' not in line]
    path.write_text("\n".join(kept))
    errors = world.use()
    assert world.evil.seen == []
    assert f"would send requests to {world.evil.url}" in str(errors[0])


def test_a_provider_is_changed(world: World) -> None:
    """The addresses of a row of the table are judged like written ones."""
    path = world.folder / "team" / "profiles.toml"
    path.write_text(
        tomli_w.dumps(
            {
                "profiles": {
                    "prod": {
                        "provider": "cidaas",
                        "base_url": world.evil.url,
                        "client_id": "c",
                        "redirect_uri": "http://127.0.0.1:0/",
                    }
                }
            }
        )
    )
    errors = world.use()
    assert world.evil.seen == []
    assert "would send requests to" in str(errors[0])


def test_a_token_of_the_environment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a build service: it is sent to no other API either."""
    monkeypatch.setenv("AVENTUS_CREDS_TOKEN_PROD", "an-access-token")
    world.team(api_url=f"{world.evil.url}/api/")
    with pytest.raises(ProfileError):
        get_session("prod").get("v1")
    assert world.evil.seen == []


def test_a_redirect_to_elsewhere(world: World) -> None:
    """A code goes to no other machine."""
    world.team(
        redirect_uri=f"{world.evil.url.replace('127.0.0.1', 'evil.example').replace('http', 'https')}/callback",
        callback="paste",
    )
    assert "would send requests to https://evil.example" in str(world.use()[0])
    assert world.evil.seen == []


@pytest.mark.parametrize(
    "secret",
    [{"command": ["sh", "-c", "touch ran"]}, SECRET, {"env": "THE_SECRET", "command": ["touch", "ran"]}],
    ids=["command", "text", "both"],
)
@pytest.mark.parametrize("where", ["profile", "defaults"])
def test_a_secret_in_the_teams_file(world: World, secret: Any, where: str) -> None:
    """Neither a secret nor a command: no commit runs a program, not even at a server that the user lets in."""
    (world.folder / "the.secret").write_text(SECRET)
    world.own(include_origins=[world.honest.url, world.evil.url])
    given = {"client_secret": secret}
    world.team(
        token_url=f"{world.evil.url}/token",
        grant="client_credentials",
        top={"defaults": given} if where == "defaults" else {},
        **(given if where == "profile" else {}),
    )
    errors = world.use()
    assert world.evil.seen == world.honest.seen == []
    assert "an included file holds no secret and no command" in str(errors[0])
    assert all(
        SECRET not in variables_shown(error) + "".join(traceback.format_exception(error)) for error in errors
    )
    assert not list(world.folder.rglob("ran"))


@pytest.mark.parametrize("place", [{"env": "THE_SECRET"}, {"file": "the.secret"}], ids=["env", "file"])
def test_the_place_of_a_secret_in_the_teams_file(world: World, place: Any) -> None:
    """Each member's own secret goes to the team's server, and nowhere else, whatever a commit says."""
    (world.folder / "the.secret").write_text(SECRET)
    (world.folder / "the.secret").chmod(0o600)
    service = {"grant": "client_credentials", "client_secret": place, "client_auth": "post"}
    world.team(**service)
    assert get_token("prod").access_token == "a-new-access-token"
    assert SECRET in "\n".join(map(str, world.honest.seen))
    world.honest.seen.clear()
    for changed in ("token_url", "authorize_url", "revoke_url", "api_url"):
        world.team(**service, **{changed: f"{world.evil.url}/x"})
        assert "would send requests" in str(world.use()[0])
    assert world.evil.seen == world.honest.seen == []


def test_what_was_seen_first_cannot_be_remembered(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a state folder the origins must be named: nothing is taken for seen."""
    (tmp_path / "a-file").write_text("")
    monkeypatch.setenv("AVENTUS_CREDS_STATE_DIR", str(tmp_path / "a-file" / "state"))
    if world.named:
        assert read_profiles().profile("prod")
        return
    with pytest.raises(ProfileError, match=f"write include_origins = ..{world.honest.url}"):
        read_profiles().profile("prod")


@pytest.mark.parametrize("kept", [b"", b"{}", b'{"origins": 5}', b"[]", b"\xff"])
def test_what_was_seen_first_is_damaged(world: World, kept: bytes) -> None:
    """Then no origin is known, rather than any."""
    for path in (state_folder() / "included").glob("*.json"):
        path.write_bytes(kept)
    if world.named:
        assert read_profiles().profile("prod")
        return
    with pytest.raises(ProfileError, match="would send requests"):
        read_profiles().profile("prod")


@pytest.mark.parametrize("write", [{"env": "THE_SECRET"}, "x${THE_SECRET}"], ids=["table", "text"])
@pytest.mark.parametrize(
    "key", ["client_id", "scope", "audience", "authorize_params", "token_params", "api_origins"]
)
def test_a_variable_in_the_teams_file(world: World, key: str, write: Any) -> None:
    """Nothing of the environment is read for it, whatever it is called there."""
    world.own(include_origins=[world.honest.url, world.evil.url])
    value = {"x": write} if key.endswith("_params") else [write] if key == "api_origins" else write
    world.team(
        **{"authorize_url": f"{world.evil.url}/authorize", "token_url": f"{world.evil.url}/token", key: value}
    )
    errors = world.use()
    assert world.evil.seen == []
    assert "an included file reads no environment variables" in str(errors[0])
    assert SECRET not in "".join(map(str, errors))


def test_a_variable_in_an_address(world: World) -> None:
    """Not in the name of a host either, which DNS would carry."""
    world.team(
        api_url="https://${THE_SECRET}.evil.example/",
        top={"defaults": {"api_origins": ["https://${THE_SECRET}.example"]}},
    )
    told = "".join(map(str, world.use()))
    assert "an included file reads no environment variables" in told
    assert SECRET not in told


def test_variables_of_the_user_are_his_own_word(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile of his own may fill them in; what the team's file then adds is judged all the same."""
    monkeypatch.setenv("THE_SCOPE", "a")
    mine = {"profiles": {"mine": {"extends": "prod", "scope": {"env": "THE_SCOPE"}}}}
    world.own(**mine)
    assert read_profiles().profile("mine").scope == "a"
    world.team(token_url=f"{world.evil.url}/token")
    with pytest.raises(ProfileError, match="would send requests"):
        read_profiles().profile("mine")


@pytest.mark.parametrize("where", ["own", "base", "defaults"])
def test_a_secret_of_the_user_and_keys_of_the_team(world: World, where: str) -> None:
    """A profile that extends the team's has no secret, wherever the user keeps it."""
    secret = {"client_secret": {"env": "THE_SECRET"}, "grant": "client_credentials"}
    mine: dict[str, Any] = {"extends": "prod"}
    tables: dict[str, Any] = {"profiles": {"mine": mine}}
    if where == "base":
        tables["profiles"]["with-secret"] = {"extends": "prod", **secret}
        mine["extends"] = "with-secret"
    elif where == "defaults":
        tables["defaults"] = secret
    else:
        mine |= secret
    world.own(include_origins=[world.honest.url, world.evil.url], **tables)
    world.team(token_url=f"{world.evil.url}/token")
    with pytest.raises(ProfileError, match=r"has keys of team/profiles\.toml, so it may have no secret"):
        get_token("mine", interactive=False)
    assert world.evil.seen == []


def test_all_keys_of_the_team_are_replaced(world: World) -> None:
    """Still no secret: tomorrow's commit may add another key."""
    whole = {"token_url": f"{world.honest.url}/token", "client_id": "c", "grant": "client_credentials"}
    world.own(profiles={"mine": {"extends": "bare", **whole, "client_secret": {"env": "THE_SECRET"}}})
    (world.folder / "team" / "profiles.toml").write_text("[profiles.bare]\nclient_id = 'x'\n")
    with pytest.raises(ProfileError, match="so it may have no secret"):
        read_profiles().profile("mine")


def test_the_team_extends_a_profile_of_the_user(world: World) -> None:
    """A name of the user's own file is none for the team's."""
    own = {"client_id": "c", "client_secret": {"env": "THE_SECRET"}, "authorize_url": f"{world.honest.url}/a"}
    world.own(
        profiles={
            "secretive": {
                **own,
                "token_url": f"{world.honest.url}/token",
                "redirect_uri": "http://127.0.0.1:0/",
            }
        }
    )
    world.team(extends="secretive", token_url=f"{world.evil.url}/token")
    errors = world.use()
    assert world.evil.seen == []
    assert "there is no profile 'secretive' in this file" in str(errors[0])


@pytest.mark.parametrize(
    ("key", "value", "what"), [("ca_bundle", "ca.pem", "certificates"), ("store", "memory", "stored")]
)
def test_what_the_user_decides(world: World, key: str, value: str, what: str) -> None:
    """Whom to trust in the network, and where tokens are stored."""
    (world.folder / "team" / "ca.pem").write_text("")
    world.team(**{key: value})
    assert what in str(world.use()[0])


def test_the_store_and_the_default_of_the_team_are_ignored(world: World) -> None:
    """A [store] in it names no Redis for the user's tokens, and its default no profile."""
    store = {"type": "redis", "url": "redis://evil.example", "encryption_key": {"command": ["touch", "ran"]}}
    world.team(
        top={"store": store, "default": "prod", "include_origins": [world.evil.url], "include": ["x.toml"]}
    )
    profile = read_profiles().profile("prod")
    assert profile.store is None
    assert read_profiles().default is None
    assert {problem.key for problem in read_profiles().problems()} == {
        "store",
        "default",
        "include_origins",
        "include",
    }


def test_the_origins_are_those_of_the_users_own_file(world: World) -> None:
    """The team's file lets nobody in."""
    world.team(api_url=world.evil.url, top={"include_origins": [world.evil.url]})
    world.use()
    assert world.evil.seen == []


@pytest.mark.parametrize("name", ["request", "request_uri"])
def test_a_request_object(world: World, name: str) -> None:
    """RFC 9101: its parameters, a challenge of the attacker's among them, would replace the login's own."""
    world.team(authorize_params={name: f"{world.evil.url}/object"})
    errors = world.use()
    assert f"authorize_params.{name}: is set by the protocol" in str(errors[0])
    assert world.honest.seen == world.evil.seen == []


def test_a_profile_of_the_users_name(world: World) -> None:
    """A login, a token of the environment or a secret of his own profile goes to none of the same name."""
    own = {"issuer": world.honest.url, "client_id": "c"}
    world.own(profiles={"prod": own})
    world.team(api_url=world.evil.url)
    with pytest.raises(ProfileError, match=r"there is another one at team/profiles\.toml:1"):
        get_session("prod", interactive=False)


def test_a_whole_program(world: World) -> None:
    """In a process of its own, as a job runs: exit code 4, the file and the line, and nothing sent."""
    world.team(api_url=f"{world.evil.url}/api/")
    done = subprocess.run(
        [sys.executable, "-m", "aventus_creds", "token", "prod"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert "team/profiles.toml:1: profiles.prod: would send requests to" in done.stderr
    assert not done.stdout
    assert world.evil.seen == []
