"""Fixtures for the tests of attacks and of faults."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from attempts import follow
from faulty_world import Server
from hostile_server import ACCESS_TOKEN, CLIENT_SECRET, REFRESH_TOKEN, Profiles, keep
from login_victim import Victim
from sockets import Authority
from support import Web, make_token

from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.profile import Profile
from aventus_creds.sandbox import Sandbox
from aventus_creds.stores.file import FileStore


@pytest.fixture
def server(web: Web) -> Iterator[Server]:
    server = Server(web)
    yield server
    server.over.set()


@pytest.fixture
def profile(server: Server, write_profiles: Callable[..., Path]) -> Profile:
    keys = {"token_url": f"{server.url}/token", "authorize_url": f"{server.url}/authorize"}
    write_profiles({"prod": {**keys, "client_id": "c", "api_url": f"{server.url}/api", "retries": 0}})
    return read_profiles().profile("prod")


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "state")


@pytest.fixture
def sandbox(write_profiles: Callable[..., Path]) -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        keys = {
            **sandbox.profiles()["oidc"],
            "redirect_uri": "http://127.0.0.1:0/callback",
            "callback": "loopback",
            "login_timeout": 30,
        }
        write_profiles(
            {"prod": keys, "test": {**keys, "scope": "openid"}, "brief": {**keys, "login_timeout": 1}}
        )
        yield sandbox


@pytest.fixture
def begin(sandbox: Sandbox) -> Iterator[Callable[..., Victim]]:
    """Begin a login; whatever the test leaves of it is ended."""
    with ThreadPoolExecutor() as pool:
        begun: list[Victim] = []

        def begin(name: str = "prod") -> Victim:
            begun.append(Victim(pool, name))
            return begun[-1]

        yield begin
        for victim in begun:
            with suppress(OSError):
                follow(victim.uri, f"error=access_denied&state={victim.state}")


WriteProfiles = Callable[..., Path]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def profiles(write_profiles: WriteProfiles, caplog: pytest.LogCaptureFixture) -> Profiles:
    """Write the profile ``prod`` of a server at ``url``, and store a login to it that has expired."""
    caplog.set_level(logging.DEBUG)

    def write(url: str, **keys: Any) -> None:
        outright = {f"{name}_url": f"{url}/{name}" for name in ("authorize", "token", "revoke", "device")}
        prod = {
            "client_id": "c",
            "client_secret": CLIENT_SECRET,
            "redirect_uri": "http://127.0.0.1:0/callback",
            "callback": "loopback",
            "retries": 0,
            "timeout": 5,
            "login_timeout": 5,
            **({} if "issuer" in keys else outright),
            **keys,
        }
        write_profiles({"prod": {name: value for name, value in prod.items() if value is not None}})
        keep(make_token(ACCESS_TOKEN, age=7200, refresh_token=REFRESH_TOKEN))

    return write
