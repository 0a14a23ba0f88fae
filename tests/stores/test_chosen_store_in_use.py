"""A chosen store in use: it shows nothing secret, one place has one store, and it serves from login to logout."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from chosen_store import KEYS, PASSWORD, SEAL, SECRET_URL, Prints, WriteProfiles, kept, profile, put
from redis_server import RedisServer
from support import free_port, variables_shown

from aventus_creds import get_session, get_token, login, logout
from aventus_creds.cli.commands import run
from aventus_creds.errors import InsecureFileWarning, StoreError
from aventus_creds.notebook.registry import background_login
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.sources.chain import cached_source
from aventus_creds.stores import TokenStore, opening
from aventus_creds.stores.opening import store_for
from aventus_creds.stores.redis import opening as redis_room
from aventus_creds.stores.redis.sealing import new_key
from aventus_creds.tokens import Token

# Nothing secret is shown


LITERALS = [
    ({"encryption_key": SEAL}, "an encryption key"),
    ({"encryption_key": [{"env": "KEY"}, SEAL]}, "an encryption key"),
    ({"url": SECRET_URL}, "a Redis URL"),
    ({"url": "unix://me:x@/run/redis.sock"}, "a Redis URL"),
    ({"url": "redis+sentinel://a,b/main?sentinel_password=x"}, "a Redis URL"),
    ({"url": "rediss://worker@redis.example.com"}, ""),
    ({"url": {"file": "a@b:c"}}, ""),
    ({}, ""),
]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize(("literal", "what"), LITERALS)
def test_a_secret_in_a_file_that_others_can_read(
    literal: dict[str, Any], what: str, write_profiles: WriteProfiles
) -> None:
    """It is warned of by its name; a private file, and an address without a password, are not."""
    path = write_profiles(
        {"prod": KEYS}, store={"url": "redis://a", "encryption_key": {"env": "KEY"}, **literal}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        profile()
    path.chmod(0o644)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        profile()
    said = [str(warning.message) for warning in warned if warning.category is InsecureFileWarning]
    assert [what in text for text in said] == ([True] if what else [])
    assert PASSWORD not in str(said)


def test_nothing_of_a_store_is_in_what_a_profile_shows(write_profiles: WriteProfiles) -> None:
    """Its repr, its fields' and its table's; a pickle has no more than the file, and of a store there is none."""
    write_profiles({"prod": KEYS}, store={"type": "redis", "url": SECRET_URL, "encryption_key": [SEAL]})
    found = profile()
    assert found.store
    store = store_for(found)
    for thing in (found, found.store, *found.store.encryption_keys, found._asdict(), store, vars(store)):
        for shown in (repr(thing), str(thing), f"{thing}"):
            assert PASSWORD not in shown
            assert SEAL not in shown
    assert PASSWORD not in repr(redis_room._opened) + repr(vars(redis_room)) + repr(vars(opening))
    with pytest.raises(TypeError):
        pickle.dumps(store)
    write_profiles(
        {"prod": KEYS}, store={"type": "redis", "url": {"env": "URL"}, "encryption_key": {"env": "KEY"}}
    )
    with pytest.raises(TypeError):
        pickle.dumps(profile())


@pytest.mark.usefixtures("impatient")
def test_a_redis_that_is_away_shows_no_secret(write_profiles: WriteProfiles) -> None:
    """The error names its place; no variable on the way holds the address or the key."""
    url = f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0"
    write_profiles({"prod": KEYS}, store={"type": "redis", "url": url, "encryption_key": SEAL})
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        get_token("prod")
    for shown in (str(caught.value), variables_shown(caught.value)):
        assert PASSWORD not in shown
        assert SEAL not in shown


# One store for one place


def test_sessions_share_the_connections_of_one_redis(
    write_profiles: WriteProfiles, in_redis: dict[str, Any], redis_server: RedisServer
) -> None:
    """However often a session is made; another address, key or prefix is another store."""
    write_profiles({"prod": KEYS, "other": KEYS}, store=in_redis)
    put("redis")
    with redis_server.admin as admin:
        before = admin.info("clients")["connected_clients"]
        sessions = [get_session("prod") for _ in range(5)]
        assert admin.info("clients")["connected_clients"] <= before
    assert len(sessions) == 5
    first = store_for(profile())
    assert first is store_for(profile("other"))
    changes: list[dict[str, Any]] = [
        {"url": in_redis["url"].replace("/0", "/1")},
        {"encryption_key": [SEAL, new_key()]},
        {"encryption_key": new_key()},
        {"prefix": "other:"},
    ]
    others = []
    for change in changes:
        write_profiles({"prod": KEYS}, store={**in_redis, **change})
        others.append(store_for(profile()))
    assert len({id(store) for store in (first, *others)}) == 5


def test_threads_that_open_at_once_have_one_store(
    write_profiles: WriteProfiles, absent_redis: dict[str, Any]
) -> None:
    write_profiles({"prod": KEYS}, store=absent_redis)
    barrier = threading.Barrier(8)

    def opened(_: int) -> TokenStore:
        barrier.wait(10)
        return store_for(profile())

    with ThreadPoolExecutor(8) as threads:
        assert len({id(store) for store in threads.map(opened, range(8))}) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_while_a_store_is_being_opened(
    write_profiles: WriteProfiles, in_redis: dict[str, Any]
) -> None:
    """The child does not wait for a lock that nobody will let go of there."""
    write_profiles({"prod": KEYS}, store=in_redis)
    token = put("redis")
    with redis_room._opening:
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if store_for(profile()).load(profile().key) == token else 1)
            finally:
                os._exit(2)
    give_up = time.monotonic() + 20
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > give_up:
            os.kill(child, 9)
            os.waitpid(child, 0)
            pytest.fail("the child hangs")
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(ended[1]) == 0


def test_two_panels_of_one_store_show_one_login(
    table: dict[str, Any], write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a file that is read twice is no edited profile, whose login would begin anew."""
    write_profiles({"prod": KEYS}, store=table)
    logins = []
    for _ in range(2):
        found = profile()
        store = store_for(found)
        logins.append(background_login(found, store, cached_source(found, store)))
    assert logins[0] is logins[1]
    assert profile() == found
    monkeypatch.setenv("AVENTUS_CREDS_STORE", "keyring" if table["type"] == "file" else "file")
    store = store_for(profile())
    assert background_login(profile(), store, cached_source(profile(), store)) is not logins[0]


# From the login to the logout


@pytest.fixture
def sandbox(table: dict[str, Any], write_profiles: WriteProfiles) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"prod": {**sandbox.profiles()["athoc"], "callback": "loopback"}}, store=table)
        yield sandbox


def test_from_the_login_to_the_logout(sandbox: Sandbox, table: dict[str, Any], capsys: Prints) -> None:
    """Another process uses and refreshes what was made here; the logout revokes it, and nothing is left."""
    first = login("prod", browser=Robot())
    assert kept(table["type"]) == first
    if table["type"] != "file":
        assert not list(Path(os.environ["AVENTUS_CREDS_STATE_DIR"]).rglob("*.json"))
    past = time.time() - 3600
    code = "from aventus_creds import get_session; print(get_session('prod').get('/v1/me').json()['sub'])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr, kept(table["type"])) == ("ada\n", "", first)
    put(
        table["type"],
        token=Token("used", obtained_at=past - 60, expires_at=past, refresh_token=first.refresh_token),
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("ada\n", "")
    refreshed = kept(table["type"])
    assert refreshed
    assert refreshed.refresh_token != first.refresh_token
    assert get_token("prod") == refreshed
    assert logout("prod").revoked
    assert kept(table["type"]) is None
    assert run(["logout", "prod"]) == 0
    assert "there was no login" in capsys.readouterr().err
    assert run(["token", "prod"]) == 3


def test_a_login_bound_to_a_key(
    sandbox: Sandbox, table: dict[str, Any], write_profiles: WriteProfiles, redis_server: RedisServer
) -> None:
    """The key is kept beside the token, sealed as that is; eight processes refresh once, and prove the same key."""
    bound = {**sandbox.profiles()["oidc-bound"], "callback": "loopback"}
    write_profiles({"prod": bound}, store=table)
    first = login("prod", browser=Robot())
    assert first.proof_key
    past = time.time() - 3600
    old: dict[str, Any] = {
        "refresh_token": first.refresh_token,
        "token_type": "DPoP",
        "proof_key": first.proof_key,
    }
    put(table["type"], token=Token("used", obtained_at=past - 60, expires_at=past, **old))
    before = len(sandbox.journal)
    code = "from aventus_creds import get_session; print(get_session('prod').get('/v1/me').status_code)"
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(8)]
    assert {process.communicate(timeout=60)[0] for process in running} == {b"200\n"}
    asked = [(it.grant_type, it.status) for it in sandbox.journal[before:] if it.endpoint == "token"]
    assert asked == [("refresh_token", 200)]
    refreshed = kept(table["type"])
    assert refreshed
    assert (refreshed.proof_key, refreshed.token_type) == (first.proof_key, "DPoP")
    if table["type"] == "redis":
        private = json.loads(first.proof_key)["d"].encode()
        with redis_server.admin as admin:
            names = [name for name in admin.keys(f"{table['prefix']}*") if admin.type(name) == b"string"]
            values = [admin.get(name) for name in names]
        assert max(map(len, values)) > len(private)
        assert not [value for value in values if private in value]
