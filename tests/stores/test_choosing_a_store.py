"""Where tokens rest, as people choose it: [store], a profile's store, AVENTUS_CREDS_STORE, and the commands of it."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from redis_server import RedisServer
from secret_service import SecretService
from support import Web, free_port, make_token, variables_shown

from aventus_creds import get_session, get_token, login, logout
from aventus_creds.cli.commands import run
from aventus_creds.errors import (
    ConfigError,
    InsecureFileWarning,
    ProfileError,
    StoreError,
)
from aventus_creds.notebook.background import background_login
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.profile import Profile
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.sources.chain import cached_source
from aventus_creds.stores import TokenStore, opening
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.keyring.store import KeyringStore
from aventus_creds.stores.opening import open_store, store_for, store_name
from aventus_creds.stores.redis import opening as redis_room
from aventus_creds.stores.redis.sealing import new_key
from aventus_creds.stores.redis.store import RedisStore
from aventus_creds.tokens import Token

WriteProfiles = Callable[..., Path]
Prints = pytest.CaptureFixture[str]

KEYS = {"issuer": "https://as.example.com", "client_id": "c", "api_url": "https://api.example.com"}
SERVICE = {**KEYS, "grant": "client_credentials", "client_secret": {"env": "NOT_SET"}}
PROFILE = '[profiles.prod]\nissuer = "https://as.example.com"\nclient_id = "c"\n'
PASSWORD = "the-redis-password"
SECRET_URL = f"redis://:{PASSWORD}@127.0.0.1:1/0"
SEAL = base64.urlsafe_b64encode(bytes(range(32))).decode()  # workers of one test run must agree on it
GOOD = f'url = "redis://127.0.0.1"\nencryption_key = "{SEAL}"\n'


@pytest.fixture
def in_redis(redis_server: RedisServer) -> dict[str, Any]:
    """What [store] says for a Redis of this test's own."""
    return {"type": "redis", "url": redis_server.url, "encryption_key": SEAL, "prefix": f"{uuid.uuid4()}:"}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the Redis store give up soon."""
    defaults = RedisStore.__init__.__kwdefaults__
    assert defaults
    monkeypatch.setitem(defaults, "timeout", 0.3)


@pytest.fixture(params=["file", "keyring", "redis"])
def table(request: pytest.FixtureRequest) -> dict[str, Any]:
    """[store] for each store there is."""
    if request.param == "redis":
        found: dict[str, Any] = request.getfixturevalue("in_redis")
        return found
    if request.param == "keyring":
        request.getfixturevalue("secret_service").clear()
    return {"type": request.param}


def at(web: Web) -> dict[str, str]:
    """Return the keys of a profile whose server answers."""
    return {
        "authorize_url": f"{web.url}/a",
        "token_url": f"{web.url}/t",
        "client_id": "c",
        "api_url": web.url,
    }


def profile(name: str = "prod") -> Profile:
    return read_profiles().profile(name)


def put(store: str, name: str = "prod", token: Token | None = None) -> Token:
    token = token or make_token(refresh_token="a-refresh-token")
    place, key = open_store(store, profile(name).store), profile(name).key
    with place.lock(key):
        place.save(key, token)
    return token


def kept(store: str, name: str = "prod") -> Token | None:
    return open_store(store, profile(name).store).load(profile(name).key)


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
        ('type = "disk"', "must be one of file, keyring, redis, not 'disk'"),
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
        ('encryption_key = { env = "" }', "must be text, not nothing"),
        *(('prefix = ""', "must be text, not nothing"), ("prefix = 5", "must be text, not a number")),
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
    write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch, in_redis: dict[str, Any]
) -> None:
    """And where nobody says anything, it is files. An empty variable says nothing."""
    write_profiles({"prod": KEYS})
    assert isinstance(store_for(profile()), FileStore)
    monkeypatch.setenv("AVENTUS_CREDS_STORE", "keyring")
    assert isinstance(store_for(profile()), KeyringStore)
    monkeypatch.setenv("AVENTUS_CREDS_STORE", "")
    write_profiles({"prod": KEYS, "own": {**KEYS, "store": "file"}}, store={**in_redis, "type": "keyring"})
    assert (store_name(profile()), store_name(profile("own"))) == ("keyring", "file")
    write_profiles({"prod": KEYS, "own": {**KEYS, "store": "redis"}}, store={**in_redis, "type": "file"})
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
    in_redis: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says which, and where it should be; neither it nor its variables show the others."""
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("SHORT", PASSWORD)
    write_profiles({"prod": KEYS}, store={**in_redis, "url": SECRET_URL, **places})
    with pytest.raises(ConfigError) as caught:
        get_token("prod")
    assert what in str(caught.value)
    assert "client secret" not in str(caught.value)
    for shown in (str(caught.value), variables_shown(caught.value)):
        assert PASSWORD not in shown
        assert SEAL not in shown


def test_an_injected_token_needs_no_store(
    write_profiles: WriteProfiles,
    in_redis: dict[str, Any],
    web: Web,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Prints,
) -> None:
    """In CI, the store's secrets may well be missing; status and doctor do not ask for them either."""
    write_profiles({"prod": at(web)}, store={**in_redis, "url": {"env": "NOT_SET"}})
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
    in_redis: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Prints,
) -> None:
    """As one line with the extra's name; the file store needs none of it."""
    write_profiles({"prod": KEYS, "plain": {**KEYS, "store": "file"}}, store={**in_redis, "type": store})
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
    assert pickle.loads(pickle.dumps(profile())) == profile()


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
    write_profiles: WriteProfiles, in_redis: dict[str, Any]
) -> None:
    write_profiles({"prod": KEYS}, store=in_redis)
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


# store move


@pytest.mark.parametrize("target", ["redis", "keyring"])
def test_there_and_back(
    target: str,
    write_profiles: WriteProfiles,
    in_redis: dict[str, Any],
    secret_service: SecretService,
    capsys: Prints,
) -> None:
    """Every login goes over as it is, and is not in the old one any more; what to write is said once."""
    secret_service.clear()
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


# status and doctor


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
    write_profiles: WriteProfiles, in_redis: dict[str, Any], capsys: Prints
) -> None:
    """The row is there, and the error says what is missing."""
    write_profiles({"prod": KEYS}, store={**in_redis, "encryption_key": {"env": "NOT_SET"}})
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
    redis_server: RedisServer,
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
        with redis_server.admin as admin:
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
    in_redis: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Prints,
    web: Web,
) -> None:
    """The check fails with a hint, once: the login cannot be looked up then. The others go on."""
    monkeypatch.setenv("WRONG", "short")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    write_profiles({"prod": at(web), "near": {**at(web), "store": "file"}}, store={**in_redis, **change})
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
    assert "redis does not give back what was put into it" in checks(capsys)["the token store"]
    assert open_store("redis", profile().store).load("doctor") is None


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
