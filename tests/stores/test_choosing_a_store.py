"""Where tokens are stored, as people choose it: [store], a profile's store, AVENTUS_CREDS_STORE."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from chosen_store import (
    KEYS,
    PASSWORD,
    PROFILE,
    SEAL,
    SECRET_URL,
    Prints,
    WriteProfiles,
    at,
    kept,
    profile,
    put,
)
from support import Web, make_token, variables_shown

from aventus_creds import get_token
from aventus_creds.cli.commands import run
from aventus_creds.errors import ConfigError, ProfileError
from aventus_creds.profiles.file import ProfilesFile
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.keyring.store import KeyringStore
from aventus_creds.stores.opening import open_store, store_for, store_name
from aventus_creds.stores.redis import opening as redis_room
from aventus_creds.stores.redis.store import RedisStore

GOOD = f'url = "redis://127.0.0.1"\nencryption_key = "{SEAL}"\n'


def told(text: str) -> str:
    """Return the mistakes of a file, which show none of its secrets, anywhere."""
    with pytest.raises(ProfileError) as caught:
        ProfilesFile(Path("profiles.toml"), text).profile("prod")
    for shown in (str(caught.value), variables_shown(caught.value)):
        assert PASSWORD not in shown
        assert SEAL not in shown
    return str(caught.value)


# Mistakes


@pytest.mark.parametrize(
    ("line", "what"),
    [
        *(("type = 5", "must be one of file, keyring, redis"), ("type = []", "must be one of file")),
        ('type = "disk"', "must be one of file, keyring, redis, memory, not 'disk'"),
        (f'type = "{SECRET_URL}"', "must be one of file, keyring, redis"),
        *((f"url = {value}", "must be text, or one of { env") for value in ("5", "true", "[]", "1979-05-27")),
        *(
            (f'url = "{value}"', "must begin with one of redis://")
            for value in ("", "redis", "redis:x", "rediss://")
        ),
        (f'url = "http://:{PASSWORD}@host"', "must begin with one of redis://, rediss://, unix://"),
        (f'url = "localhost:{PASSWORD}"', "must begin with one of redis://"),
        ('url = { evn = "X" }', "must be exactly one of { env"),
        (f'url = "redis://:{PASSWORD}@host/\\n"', "must be text in one line"),
        *((f"encryption_key = {value}", "must be text, or one of { env") for value in ("5", "false")),
        ("encryption_key = []", "must be a key that `aventus-creds store key` made, or a list of such"),
        (
            f'encryption_key = "{SEAL[:-3]}"',
            "must be a key that `aventus-creds store key` made, or where it is",
        ),
        (f'encryption_key = ["{SEAL}", "{SEAL[:-3]}", 5]', "item 2 must be a key"),
        (f'encryption_key = ["{SEAL}", 5]', "item 2 must be text, or one of"),
        ('encryption_key = { env = "" }', "must not be empty"),
        *(('prefix = ""', "must not be empty"), ("prefix = 5", "must be text, not a number")),
        ('typ = "redis"', "unknown key; did you mean 'type'?"),
        ('colour = "red"', "unknown key; allowed: type, url, encryption_key, prefix"),
        ("[store.url]", "must be exactly one of { env"),
    ],
)
def test_every_mistake_is_told_with_its_line(line: str, what: str) -> None:
    """Where it stands and what is allowed, for the profile and for the file, and nothing secret."""
    text = f"{PROFILE}\n[store]\n{line}\n"
    name = line.split(" ", maxsplit=1)[0].removeprefix("[store.").removesuffix("]")
    assert f"profiles.toml:6: store.{name}: {what}" in told(text)
    (problem,) = ProfilesFile(Path("profiles.toml"), text).problems()
    assert (problem.line, problem.key) == (6, f"store.{name}")


@pytest.mark.parametrize("value", [f'"{SECRET_URL}"', '"redis"', "5", "[]"])
def test_a_store_that_is_no_table(value: str) -> None:
    """What is written instead of the table is answered by how to write it."""
    assert "profiles.toml:1: store: must be a table: write [store]" in told(f"store = {value}\n{PROFILE}")


@pytest.mark.parametrize("value", ["5", "[]", '["redis"]', "{}", "true", '"disk"', f'"{SECRET_URL}"'])
@pytest.mark.parametrize("rest", ["", '[store]\ntype = "keyring"\n', f'[store]\ntype = "redis"\n{GOOD}'])
def test_a_profiles_store_of_any_type(value: str, rest: str) -> None:
    """It is a mistake like any other, whatever [store] says."""
    shown = told(f"{PROFILE}store = {value}\n{rest}")
    assert "profiles.toml:4: profiles.prod.store: must be one of file, keyring, redis" in shown
    assert len(shown.splitlines()) == 1


def test_all_mistakes_at_once_and_each_once(write_profiles: WriteProfiles, capsys: Prints) -> None:
    """Those of [store] are not repeated for each profile."""
    write_profiles({"a": KEYS, "b": KEYS, "c": {"client_id": 5}}, store={"type": "redis", "url": "x"})
    assert run(["profiles"]) == 4
    lines = [line for line in capsys.readouterr().err.splitlines() if "profiles.toml:" in line]
    assert len(lines) == len(set(lines))
    assert sum("store.url" in line for line in lines) == 1
    assert sum("store.encryption_key: missing" in line for line in lines) == 1
    assert run(["logout", "--all"]) == 4
    assert capsys.readouterr().err.count("store.url") == 1


def test_redis_needs_an_address_and_a_key() -> None:
    """What is missing is told at whoever asks for a Redis: [store], or a profile."""
    shown = told(f'{PROFILE}\n[store]\ntype = "redis"\n')
    assert "profiles.toml:5: store.url: missing; the address of the Redis" in shown
    assert (
        "profiles.toml:5: store.encryption_key: missing; what seals the tokens there: aventus-creds" in shown
    )
    for rest in ("", '\n[store]\ntype = "keyring"\n'):
        shown = told(f'{PROFILE}store = "redis"\n{rest}')
        assert "profiles.toml:4: profiles.prod.store: needs url below [store]; the address" in shown
        assert "profiles.toml:4: profiles.prod.store: needs encryption_key below [store]; what" in shown
    shown = told(f'{PROFILE}store = "redis"\n\n[store]\nurl = "redis://a"\n')
    assert "needs encryption_key below [store]" in shown
    assert "needs url" not in shown


def test_redis_by_the_environment_alone(
    write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch, capsys: Prints
) -> None:
    """Where the file says nothing of it, the error says what to write."""
    monkeypatch.setenv("AVENTUS_CREDS_STORE", "redis")
    for store in ({}, {"type": "keyring"}, {"url": "redis://127.0.0.1"}):
        write_profiles({"prod": KEYS}, **({"store": store} if store else {}))
        assert run(["token", "prod"]) == 4
        assert "the Redis store needs url and encryption_key below [store]" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["disk", "File", SECRET_URL])
def test_an_unknown_store_in_the_environment(
    named: str, write_profiles: WriteProfiles, web: Web, monkeypatch: pytest.MonkeyPatch, capsys: Prints
) -> None:
    """It is an error with what is allowed; what it says is not repeated, for it may be an address."""
    write_profiles({"prod": at(web)})
    monkeypatch.setenv("AVENTUS_CREDS_STORE", named)
    for arguments in (["token"], ["status"], ["doctor"], ["logout"], ["store", "move", "--to", "file"]):
        assert run([*arguments, "prod"]) == 4, arguments
        shown = capsys.readouterr()
        assert "AVENTUS_CREDS_STORE must be one of file, keyring, redis" in shown.out + shown.err
        assert named not in shown.out + shown.err


# Which one


def test_the_environment_goes_before_the_profile_and_that_before_the_table(
    write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch, absent_redis: dict[str, Any]
) -> None:
    """And where nobody says anything, it is files. An empty variable says nothing."""
    write_profiles({"prod": KEYS})
    assert isinstance(store_for(profile()), FileStore)
    monkeypatch.setenv("AVENTUS_CREDS_STORE", "keyring")
    assert isinstance(store_for(profile()), KeyringStore)
    monkeypatch.setenv("AVENTUS_CREDS_STORE", "")
    write_profiles(
        {"prod": KEYS, "own": {**KEYS, "store": "file"}}, store={**absent_redis, "type": "keyring"}
    )
    assert (store_name(profile()), store_name(profile("own"))) == ("keyring", "file")
    write_profiles({"prod": KEYS, "own": {**KEYS, "store": "redis"}}, store={**absent_redis, "type": "file"})
    assert isinstance(store_for(profile()), FileStore)
    assert isinstance(store_for(profile("own")), RedisStore)
    for named in ("file", "keyring", "redis"):
        monkeypatch.setenv("AVENTUS_CREDS_STORE", named)
        assert {store_name(profile()), store_name(profile("own"))} == {named}
        assert type(store_for(profile())) is type(store_for(profile("own")))


def test_a_relative_file_is_beside_the_profiles(
    write_profiles: WriteProfiles, in_redis: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the program runs."""
    for name, text in (("url.txt", in_redis["url"]), ("key.txt", SEAL)):
        (tmp_path / name).write_text(f"{text}\n")
        (tmp_path / name).chmod(0o600)
    places = {"url": {"file": "url.txt"}, "encryption_key": [{"file": "key.txt"}]}
    write_profiles({"prod": KEYS}, store={**in_redis, **places})
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    assert put("redis") == kept("redis")


@pytest.mark.parametrize(
    ("places", "what"),
    [
        ({"url": {"env": "NOT_SET"}}, "the Redis URL is missing: the environment variable NOT_SET"),
        ({"encryption_key": {"env": "NOT_SET"}}, "the encryption key is missing: the environment variable"),
        (
            {"encryption_key": [SEAL, {"env": "EMPTY"}]},
            "the encryption key in the environment variable EMPTY is",
        ),
        ({"url": {"file": "none"}}, "the Redis URL's file"),
        ({"encryption_key": {"env": "SHORT"}}, "encryption key 1 of 1 is not base64url of 32 bytes"),
        ({"url": {"env": "SHORT"}}, "a Redis URL begins with redis://"),
    ],
)
def test_a_secret_of_the_store_that_is_not_there(
    places: dict[str, Any],
    what: str,
    write_profiles: WriteProfiles,
    absent_redis: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says which, and where it should be; neither it nor its variables show the others."""
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("SHORT", PASSWORD)
    write_profiles({"prod": KEYS}, store={**absent_redis, "url": SECRET_URL, **places})
    with pytest.raises(ConfigError) as caught:
        get_token("prod")
    assert what in str(caught.value)
    assert "client secret" not in str(caught.value)
    for shown in (str(caught.value), variables_shown(caught.value)):
        assert PASSWORD not in shown
        assert SEAL not in shown


def test_an_injected_token_needs_no_store(
    write_profiles: WriteProfiles,
    absent_redis: dict[str, Any],
    web: Web,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Prints,
) -> None:
    """In CI, the store's secrets may well be missing; status and doctor do not ask for them either."""
    write_profiles({"prod": at(web)}, store={**absent_redis, "url": {"env": "NOT_SET"}})
    monkeypatch.setenv("AVENTUS_CREDS_TOKEN_PROD", "injected")
    assert get_token("prod").access_token == "injected"
    assert run(["status", "prod", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["store"] is None
    assert run(["doctor", "prod"]) == 0
    shown = capsys.readouterr().out
    assert "the token in AVENTUS_CREDS_TOKEN_PROD is used" in shown
    assert "NOT_SET" not in shown


@pytest.mark.parametrize(("package", "store"), [("redis", "redis"), ("keyring", "keyring")])
def test_a_missing_extra_says_what_to_install(
    package: str,
    store: str,
    write_profiles: WriteProfiles,
    absent_redis: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Prints,
) -> None:
    """As one line with the extra's name; the file store needs none of it."""
    write_profiles({"prod": KEYS, "plain": {**KEYS, "store": "file"}}, store={**absent_redis, "type": store})
    put("file", "plain")
    monkeypatch.setattr(redis_room, "_opened", {})
    monkeypatch.setitem(sys.modules, package, None)
    assert run(["token", "prod"]) == 4
    assert f"pip install 'aventus-creds[{store}]'" in capsys.readouterr().err
    assert run(["token", "plain"]) == 0


def test_without_a_keyring_nothing_goes_to_a_file(
    write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch, capsys: Prints
) -> None:
    """Who asks for the keyring is told that there is none, at each command, and no token is written down."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    write_profiles({"prod": KEYS}, store={"type": "file"})
    token = put("file")
    write_profiles({"prod": KEYS}, store={"type": "keyring"})
    for arguments in (
        ["token"],
        ["status"],
        ["logout"],
        ["store", "move", "--from", "file", "--to", "keyring"],
    ):
        assert run([*arguments, "prod"]) == 4, arguments
        assert "there is no keyring on this system" in capsys.readouterr().err
    assert kept("file") == token
    place = open_store("keyring", None)
    with place.lock(profile().key), pytest.raises(ConfigError):
        place.save(profile().key, make_token("not-for-a-file"))
    state = Path(os.environ["AVENTUS_CREDS_STATE_DIR"])
    assert not [path for path in state.rglob("*") if path.is_file() and b"not-for-a" in path.read_bytes()]
