"""PrivateFolder: room that is made before a token is written."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support import PATH_WITH_HELPERS

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import StoreError
from aventus_creds.stores.file import FileStore

FULL_DISK = """
import sys
from pathlib import Path
from support import make_token
from aventus_creds.errors import StoreError
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.sharing import reserve

disk, makes_room = Path(sys.argv[1]), sys.argv[2] == "True"
files = FileStore(disk / "state")

def full():
    with (disk / "filler").open("ab", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(1024))
        except OSError:
            pass

with files.lock("key"):
    files.save("key", make_token("old"))
    if makes_room:
        reserve(files, "key")
    full()
    try:
        files.save("key", make_token("new" * 5000, refresh_token="refresh" * 5000))
        print("saved")
    except StoreError as error:
        print(str(error).splitlines()[0])
    full()
    try:
        reserve(files, "key")
        print("made room")
    except StoreError as error:
        print(str(error).splitlines()[0])
print(files.load("key").access_token[:6], sorted(path.name for path in files.path("key").parent.iterdir()))
"""


def on_a_small_disk(disk: Path, code: str, *arguments: object) -> list[str]:
    """Run Python with 256 KiB of disk at ``disk``, and return the lines that it prints."""
    mount = 'mount -t tmpfs -o size=256k tmpfs "$1" && shift && exec "$@"'
    if not shutil.which("unshare") or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("only root may mount a small disk, and not in every container")
    words = [disk, sys.executable, "-c", code, disk, *arguments]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount, "sh", *map(str, words)],
        env={"PYTHONPATH": PATH_WITH_HELPERS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("makes_room", [True, False])
def test_a_disk_that_fills_up_after_room_was_made(tmp_path: Path, makes_room: bool) -> None:  # noqa: FBT001
    """The token is stored; without the room it is not. A full disk is told when room is asked for."""
    (disk := tmp_path / "disk").mkdir()
    saved, room, rest = on_a_small_disk(disk, FULL_DISK, makes_room)
    refused = f"{disk}/state/tokens/key.json cannot be written: No space left on device"
    assert saved == ("saved" if makes_room else refused)
    assert room == f"{refused}; so the login was not refreshed, and nothing of it is used up"
    assert rest == f"{'newnew' if makes_room else 'old'} ['key.json', 'key.lock']"


def test_the_room_is_the_new_file(tmp_path: Path) -> None:
    """What was reserved becomes the file, and holds nothing but the content."""
    folder = PrivateFolder(tmp_path / "private")
    folder.write("name", b"old")
    folder.reserve("name", 50_000)
    reserved = (tmp_path / "private" / "name.tmp").stat()
    assert reserved.st_size == 50_000
    assert folder.read("name") == b"old"
    folder.write("name", b"new")
    assert (tmp_path / "private" / "name").stat().st_ino == reserved.st_ino
    assert folder.read("name") == b"new"
    assert [path.name for path in (tmp_path / "private").iterdir()] == ["name"]


def test_room_that_is_not_used_is_taken_again(tmp_path: Path) -> None:
    """A refresh that failed leaves it behind, but only once; a logout takes it away."""
    files = FileStore(tmp_path)
    for _ in range(3):
        files.reserve("key")
    folder = files.path("key").parent
    assert [path.name for path in folder.iterdir()] == ["key.json.tmp"]
    files.delete("key")
    assert list(folder.iterdir()) == []


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    """Where nothing can be written there is no room."""
    (tmp_path / "tokens").write_text("a file")
    with pytest.raises(StoreError, match=r"tokens.* cannot be (read|written): "):
        FileStore(tmp_path).reserve("key")


def test_waiting_for_a_lock_is_one_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG it says what is waited for, once; who need not wait logs nothing."""
    caplog.set_level(logging.DEBUG)
    folder, tries = PrivateFolder(tmp_path / "private"), []
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with folder.lock("name"):
            held.set()
            free.wait(10)

    def enough() -> None:
        tries.append(1)
        if len(tries) == 20:
            free.set()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    before = [record for record in caplog.records if "waiting" in record.message]
    waiter = PrivateFolder(tmp_path / "private")
    waiter.make = enough  # type: ignore[method-assign] # called at each try
    caplog.clear()
    with waiter.lock("name"):
        lines = [record.message for record in caplog.records if record.thread == threading.get_ident()]
    holder.join()
    assert before == []
    assert lines == [f"waiting for {waiter.place('name.lock')}, which another thread or process holds"]
    assert logging.getLogger("filelock").filters == []
