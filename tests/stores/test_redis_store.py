"""The Redis store: what is sealed, who holds the lock, who may write, and what each fault of Redis is called."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.crc import key_slot
from redis_server import RedisServer, wait_until
from sockets import Authority, RawServer
from support import free_port, make_token, variables_shown

from aventus_creds.errors import (
    AventusCredsError,
    ConfigError,
    InsecureStoreWarning,
    StoreConflict,
    StoreError,
)
from aventus_creds.stores.redis.address import RIGHTS, Address, read_address
from aventus_creds.stores.redis.lock import names
from aventus_creds.stores.redis.sealing import MAKE_ONE, STAMP, Seal, new_key
from aventus_creds.stores.redis.store import RedisStore
from aventus_creds.tokens import Token

KEY = "prod-0123456789abcdef"
SEAL = new_key()
REFRESHABLE: dict[str, Any] = {"refresh_token": "a-refresh-token"}

LONG = int(os.environ.get("AVENTUS_CREDS_TEST_ROUNDS", "0")) >= 20 or os.environ.get("CI") == "true"

MakeStore = Callable[..., RedisStore]


@pytest.fixture
def prefix() -> str:
    return f"{uuid.uuid4()}:"


@pytest.fixture
def make_store(redis_server: RedisServer, prefix: str) -> MakeStore:
    """Make stores that stand for processes on several machines: they share nothing but the server."""

    def make(keys: list[str] | None = None, **options: Any) -> RedisStore:
        return RedisStore(redis_server.url, keys or [SEAL], **{"prefix": prefix, **options})

    return make


@pytest.fixture
def admin(redis_server: RedisServer) -> Iterator[Any]:
    with redis_server.admin as client:
        yield client


def save(store: RedisStore, token: Token | None = None, key: str = KEY) -> Token:
    token = token or make_token(**REFRESHABLE)
    with store.lock(key):
        store.save(key, token)
    return token


def entry(prefix: str, key: str = KEY) -> str:
    return f"{prefix}{{{key}}}"


# Sealing


def test_what_is_sealed_opens_again() -> None:
    """Each time with another nonce, so that no two entries begin alike."""
    seal = Seal([SEAL])
    one, two = seal.seal("a", b"content"), seal.seal("a", b"content")
    assert seal.open("a", one) == seal.open("a", two) == b"content"
    assert one[:STAMP] != two[:STAMP]


def test_what_was_changed_cut_or_moved_does_not_open() -> None:
    """A flipped bit anywhere, every shorter length, another name, another key: an error that names the entry."""
    seal = Seal([SEAL])
    sealed = seal.seal("a", b"c")
    changed = [bytes([*sealed[:at], sealed[at] ^ 1, *sealed[at + 1 :]]) for at in range(len(sealed))]
    for content in [*changed, *(sealed[:length] for length in range(len(sealed)))]:
        with pytest.raises(StoreError, match="the stored token a cannot be decrypted"):
            seal.open("a", content)
    for other, name in [(seal, "b"), (Seal([new_key()]), "a")]:
        with pytest.raises(StoreError, match="cannot be decrypted"):
            other.open(name, sealed)


def test_keys_are_rotated() -> None:
    """The first key seals, every key opens."""
    old, new = new_key(), new_key()
    sealed = Seal([old]).seal("a", b"content")
    assert Seal([new, old]).open("a", sealed) == b"content"
    resealed = Seal([new, old]).seal("a", b"content")
    assert Seal([new]).open("a", resealed) == b"content"
    with pytest.raises(StoreError, match="Add the key it was sealed with"):
        Seal([new]).open("a", sealed)


@pytest.mark.parametrize(
    "keys",
    [[], "", SEAL, [""], [SEAL[:-2]], [SEAL + "AAAA"], ["not base64: " + SEAL], [SEAL, "ä" * 43], [None]],
    ids=range(9),
)
def test_a_wrong_key_is_refused_and_not_shown(keys: Any) -> None:
    """The error tells how to make one; neither it nor a traceback with variables shows any."""
    with pytest.raises(ConfigError, match="aventus-creds store key") as caught:
        RedisStore("redis://127.0.0.1", keys)
    shown = f"{caught.value!r} {caught.value} {variables_shown(caught.value)}"
    assert SEAL[:20] not in shown
    assert SEAL not in repr(Seal([SEAL]))


def test_the_hint_makes_a_key() -> None:
    """The command in the hint works as it is pasted."""
    made = subprocess.run(MAKE_ONE, shell=True, capture_output=True, text=True, check=True, env={
        **os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    }).stdout  # fmt: skip
    Seal([made.strip()])


# Addresses


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://localhost", "redis://localhost:6379"),
        ("redis://ann:pass@127.0.0.1:7000/3", "redis://127.0.0.1:7000"),
        ("rediss://:pass@redis.example.com/0?ssl_ca_certs=/ca.pem", "rediss://redis.example.com:6379"),
        ("rediss://:p%40%2Fss@[::1]:7000", "rediss://[::1]:7000"),
        ("unix://ann:pass@/run/redis.sock?db=1", "unix:///run/redis.sock"),
        ("redis+sentinel://:pass@localhost,127.0.0.1:7/main/2", "redis+sentinel://localhost:26379,127.0.0.1:7/main"),
        ("rediss+cluster://:pass@a.example:1,b.example:2", "rediss+cluster://a.example:1,b.example:2"),
    ],
)  # fmt: skip
def test_a_store_shows_where_it_is_and_no_password(url: str, place: str) -> None:
    """In its repr, and so in tracebacks."""
    store = RedisStore(url, [SEAL])
    assert repr(store) == f"<RedisStore at {place}>"
    assert repr(read_address(url)) == f"<Redis at {place}>"
    assert "pass" not in repr(vars(store))
    assert SEAL not in repr(vars(store))


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost:6379", "http://:pass-word@localhost", "redis:/:pass-word@localhost", "redis://"),
        *("redis://:pass-word/x@localhost", "redis://:pass-word#x@localhost", "redis://:pass-word?x@localhost:1"),
        *("redis://:pass-word@host:port", "redis://:pass-word@a,b", "redis://:pass-word@host/database"),
        *("redis+sentinel://:pass-word@host", "unix://:pass-word@host/socket", "unix://"),
        *("redis://:pass-word@ho st", "redis://:pass-word@host\n"),
    ],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_and_not_shown(url: str) -> None:
    """Half a password must not pass for a host or a port either."""
    with pytest.raises(ConfigError) as caught:
        RedisStore(url, [SEAL])
    shown = f"{caught.value!r} {caught.value} {variables_shown(caught.value)}"
    assert "pass-word" not in shown
    assert SEAL not in shown


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("redis://:pass@redis.example.com", True),
        ("redis+cluster://:pass@localhost,redis.example.com", True),
        ("redis://redis.example.com", False),
        ("redis://:pass@localhost", False),
        ("redis://:pass@[::1]", False),
        ("rediss://:pass@redis.example.com", False),
        ("unix://:pass@/run/redis.sock", False),
    ],
)
def test_a_password_in_the_clear_is_warned_of(url: str, *, exposed: bool) -> None:
    """Tokens are sealed, the password of a redis:// that is not this machine is not."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        RedisStore(url, [SEAL])
    assert [warning.category for warning in said] == [InsecureStoreWarning] * exposed
    assert all("pass@" not in str(warning.message) for warning in said)


@pytest.mark.parametrize("package", ["redis", "cryptography"])
def test_a_missing_package_is_named_with_its_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip install 'aventus-creds[redis]' brings both."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"pip install 'aventus-creds\[redis\]'"):
        RedisStore("redis://127.0.0.1", [SEAL])


# What rests in Redis


def test_a_token_that_nothing_can_renew_leaves_by_itself(
    make_store: MakeStore, admin: Any, prefix: str
) -> None:
    """Soon after its expiry; one with a refresh token stays."""
    store = make_store()
    save(store, make_token(lifetime=1000))
    assert 1000 < admin.ttl(entry(prefix)) < 1500
    save(store, make_token(lifetime=1000, age=5000))
    assert 0 < admin.ttl(entry(prefix)) < 500
    save(store)
    assert admin.ttl(entry(prefix)) == -1


def test_an_entry_that_no_key_opens_is_an_error_until_the_next_login(
    make_store: MakeStore, admin: Any, prefix: str
) -> None:
    """Of another key, of another entry, damaged: never None, and replaced by a save."""
    store = make_store()
    save(make_store([new_key()]))
    with pytest.raises(StoreError, match=KEY):
        store.load(KEY)
    save(store, key="other")
    for content in (admin.get(entry(prefix, "other")), b"garbage", b"\x01" * 200):
        admin.set(entry(prefix), content)
        with pytest.raises(StoreError, match=f"the stored token {KEY} cannot be decrypted"):
            store.load(KEY)
    token = save(store)
    assert store.load(KEY) == token


def test_a_rotated_key_keeps_the_login(make_store: MakeStore) -> None:
    """The old key still opens, the next save seals with the new one."""
    old, new = new_key(), new_key()
    token = save(make_store([old]))
    assert make_store([new, old]).load(KEY) == token
    save(make_store([new, old]), token)
    assert make_store([new]).load(KEY) == token


def test_no_token_is_readable_in_redis(tmp_path: Path) -> None:
    """Not in a dump of every key, not on the wire, not in its files; a control shows that the search finds."""
    with RedisServer(tmp_path / "redis", persist=True) as server, ExitStack() as stack:
        wire = b""
        monitor = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        monitor.sendall(b"MONITOR\r\n")
        store = RedisStore(server.url, [SEAL])
        token = make_token("the-access-token", refresh_token="the-refresh-token", scope="the-scope")
        save(store, token)
        save(store, make_token("the-access-token-2"), key="other")
        with store.lock("other"):
            store.delete("other")
        assert store.load(KEY) == token
        admin = stack.enter_context(server.admin)
        admin.set("control", "the-control")
        admin.save()
        dump = b"".join(admin.dump(key) for key in admin.scan_iter()) + b"".join(admin.scan_iter())
        while b"the-control" not in wire:
            wire += monitor.recv(65536)
        files = b"".join(path.read_bytes() for path in server.folder.rglob("*") if path.is_file())
        assert b"the-control" in dump
        assert b"the-control" in files
        for place in (dump, wire, files):
            assert b"the-access-token" not in place
            assert b"the-refresh-token" not in place
            assert b"the-scope" not in place


# Who may write


def test_a_late_holder_does_not_overwrite(make_store: MakeStore, admin: Any, prefix: str) -> None:
    """Its lock has lapsed, somebody else has saved: StoreConflict, and nothing is written or deleted."""
    late, other = make_store(), make_store()
    save(late)
    with late.lock(KEY):
        late.load(KEY)
        assert late.holds(KEY)
        admin.delete(f"{entry(prefix)}:lock")
        newer = save(other, make_token("newer", **REFRESHABLE))
        assert not late.holds(KEY)
        with pytest.raises(StoreConflict):
            late.save(KEY, make_token("late"))
        with pytest.raises(StoreConflict):
            late.delete(KEY)
    assert other.load(KEY) == newer
    assert save(late) == other.load(KEY)  # with a lock of its own it may


def test_a_late_holder_does_not_undo_a_logout(make_store: MakeStore, admin: Any, prefix: str) -> None:
    """What somebody else has deleted meanwhile stays deleted."""
    late, other = make_store(), make_store()
    save(late)
    with late.lock(KEY):
        admin.delete(f"{entry(prefix)}:lock")
        with other.lock(KEY):
            other.delete(KEY)
        with pytest.raises(StoreConflict):
            late.save(KEY, make_token("late"))
    assert other.load(KEY) is None
    assert admin.ttl(entry(prefix)) > 0
    save(other)


def test_what_redis_has_lost_is_saved_anew(make_store: MakeStore, admin: Any, prefix: str) -> None:
    """A holder whose entry is gone brings the newest token back, but not over a login that was made since."""
    late, other = make_store(), make_store()
    save(late)
    for login in (False, True):
        with late.lock(KEY):
            late.load(KEY)
            for key in admin.scan_iter(f"{prefix}*"):
                admin.delete(key)
            if login:
                newer = save(other, make_token("newer", **REFRESHABLE))
                with pytest.raises(StoreConflict):
                    late.save(KEY, make_token("late"))
            else:
                late.save(KEY, token := make_token("kept", **REFRESHABLE))
                assert other.load(KEY) == token
    assert other.load(KEY) == newer


def test_a_save_needs_the_lock(make_store: MakeStore) -> None:
    """Of this thread: somebody else's does not count."""
    store = make_store()
    with pytest.raises(StoreError, match="not locked"):
        store.save(KEY, make_token())
    caught: list[BaseException] = []

    def elsewhere() -> None:
        try:
            store.delete(KEY)
        except StoreError as error:
            caught.append(error)

    with store.lock(KEY):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert len(caught) == 1


class LosesAnswers(RawServer):
    """Passes everything on to ``port``, and hangs up instead of answering, once, after a request with ``word``."""

    def __init__(self, port: int, word: bytes) -> None:
        self.lost = 0

        def talk(connection: socket.socket) -> None:
            with socket.create_connection(("127.0.0.1", port)) as target:
                while request := connection.recv(65536):
                    target.sendall(request)
                    answer = target.recv(65536)
                    if word in request and b"-NOSCRIPT" not in answer and not self.lost:
                        self.lost += 1
                        return
                    connection.sendall(answer)

        super().__init__(talk)


def test_an_answer_that_was_lost(redis_server: RedisServer, prefix: str, admin: Any) -> None:
    """The lock was taken and the token saved, and the store does not hear of it: it asks again, and finds its own."""
    from redis.commands.core import Script

    from aventus_creds.stores.redis import lock as redis_lock
    from aventus_creds.stores.redis import store as rooms

    for script in (redis_lock.TRY, rooms.SAVE, redis_lock.FREE):
        with LosesAnswers(redis_server.port, Script(admin, script).sha.encode()) as between:
            store = RedisStore(f"redis://127.0.0.1:{between.port}", [SEAL], prefix=prefix)
            begin = time.monotonic()
            token = save(store)
            assert store.load(KEY) == token
            assert time.monotonic() - begin < 5
            assert between.lost == 1


# The lock


def test_a_lock_is_extended_while_it_is_held(make_store: MakeStore, admin: Any, prefix: str) -> None:
    """Longer than its lifetime; then it is gone at once."""
    store = make_store(lock_lifetime=0.6)
    with store.lock(KEY):
        time.sleep(0.8)
        assert store.holds(KEY)
    assert not admin.exists(f"{entry(prefix)}:lock")


def test_a_lock_that_redis_lost_is_taken_again(make_store: MakeStore, admin: Any, prefix: str) -> None:
    """By its holder; who waits for it leaves that time, and hears of the save."""
    holder, waiter = make_store(lock_lifetime=1.5), make_store(lock_lifetime=1.5, timeout=1)
    save(holder)
    waiter.load(KEY)
    got: list[bool] = []

    def wait() -> None:
        waiter.load(KEY)
        with waiter.turn(KEY) as held:
            got.append(held)

    with holder.lock(KEY):
        thread = threading.Thread(target=wait)
        thread.start()
        wait_until(lambda: "xread" in blocked(admin))
        admin.delete(f"{entry(prefix)}:lock", f"{entry(prefix)}:news")
        wait_until(lambda: holder.holds(KEY))
        assert got == []
        holder.save(KEY, make_token("new", **REFRESHABLE))
        thread.join(10)
    assert got == [False]


def test_a_lock_that_redis_lost_is_left_to_its_holder(make_store: MakeStore, admin: Any, prefix: str) -> None:
    """Who waited for it takes it only when it would have lapsed: its holder may be in the middle of a refresh."""
    waiter = make_store(timeout=0.3)
    save(waiter)
    admin.set(f"{entry(prefix)}:lock", "somebody", px=900)
    begin, got = time.monotonic(), list[float]()

    def wait() -> None:
        waiter.load(KEY)
        with waiter.turn(KEY):
            got.append(time.monotonic() - begin)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: "xread" in blocked(admin))
    admin.delete(f"{entry(prefix)}:lock", f"{entry(prefix)}:news")
    thread.join(20)
    assert got[0] > 0.8


def test_a_dead_holders_lock_lapses(make_store: MakeStore, redis_server: RedisServer, prefix: str) -> None:
    """Kill -9 while it is held: the next one has it when its lifetime is over."""
    code = f"""
import time
from aventus_creds.stores.redis.store import RedisStore
with RedisStore({redis_server.url!r}, [{SEAL!r}], prefix={prefix!r}, lock_lifetime=0.4).lock({KEY!r}):
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        process.kill()
    begin = time.monotonic()
    save(make_store(timeout=1))
    assert time.monotonic() - begin < 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_while_the_lock_is_held(make_store: MakeStore) -> None:
    """The child's end of the block frees nothing; it can take other keys, and speaks over a connection of its own."""
    store = make_store()
    token = save(store, key="other")
    held = threading.Event()

    def hold_other() -> None:
        with store.lock("other"):
            held.set()
            time.sleep(0.3)

    thread = threading.Thread(target=hold_other)
    with store.lock(KEY):
        thread.start()
        assert held.wait(10)
        child = os.fork()
        if child:
            assert os.waitpid(child, 0)[1] == 0
            assert store.holds(KEY)
        else:
            signal.alarm(20)
    if not child:
        try:
            assert not store.holds(KEY)
            with store.lock("other"):
                os._exit(store.load("other") != token)
        finally:
            os._exit(2)
    thread.join()


def blocked(admin: Any) -> list[str]:
    """Return the commands that connections to the server wait in."""
    return [client["cmd"] for client in admin.client_list() if "b" in client["flags"]]


@pytest.mark.parametrize("protocol", [2, 3])
def test_who_waits_is_woken_and_does_not_poll(
    protocol: int, redis_server: RedisServer, admin: Any, prefix: str
) -> None:
    """Twenty waiters for one save: two operations and a wait each, and all are told at once."""
    url = f"{redis_server.url}?protocol={protocol}"
    stores = [RedisStore(url, [SEAL], prefix=prefix, timeout=20) for _ in range(21)]
    holder, *waiters = stores
    save(holder)
    got: list[bool] = []

    def wait(store: RedisStore) -> None:
        store.load(KEY)
        with store.turn(KEY) as held:
            got.append(held)

    threads = [threading.Thread(target=wait, args=(store,)) for store in waiters]
    with holder.lock(KEY):
        redis_server.forget_calls()
        for thread in threads:
            thread.start()
        wait_until(lambda: blocked(admin).count("xread") >= 20)
        assert got == []
        holder.save(KEY, make_token("new", **REFRESHABLE))
        for thread in threads:
            thread.join(10)
        assert got == [False] * 20
    calls = redis_server.calls()
    assert calls["xread"] == 20
    assert calls["evalsha"] <= 20 + 3  # one try each, the save, the release
    assert calls["pexpire"] <= 4  # of the news, and perhaps of the lock


def test_who_saw_an_older_token_does_not_wait(make_store: MakeStore) -> None:
    """Somebody saved between its reading and its turn: it is to read again, whoever holds the lock."""
    one, other = make_store(), make_store()
    save(one)
    one.load(KEY)
    save(other, make_token("newer", **REFRESHABLE))
    with one.turn(KEY) as held:
        assert not held
    one.load(KEY)
    with one.turn(KEY) as held:
        assert held
        one.save(KEY, make_token("newest"))
    with other.lock(KEY), make_store().lock("other"):
        pass


def test_a_lock_that_is_freed_without_a_save_goes_to_one_waiter(make_store: MakeStore) -> None:
    """A refresh that failed: the next one has its turn, well before any lifetime is over."""
    holder, *waiters = [make_store(timeout=20) for _ in range(4)]
    save(holder)
    got: list[bool] = []

    def wait(store: RedisStore) -> None:
        store.load(KEY)
        with store.turn(KEY) as held:
            got.append(held)

    threads = [threading.Thread(target=wait, args=(store,)) for store in waiters]
    begin = time.monotonic()
    with holder.lock(KEY):
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        assert got == []
    for thread in threads:
        thread.join(20)
    assert got == [True] * 3
    assert time.monotonic() - begin < 8


# Faults


def test_redis_is_away_and_comes_back(tmp_path: Path) -> None:
    """A clear error in bounded time that names the place and no password; then the same store goes on."""
    with RedisServer(tmp_path / "redis", password="pass-word", persist=True) as server:
        store = RedisStore(server.url, [SEAL], timeout=0.2)
        token = save(store)
        server.kill()
        for fail in (store.load, store.holds, lambda key: store.lock(key).__enter__()):
            begin = time.monotonic()
            if fail == store.holds:
                continue
            with pytest.raises(StoreError, match=f"127.0.0.1:{server.port} cannot be reached") as caught:
                fail(KEY)
            assert time.monotonic() - begin < 5
            assert "pass-word" not in str(caught.value) + variables_shown(caught.value)
            assert caught.value.hint
        server.start()
        assert store.load(KEY) == token
        server.freeze()
        with pytest.raises(StoreError, match="does not answer in time"):
            store.load(KEY)
        server.thaw()
        assert store.load(KEY) == token


def test_a_short_absence_is_not_noticed(tmp_path: Path) -> None:
    """A restart in the time that an operation may take."""
    with RedisServer(tmp_path / "redis", persist=True) as server:
        store = RedisStore(server.url, [SEAL], timeout=20)
        held, away = threading.Event(), threading.Event()
        token = make_token(**REFRESHABLE)

        def hold_and_save() -> None:
            with store.lock(KEY):
                held.set()
                assert away.wait(10)
                store.save(KEY, token)

        thread = threading.Thread(target=hold_and_save)
        thread.start()
        assert held.wait(10)
        server.kill()
        away.set()
        time.sleep(0.3)
        server.start()
        thread.join(20)
        assert store.load(KEY) == token


def refused(store: RedisStore) -> AventusCredsError:
    """Return the error of a store that can neither read nor write, which shows no secret."""
    with pytest.raises(AventusCredsError) as caught:
        save(store)
    shown = f"{caught.value} {variables_shown(caught.value)}"
    assert "pass-word" not in shown
    assert "an-access-token" not in shown
    return caught.value


def test_users_and_passwords(tmp_path: Path) -> None:
    """No password, a wrong one, rights that are too few; and the rights that the hint names are enough."""
    with RedisServer(tmp_path / "redis", password="pass-word") as server:
        place = f"127.0.0.1:{server.port}"
        assert "asks for a password" in str(refused(RedisStore(f"redis://{place}", [SEAL])))
        wrong = refused(RedisStore(f"redis://:wrong-pass-word@{place}", [SEAL]))
        assert "refuses the user or the password" in str(wrong)
        with server.admin as admin:
            admin.execute_command("ACL", "SETUSER", "ann", "on", ">pass-word", "~other*", "+@all")
            store = RedisStore(f"redis://ann:pass-word@{place}", [SEAL])
            few = refused(store)
            assert isinstance(few, ConfigError)
            assert f"~aventus-creds:* {RIGHTS}" in few.hint
            rights = few.hint.removeprefix("Give the user: ").split()
            admin.execute_command("ACL", "SETUSER", "ann", "reset", "on", ">pass-word", *rights)
        store = RedisStore(f"redis://ann:pass-word@{place}", [SEAL], lock_lifetime=0.9)
        with store.lock(KEY):
            time.sleep(0.5)
            store.save(KEY, make_token())
            store.load(KEY)
            store.delete(KEY)
            assert store.holds(KEY)


def test_a_redis_that_cannot_write(tmp_path: Path) -> None:
    """Out of memory, a disk that fails, a replica, another thing under the name: each is said."""
    with RedisServer(tmp_path / "redis", persist=True) as server, server.admin as admin:
        store = RedisStore(server.url, [SEAL], timeout=0.3)
        admin.config_set("maxmemory", 1)
        assert "is out of memory" in str(refused(store))
        admin.config_set("maxmemory", 0)
        admin.rpush(entry("aventus-creds:"), "x")
        assert "something else than a token" in str(refused(store))
        admin.flushall()
        admin.replicaof("127.0.0.1", free_port())
        assert "is a replica" in str(refused(store))
        admin.replicaof("NO", "ONE")
        save(store)
        admin.config_set("appendonly", "no")
        shutil.rmtree(server.folder)
        admin.set("x", "y")
        admin.bgsave()
        wait_until(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err")
        assert "cannot save its data" in str(refused(store))
        server.folder.mkdir()


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ("LOADING Redis is loading the dataset in memory", "still loading"),
        ("MASTERDOWN Link with MASTER is down", "has lost its master"),
        ("CLUSTERDOWN Hash slot not served", "is down"),
        ("TRYAGAIN Multiple keys request during rehashing of slot", "moving its data"),
        ("MOVED 3999 127.0.0.1:6381", "redis\\+cluster://"),
        ("MISCONF Redis is configured to save RDB snapshots", "cannot save its data"),
        ("UNBLOCKED force unblock from blocking operation", "failover"),
        ("ERR something new", "answered with an error: .*something new"),
    ],
)
def test_what_redis_answers(answer: str, meaning: str) -> None:
    """Each of its errors in words, with what to do."""

    def talk(connection: socket.socket) -> None:
        while request := connection.recv(65536):
            greeting = request.count(b"CLIENT") + request.count(b"SELECT")
            handshake = b"%1\r\n$5\r\nproto\r\n:3\r\n" if b"HELLO" in request else b"+OK\r\n" * greeting
            connection.sendall(handshake or f"-{answer}\r\n".encode())

    with RawServer(talk) as server:
        store = RedisStore(f"redis://:pass-word@127.0.0.1:{server.port}", [SEAL], timeout=0.1)
        with pytest.raises((StoreError, ConfigError), match=meaning):
            store.load(KEY)


def test_a_server_that_is_no_redis() -> None:
    """A StoreError, whatever it says."""
    for said in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x16", b""):
        with RawServer(lambda connection, said=said: connection.sendall(said)) as server:  # type: ignore[misc]
            store = RedisStore(f"redis://:pass-word@127.0.0.1:{server.port}", [SEAL], timeout=0.1)
            assert isinstance(refused(store), StoreError)


def test_tls(tmp_path: Path) -> None:
    """With the authority's certificate it goes well, without it no password is sent, and the error says why."""
    authority = Authority(tmp_path)
    certificate = (tmp_path / "server.pem", authority.bundle)
    with RedisServer(tmp_path / "redis", password="pass-word", tls=certificate) as server:
        token = save(store := RedisStore(server.url, [SEAL]))
        assert store.load(KEY) == token
        untrusted = RedisStore(server.url.partition("?")[0], [SEAL])
        begin = time.monotonic()
        error = refused(untrusted)
        assert time.monotonic() - begin < 4
        assert "certificate verify failed" in str(error)
        assert "ssl_ca_certs" in error.hint


# Sentinel and Cluster


def test_the_keys_of_an_entry_share_a_slot() -> None:
    """In a cluster a script reaches no others; entries spread over the nodes."""
    slots = [{key_slot(name.encode()) for name in names("aventus-creds:", key)} for key in ("a", "b")]
    assert [len(of_one) for of_one in slots] == [1, 1]
    assert slots[0] != slots[1]


@pytest.mark.skipif(not LONG, reason="it takes two seconds to answer: in the long form, and under CI")
def test_a_cluster(tmp_path: Path) -> None:
    """Locked, extended, saved and read by the cluster's own client; away, it is said."""
    bus = str(free_port())  # by default a number that may not exist
    with (
        RedisServer(tmp_path / "a", "--cluster-enabled", "yes", "--cluster-port", bus) as server,
        server.admin as admin,
    ):
        admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: b"cluster_state:ok" in admin.execute_command("CLUSTER", "INFO"))
        store = RedisStore(server.url.replace("redis://", "redis+cluster://"), [SEAL], lock_lifetime=0.9)
        other = RedisStore(server.url.replace("redis://", "redis+cluster://"), [SEAL])
        with store.lock(KEY):
            time.sleep(0.4)
            store.save(KEY, token := make_token(**REFRESHABLE))
            assert store.holds(KEY)
        assert other.load(KEY) == token
        with other.turn(KEY) as held:
            assert held
        server.kill()
        with pytest.raises(StoreError, match="cannot be reached"):
            RedisStore(server.url.replace("redis://", "redis+cluster://"), [SEAL], timeout=0.3).load(KEY)


@pytest.mark.skipif(not LONG, reason="a failover takes seconds: in the long form, and under CI")
def test_sentinel(tmp_path: Path) -> None:
    """The master is asked for by its service's name; after a failover the new one serves."""
    with ExitStack() as stack:
        master = stack.enter_context(RedisServer(tmp_path / "a"))
        replica = stack.enter_context(
            RedisServer(tmp_path / "b", "--replicaof", "127.0.0.1", str(master.port))
        )
        configuration = tmp_path / "sentinel.conf"
        configuration.write_text(
            f"sentinel monitor main 127.0.0.1 {master.port} 1\nsentinel down-after-milliseconds main 500\n"
        )
        port = free_port()
        command = [
            "redis-server",
            str(configuration),
            "--sentinel",
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
        ]
        sentinel = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        stack.callback(sentinel.wait)
        stack.callback(sentinel.kill)
        store = RedisStore(f"redis+sentinel://127.0.0.1:{port}/main", [SEAL], timeout=10)
        token = save(store)
        with redis.Redis(port=port) as asked:
            wait_until(lambda: asked.execute_command("SENTINEL", "REPLICAS", "main"))
        wait_until(lambda: replica.admin.get(entry("aventus-creds:")))
        master.kill()
        assert store.load(KEY) == token
        assert save(store, make_token("after")) == store.load(KEY)
        assert replica.admin.info("replication")["role"] == "master"
        absent = RedisStore(f"redis+sentinel://127.0.0.1:{port}/nobody", [SEAL], timeout=0.3)
        with pytest.raises(StoreError, match="nobody"):
            absent.load(KEY)
        hosts = f"127.0.0.1:{free_port()}"
        away = f"redis+sentinel://:pass-word@{hosts}/main?sentinel_password=another-pass-word"
        assert hosts in str(refused(RedisStore(away, [SEAL], timeout=0.1)))


def test_every_address_is_one_of_the_kinds() -> None:
    """What read_address returns is an address or an error, and says the service."""
    address = read_address("rediss+sentinel://a:1,b/my%20main/1")
    assert isinstance(address, Address)
    assert address.hosts == (("a", 1), ("b", 26379))
    assert address.service == "my main"
