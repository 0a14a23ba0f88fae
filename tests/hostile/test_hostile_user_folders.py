"""The folders that hold private files: another user's links, their modes while they are made, shares and mounts."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import PATH_WITH_HELPERS, make_token
from users import MYSELF, STRANGER, acting_as, only_root

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import StoreError
from aventus_creds.stores.file import FileStore

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners, modes and links are POSIX's")
KEY = "prod-0123456789abcdef"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def save(files: FileStore, name: str = "a-token") -> Path:
    with files.lock(KEY):
        files.save(KEY, make_token(name))
    return files.path(KEY)


def name_in(files: FileStore) -> str:
    token = files.load(KEY)
    return token.access_token if token else ""


@pytest.fixture
def shared() -> Iterator[Path]:
    """Give a folder that everybody may write to; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o777)
        yield Path(place)


# In the place of the folder


@pytest.mark.parametrize("leads_to", ["mine", "nowhere"])
def test_a_link_in_the_place_of_the_folder(shared: Path, tmp_path: Path, leads_to: str) -> None:
    """It is not followed: what it leads to keeps its mode, and nothing is written there."""
    (target := tmp_path / "mine").mkdir()
    target.chmod(0o755)
    (shared / "tokens").symlink_to(tmp_path / leads_to)
    with pytest.raises(StoreError) as caught:
        save(FileStore(shared))
    assert str(shared / "tokens") in str(caught.value)
    assert leads_to == "nowhere" or "is a link" in str(caught.value)
    assert mode_of(target) == 0o755
    assert list(target.iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_becomes_a_link_while_it_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is checked and changed is the open folder, not what the path leads to by then."""
    (target := tmp_path / "mine").mkdir()
    target.chmod(0o755)
    folder = PrivateFolder(tmp_path / "tokens")
    folder.make()
    folder.path.chmod(0o755)
    look = os.fstat

    def swap(descriptor: int) -> os.stat_result:
        if not folder.path.is_symlink():
            folder.path.rename(tmp_path / "moved")
            folder.path.symlink_to(target)
        return look(descriptor)

    monkeypatch.setattr(os, "fstat", swap)
    folder.make()
    assert mode_of(target) == 0o755
    assert mode_of(tmp_path / "moved") == 0o700


@only_root
def test_another_users_folder_keeps_its_mode(shared: Path) -> None:
    """Even root does not change what belongs to somebody else."""
    (folder := shared / "tokens").mkdir()
    folder.chmod(0o755)
    os.chown(folder, STRANGER, STRANGER)
    with pytest.raises(StoreError, match=f"belongs to another user .uid {STRANGER}."):
        save(FileStore(shared))
    assert mode_of(folder) == 0o755
    assert list(folder.iterdir()) == []


# The modes while it happens

WATCHED = """
import os, sys
home, umask = sys.argv[1], os.umask(0)
seen, looking = set(), False

def look(event, arguments):
    global looking
    if looking:
        return
    looking = True
    for folder, _, names in os.walk(home):
        for path in [os.path.join(folder, name) for name in names] + [folder]:
            try:
                status = os.lstat(path)
            except OSError:
                continue
            if path != home and status.st_mode & 0o077:
                seen.add(f"{path[len(home) + 1:]} {status.st_mode & 0o777:o} at {event}")
    looking = False

from support import make_token
from aventus_creds.cli.commands import run
from aventus_creds.basics.places import state_folder
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.opening import default_store

sys.addaudithook(look)
assert run(["init"]) == 0
assert run(["profile", "add", "p", "--issuer", "https://as.example.com", "--client-id", "c"]) == 0
store = default_store()
with store.lock("key"):
    store.save("key", make_token("old"))
    store.reserve("key")
    store.save("key", make_token("new"))
    store.path("key").write_text("damaged")
    store.save("key", make_token("newer"))
PrivateFolder(state_folder() / "discovery").write("x.json", b"{}")
look("the end", ())
print("\\n".join(sorted(seen)))
"""


def test_no_file_or_folder_is_open_for_a_moment(tmp_path: Path) -> None:
    """In a fresh home, with umask 0: whatever is made is private before the next thing happens."""
    (home := tmp_path / "fresh").mkdir(mode=0o755)
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, home],
        env={"HOME": str(home), "PYTHONPATH": PATH_WITH_HELPERS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    assert done.stdout.strip() == ""
    made = {str(path.relative_to(home)) for path in home.rglob("*")}
    assert {".config", ".local", ".local/state", ".config/aventus-creds/profiles.schema.json"} <= made
    assert ".local/state/aventus-creds/tokens/key.json" in made


# What sudo has left


@only_root
@pytest.mark.parametrize("left", [".", "tokens", f"tokens/{KEY}.json"])
def test_what_sudo_has_left(shared: Path, left: str) -> None:
    """The message has the command that gives it back: of the uppermost thing that root has made."""
    (home := shared / "home's").mkdir()
    os.chown(home, MYSELF, MYSELF)
    files = FileStore(home / "state")
    with acting_as(MYSELF):
        save(files)
    root_owned = home / "state" / left
    for path in (root_owned, *root_owned.rglob("*")):
        os.chown(path, 0, 0)
    with acting_as(MYSELF), pytest.raises(StoreError) as caught:
        files.load(KEY)
    fix = f"sudo chown -R {MYSELF}:{MYSELF} {shlex.quote(str(root_owned))}"
    assert fix in caught.value.hint
    assert os.system(caught.value.hint.partition(": sudo ")[2]) == 0
    with acting_as(MYSELF):
        assert name_in(files) == "a-token"
        save(files)


# Shares: what a file system makes of modes and owners. Mocked, for such a share cannot be mounted here.


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Give a folder on a share that shows every file with one owner, or one mode, and refuses chmod."""

    def mount(uid: int | None = None, mode: int | None = None) -> Path:
        place = tmp_path / "share"
        (place / "tokens").mkdir(parents=True)

        def shown(real: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
            def look(path: object, **more: object) -> os.stat_result:
                status = real(path, **more)
                where = str(Path(f"/proc/self/fd/{path}").readlink() if isinstance(path, int) else path)
                if not where.startswith(str(place)):
                    return status
                shown_mode = status.st_mode if mode is None else stat.S_IFMT(status.st_mode) | mode
                owner = status.st_uid if uid is None else uid
                return os.stat_result((shown_mode, *status[1:4], owner, *status[5:]))

            return look

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        for name in ("stat", "lstat", "fstat"):
            monkeypatch.setattr(os, name, shown(getattr(os, name)))
        for name in ("chmod", "fchmod"):
            monkeypatch.setattr(os, name, refuse)
        return place

    return mount


def test_a_share_that_refuses_chmod(share: Callable[..., Path]) -> None:
    """The folder cannot be closed, but what is written there is private: it is used."""
    place = share()
    (place / "tokens").rmdir()
    (place / "tokens").mkdir(mode=0o755)
    files = FileStore(place)
    path = save(files)
    assert name_in(files) == "a-token"
    assert mode_of(path) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == [f"{KEY}.json", f"{KEY}.lock"]


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o640])
def test_a_share_that_makes_every_file_readable(share: Callable[..., Path], mode: int) -> None:
    """Others could read the token: nothing is written, and the error says how to mount it."""
    place = share(mode=mode)
    with pytest.raises(StoreError, match=f"gives others access to every file .mode {mode:o}.") as caught:
        save(FileStore(place))
    assert "file_mode=0600" in caught.value.hint
    assert "AVENTUS_CREDS_STATE_DIR" in caught.value.hint
    assert list((place / "tokens").iterdir()) == []


def test_a_share_that_maps_owners(share: Callable[..., Path]) -> None:
    """Where new files belong to nobody, those of nobody are one's own."""
    place = share(uid=65534, mode=0o700)
    files = FileStore(place)
    save(files)
    assert name_in(files) == "a-token"
    assert name_in(FileStore(place)) == "a-token"


def test_a_share_that_maps_owners_and_that_others_may_write_to(share: Callable[..., Path]) -> None:
    """There nobody can tell whose a file is."""
    place = share(uid=65534, mode=0o722)
    with pytest.raises(StoreError, match="belongs to another user"):
        save(FileStore(place))


@only_root
def test_a_file_of_nobody_where_new_ones_are_ones_own(tmp_path: Path) -> None:
    """The probe tells: this is no share that maps owners, but somebody else's file."""
    files = FileStore(tmp_path)
    os.chown(save(files), 65534, 65534)
    with pytest.raises(StoreError, match="belongs to another user"):
        files.load(KEY)


# A mounted Kubernetes secret


def mounted(files: FileStore) -> Path:
    """Lay a token out as Kubernetes does: the name leads to ..data, which leads to the folder of this version."""
    path = save(files)
    (version := path.parent / "..2026_11_26").mkdir()
    path.rename(version / path.name)
    (path.parent / "..data").symlink_to(version.name)
    path.symlink_to(f"..data/{path.name}")
    return version


def test_a_folder_of_links(tmp_path: Path) -> None:
    """A link within the folder is followed, and a save replaces it; one that leads out of it is not."""
    files = FileStore(tmp_path / "state")
    version = mounted(files)
    assert name_in(files) == "a-token"
    version.rename(tmp_path / "outside")
    (version.parent / "..data").unlink()
    (version.parent / "..data").symlink_to(tmp_path / "outside")
    with pytest.raises(StoreError, match="symbolic links"):
        files.load(KEY)


@only_root
def test_a_mounted_secret_of_root(shared: Path) -> None:
    """An administrator has put it there: it is read, there is nothing to lock, and a save is refused."""
    shared.chmod(0o755)
    files = FileStore(shared)
    version = mounted(files)
    path = version / f"{KEY}.json"
    for folder in (version, version.parent):
        folder.chmod(0o755)
    os.chown(path, 0, MYSELF)
    path.chmod(0o440)
    with acting_as(MYSELF):
        assert name_in(files) == "a-token"
        with files.lock(KEY), pytest.raises(StoreError, match="cannot be written: Permission denied"):
            files.save(KEY, make_token())
    assert mode_of(path) == 0o440
    assert mode_of(version.parent) == 0o755


# The token of exec

SHOW = 'tr "\\0" "\\n" < /proc/$$/cmdline; echo "$AVENTUS_CREDS_TOKEN_PROD"; ps -o args= -p $$ 2>/dev/null'


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="arguments are read in /proc")
def test_the_token_of_exec_is_no_argument(
    write_profiles: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every user can read the arguments of a process; its environment only its owner can."""
    write_profiles({"prod": {"issuer": "https://as.example.com", "client_id": "c"}})
    monkeypatch.setenv("AVENTUS_CREDS_TOKEN_PROD", "the-token")
    call = [sys.executable, "-m", "aventus_creds", "exec", "prod", "--", "sh", "-c", SHOW]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines().count("the-token") == 1
    assert done.stdout.count("the-token") == 1
    assert done.stdout.startswith("sh\n-c\n")
