"""What ``status`` and ``doctor`` say about a chosen store."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from chosen_store import KEYS, SEAL, Prints, WriteProfiles, at, profile, put
from support import Web, free_port, make_token

from aventus_creds.cli.commands import run
from aventus_creds.stores.opening import open_store
from aventus_creds.stores.redis.store import RedisStore

# status and doctor


def test_status_asks_redis_once(
    write_profiles: WriteProfiles,
    in_redis: dict[str, Any],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Prints,
) -> None:
    """However many profiles there are. An entry that cannot be read is a row of its own."""
    from redis.connection import Connection

    profiles = {f"p{number}": {**KEYS, "scope": f"s{number}"} for number in range(20)}
    write_profiles(profiles, store=in_redis)
    for name in ("p3", "p7", "p11"):
        put("redis", name)
    store = open_store("redis", profile("p3").store)
    assert isinstance(store, RedisStore)
    names = store._names(profile("p11").key)
    with request.getfixturevalue("redis_server").admin as admin:
        admin.delete(names.entry)
        admin.execute_command("LPUSH", names.entry, "a list")
    sent: list[bytes] = []
    send: Any = Connection.send_packed_command

    def noted(self: Connection, command: Any, *args: Any, **more: Any) -> None:
        sent.append(b"".join([command] if isinstance(command, bytes) else command))
        send(self, command, *args, **more)

    monkeypatch.setattr(Connection, "send_packed_command", noted)
    assert run(["status", "--json"]) == 4
    assert [piece.count(b"GET") for piece in sent if b"GET" in piece] == [40]
    shown = capsys.readouterr()
    states = {row["profile"]: row["state"] for row in json.loads(shown.out)}
    assert states == {**dict.fromkeys(profiles, "none"), "p3": "fresh", "p7": "fresh", "p11": "unknown"}
    assert shown.err.startswith("error: ")


@pytest.mark.usefixtures("impatient")
def test_status_of_a_store_that_is_away(write_profiles: WriteProfiles, capsys: Prints) -> None:
    """It is a row that says so, beside the others', and one error; exit 4, also where a login is needed."""
    url = f"redis://127.0.0.1:{free_port()}"
    write_profiles(
        {
            "near": {**KEYS, "store": "file"},
            "none": {**KEYS, "store": "file", "scope": "x"},
            "far": KEYS,
            "far2": KEYS,
        },
        store={"type": "redis", "url": url, "encryption_key": SEAL},
    )
    put("file", "near")
    assert run(["status", "--json"]) == 4
    shown = capsys.readouterr()
    rows = {row["profile"]: (row["state"], row["store"], row["needs_login"]) for row in json.loads(shown.out)}
    assert rows == {
        "near": ("fresh", "file", False),
        "none": ("none", "file", True),
        "far": ("unknown", "redis", False),
        "far2": ("unknown", "redis", False),
    }
    assert shown.err.count("cannot be reached") == 1
    assert run(["status", "far"]) == 4
    shown = capsys.readouterr()
    assert "cannot be read: see below" in shown.out
    assert "cannot be reached" in shown.err
    assert run(["status", "near"]) == 0


def test_status_without_the_stores_secret(
    write_profiles: WriteProfiles, absent_redis: dict[str, Any], capsys: Prints
) -> None:
    """The row is there, and the error says what is missing."""
    write_profiles({"prod": KEYS}, store={**absent_redis, "encryption_key": {"env": "NOT_SET"}})
    assert run(["status"]) == 4
    shown = capsys.readouterr()
    assert "prod" in shown.out
    assert "the encryption key is missing: the environment variable NOT_SET" in shown.err


def test_status_says_where_each_is_kept(
    table: dict[str, Any], write_profiles: WriteProfiles, capsys: Prints
) -> None:
    write_profiles({"prod": KEYS}, store=table)
    put(table["type"])
    assert run(["status", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["state"], row["store"]) == ("fresh", table["type"])
    assert run(["status"]) == 0
    assert table["type"] in capsys.readouterr().out


def checks(capsys: Prints) -> dict[str, str]:
    """Return doctor's checks, each with its outcome and note."""
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    return {line[2:].partition(":")[0]: line for line in lines if line[:1] in {"✓", "✗"}}


def test_doctor_of_a_good_store(
    table: dict[str, Any],
    write_profiles: WriteProfiles,
    capsys: Prints,
    request: pytest.FixtureRequest,
    web: Web,
) -> None:
    """It is tried out, and nothing stays there: in Redis but the mark of what was deleted."""
    write_profiles({"prod": at(web)}, store=table)
    assert run(["doctor", "prod"]) == 0
    found = checks(capsys)
    kind = table["type"]
    place = {"file": "files", "keyring": "the system's keyring", "redis": "Redis at redis://127.0.0.1:"}[kind]
    assert found["the token store"].startswith(f"✓ the token store: {place}")
    assert "object at 0x" not in found["the token store"]
    assert found["the login"].startswith("✓ the login: none yet")
    assert ("the state folder" in found) == (kind != "redis")
    if kind == "redis":
        assert not Path(os.environ["AVENTUS_CREDS_STATE_DIR"]).exists()
        with request.getfixturevalue("redis_server").admin as admin:
            left = list(admin.scan_iter(f"{table['prefix']}*"))
            assert left
            assert all(admin.ttl(name) > 0 for name in left)
        assert open_store("redis", profile().store).load("doctor") is None
    if kind == "keyring":
        assert request.getfixturevalue("secret_service").names() == set()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"url": "redis://127.0.0.1:1"}, "cannot be reached"),
        ({"url": {"env": "NOT_SET"}}, "the Redis URL is missing"),
        ({"encryption_key": {"env": "WRONG"}}, "is not base64url of 32 bytes"),
        ({"type": "keyring"}, "there is no keyring on this system"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_doctor_of_a_bad_store(
    change: dict[str, Any],
    what: str,
    write_profiles: WriteProfiles,
    absent_redis: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Prints,
    web: Web,
) -> None:
    """The check fails with a hint, once: the login cannot be looked up then. The others go on."""
    monkeypatch.setenv("WRONG", "short")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    write_profiles({"prod": at(web), "near": {**at(web), "store": "file"}}, store={**absent_redis, **change})
    assert run(["doctor", "prod"]) == 4
    found = checks(capsys)
    assert what in found["the token store"]
    assert found["the token store"].startswith("✗")
    assert "the login" not in found
    assert run(["doctor", "near"]) == 0


def test_two_doctors_at_once(write_profiles: WriteProfiles, in_redis: dict[str, Any]) -> None:
    """They take turns."""
    from aventus_creds.cli.doctor import _store

    write_profiles({"prod": KEYS}, store=in_redis)
    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(_store, [profile()] * 12))) == 1


def test_doctor_leaves_nothing_where_a_store_gives_back_something_else(
    write_profiles: WriteProfiles,
    in_redis: dict[str, Any],
    web: Web,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Prints,
) -> None:
    write_profiles({"prod": at(web)}, store=in_redis)
    with monkeypatch.context() as patched:
        patched.setattr(RedisStore, "load", lambda *_: make_token("another"))
        assert run(["doctor", "prod"]) == 4
    assert "redis does not return what was stored in it" in checks(capsys)["the token store"]
    assert open_store("redis", profile().store).load("doctor") is None
