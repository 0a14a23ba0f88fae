"""A refresh is one unit: request, answer and save run to their end, whoever stops waiting for it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hanging_server import DUE, EXPIRED, HangingServer, job, logged_in, stored
from support import Sent, Web

from aventus_creds.errors import NotSavedWarning, StoreError
from aventus_creds.sources.chain import cached_source
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

posix_only = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
WriteProfiles = Callable[..., Path]


@pytest.fixture
def server(web: Web) -> HangingServer:
    return HangingServer(web)


ALARM = """
import signal
from aventus_creds import get_token
class Late(Exception): pass
def late(*_): raise Late
signal.signal(signal.SIGUSR1, late)
try:
    get_token("prod")
except Late:
    print("late", flush=True)
"""
SYSTEM_EXIT = """
import signal, sys
from aventus_creds import get_token
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(7))
print("late", flush=True)
get_token("prod")
"""
TASK = """
import asyncio, signal
from aventus_creds import get_token
async def main():
    task = asyncio.create_task(asyncio.to_thread(get_token, "prod"))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        print("late", flush=True)
asyncio.run(main())
"""
DAEMON = """
import signal, threading
from aventus_creds import get_token
thread = threading.Thread(target=get_token, args=("prod",), daemon=True)
thread.start()
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.pause()
print("late", flush=True)
"""


@posix_only
@pytest.mark.parametrize("code", [ALARM, SYSTEM_EXIT, TASK, DAEMON], ids=["alarm", "exit", "task", "daemon"])
def test_who_stops_waiting_loses_no_login(
    code: str, server: HangingServer, web: Web, write_profiles: WriteProfiles
) -> None:
    """A handler that raises, sys.exit in one, a cancelled task, the end of the program: the new token is stored."""
    profile = logged_in(web, write_profiles, EXPIRED)
    with job(code) as process:
        server.wait_for_request()
        process.send_signal(signal.SIGUSR1)
        assert process.stdout
        assert process.stdout.readline() == "late\n"
        server.gate.set()
        process.communicate(timeout=30)
    assert stored(profile).refresh_token == "r1"
    assert server.asked == 1


@posix_only
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_waits_for_the_main_threads_refresh(
    number: str, server: HangingServer, web: Web, write_profiles: WriteProfiles
) -> None:
    """Its default action comes when the new token is stored."""
    profile = logged_in(web, write_profiles, EXPIRED)
    with job("from aventus_creds import get_token; get_token('prod')") as process:
        server.wait_for_request()
        process.send_signal(getattr(signal, number))
        server.gate.set()
        process.communicate(timeout=30)
    assert stored(profile).refresh_token == "r1"
    assert process.returncode == (1 if number == "SIGINT" else -getattr(signal, number)) or (
        number == "SIGINT" and process.returncode == -signal.SIGINT
    )


BUSY = Sent(503, b"", {"Retry-After": "5"})


@posix_only
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_ends_the_wait_for_another_try(
    number: str, server: HangingServer, web: Web, write_profiles: WriteProfiles
) -> None:
    """A server may ask for minutes before it is asked again; nothing is spent meanwhile, and docker waits 10 s."""
    profile = logged_in(web, write_profiles, EXPIRED, retries=1)
    told = threading.Event()

    def busy() -> Sent:
        told.set()
        return BUSY

    server.answers = busy
    with job("from aventus_creds import get_token; get_token('prod')") as process:
        assert told.wait(20)
        process.send_signal(getattr(signal, number))
        process.communicate(timeout=60)
    assert process.returncode in {-getattr(signal, number), 1 if number == "SIGINT" else None}
    assert (server.asked, stored(profile).refresh_token) == (1, "r0")


@posix_only
def test_who_goes_on_after_ctrl_c_is_served_with_all_tries(
    server: HangingServer, web: Web, write_profiles: WriteProfiles
) -> None:
    """At a prompt, Ctrl-C ends a wait and not the program: the next refresh is tried again as ever."""
    logged_in(web, write_profiles, EXPIRED, retries=2)
    server.gate.set()
    told = threading.Event()
    answers = iter([BUSY, Sent(503), None])

    def busy() -> Sent | None:
        told.set()
        return next(answers)

    server.answers = busy
    code = """
from aventus_creds import get_token
try:
    get_token("prod")
except KeyboardInterrupt:
    print(get_token("prod").access_token)
"""
    with job(code) as process:
        assert told.wait(20)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert output == "a1\n"
    assert server.asked == 3


@posix_only
def test_ctrl_c_acts_whatever_the_refresh_ends_with(
    server: HangingServer, web: Web, write_profiles: WriteProfiles
) -> None:
    """A refresh that fails does not swallow it: the program stops, and does not go on to ask for a login."""
    logged_in(web, write_profiles, EXPIRED, timeout=2)
    code = """
from aventus_creds import get_token, AventusCredsError
try:
    get_token("prod")
except AventusCredsError as error:
    print("swallowed", type(error).__name__)
"""
    with job(code) as process:
        server.wait_for_request()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    server.gate.set()
    assert out == ""
    assert err.rstrip().endswith("KeyboardInterrupt")


WAITS = """
import signal, threading, time
from aventus_creds import get_token
def tell():
    while signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        time.sleep(0.01)
    print("waits", flush=True)
threading.Thread(target=tell, daemon=True).start()
get_token("prod")
"""


@posix_only
def test_ctrl_c_ends_the_wait_for_another_process_at_once(
    web: Web, server: HangingServer, write_profiles: WriteProfiles
) -> None:
    """Nothing is spent while the lock is somebody else's."""
    profile = logged_in(web, write_profiles, EXPIRED)
    store = FileStore(Path(os.environ["AVENTUS_CREDS_STATE_DIR"]))
    with store.lock(profile.key):
        with job(WAITS) as process:
            assert process.stdout
            assert process.stdout.readline() == "waits\n"
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=30)
        assert "KeyboardInterrupt" in err
    assert server.asked == 0


class NoRoom(MemoryStore):
    """A store that has no room: it says so before, or only when it saves."""

    def __init__(self, *, before: bool) -> None:
        super().__init__()
        self.before = before
        self.full = False

    def reserve(self, key: str) -> None:
        if self.full and self.before:
            raise StoreError("no room for a new token: the refresh token was not used up")

    def save(self, key: str, token: Token) -> None:
        if self.full:
            raise StoreError("no room")
        super().save(key, token)


def in_memory(store: MemoryStore, profile_token: Token, key: str) -> None:
    with store.lock(key):
        MemoryStore.save(store, key, profile_token)


def test_no_refresh_token_is_used_up_without_room_for_the_next(
    web: Web, server: HangingServer, write_profiles: WriteProfiles
) -> None:
    """The error comes before the request; a token that is still valid is used, and nothing is sent."""
    server.gate.set()
    profile = logged_in(web, write_profiles, EXPIRED)
    store = NoRoom(before=True)
    in_memory(store, stored(profile), profile.key)
    store.full = True
    with pytest.raises(StoreError, match="was not used up"):
        cached_source(profile, store).token()
    assert server.asked == 0
    due = logged_in(web, write_profiles, DUE)
    in_memory(store, stored(due), due.key)
    assert cached_source(due, store).token().access_token == "a0"
    assert server.asked == 0
    store.full = False
    assert cached_source(due, store).token(at_least=600).access_token == "a1"


def test_a_warning_says_what_became_of_the_stored_login(
    web: Web, server: HangingServer, write_profiles: WriteProfiles
) -> None:
    """The caller gets the token in any case."""
    server.gate.set()
    profile = logged_in(web, write_profiles, EXPIRED)
    store = NoRoom(before=False)
    in_memory(store, stored(profile), profile.key)
    store.full = True
    with pytest.warns(NotSavedWarning, match="The stored login does not work any more"):
        assert cached_source(profile, store).token().access_token == "a1"


def test_a_thread_that_cannot_start_does_the_work_itself(
    web: Web, server: HangingServer, write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.gate.set()
    profile = logged_in(web, write_profiles, EXPIRED)

    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("aventus-creds"):
            raise RuntimeError("can't start new thread")
        start(thread)

    source = cached_source(profile, FileStore(Path(os.environ["AVENTUS_CREDS_STATE_DIR"])))
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert source.token().access_token == "a1"
    assert stored(profile).access_token == "a1"
