"""Another user of this machine, and what may stand in the place of our files."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support import make_profile, make_token

from aventus_creds import get_token
from aventus_creds.errors import (
    ProfilesFileError,
    SecretError,
    StoreError,
)
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.opening import default_store

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="owners, modes and links are POSIX's"),
    pytest.mark.timeout(30),  # what must not hang
]
KEY = "prod-0123456789abcdef"
STRANGER = 12345
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
PRECIOUS = b"precious"
OIDC = {
    "authorize_url": "https://as.example.com/authorize",
    "token_url": "https://as.example.com/token",
    "client_id": "the-client",
}


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "state")


def name_in(store: FileStore) -> str:
    token = store.load(KEY)
    return token.access_token if token else ""


def save(store: FileStore, name: str = "a-token", key: str = KEY) -> Path:
    with store.lock(key):
        store.save(key, make_token(name))
    return store.path(key)


def plant(kind: str, path: Path) -> Path:
    """Put something of that kind at ``path``. Return the file that a link leads to, or would."""
    precious = path.parent.parent / "precious"
    if kind != "dangling link":
        precious.write_bytes(PRECIOUS)
    if kind == "fifo":
        os.mkfifo(path, 0o600)
    elif kind == "folder":
        path.mkdir()
        (path / "kept").write_bytes(PRECIOUS)
    elif kind == "socket":
        here = Path.cwd()
        os.chdir(path.parent)  # the address of a socket is short
        with socket.socket(socket.AF_UNIX) as it:
            it.bind(path.name)
        os.chdir(here)
    elif kind == "device" and ROOT:
        with suppress(PermissionError):  # a container may not make any
            os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    elif kind == "hard link":
        os.link(precious, path)
    if not os.path.lexists(path):
        path.symlink_to("/dev/zero" if kind == "device" else precious)
    return precious


def untouched(kind: str, precious: Path) -> bool:
    return not precious.exists() if kind == "dangling link" else precious.read_bytes() == PRECIOUS


KINDS = ["fifo", "folder", "socket", "device", "link", "dangling link", "hard link"]


# In the place of a file


@pytest.mark.parametrize("kind", KINDS)
def test_in_the_place_of_the_token(files: FileStore, kind: str) -> None:
    """It is refused by name, at once; a hard link to something else is a damaged file like any other."""
    path = save(files)
    path.unlink()
    precious = plant(kind, path)
    if kind == "hard link":
        assert files.load(KEY) is None
        save(files)
        assert files.load(KEY)
    else:
        with pytest.raises(StoreError, match=path.name):
            files.load(KEY)
        with pytest.raises(StoreError, match=path.name):
            save(files)
    assert untouched(kind, precious)


@pytest.mark.parametrize("kind", KINDS)
def test_in_the_place_of_the_lock(files: FileStore, kind: str) -> None:
    """It locks or is refused, at once. Nothing is created, cut or waited for where a link leads."""
    path = save(files)
    lock = path.with_name(f"{KEY}.lock")
    lock.unlink()
    precious = plant(kind, lock)
    if lock.is_symlink() or kind in {"folder", "socket"}:
        with pytest.raises(StoreError, match=lock.name), files.lock(KEY):
            pass
    else:
        save(files, "another")
    assert untouched(kind, precious)


@pytest.mark.parametrize("kind", KINDS)
def test_in_the_place_of_the_temporary_file(files: FileStore, kind: str) -> None:
    """It is removed and not written through; a folder there is named in the error, and the old token stays."""
    path = save(files)
    beside = path.with_name(f"{path.name}.tmp")
    precious = plant(kind, beside)
    if kind == "folder":
        with pytest.raises(StoreError, match=r"json\.tmp cannot be written"):
            save(files, "another")
    else:
        save(files, "another")
        assert stat.S_ISREG(path.lstat().st_mode)
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600
        assert not os.path.lexists(beside)
    assert name_in(files) == ("a-token" if kind == "folder" else "another")
    assert untouched(kind, precious)


@pytest.mark.parametrize("kind", KINDS)
def test_in_the_place_where_a_damaged_file_goes(files: FileStore, kind: str) -> None:
    """The new login is stored in any case, and a logout works."""
    path = save(files)
    path.write_text("damaged")
    precious = plant(kind, path.with_name(f"{KEY}.damaged"))
    save(files, "new")
    assert name_in(files) == "new"
    with files.lock(KEY):
        files.delete(KEY)
    assert files.load(KEY) is None
    assert untouched(kind, precious)


@pytest.mark.parametrize("kind", KINDS)
def test_in_the_place_of_profiles_toml(tmp_path: Path, kind: str) -> None:
    """An error that names it, at once. A link is followed: many keep their settings elsewhere."""
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "profiles.toml"
    plant(kind, path)
    said = {
        "link": "not valid TOML",
        "hard link": "not valid TOML",
        "dangling link": "there is no profiles file",
    }
    with pytest.raises(ProfilesFileError, match=said.get(kind, "cannot be read")):
        read_profiles(path)


def test_a_logout_leaves_nothing_secret(files: FileStore) -> None:
    """What a killed process left and what was kept aside may hold a refresh token: both go too."""
    path = save(files)
    path.write_text(path.read_text()[:-5])
    save(files)
    path.with_name(f"{path.name}.tmp").write_text("half a token")
    assert path.with_name(f"{KEY}.damaged").exists()
    other = save(files, key="other")
    with files.lock(KEY):
        files.delete(KEY)
    assert {p.name for p in path.parent.iterdir()} == {f"{KEY}.lock", "other.lock", other.name}


# Enormous or endless


def sparse(path: Path, content: bytes = b"") -> Path:
    with path.open("wb") as file:
        file.write(content)
        file.truncate(10 * 1024**3)
    return path


def test_an_enormous_token_file_is_a_damaged_one(files: FileStore) -> None:
    """Of ten gigabytes a few are read; the next login puts it aside, and a logout removes it."""
    path = save(files)
    sparse(path, path.read_bytes())
    begin = time.monotonic()
    assert files.load(KEY) is None
    save(files, "new")
    assert name_in(files) == "new"
    with files.lock(KEY):
        files.delete(KEY)
    assert time.monotonic() - begin < 5


def test_an_enormous_lock_is_a_lock(files: FileStore) -> None:
    """Nobody reads it."""
    path = save(files)
    sparse(path.with_name(f"{KEY}.lock"))
    begin = time.monotonic()
    save(files)
    assert time.monotonic() - begin < 5


def test_an_enormous_profiles_file_is_refused(tmp_path: Path) -> None:
    """So is one of /proc that says nothing of its size."""
    names = [sparse(tmp_path / "profiles.toml"), Path("/proc/self/pagemap")]
    begin = time.monotonic()
    for path in filter(Path.exists, names):
        with pytest.raises(ProfilesFileError, match="is larger than"):
            read_profiles(path)
    assert time.monotonic() - begin < 5


def test_a_client_secret_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device in the place of the secret's file is told, not read for ever."""
    (endless := tmp_path / "endless").symlink_to("/dev/zero")
    (enormous := sparse(tmp_path / "secret")).chmod(0o600)
    monkeypatch.setattr(
        "aventus_creds.profiles.secrets.warn_if_others_can_read", lambda *_: None
    )  # of the device
    for path in (endless, enormous):
        profile = make_profile(client_secret={"file": str(path)})
        assert profile.client_secret
        with pytest.raises(SecretError, match="larger than any secret"):
            profile.client_secret.read()


# Another owner


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """Run a shell command as another user, and tell whether it worked.

    Only root can be another user. Anybody else runs it, and is somebody else afterwards.
    """

    def run(command: str, *arguments: Path) -> bool:
        call = ["/bin/sh", "-c", command, "sh", *map(str, arguments)]
        if ROOT:
            return not subprocess.run(
                call, user=STRANGER, group=STRANGER, extra_groups=[], check=False, stderr=subprocess.DEVNULL
            ).returncode
        me = os.geteuid()
        done = subprocess.run(call, check=False).returncode == 0
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)
        return done

    return run


@pytest.fixture
def shared() -> Iterator[Path]:
    """Give a folder that other users can reach: pytest's own are closed to them."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield Path(place)


def planted(path: Path, key: str, name: str = "planted") -> bytes:
    """Return the content of a token file with another key and another server's token."""
    kept = json.loads(path.read_bytes())
    return json.dumps({**kept, "key": key, "access_token": name}).encode()


def test_another_users_token_for_this_profile(shared: Path, stranger: Callable[..., bool]) -> None:
    """A file with the right key and another server's token is no login when somebody else made it."""
    files = FileStore(shared)
    path = save(files)
    path.parent.chmod(0o777)
    (source := shared / "source").write_bytes(planted(path, "stage"))
    source.chmod(0o644)
    target = files.path("stage")
    assert stranger('cp "$1" "$2" && chmod 600 "$2"', source, target)
    with pytest.raises(StoreError, match="belongs to another user"):
        files.load("stage")
    with pytest.raises(StoreError, match="belongs to another user"):
        save(files, key="stage")


def test_a_folder_swapped_in_a_parent_that_anybody_may_write(
    shared: Path, stranger: Callable[..., bool]
) -> None:
    """Nothing is read from the stranger's folder and nothing written to it. The parent itself is no reason to refuse.

    Volumes of containers are open to everybody, as a rule. Who may write there can take the folder away, and
    no more: its files can be entered by their owner only.
    """
    shared.chmod(0o777)
    files = FileStore(shared)
    path = save(files)
    (source := shared / "source").write_bytes(planted(path, KEY))
    source.chmod(0o644)
    assert stranger(
        'mv "$1" "$1.gone" && mkdir "$1" && cp "$3" "$2" && chmod 600 "$2"', path.parent, path, source
    )
    with pytest.raises(StoreError, match="belongs to another user"):
        files.load(KEY)
    path.unlink()
    with pytest.raises(StoreError, match="belongs to another user"):
        save(files)
    assert list(path.parent.iterdir()) == []


@pytest.mark.skipif(not ROOT, reason="the sticky bit stops other users only, and only root can be one")
def test_the_sticky_bit_keeps_the_folder(shared: Path, stranger: Callable[..., bool]) -> None:
    """In a folder such as /tmp nobody can take it away; it is used as any other."""
    shared.chmod(0o1777)
    files = FileStore(shared)
    path = save(files)
    assert not stranger('mv "$1" "$1.gone"', path.parent)
    assert not stranger('cat "$1"', path)
    assert files.load(KEY)


@pytest.mark.skipif(not ROOT, reason="only root can be another user")
def test_a_stranger_reads_nothing(shared: Path, stranger: Callable[..., bool]) -> None:
    """Neither the token nor its temporary file nor the lock: a lock that can be opened can be held."""
    umask = os.umask(0)
    files = FileStore(shared / "state")
    path = save(files)
    os.umask(umask)
    for name in (path, path.with_name(f"{KEY}.lock"), path.parent):
        assert not stranger('test -r "$1"', name)


def test_another_users_file_ends_the_call_with_what_to_do(
    write_profiles: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """get_token says whose it is and which folder to name; nobody is asked to log in, and no secret is told."""
    write_profiles({"prod": OIDC})
    store, key = default_store(), read_profiles().profile("prod").key
    with store.lock(key):
        store.save(key, make_token("secret-token"))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StoreError, match="belongs to another user") as caught:
        get_token("prod", interactive=True)
    assert "AVENTUS_CREDS_STATE_DIR" in caught.value.hint
    assert "secret-token" not in str(caught.value)


def test_a_lock_that_somebody_holds_for_ever(files: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait has an end, and the error names the file and what to do."""
    import fcntl

    lock = save(files).with_name(f"{KEY}.lock")
    monkeypatch.setattr("aventus_creds.basics.folder_lock.LOCK_TIMEOUT", 0.2)
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=f"{lock.name} has been locked for 0.2 s") as caught:
            save(files)
        assert caught.value.hint
        assert files.load(KEY)
    save(files)


def test_a_mode_that_cannot_be_repaired(files: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system is read-only, a loose mode is no reason to be without a token."""
    save(files).chmod(0o644)

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "fchmod", refuse)
    assert files.load(KEY)


# Between the check and the use


SWAPPER = """
import os, sys
path, good, bad, other = sys.argv[1:]
while True:
    os.symlink(bad, other)
    os.rename(other, path)
    os.link(good, other)
    os.rename(other, path)
"""


def test_a_token_swapped_for_a_link_while_it_is_read(files: FileStore, tmp_path: Path) -> None:
    """What a link leads to is never taken, whenever it comes."""
    path = save(files)
    good, bad, other = (tmp_path / name for name in ("good", "bad", "other"))
    shutil.copy(path, good)
    bad.write_bytes(planted(path, KEY))
    bad.chmod(0o600)
    process = subprocess.Popen([sys.executable, "-c", SWAPPER, path, good, bad, other])
    seen = {"token": 0, "refused": 0}
    end = time.monotonic() + 20
    try:
        while min(seen.values()) < 5 and time.monotonic() < end:
            try:
                assert name_in(files) == "a-token"
                seen["token"] += 1
            except StoreError:
                seen["refused"] += 1
    finally:
        process.kill()
        process.wait()
    assert min(seen.values()) >= 5


def test_a_link_that_comes_while_we_write(
    files: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the removal of what stood there and the write: nothing is written through it, and the token is whole."""
    save(files)
    (precious := tmp_path / "precious").write_bytes(PRECIOUS)
    remove = os.unlink

    def swap(name: Path, *rest: Any, **more: Any) -> None:
        with suppress(FileNotFoundError):
            remove(name, *rest, **more)
        Path(name).symlink_to(precious)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", swap)
        with pytest.raises(StoreError, match=r"\.tmp cannot be written: File exists"):
            save(files, "another")
    assert precious.read_bytes() == PRECIOUS
    assert name_in(files) == "a-token"
    save(files, "another")
    assert name_in(files) == "another"
