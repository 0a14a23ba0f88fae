"""The Redis store: who holds the lock, and who may write.

``LosesAnswers`` stands before a Redis and hangs up once, instead of answering.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from redis_server import RedisServer, wait_until
from redis_stores import KEY, REFRESHABLE, SEAL, MakeStore, entry, save
from sockets import RawServer
from support import make_token

from aventus_creds.errors import StoreConflict, StoreError
from aventus_creds.stores.redis.store import RedisStore

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
    from aventus_creds.stores.redis import scripts

    for script in (redis_lock.TRY, scripts.SAVE, redis_lock.FREE):
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
