"""How the wait for the redirect ends: in time, by closing, by Ctrl-C, and with nothing left open."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from attempts import (
    FakeAttempt,
    Login,
    TokenEndpoint,
    connect,
    endpoints,
    follow,
    log_in,
    request_bytes,
    state_of,
)
from loopback_listener import ANY_PORT, Listen, port_of
from support import HELPERS, free_port, make_profile

from aventus_creds.callbacks import Reply
from aventus_creds.callbacks.loopback import LoopbackCallback
from aventus_creds.errors import LoginTimeout
from aventus_creds.tokens import Token


def never_saved(_: Token) -> None:
    pytest.fail("a token was saved")


# --- the end


def test_the_time_limit_ends_the_wait(no_browser: Callable[[str], object]) -> None:
    """Idle connections, strays and forgeries do not prolong it."""
    uri = f"http://127.0.0.1:{free_port()}/callback"
    profile = make_profile(redirect_uri=uri, callback="loopback", login_timeout=0.4)

    def disturb(_: str) -> None:
        with connect(urlsplit(uri).port or 0) as idle:
            follow(uri, "code=x&state=wrong")
            assert idle.recv(1) == b""

    started = time.monotonic()
    with pytest.raises(LoginTimeout, match=r"within 0\.4 s"):
        log_in(profile, endpoints(), post=TokenEndpoint(), save=never_saved, browser=disturb)
    assert 0.4 <= time.monotonic() - started < 1.5
    with pytest.raises(ConnectionRefusedError):
        connect(urlsplit(uri).port or 0)


def test_closing_waits_for_the_page_of_the_redirect(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program goes on, and may exit, when the login has ended; the page must be out by then."""
    callback, attempt = listen()

    def deliver(_: str) -> Reply:
        attempt.ended.set()
        time.sleep(0.2)
        return Reply(ended=True, success=True, text="Logged in.")

    monkeypatch.setattr(attempt, "deliver", deliver)
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(follow, callback.redirect_uri, "right")
        assert attempt.ended.wait(5)
        callback.close()
        closed = time.monotonic()
        assert page.result(5).status == 200
    assert time.monotonic() - closed < 0.1


def test_closing_waits_for_the_page_of_a_second_opening(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends the login too, and says why."""
    callback, attempt = listen()

    def fail(_: Exception) -> None:
        attempt.ended.set()
        time.sleep(0.2)

    monkeypatch.setattr(attempt, "fail", fail)
    assert follow(callback.one_time_address).status == 302
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(follow, callback.one_time_address)
        assert attempt.ended.wait(5)
        callback.close()
        assert page.result(5).status == 410


def test_closing_returns_only_when_the_page_is_out(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program may exit right after it: its threads, and the page with them, would be gone."""
    callback, attempt = listen()
    go_on = threading.Event()

    def deliver(_: str) -> Reply:
        attempt.ended.set()
        assert go_on.wait(10)
        return Reply(ended=True, success=True, text="Logged in.")

    monkeypatch.setattr(attempt, "deliver", deliver)
    with ThreadPoolExecutor(2) as pool:
        page = pool.submit(follow, callback.redirect_uri, "right")
        assert attempt.ended.wait(5)
        closing = pool.submit(callback.close)
        waited = not wait([closing], timeout=0.5).done
        go_on.set()
        assert page.result(5).status == 200
        closing.result(5)
    assert waited


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_child_that_was_forked_during_a_login_keeps_no_port(host: str) -> None:
    """It may outlive the login by days, and nobody would answer there."""
    script = FORKED.format(tests=str(HELPERS), host=host)
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        child, port, held = process.stdout.readline().split()
        try:
            with pytest.raises(ConnectionRefusedError):
                connect(int(port))
            LoopbackCallback([f"http://{host}:{port}/callback"]).close()
            assert held == "0"
        finally:
            os.kill(int(child), signal.SIGKILL)
            process.communicate()


FORKED = """
import os, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from urllib.parse import urlsplit
from attempts import FakeAttempt
from aventus_creds.callbacks.loopback import LoopbackCallback

def sockets(process):
    links = [os.readlink(entry) for entry in Path(f"/proc/{{process}}/fd").iterdir() if entry.is_symlink()]
    return sum(link.startswith("socket:") for link in links)

callback = LoopbackCallback(["http://{host}:0/callback"])
callback.start(FakeAttempt())
reading, writing = os.pipe()
child = os.fork()
if not child:
    os.write(writing, b"x")
    os.close(1)
    sys.stdin.read()
    os._exit(0)
os.read(reading, 1)  # it is past what is done in each child
held = sockets(child) if Path("/proc").exists() else 0
callback.close()
print(child, urlsplit(callback.redirect_uri).port, held, flush=True)
sys.stdin.read()
"""


def test_closing_does_not_wait_for_a_login_that_was_broken_off(login: tuple[str, Login]) -> None:
    """After Ctrl-C nobody waits for the server's answer."""
    _, under_way = login
    under_way.endpoint.gate.clear()
    callback = LoopbackCallback([ANY_PORT])
    callback.start(under_way.attempt)
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(follow, callback.redirect_uri, under_way.query())
        assert under_way.endpoint.reached.wait(5)
        started = time.monotonic()
        callback.close()
        took = time.monotonic() - started
        under_way.endpoint.gate.set()
        page.result(5)
    assert took < 0.5


def test_a_thread_that_begins_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C may end a login before the listener's thread has begun: it does not watch a closed socket for ever."""
    late: list[threading.Thread] = []

    def interrupted(thread: threading.Thread) -> None:
        late.append(thread)
        raise KeyboardInterrupt

    callback = LoopbackCallback([ANY_PORT])
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            callback.start(FakeAttempt())
    callback.close()
    late[0].start()
    late[0].join(5)
    assert not late[0].is_alive()


def test_the_port_is_free_again_after_the_login() -> None:
    """The next login, in this program or another, listens on the same registered port at once."""
    uri = f"http://127.0.0.1:{free_port()}/callback"
    for _ in range(3):
        callback, attempt = LoopbackCallback([uri]), FakeAttempt()
        callback.start(attempt)
        with connect(port_of(callback)) as idle:
            assert follow(uri, "right").status == 200
            callback.close()
            assert idle.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            connect(port_of(callback))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("started", [True, False])
def test_no_socket_and_no_thread_is_left(started: bool) -> None:  # noqa: FBT001 - a case of the test
    """Not of the listener, not of the connections, while the callback itself is still kept."""
    gc.collect()
    sockets, threads = open_sockets(), set(threading.enumerate())
    callback = LoopbackCallback(["http://localhost:0/callback"])
    uri = callback.redirect_uri.replace("localhost", "127.0.0.1")
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(connect(port_of(callback)))
        if started:
            callback.start(FakeAttempt())
            for query in ("wrong", "right"):
                follow(uri, query)
        callback.close()
        callback.close()
    deadline = time.monotonic() + 3
    while set(threading.enumerate()) - threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(threading.enumerate()) <= threads
    assert open_sockets() == sockets


def open_sockets() -> int:
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found += str(entry.readlink()).startswith("socket:")
        except OSError:  # the descriptor of this very listing
            continue
    return found


INTERRUPTED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
sys.path.insert(0, {tests!r})
from attempts import endpoints, log_in
from support import make_profile

def post(request):
    print("exchanging", flush=True)
    time.sleep(30)

profile = make_profile(redirect_uri="http://127.0.0.1:0/callback", callback="loopback")
try:
    log_in(profile, endpoints(), post=post, save=print, browser=lambda url: print(url, flush=True))
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("when", ["waiting", "exchanging"])
def test_ctrl_c_ends_the_wait_at_once(when: str) -> None:
    """Within a second, without a word from the threads, also while the server is slow to answer."""
    from urllib.parse import parse_qs

    script = INTERRUPTED.format(tests=str(HELPERS))
    with (
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        ExitStack() as held,
    ):
        held.callback(process.kill)
        assert process.stdout
        url = process.stdout.readline().strip()
        uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        for _ in range(5):
            held.enter_context(connect(urlsplit(uri).port or 0))
        if when == "exchanging":
            redirect = held.enter_context(connect(urlsplit(uri).port or 0))
            query = f"code=x&state={state_of(url)}"
            redirect.sendall(request_bytes(f"/callback?{query}", Host=urlsplit(uri).netloc))
            assert process.stdout.readline() == "exchanging\n"
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - started < 1
        assert process.wait(5) == 130
        assert time.monotonic() - started < 2
        assert process.stderr
        said = process.stderr.read()
    assert "Traceback" not in said
    assert "Exception" not in said
