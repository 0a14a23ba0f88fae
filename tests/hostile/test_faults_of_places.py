"""Where a program may be: without a home, without a user's entry, on a read-only file system, in another folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import Sent, Web, make_token
from users import MYSELF, ROOT, acting_as, only_root

from aventus_creds import get_session, get_token, logout
from aventus_creds.basics.places import profiles_path, state_folder
from aventus_creds.cli.commands import run
from aventus_creds.errors import ProfilesFileError, StoreError
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.opening import store_for
from aventus_creds.stores.spare import SpareStore

pytestmark = pytest.mark.skipif(os.name != "posix", reason="users and mounts are POSIX's")
GET_TWO = """
import sys, warnings
warnings.simplefilter("error")
from aventus_creds import get_session, get_token
session = get_session("prod")
print(get_token("prod").access_token, session.get("/me").text)
"""


@pytest.fixture
def server(web: Web) -> Web:
    """Run an authorization server that is found by discovery, and an API."""
    tokens = iter(range(1, 100))

    def answer(seen: object) -> Sent:
        path = web.seen[-1].path
        if path == "/token":
            return Sent(body={"access_token": f"t{next(tokens)}", "token_type": "Bearer", "expires_in": 3600})
        if path.startswith("/.well-known"):
            return Sent(body={"issuer": web.url, "token_endpoint": f"{web.url}/token"})
        return Sent(body=web.seen[-1].headers.get("Authorization", "").encode())

    web.answer = answer
    return web


def keys(server: Web) -> dict[str, str]:
    return {
        "issuer": server.url,
        "grant": "client_credentials",
        "client_id": "c",
        "client_secret": "s",
        "api_url": server.url,
    }


def requests_for_a_token(server: Web) -> int:
    return sum(seen.path == "/token" for seen in server.seen)


@pytest.fixture
def prod(server: Web, write_profiles: Callable[..., Path]) -> Path:
    return write_profiles({"prod": keys(server)})


@pytest.fixture
def reachable(prod: Path) -> Iterator[Path]:
    """Give a profiles.toml that another user can read."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        path = Path(shutil.copy(prod, place))
        os.chown(path, MYSELF, MYSELF)
        yield path


# A client's own token needs no store


@only_root
def test_without_a_home_or_an_entry_in_passwd(
    server: Web, reachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs under any number: one token for the process, and no warning."""
    for name in ("HOME", "AVENTUS_CREDS_STATE_DIR"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(reachable))
    with acting_as(MYSELF), warnings.catch_warnings(), monkeypatch.context() as patch:
        warnings.simplefilter("error")
        patch.setattr(os, "getuid", lambda: MYSELF)  # what expanduser asks
        with pytest.raises(StoreError):
            state_folder()
        with get_session("prod") as session:
            assert session.get("/me").text == "Bearer t1"
        assert get_token("prod").access_token == "t1"
        assert logout("prod").found
    assert requests_for_a_token(server) == 1


def test_on_a_read_only_file_system(server: Web, prod: Path, tmp_path: Path) -> None:
    """Nothing can be stored: one token for the process, and no warning that a login is lost."""
    if not ROOT or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("only root may mount, and not in every container")
    mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount, "sh", tmp_path, sys.executable, "-c", GET_TWO],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "t1 Bearer t1\n", done.stderr
    assert requests_for_a_token(server) == 1
    assert not (tmp_path / "state").exists()


@only_root
def test_in_a_folder_of_somebody_else(server: Web, prod: Path, tmp_path: Path) -> None:
    """It is neither read nor written to, and does not stop a job."""
    (folder := tmp_path / "state" / "tokens").mkdir(parents=True)
    os.chown(folder, MYSELF, MYSELF)
    assert get_token("prod").access_token == "t1"
    assert get_token("prod").access_token == "t1"
    assert list(folder.iterdir()) == []


def test_where_it_can_be_stored_it_is(server: Web, prod: Path) -> None:
    """Another process has it from the file; a token that was newer in this process is used first."""
    assert get_token("prod").access_token == "t1"
    profile = read_profiles().profile("prod")
    stored = FileStore(state_folder()).load(profile.key)
    assert stored
    assert stored.access_token == "t1"
    store = store_for(profile)
    assert isinstance(store, SpareStore)
    assert store == FileStore(state_folder())
    store.path(profile.key).with_name(f"{profile.key}.json.tmp").mkdir()
    store.save(profile.key, newer := make_token("newer"))
    assert store_for(profile).load(profile.key) == newer
    assert FileStore(state_folder()).load(profile.key) == stored


def test_a_login_needs_its_store(server: Web, write_profiles: Callable[..., Path], tmp_path: Path) -> None:
    """It would be lost: where it cannot be read, that is an error."""
    write_profiles(
        {"prod": {**keys(server), "grant": "confidential", "redirect_uri": "http://127.0.0.1:0/c"}}
    )
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreError, match="Not a directory"):
        get_token("prod")


def test_the_doctor_asks_for_no_folder_then(
    server: Web, prod: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a job does not need is not amiss."""
    (tmp_path / "state").write_text("a file")
    assert run(["doctor"]) == 0
    assert "state folder:" not in capsys.readouterr().out


# Relative paths


def test_relative_paths_are_absolute_once_read(
    server: Web, prod: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After os.chdir, this process and its children find the same profiles and tokens, and make no stray folder."""
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", "profiles.toml")
    monkeypatch.setenv("AVENTUS_CREDS_STATE_DIR", "state")
    (tmp_path / "secret").write_text("s")
    (tmp_path / "secret").chmod(0o600)
    prod.write_text(prod.read_text().replace('client_secret = "s"', 'client_secret = { file = "secret" }'))
    session = get_session("prod")
    monkeypatch.chdir(elsewhere)
    shutil.rmtree(tmp_path / "state")
    source = session._bearer.source
    assert source.token(stale=source.token()).access_token == "t2"
    child = [
        sys.executable,
        "-c",
        "from aventus_creds import get_token; print(get_token('prod').access_token)",
    ]
    assert subprocess.run(child, capture_output=True, text=True, check=False).stdout == "t2\n"
    assert list(elsewhere.iterdir()) == []
    assert {path.name for path in (tmp_path / "state").iterdir()} == {"tokens", "discovery"}


def test_relative_arguments_are_absolute_once_read(
    prod: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for what a program passes."""
    monkeypatch.chdir(tmp_path)
    files, file = FileStore(Path("mine")), read_profiles("profiles.toml")
    monkeypatch.chdir("/")
    files.save("key", make_token())
    assert (tmp_path / "mine/tokens/key.json").exists()
    assert file.path == tmp_path / "profiles.toml"


def test_a_relative_path_in_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, not a traceback."""
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", "profiles.toml")
    monkeypatch.setenv("AVENTUS_CREDS_STATE_DIR", "state")
    with pytest.raises(ProfilesFileError, match="AVENTUS_CREDS_PROFILES is relative"):
        profiles_path()
    with pytest.raises(StoreError, match="AVENTUS_CREDS_STATE_DIR is relative"):
        state_folder()
    monkeypatch.chdir(tmp_path)
