"""``store move`` carries logins from one store to another, and loses none; ``store key`` makes a key."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from chosen_store import KEYS, PROFILE, Prints, WriteProfiles, kept, profile, put
from redis_server import RedisServer
from support import make_token

from aventus_creds.cli.commands import run
from aventus_creds.errors import StoreError
from aventus_creds.profiles.file import ProfilesFile
from aventus_creds.stores import TokenStore
from aventus_creds.stores.opening import open_store
from aventus_creds.stores.redis.sealing import new_key
from aventus_creds.stores.redis.store import RedisStore

SERVICE = {**KEYS, "grant": "client_credentials", "client_secret": {"env": "NOT_SET"}}


# store move


@pytest.mark.parametrize("target", ["redis", "keyring"])
def test_there_and_back(
    target: str,
    write_profiles: WriteProfiles,
    request: pytest.FixtureRequest,
    capsys: Prints,
) -> None:
    """Every login goes over as it is, and is not in the old one any more; what to write is said once."""
    if target == "keyring":
        request.getfixturevalue("secret_service").clear()
    in_redis = request.getfixturevalue("in_redis") if target == "redis" else {}
    path = write_profiles(
        {"a": KEYS, "b": {**KEYS, "client_id": "d"}, "none": {**KEYS, "scope": "x"}},
        store={**in_redis, "type": "file"},
    )
    tokens = [put("file", name) for name in ("a", "b")]
    assert run(["store", "move", "--to", target]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    for line in (f"a: moved to {target}", f"b: moved to {target}", "none: no login in file"):
        assert shown.err.count(line) == 1
    assert shown.err.count(f'Now write type = "{target}" below [store] in {path}') == 1
    assert [kept(target, name) for name in ("a", "b")] == tokens
    assert [kept("file", name) for name in ("a", "b")] == [None, None]
    assert run(["store", "move", "a", "--from", target, "--to", "file"]) == 0
    shown = capsys.readouterr()
    assert shown.err == "a: moved to file\n"  # it is what the file says already
    assert (kept("file", "a"), kept(target, "a"), kept(target, "b")) == (tokens[0], None, tokens[1])


def test_what_to_write_is_where_the_store_is_named(
    write_profiles: WriteProfiles, in_redis: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: Prints
) -> None:
    """Followed to the letter, it makes the token's new place the one that serves."""
    path = write_profiles({"own": {**KEYS, "store": "file"}}, store={**in_redis})
    put("file", "own")
    assert run(["store", "move", "own", "--to", "redis"]) == 0
    assert f'Now write store = "redis" below [profiles.own] in {path}' in capsys.readouterr().err
    monkeypatch.setenv("AVENTUS_CREDS_STORE", "redis")
    assert run(["store", "move", "own", "--to", "file"]) == 0
    assert "Now set AVENTUS_CREDS_STORE=file" in capsys.readouterr().err


def test_the_newer_login_stays(
    write_profiles: WriteProfiles, in_redis: dict[str, Any], capsys: Prints
) -> None:
    """In both directions, where both stores have one."""
    write_profiles({"prod": KEYS}, store=in_redis)
    old, new = make_token("old", age=100, refresh_token="r"), make_token("new", refresh_token="r")
    for origin, target in (("file", "redis"), ("redis", "file")):
        put(origin, token=old)
        put(target, token=new)
        assert run(["store", "move", "prod", "--from", origin, "--to", target]) == 0
        assert f"{target} has a newer login; the one in {origin} is dropped" in capsys.readouterr().err
        assert (kept(origin), kept(target)) == (None, new)
        put(origin, token=(newest := make_token("newest", age=-5, refresh_token="r")))
        assert run(["store", "move", "prod", "--from", origin, "--to", target]) == 0
        assert f"moved to {target}" in capsys.readouterr().err
        assert (kept(origin), kept(target)) == (None, newest)


def test_the_same_store_is_a_usage_error(
    write_profiles: WriteProfiles, in_redis: dict[str, Any], capsys: Prints
) -> None:
    """But of all, what is there already hinders nothing."""
    write_profiles({"prod": KEYS, "own": {**KEYS, "store": "redis"}}, store={**in_redis, "type": "file"})
    for arguments in (["prod", "--to", "file"], ["--from", "redis", "--to", "redis"]):
        assert run(["store", "move", *arguments]) == 2
        assert "already; give --from another store, or another --to" in capsys.readouterr().err
    tokens = put("file"), put("redis", "own")
    assert run(["store", "move", "--to", "redis"]) == 0
    assert "own: kept in redis already" in capsys.readouterr().err
    assert (kept("redis"), kept("redis", "own")) == tokens
    for arguments in (["--to", "disk"], [], ["prod"]):
        assert run(["store", "move", *arguments]) == 2


def test_a_profile_with_mistakes_does_not_hinder_the_others(
    write_profiles: WriteProfiles, in_redis: dict[str, Any], capsys: Prints
) -> None:
    """As with logout --all: the others are moved, its mistakes are told, and the exit code is 4."""
    write_profiles(
        {"bad": {"client_id": 5}, "job": SERVICE, "prod": KEYS}, store={**in_redis, "type": "file"}
    )
    put("file")
    put("file", "job", make_token())
    assert run(["store", "move", "--to", "redis"]) == 4
    assert "profiles.bad.client_id" in capsys.readouterr().err
    assert kept("redis")
    assert kept("redis", "job")
    assert run(["store", "move", "bad", "--to", "redis"]) == 4
    assert run(["store", "move", "none", "--to", "redis"]) == 4


class _Fails:
    """A store that fails at one of its methods, after ``works`` calls of it."""

    def __init__(self, store: TokenStore, method: str, works: int) -> None:
        self._store, self._method, self._works = store, method, works

    def __getattr__(self, name: str) -> Any:
        def fail(*_: Any) -> None:
            raise StoreError("it is away")

        if name == self._method:
            self._works -= 1
            if self._works < 0:
                return fail
        return getattr(self._store, name)


@pytest.mark.parametrize(("method", "works"), [("lock", 0), ("load", 0), ("save", 0), ("load", 1)])
def test_a_target_that_fails_at_any_step_loses_nothing(
    method: str,
    works: int,
    write_profiles: WriteProfiles,
    in_redis: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The old one still has it, its lock is free, and a second try does it."""
    write_profiles({"prod": KEYS}, store={**in_redis, "type": "file"})
    token = put("file")

    def opened(name: str, settings: Any) -> Any:
        store = open_store(name, settings)
        return _Fails(store, method, works) if name == "redis" else store

    with monkeypatch.context() as patched:
        patched.setattr("aventus_creds.cli.stores.open_store", opened)
        assert run(["store", "move", "--to", "redis"]) == 4
    assert kept("file") == token
    assert run(["store", "move", "--to", "redis"]) == 0
    assert kept("redis") == token


@pytest.mark.usefixtures("impatient")
def test_a_redis_that_cannot_be_used_loses_nothing(
    write_profiles: WriteProfiles, in_redis: dict[str, Any], tmp_path: Path, capsys: Prints
) -> None:
    """Killed, or with an entry that our key does not open: exit 4, and the login is where it was."""
    write_profiles({"prod": KEYS}, store={**in_redis, "type": "file", "encryption_key": new_key()})
    put("redis")
    write_profiles({"prod": KEYS}, store={**in_redis, "type": "file"})
    token = put("file")
    assert run(["store", "move", "--to", "redis"]) == 4
    assert "cannot be decrypted" in capsys.readouterr().err
    assert kept("file") == token
    with RedisServer(tmp_path / "redis") as server:
        write_profiles({"prod": KEYS}, store={**in_redis, "type": "file", "url": server.url})
        server.kill()
        assert run(["store", "move", "--to", "redis"]) == 4
        assert "cannot be reached" in capsys.readouterr().err
        assert kept("file") == token
        server.start()
        assert run(["store", "move", "--to", "redis"]) == 0
        assert (kept("file"), kept("redis")) == (None, token)
        server.kill()
        assert run(["store", "move", "--from", "redis", "--to", "keyring"]) == 4


def test_it_waits_for_a_refresh_under_way(write_profiles: WriteProfiles, in_redis: dict[str, Any]) -> None:
    """What goes over is what the refresh has saved, never the used refresh token."""
    write_profiles({"prod": KEYS}, store={**in_redis, "type": "file"})
    put("file", token=make_token("used", refresh_token="r"))
    store, key = open_store("file", None), profile().key
    done: list[int] = []
    with store.lock(key):
        mover = threading.Thread(target=lambda: done.append(run(["store", "move", "--to", "redis"])))
        mover.start()
        mover.join(0.2)
        assert mover.is_alive()
        store.save(key, new := make_token("new", refresh_token="s"))
    mover.join(20)
    assert (done, kept("redis"), kept("file")) == ([0], new, None)


def test_to_and_fro_at_once(write_profiles: WriteProfiles, in_redis: dict[str, Any]) -> None:
    """Two that move in opposite directions do not wait for each other: who waits for files holds no Redis."""
    write_profiles({"prod": KEYS}, store={**in_redis, "type": "file"})
    token, key = put("file"), profile().key
    near, far = open_store("file", None), open_store("redis", profile().store)

    for origin, target in (("file", "redis"), ("redis", "file")):
        taken = threading.Event()

        def take(taken: threading.Event = taken) -> None:
            with far.lock(key):
                taken.set()

        arguments = ["store", "move", "prod", "--from", origin, "--to", target]
        mover = threading.Thread(target=run, args=(arguments,), daemon=True)
        with near.lock(key):
            mover.start()
            mover.join(0.2)
            assert mover.is_alive()
            threading.Thread(target=take, daemon=True).start()
            assert taken.wait(10)
        mover.join(20)
        assert (kept(origin), kept(target)) == (None, token)


def test_store_key_prints_one_key(capsys: Prints) -> None:
    """One line, which [store] takes; each time another."""
    keys = []
    for _ in range(2):
        assert run(["store", "key"]) == 0
        shown = capsys.readouterr()
        assert (shown.out.count("\n"), shown.err) == (1, "")
        keys.append(shown.out.strip())
        RedisStore("redis://127.0.0.1", [keys[-1]])
        text = f'{PROFILE}[store]\ntype = "redis"\nurl = "redis://a"\nencryption_key = "{keys[-1]}"\n'
        assert ProfilesFile(Path("profiles.toml"), text).problems() == ()
    assert keys[0] != keys[1]
