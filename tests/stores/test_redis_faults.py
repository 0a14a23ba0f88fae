"""The Redis store: what each fault of Redis is called, Sentinel and clusters."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot
from redis_server import RedisServer, wait_until
from redis_stores import KEY, REFRESHABLE, SEAL, connects, entry, save
from sockets import Authority, RawServer
from support import MACHINE, free_port, make_token, variables_shown

from aventus_creds.errors import AventusCredsError, ConfigError, StoreError
from aventus_creds.stores.redis.address import Address, read_address
from aventus_creds.stores.redis.faults import RIGHTS
from aventus_creds.stores.redis.lock import names
from aventus_creds.stores.redis.store import RedisStore

LONG = int(os.environ.get("AVENTUS_CREDS_TEST_ROUNDS", "0")) >= 20 or MACHINE.get("CI") == "true"


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


@connects
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
    assert address.name == "my main"
