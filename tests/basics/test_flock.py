"""The lock by flock: it excludes, it is free when its holder is gone, and it never locks another file than its path."""

from __future__ import annotations

import errno
import gc
import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

fcntl = pytest.importorskip("fcntl", reason="there is no flock")

from aventus_creds.basics import file_lock, flock  # noqa: E402
from aventus_creds.basics.private_folder import PrivateFolder  # noqa: E402
from aventus_creds.errors import StoreError  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path) -> PrivateFolder:
    made = PrivateFolder(tmp_path / "private")
    made.write("name", b"old")
    return made


@pytest.fixture
def path(folder: PrivateFolder) -> Path:
    return folder.path / "name.lock"


def is_free(path: Path) -> bool:
    """Whether filelock, in another way of its own, gets the lock."""
    if lock := file_lock.attempt(path):
        lock.release()
        return True
    return False


def taken(path: Path) -> flock.LockFile:
    lock = flock.attempt(path)
    assert lock
    return lock


HOLDER = """
import sys
from pathlib import Path
from importlib import import_module
lock = import_module(f"aventus_creds.basics.{sys.argv[1]}").attempt(Path(sys.argv[2]))
print("held" if lock else "taken", flush=True)
sys.stdin.readline()
if lock:
    lock.release()
"""


@contextmanager
def holder(path: Path, kind: str = "flock") -> Iterator[subprocess.Popen[str]]:
    """Let another process try to take the lock, and have it until its standard input gets a line."""
    command = [sys.executable, "-c", HOLDER, kind, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def waits(lock: Callable[[], object]) -> tuple[threading.Thread, threading.Event]:
    """Wait for a lock in a thread. The event says that it was held."""
    got = threading.Event()

    def wait() -> None:
        with lock():  # type: ignore[attr-defined]
            got.set()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, got


@pytest.mark.parametrize(
    ("first", "second"), [("flock", "file_lock"), ("file_lock", "flock"), ("flock", "flock")]
)
def test_old_and_new_exclude_each_other(path: Path, first: str, second: str) -> None:
    """A process with filelock, as older versions have it, and one with flock: one holds it, then the other can."""
    with holder(path, first) as one, holder(path, second) as other:
        assert sorted((said(one), said(other))) == ["held", "taken"]
    with holder(path, second) as last:
        assert said(last) == "held"


def test_threads_exclude_each_other(folder: PrivateFolder, path: Path) -> None:
    """Each attempt opens the file anew."""
    with folder.lock("name"):
        assert flock.attempt(path) is None
        thread, got = waits(lambda: folder.lock("name"))
        assert not got.wait(0.2)
    thread.join(10)
    assert got.is_set()


def test_a_holder_that_is_killed(path: Path) -> None:
    """The lock of a process that ends in any way is free at once."""
    with holder(path) as process:
        assert said(process) == "held"
        assert not is_free(path)
        process.kill()
        process.wait()
        assert is_free(path)


def test_a_lock_that_nobody_refers_to_is_free(path: Path) -> None:
    """An interrupt between two lines of ours leaves no lock behind: whoever drops the file releases it."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        flock.attempt(path)
        gc.collect()
    assert told == []
    assert is_free(path)


# Forks


def test_a_child_keeps_no_lock(path: Path) -> None:
    """The parent is killed while a child of its lives on: the lock is free. The child's release releases nothing."""
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom aventus_creds.basics.flock import attempt\n"
        "lock = attempt(Path(sys.argv[1]))\nready, go = os.pipe(), os.pipe()\n"
        "if os.fork() == 0:\n    lock.release()\n    os.write(ready[1], b'x')\n    print('child', flush=True)\n"
        "    time.sleep(60)\n"
        "os.read(ready[0], 1)\nprint('parent', flush=True)\ntime.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert {said(process), said(process)} == {"child", "parent"}
            assert not is_free(path)
            process.kill()
            assert process.wait() == -signal.SIGKILL
            assert is_free(path)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


FORKS = """
import os, sys, threading, time
from pathlib import Path
from aventus_creds.basics.flock import attempt
path, done, children = Path(sys.argv[1]), threading.Event(), []
def busy(own):
    while not done.is_set():
        if lock := attempt(own):
            lock.release()
threads = [threading.Thread(target=busy, args=(path.with_name(f"{n % 3}.lock"),)) for n in range(6)]
for thread in threads:
    thread.start()
for _ in range(60):
    if (child := os.fork()) == 0:
        left = [os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")
                if os.path.exists(f"/proc/self/fd/{name}")]
        os._exit(any(name.endswith(".lock") for name in left))
    children.append(os.waitpid(child, 0)[1])
done.set()
for thread in threads:
    thread.join()
print(len(children), sum(children))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc names the open files")
def test_forks_at_every_moment(path: Path) -> None:
    """While six threads open, lock and close, no child of any fork has one of their files."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS, path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    forks, with_a_lock = map(int, done.stdout.split())
    assert forks == 60, done.stderr
    assert with_a_lock == 0


# What happens to the file


def test_the_folder_is_removed_while_one_waits(folder: PrivateFolder, path: Path) -> None:
    """Who waits gets the lock of the new file, which is what everybody else takes from now on."""
    with holder(path) as process:
        assert said(process) == "held"
        thread, got = waits(lambda: folder.lock("name"))
        assert not got.wait(0.1)
        shutil.rmtree(folder.path)
        thread.join(10)
        assert got.is_set()
    assert path.stat().st_nlink == 1


def test_a_file_that_was_replaced_is_not_the_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is replaced between the opening and the locking: whoever comes next would hold another one."""
    real, moments = fcntl.flock, list[int]()

    def replaced(file: flock.LockFile, how: int) -> None:
        if how & fcntl.LOCK_EX and not moments:
            moments.append(path.stat().st_ino)
            path.rename(path.with_name("away"))  # so that its number is not used again
            path.touch()
        real(file, how)

    monkeypatch.setattr("fcntl.flock", replaced)
    lock = taken(path)
    assert os.fstat(lock.fileno()).st_ino == path.stat().st_ino != moments[0]
    assert not is_free(path)
    lock.release()


def test_a_file_that_is_removed_each_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up for now, as if somebody else held the lock."""
    real = fcntl.flock

    def removed(file: flock.LockFile, how: int) -> None:
        path.unlink(missing_ok=True)
        real(file, how)

    monkeypatch.setattr("fcntl.flock", removed)
    assert flock.attempt(path) is None


def test_a_link_in_its_place(path: Path, tmp_path: Path) -> None:
    """A symbolic one is not followed, not even to make the file that it names."""
    path.symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        flock.attempt(path)
    assert not (tmp_path / "target").exists()


def test_a_hard_link_in_its_place(path: Path, tmp_path: Path) -> None:
    """The file that it leads to keeps its content and its mode."""
    (victim := tmp_path / "victim").write_text("precious")
    victim.chmod(0o644)
    os.link(victim, path)
    lock = taken(path)
    lock.release()
    assert victim.read_text() == "precious"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o644


def test_a_folder_in_its_place(folder: PrivateFolder, path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreError, match="cannot be locked"), folder.lock("name"):
        pass


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_only_its_owner_can_open_it(path: Path, umask: int) -> None:
    """Whatever the umask is, also so that the next one can open it."""
    before = os.umask(umask)
    try:
        lock = taken(path)
    finally:
        os.umask(before)
    lock.release()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("code", [errno.EACCES, errno.EAGAIN])
def test_a_lock_that_others_hold_by_another_name(
    path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems say EACCES. No descriptor stays open."""

    def held(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", held)
    before = len([*Path("/dev/fd").iterdir()])
    assert flock.attempt(path) is None
    assert len([*Path("/dev/fd").iterdir()]) == before


# The wait


WAITER = """
import signal, sys
from pathlib import Path
from aventus_creds.basics.private_folder import PrivateFolder  # noqa: E402
folder = PrivateFolder(Path(sys.argv[1]))
print("ready", flush=True)
try:
    with folder.lock("name"):
        print("held", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
with folder.lock("other"):
    print("free", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait(path: Path, number: signal.Signals) -> None:
    """Ctrl-C is raised where one waits, and SIGTERM ends the program; nobody else is hindered."""
    with holder(path) as process:
        assert said(process) == "held"
        command = [sys.executable, "-c", WAITER, str(path.parent)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiter:
            assert said(waiter) == "ready"
            time.sleep(0.1)  # whenever it comes, it ends the wait
            waiter.send_signal(number)
            rest = waiter.communicate(timeout=20)[0].split()
        assert rest == (["interrupted", "free"] if number == signal.SIGINT else [])
        assert not is_free(path)


def test_a_thousand_waiters(folder: PrivateFolder) -> None:
    """All that wait for a turn go on when the file is replaced, and none of them queues for the lock."""
    many, held = 1000, list[bool]()
    ready = threading.Barrier(many + 1, timeout=60)

    def begin() -> None:
        turn = folder.turn("name", "name")  # what it was before counts from here
        ready.wait()
        with turn as mine:
            held.append(mine)

    with folder.lock("name"):
        threads = [threading.Thread(target=begin) for _ in range(many)]
        for thread in threads:
            thread.start()
        ready.wait()
        folder.write("name", b"new")
        for thread in threads:
            thread.join(60)
    assert held == [False] * many


def test_a_turn_is_not_queued_for(folder: PrivateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody else has done is looked for before the lock is tried again, which may be free by then."""
    with folder.lock("name"):
        turn = folder.turn("name", "name")
        begun, go_on = threading.Event(), threading.Event()

        def paused(_: float) -> None:
            begun.set()
            assert go_on.wait(20)

        clock = SimpleNamespace(monotonic=time.monotonic, sleep=paused)
        monkeypatch.setattr("aventus_creds.basics.folder_lock.time", clock)
        held: list[bool] = []

        def wait() -> None:
            with turn as mine:
                held.append(mine)

        thread = threading.Thread(target=wait)
        thread.start()
        assert begun.wait(20)
        folder.write("name", b"new")
    go_on.set()
    thread.join(20)
    assert held == [False]


COUNTER = """
import sys, threading
from pathlib import Path
from aventus_creds.basics.private_folder import PrivateFolder  # noqa: E402
folder = PrivateFolder(Path(sys.argv[1]))
def count():
    with folder.lock("name"):
        number = int(folder.read("name"))
        folder.write("name", str(number + 1).encode())
threads = [threading.Thread(target=count) for _ in range(40)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_none_is_lost(folder: PrivateFolder) -> None:
    """Processes with many threads each add one to a number in a file: it is their number in the end."""
    folder.write("name", b"0")
    with ExitStack() as running:
        command = [sys.executable, "-c", COUNTER, str(folder.path)]
        every = [running.enter_context(subprocess.Popen(command)) for _ in range(4)]
    assert [process.returncode for process in every] == [0] * 4
    assert folder.read("name") == b"160"


# Where there is no flock


def test_filelock_never_takes_a_soft_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that only exists would stay locked for ever if its holder died on another machine."""

    def missing(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", missing)
    for _ in range(2):
        with pytest.raises(OSError, match=os.strerror(errno.ENOSYS)):
            file_lock.attempt(path)


def test_a_folder_locked_by_filelock(
    folder: PrivateFolder, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It excludes, waits, and gives up as the other does, and logs nothing of its own."""
    monkeypatch.setattr("aventus_creds.basics.folder_lock.attempt", file_lock.attempt)
    with folder.lock("name"):
        assert flock.attempt(path) is None
        with folder.attempt("name") as mine:
            assert mine is False
        thread, got = waits(lambda: folder.lock("name"))
        assert not got.wait(0.1)
    thread.join(20)
    assert got.is_set()
    assert path.exists()
    assert logging.getLogger("filelock").filters == []
