"""Small files, read and replaced on every system: names, readers that hold them open, and the way to the disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import make_profile, make_token

from aventus_creds.basics import files, owners, places
from aventus_creds.basics.files import read_file, replace_file, safe_name
from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import StoreError
from aventus_creds.stores.file import FileStore

# --- names


@pytest.mark.parametrize(
    "name", ["aux.prod", "con.eu", "nul.x", "com1.a", "COM0", "Lpt9.json", "aux", "prn.lock"]
)
def test_a_name_that_is_a_device_of_windows_gets_another_file(name: str) -> None:
    """Windows goes by what is before the first dot, in any case. Elsewhere the name stays what it was."""
    assert safe_name(name, windows=True) == f"_{name}"
    assert safe_name(name, windows=False) == name


@pytest.mark.parametrize(
    "name", ["prod", "aux-0123456789abcdef.json", "a.con", "com10.a", "console.x", "_aux.x"]
)
def test_any_other_name_stays(name: str) -> None:
    """What was stored under such a name is still found."""
    assert safe_name(name, windows=True) == safe_name(name, windows=False) == name


@pytest.mark.parametrize("name", ["aux.prod", "con.eu", "nul.x", "com1.a"])
def test_a_profile_with_the_name_of_a_device(tmp_path: Path, name: str) -> None:
    """Its token is stored and found, locked and deleted, and no file is a device's."""
    store, key = FileStore(tmp_path), make_profile(name).key
    with store.lock(key):
        store.reserve(key)
        store.save(key, make_token())
        store.note(key, b"x")
    found = store.load(key)
    assert found
    assert found.access_token == "an-access-token"
    assert store.path(key).is_file()
    assert {safe_name(path.name) for path in store.path(key).parent.iterdir()} == {
        path.name for path in store.path(key).parent.iterdir()
    }
    store.delete(key)
    assert [path.suffix for path in store.path(key).parent.iterdir()] == [".lock"]


def test_names_that_differ_in_case_only_do_not_share_a_file() -> None:
    """macOS and Windows take them for the same, but the name is part of the fingerprint too."""
    keys = {make_profile(name).key.lower() for name in ("prod", "PROD", "Prod", "pRod")}
    assert len(keys) == 4


# --- what is in them


def test_every_byte_stays(tmp_path: Path) -> None:
    """Windows would turn line ends, and take Ctrl-Z for the end, in a file that is opened as text."""
    folder, content = PrivateFolder(tmp_path / "private"), b"a\nb\r\nc\rd\x1ae\x00" + bytes(range(256))
    folder.reserve("n", 1000)
    folder.write("n", content)
    assert folder.read("n") == read_file(folder.place("n")) == content == folder.place("n").read_bytes()


# --- files that others have open


READER = """
import sys
from pathlib import Path
from aventus_creds.basics.files import read_file

print("reads", flush=True)
while (content := read_file(Path(sys.argv[1]))) != b"end":
    assert content == content[:1] * 1000, content
"""


def test_a_file_is_replaced_while_another_process_reads_it(tmp_path: Path) -> None:
    """On Windows, neither works while the other is under way: both are tried again."""
    path = tmp_path / "file"
    replace_file(path, Hidden(b"0" * 1000))
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as reader:
        try:
            assert reader.stdout
            assert reader.stdout.readline() == "reads\n"
            for number in range(100):
                replace_file(path, Hidden(str(number % 10).encode() * 1000))
        finally:
            replace_file(path, Hidden(b"end"))
        assert reader.communicate(timeout=60) == ("", "")


def test_a_reader_that_is_slow_is_waited_for(tmp_path: Path) -> None:
    """Whoever has the file open for a moment hinders neither a new content nor a removal."""
    folder = PrivateFolder(tmp_path / "private")
    folder.write("n", b"old")
    steps: list[Callable[[], None]] = [lambda: folder.write("n", b"new"), lambda: folder.remove("n")]
    for step in steps:
        descriptor = files.open_file(folder.place("n"))
        closing = threading.Timer(0.1, os.close, (descriptor,))
        closing.start()
        step()
        closing.join()
    assert folder.read("n") is None


def test_what_is_in_the_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the temporary file, which is not the user's."""
    monkeypatch.setattr(files, "PATIENCE_TO_REPLACE", 0.1)
    folder = PrivateFolder(tmp_path / "private")
    folder.make()
    (folder.path / "n").mkdir()  # nothing on any system puts a file in its place
    with pytest.raises(StoreError) as caught:
        folder.write("n", b"new")
    assert str(caught.value).startswith(f"{folder.path / 'n'} cannot be written: ")
    assert [path.name for path in folder.path.iterdir()] == ["n"]


@pytest.mark.windows  # nothing else keeps others from replacing a file that is open
def test_a_file_that_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old content stays, and the error says what to do."""
    monkeypatch.setattr(files, "PATIENCE_TO_REPLACE", 0.1)
    folder = PrivateFolder(tmp_path / "private")
    folder.write("n", b"old")
    with folder.place("n").open("rb"), pytest.raises(StoreError) as caught:
        folder.write("n", b"new")
    assert caught.value.message.startswith(f"{folder.path / 'n'} cannot be written: ")
    assert "Close the program that has it open" in caught.value.hint
    assert folder.read("n") == b"old"


def test_a_folder_is_no_file_anywhere(tmp_path: Path) -> None:
    """Windows says no more than that it may not be opened, and it is not tried again."""
    with pytest.raises(OSError, match=r"(?i)folder|directory"):
        read_file(tmp_path)


# --- folders that cannot be written


def test_whether_a_folder_can_be_written_is_tried_where_its_mode_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where os.access says yes to everything. Nothing stays behind."""
    monkeypatch.setattr(owners, "POSIX", False)
    monkeypatch.setattr(os, "access", lambda *_, **__: True)
    assert owners.can_write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert not owners.can_write(tmp_path / "missing")
    (tmp_path / "file").touch()
    assert not owners.can_write(tmp_path / "file")


@pytest.mark.parametrize("writable", [True, False])
def test_a_refusal_is_of_the_folder_if_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, writable: bool
) -> None:
    """A lock is done without there. Where something can be written, the one file is at fault."""
    monkeypatch.setattr("aventus_creds.basics.private_folder.can_write", lambda folder: writable)
    folder = PrivateFolder(tmp_path)
    assert folder.is_read_only(PermissionError(errno.EACCES, "denied")) is not writable


# --- to the disk


@pytest.mark.parametrize("knows", [True, False])
def test_macos_writes_all_the_way_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, knows: bool
) -> None:
    """There, fsync stops at the drive's own memory. A file system that does not know better gets an fsync."""
    if os.name != "posix":
        pytest.skip("Windows has no fcntl")
    import fcntl

    calls: list[object] = []

    def control(descriptor: int, command: int) -> None:
        calls.append(command)
        if not knows:
            raise OSError(errno.ENOTSUP, "not supported")

    monkeypatch.setattr(files, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)
    monkeypatch.setattr(os, "fsync", lambda _: calls.append("fsync"))
    replace_file(tmp_path / "file", Hidden(b"content"))
    assert calls == ([51, 51] if knows else [51, "fsync", 51, "fsync"])  # the file, and its folder


# --- where it really is


def test_the_python_of_the_microsoft_store_has_folders_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs find what it writes under AppData in its own folder only. Any other link stays as it is."""
    asked = Path("AppData/Local/aventus-creds/profiles.toml")
    real = Path(
        "AppData/Local/Packages/PythonSoftwareFoundation.Python.3.13_q/LocalCache/Local/aventus-creds/p"
    )
    monkeypatch.setattr(os.path, "realpath", lambda _: str(real))
    assert places.really(asked, windows=True) == real
    assert places.really(asked, windows=False) == asked
    monkeypatch.setattr(os.path, "realpath", lambda _: "elsewhere")
    assert places.really(asked, windows=True) == asked
