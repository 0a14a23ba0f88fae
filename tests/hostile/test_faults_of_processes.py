"""What breaks under a running program: a fork, a signal, the end of the interpreter.

``Server`` is a token endpoint whose refresh tokens serve once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from faulty_world import Server, keep, posix_only
from support import make_token

from aventus_creds import get_token
from aventus_creds.profiles.profile import Profile
from aventus_creds.stores.file import FileStore


def run(code: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | variables,
    )


def output(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate("\n", timeout=30)
    assert not err, err
    assert process.returncode == 0
    return out


# Forks


FORKED_SESSION = """
    import os, sys
    from aventus_creds import get_session
    session = get_session("prod", interactive=False)
    assert session.get("first").text == "/api/first"
    child = os.fork()
    name = "child" if child == 0 else "parent"
    wrong = [f"{name}{i}" for i in range(15) if session.get(f"{name}{i}").text != f"/api/{name}{i}"]
    if child == 0:
        os._exit(len(wrong))
    _, status = os.waitpid(child, 0)
    assert session.get("last").text == "/api/last"
    print(len(wrong), status)
    """


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_session_on_both_sides_of_a_fork(profile: Profile, server: Server, files: FileStore) -> None:
    """Both use it at once, and each gets its own answers: no connection is shared."""
    keep(files, profile, make_token())
    server.delay = 0.01
    assert output(run(FORKED_SESSION)).split() == ["0", "0"]


POOL = """
    import multiprocessing, os, time
    from aventus_creds.sources import chain
    from aventus_creds.profiles.file import read_profiles
    from aventus_creds.stores.opening import default_store
    profile = read_profiles().profile("prod")
    source = chain.token_source(profile, default_store(), may_ask=lambda: False, log_in=lambda *_: None)
    source.peek()
    go = multiprocessing.get_context("fork").Event()

    def ask(_):
        go.wait(10)
        return source.token().access_token

    with multiprocessing.get_context("fork").Pool(8) as pool:
        asked = pool.map_async(ask, range(8), chunksize=1)
        go.set()
        print(*asked.get(20), source.token().access_token)
    """


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_eight_children_refresh_once(profile: Profile, server: Server, files: FileStore) -> None:
    """They inherit one source, with its locks and its expired token, and ask at once, the parent too."""
    keep(files, profile)
    server.delay = 0.2
    code = POOL.replace("source.peek()", "source._cache.peek()")
    assert output(run(code)).split() == ["a1"] * 9
    assert (server.refreshes, server.reuses) == (1, 0)


FLIGHT = """
    import os, threading, time
    from aventus_creds import get_session, get_token
    from aventus_creds.sources import chain
    from aventus_creds.profiles.file import read_profiles
    from aventus_creds.stores.opening import default_store
    profile = read_profiles().profile("prod")
    source = chain.token_source(profile, default_store(), may_ask=lambda: False, log_in=lambda *_: None)
    thread = threading.Thread(target=source.token)
    thread.start()
    from aventus_creds.sources.renewals import renewals_of
    renewals = renewals_of(default_store(), profile.key)
    while not renewals._current or not renewals._current._spending.is_set():
        time.sleep(0.01)
    time.sleep(0.2)
    child = os.fork()
    if child == 0:
        os._exit(0 if source.token().access_token == "a1" else 1)
    thread.join()
    print(source.token().access_token, os.waitpid(child, 0)[1])
    """


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_fork_while_a_thread_refreshes(profile: Profile, server: Server, files: FileStore) -> None:
    """The child waits for the other process's lock and takes its token; no copy of the lock holds anybody up."""
    keep(files, profile)
    server.delay = 0.6
    assert output(run(FLIGHT)).split() == ["a1", "0"]
    assert (server.refreshes, server.reuses) == (1, 0)


# Signals and the end of the program


@posix_only
@pytest.mark.parametrize(("number", "times"), [("SIGTERM", 1), ("SIGHUP", 1), ("SIGTERM", 2)])
def test_a_signal_in_the_middle_of_a_refresh(
    number: str, times: int, profile: Profile, server: Server, files: FileStore
) -> None:
    """The process ends by it, once the new token is stored; a second one ends it at once."""
    keep(files, profile)
    server.delay = 0.5 if times == 1 else 20.0
    process = run("from aventus_creds import get_token; get_token('prod', interactive=False); print('done')")
    server.wait_for_a_refresh()
    process.send_signal(getattr(signal, number))
    while times == 2 and process.poll() is None:  # two that come at once are one
        process.send_signal(getattr(signal, number))
        time.sleep(0.05)
    out, err = process.communicate(timeout=15)
    assert process.returncode == -getattr(signal, number)
    assert (out, err) == ("", "")
    if times == 1:
        assert get_token("prod", interactive=False).access_token == "a1"
        assert (server.refreshes, server.reuses) == (1, 0)


KILLED = """
    import os
    from aventus_creds import get_token
    import aventus_creds.stores.file
    step, nth = os.environ["STEP"], int(os.environ["NTH"])
    real, calls = getattr(os, step), [0]

    def killed(*args, **more):
        mine = step != "open" or str(args[0]).endswith(".tmp")
        calls[0] += mine
        if mine and calls[0] == nth:
            if os.environ["AFTER"]:
                real(*args, **more)
            os._exit(9)
        return real(*args, **more)

    setattr(os, step, killed)
    get_token("prod", interactive=False)
    """


@posix_only
@pytest.mark.parametrize(
    ("step", "nth", "after", "stored"),
    [
        ("open", 1, "yes", "r0"),
        ("fsync", 1, "", "r0"),
        ("replace", 1, "", "r0"),
        ("replace", 1, "yes", "r1"),
        ("fsync", 2, "", "r0"),
        ("fsync", 3, "yes", "r1"),  # the folder's, after the spare room and the content
    ],
)
def test_killed_at_each_step_of_a_write(
    step: str, nth: int, after: str, stored: str, profile: Profile, server: Server, files: FileStore
) -> None:
    """The file is the old one or the new one, whole; the lock is free; what is left goes with the next write."""
    keep(files, profile)
    process = run(KILLED, STEP=step, NTH=str(nth), AFTER=after)
    process.communicate(timeout=15)
    assert process.returncode == 9
    token = files.load(profile.key)
    assert token
    assert token.refresh_token == stored
    keep(files, profile, make_token())
    folder = files.path(profile.key).parent
    assert {path.suffix for path in folder.iterdir()} == {".json", ".lock"}


def test_the_program_ends_while_a_thread_refreshes(
    profile: Profile, server: Server, files: FileStore
) -> None:
    """A daemon thread (a notebook's panel has some) is not left between the server's answer and the disk."""
    keep(files, profile)
    server.delay = 0.5
    process = run(
        """
        import threading
        from aventus_creds import get_token
        threading.Thread(target=get_token, args=("prod",), kwargs={"interactive": False}, daemon=True).start()
        input()
        """
    )
    server.wait_for_a_refresh()
    assert output(process) == ""
    assert get_token("prod", interactive=False).access_token == "a1"
    assert (server.refreshes, server.reuses) == (1, 0)
