"""The file store: modes, links, damaged files, read-only places, and processes that are killed."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import tries
from support import make_token

from aventus_creds.errors import StoreError
from aventus_creds.stores.file import FileStore
from aventus_creds.tokens import Token

posix_only = pytest.mark.skipif(os.name != "posix", reason="modes, owners and links are POSIX's")
KEY = "prod-0123456789abcdef"


@pytest.fixture
def files(folder: Path) -> FileStore:
    return FileStore(folder)


# The file store


def save(store: FileStore, token: Token | None = None) -> Path:
    with store.lock(KEY):
        store.save(KEY, token or make_token())
    return store.path(KEY)


@posix_only
def test_modes_from_the_start(files: FileStore, folder: Path) -> None:
    """Folders are 0700 and files 0600, whatever the umask, which stays as it is."""
    before = os.umask(0)
    try:
        path = save(files)
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert {stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@posix_only
def test_loose_modes_are_repaired(files: FileStore) -> None:
    """A file that others can read is closed when it is read, a folder when it is written to."""
    path = save(files)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    assert files.load(KEY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    save(files)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@posix_only
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_another_users_file_is_refused(files: FileStore) -> None:
    """A token file, or the folder of them, that somebody else owns is not trusted."""
    path = save(files)
    os.chown(path, 12345, 12345)
    with pytest.raises(StoreError, match="belongs to another user"):
        files.load(KEY)
    path.unlink()
    os.chown(path.parent, 12345, 12345)
    with pytest.raises(StoreError, match="belongs to another user"), files.lock(KEY):
        pass


@posix_only
def test_links_are_not_followed(files: FileStore, tmp_path: Path) -> None:
    """A link in the place of the token, its temporary file or its lock leads nowhere."""
    path = save(files)
    target = tmp_path / "target"
    target.write_text("precious")
    path.unlink()
    path.symlink_to(target)
    with pytest.raises(StoreError):
        files.load(KEY)
    path.unlink()
    path.with_name(f"{KEY}.json.tmp").symlink_to(target)
    save(files)
    assert target.read_text() == "precious"
    assert not path.is_symlink()
    path.with_name(f"{KEY}.lock").unlink()
    path.with_name(f"{KEY}.lock").symlink_to(target)
    with pytest.raises(StoreError), files.lock(KEY):
        pass
    assert target.read_text() == "precious"


def test_a_folder_in_the_place_of_the_file(files: FileStore) -> None:
    """It is an error that says where, not a traceback."""
    path = save(files)
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match=KEY):
        files.load(KEY)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\x00\xff",
        b"{}",
        b"[" * 100_000,
        json.dumps(
            {"format": 1, "key": "other-profile", "access_token": "stolen", "expires_at": 1e12}
        ).encode(),
        json.dumps({"format": 99, "key": KEY}).encode(),
    ],
)
def test_a_damaged_file_is_log_in_again_and_kept_aside(files: FileStore, content: bytes) -> None:
    """No token, no traceback; the next save keeps the broken file beside the new one."""
    path = save(files)
    path.write_bytes(content)
    assert files.load(KEY) is None
    save(files, token := make_token("new"))
    assert files.load(KEY) == token
    assert path.with_name(f"{KEY}.damaged").read_bytes() == content


def test_a_planted_file_of_another_profile_is_not_taken(files: FileStore) -> None:
    """The file says whose it is: a copy under another name is no login."""
    path = save(files)
    path.with_name("stage-0123456789abcdef.json").write_bytes(path.read_bytes())
    assert files.load("stage-0123456789abcdef") is None


GOOD = {
    "format": 1,
    "key": KEY,
    "access_token": "tok",
    "token_type": "Bearer",
    "obtained_at": 1.0,
    "expires_at": 2.0,
    "refresh_token": None,
    "scope": None,
}
json_values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.none())
)


@tries(150)
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), json_values, max_size=3))
def test_any_content_gives_a_sound_token_or_none(files: FileStore, changes: dict[str, object]) -> None:
    """Whatever stands in the file, nothing raises, and no token comes out that could inject a header."""
    files.path(KEY).parent.mkdir(parents=True, exist_ok=True)
    files.path(KEY).write_text(json.dumps(GOOD | changes))
    token = files.load(KEY)
    if token is not None:
        assert token.access_token.isascii()
        assert token.access_token.isprintable()
        assert isinstance(token.fresh(0), bool)
        assert repr(token)


def test_a_turn_ends_once_somebody_else_has_saved(files: FileStore) -> None:
    """Who waits for a refresh reads its token at once; the lock is for one after another."""
    files.save(KEY, make_token("old"))
    with files.lock(KEY):
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(lambda: files.turn(KEY).__enter__())
            time.sleep(0.1)
            assert not waiting.done()
            files.save(KEY, make_token("new"))
            assert waiting.result(5) is False
        with files.turn(f"{KEY}2") as held:  # another key's
            assert held


def test_a_turn_is_a_lock(files: FileStore) -> None:
    """With nothing to wait for it is held, as the lock is, and let go of."""
    for _ in "12":
        with files.turn(KEY) as held, ThreadPoolExecutor() as pool:
            assert held
            waiting = pool.submit(lambda: files.turn(KEY).__enter__())
            time.sleep(0.1)
            assert not waiting.done()
            files.save(KEY, make_token())
            assert waiting.result(5) is False


def test_one_temporary_name_and_one_lock_file(files: FileStore) -> None:
    """Nothing piles up: after many writes there are the token and its lock."""
    for _ in range(5):
        path = save(files)
    assert sorted(p.name for p in path.parent.iterdir()) == [f"{KEY}.json", f"{KEY}.lock"]


def test_a_leftover_of_a_killed_process_is_overwritten(files: FileStore) -> None:
    """The temporary file of a process that died in mid-write does no harm and does not stay."""
    path = save(files)
    path.with_name(f"{KEY}.json.tmp").write_text("half a tok")
    save(files)
    assert not path.with_name(f"{KEY}.json.tmp").exists()


@posix_only
def test_a_write_that_fails_leaves_the_old_file_whole(files: FileStore) -> None:
    """Past the limit of a file's size (as on a full disk) the old token stays, and no half file."""
    import resource
    import signal

    path = save(files, old := make_token("old"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
        with files.lock(KEY), pytest.raises(StoreError, match="cannot be written"):
            files.save(KEY, make_token("new" * 100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert files.load(KEY) == old
    assert not path.with_name(f"{KEY}.json.tmp").exists()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder of a user who is not root, as whom the test runs: root may write everywhere."""
    with tempfile.TemporaryDirectory() as place:
        root = os.geteuid() == 0
        if root:
            os.chown(place, 65534, 65534)
            os.seteuid(65534)
        try:
            yield Path(place)
        finally:
            if root:
                os.seteuid(0)


@posix_only
def test_a_read_only_folder_has_nothing_to_lock(open_folder: Path) -> None:
    """Who may not write there can read, and hears of it when saving: not at the lock."""
    files = FileStore(open_folder)
    path = save(files, token := make_token())
    path.parent.chmod(0o500)
    for key in (KEY, "another"):
        with files.lock(key):
            assert files.load(KEY) == token
            with pytest.raises(StoreError, match="cannot be written"):
                files.save(key, token)
    path.parent.chmod(0o700)


@posix_only
def test_a_read_only_place_needs_no_folder(open_folder: Path) -> None:
    """Without a folder and without the right to make one there is no token, and nothing to lock."""
    open_folder.chmod(0o500)
    files = FileStore(open_folder / "state")
    with files.lock(KEY), pytest.raises(StoreError, match="cannot be written"):
        files.save(KEY, make_token())
    assert files.load(KEY) is None
    open_folder.chmod(0o700)


@posix_only
def test_a_lock_that_another_holds_the_right_to_is_an_error(open_folder: Path) -> None:
    """Where the folder can be written to, a lock file that cannot be opened guards something."""
    path = save(files := FileStore(open_folder))
    path.with_name(f"{KEY}.lock").chmod(0)
    with pytest.raises(StoreError, match="cannot be locked"), files.lock(KEY):
        pass


@posix_only
@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC])
def test_a_read_only_or_full_disk_has_nothing_to_lock(
    files: FileStore, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for a file system that is mounted so, or has no room for one more file."""
    save(files)

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("aventus_creds.basics.folder_lock.attempt", fail)
    with files.lock(KEY):
        pass


def test_a_folder_that_cannot_be_flushed_is_no_fault(
    files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some shares refuse fsync of a folder: by then the file is in its place."""
    flush = os.fsync

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    save(files, token := make_token())
    assert files.load(KEY) == token


@posix_only
def test_a_token_is_on_the_disk_before_it_takes_its_place(
    files: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut there is the old token or the new one: file, then name, then folder."""
    save(files)
    steps: list[str] = []
    flush, replace = os.fsync, os.replace

    def note_flush(descriptor: int) -> None:
        status = os.fstat(descriptor)
        steps.append("folder" if stat.S_ISDIR(status.st_mode) else f"file of {status.st_size > 100}")
        flush(descriptor)

    def note_replace(source: Path, target: Path) -> None:
        steps.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_flush)
    monkeypatch.setattr(os, "replace", note_replace)
    save(files)
    assert steps == ["file of True", "name", "folder"]


def run(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE)


WRITER = """
import sys, time
from pathlib import Path
from aventus_creds.stores.file import FileStore
from aventus_creds.tokens import Token
store, key, end = FileStore(Path(sys.argv[1])), sys.argv[2], time.time() + float(sys.argv[3])
print("ready", flush=True)
while time.time() < end:
    with store.lock(key):
        store.save(key, Token("x" * 5000, obtained_at=1.0, expires_at=2.0, refresh_token="y" * 5000))
"""


def test_readers_never_see_half_a_file(files: FileStore, folder: Path) -> None:
    """While four processes write, every read gives a whole token."""
    save(files)
    writers = [run(WRITER, folder, KEY, 1.5) for _ in range(4)]
    reads = 0
    while any(writer.poll() is None for writer in writers):
        assert files.load(KEY) is not None
        reads += 1
    for writer in writers:
        assert writer.wait() == 0
        assert writer.stdout
        writer.stdout.close()
    assert reads > 100


def test_a_process_killed_while_it_writes(files: FileStore, folder: Path) -> None:
    """Kill -9 at any moment leaves a readable token, a free lock and no pile of files."""
    save(files)
    for pause in (0.0, 0.003, 0.007, 0.011, 0.017):
        writer = run(WRITER, folder, KEY, 30)
        assert writer.stdout
        assert writer.stdout.readline().strip() == b"ready"
        time.sleep(0.02 + pause)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        with files.lock(KEY):
            assert files.load(KEY) is not None
    names = {p.name for p in files.path(KEY).parent.iterdir()}
    assert names <= {f"{KEY}.json", f"{KEY}.lock", f"{KEY}.json.tmp"}
