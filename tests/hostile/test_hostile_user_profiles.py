"""Another user of this machine who may change profiles.toml: it says which commands run and where secrets go."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tomli_w
from users import MYSELF, STRANGER, acting_as, only_root

from aventus_creds import get_token
from aventus_creds.basics import owners
from aventus_creds.errors import ConfigError, InsecureFileWarning, SecretError
from aventus_creds.profiles.file import read_profiles

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")
OIDC = {
    "authorize_url": "https://as.example.com/authorize",
    "token_url": "https://as.example.com/token",
    "client_id": "the-client",
    "redirect_uri": "http://127.0.0.1:8765/callback",
}
COMMAND = {"prod": {**OIDC, "client_secret": {"command": ["echo", "the-secret"]}}}


class Found(NamedTuple):
    """What using a profile gave: the secret or its refusal, and the warnings."""

    secret: str
    warned: list[str]


def use(path: Path) -> Found:
    """Read the profile and its secret."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        secret = read_profiles(path).profile("prod").client_secret
        assert secret
        try:
            given = secret.read()
        except SecretError as error:
            given = str(error)
    assert all(it.category is InsecureFileWarning for it in caught)
    return Found(given, [str(it.message) for it in caught])


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """Give a profiles.toml with a command, in a folder of its own."""
    (folder := tmp_path / "config").mkdir(mode=0o700)
    path = folder / "profiles.toml"
    path.write_text(tomli_w.dumps({"profiles": COMMAND}))
    path.chmod(0o600)
    return path


@pytest.fixture
def of_mine() -> Iterator[Path]:
    """Give a folder of a user who is not root, in one that everybody can enter."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        (folder := Path(place, "mine")).mkdir()
        path = folder / "profiles.toml"
        path.write_text(tomli_w.dumps({"profiles": COMMAND}))
        for each in (folder, path):
            os.chown(each, MYSELF, MYSELF)
            each.chmod(0o700)
        yield folder


def refuses(found: Found, what: str, fix: str) -> None:
    """Check that the command was not run, and that the warning and the error say what is wrong and the fix."""
    assert "the-secret" not in found.secret
    assert "is not run, because others may have written it" in found.secret
    assert [f"{what}; fix: {fix}"] == found.warned
    assert what in found.secret
    assert fix in found.secret


FINE: Found = Found("the-secret", [])


@pytest.mark.parametrize(
    ("mode", "who", "fix"),
    [(0o606, "everybody", "o-w"), (0o666, "everybody", "o-w"), (0o602, "everybody", "o-w")],
)
def test_a_file_that_everybody_may_change(profiles: Path, mode: int, who: str, fix: str) -> None:
    """Its command is not run, and after the fix it is."""
    profiles.chmod(mode)
    found = use(profiles)
    refuses(found, f"{profiles} can be changed by {who}", f"chmod {fix} {profiles}")
    assert os.system(found.warned[0].partition("fix: ")[2]) == 0
    assert use(profiles) == FINE


def test_a_secret_that_is_no_command_is_only_warned_of(
    profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the file works."""
    monkeypatch.setenv("THE_SECRET", "the-secret")
    profiles.write_text(
        tomli_w.dumps({"profiles": {"prod": {**OIDC, "client_secret": {"env": "THE_SECRET"}}}})
    )
    profiles.chmod(0o602)
    found = use(profiles)
    assert found.secret == "the-secret"
    assert len(found.warned) == 1


def test_a_command_of_the_store(profiles: Path) -> None:
    """The Redis URL and the encryption keys are not asked from a command either."""
    store = {"type": "redis", "url": {"command": ["echo"]}, "encryption_key": [{"command": ["echo"]}]}
    profiles.write_text(tomli_w.dumps({"store": store, "profiles": COMMAND}))
    profiles.chmod(0o602)
    with pytest.warns(InsecureFileWarning):
        settings = read_profiles(profiles).profile("prod").store
    assert settings
    assert settings.url
    for secret in (settings.url, *settings.encryption_keys):
        with pytest.raises(SecretError, match="is not run"):
            secret.read()


def test_a_folder_that_everybody_may_change(profiles: Path) -> None:
    """Who may write to the folder, or to one above it, can put another file in its place."""
    for folder in (profiles.parent, profiles.parent.parent):
        folder.chmod(0o777)
        found = use(profiles)
        what = f"{profiles} can be replaced by others: its folder {folder} can be changed by everybody"
        refuses(found, what, f"chmod o-w {folder}")
        folder.chmod(0o1777)  # sticky: others cannot replace what is mine
        assert use(profiles) == FINE
        folder.chmod(0o700)


def test_a_link_is_judged_by_its_target(profiles: Path, tmp_path: Path) -> None:
    """Many keep their settings elsewhere: what counts is who may change those."""
    (elsewhere := tmp_path / "elsewhere").mkdir(mode=0o700)
    link = elsewhere / "profiles.toml"
    link.symlink_to(profiles)
    assert use(link) == FINE
    profiles.parent.chmod(0o777)
    assert (
        use(link).warned[0].startswith(f"{link} can be replaced by others: its folder {profiles.parent} can")
    )
    profiles.parent.chmod(0o700)
    profiles.chmod(0o602)
    refuses(use(link), f"{link} can be changed by everybody", f"chmod o-w {profiles}")


@only_root
def test_another_users_file_or_folder(profiles: Path) -> None:
    """Whoever owns it can change it, whatever its mode."""
    named = "or name a copy of your own: AVENTUS_CREDS_PROFILES"
    os.chown(profiles, STRANGER, 0)
    found = use(profiles)
    whose = f"belongs to another user (uid {STRANGER})"
    refuses(found, f"{profiles} {whose}", f"sudo chown 0 {profiles}, {named}")
    os.chown(profiles, 0, 0)
    os.chown(profiles.parent, STRANGER, 0)
    for mode in (0o755, 0o1777):
        profiles.parent.chmod(mode)
        what = f"{profiles} can be replaced by others: its folder {profiles.parent} {whose}"
        refuses(use(profiles), what, f"sudo chown 0 {profiles.parent}, {named}")


@only_root
def test_roots_files_are_fine(of_mine: Path) -> None:
    """An administrator can do anything anyway: a file that root put there, and root's folders above."""
    os.chown(of_mine, 0, 0)
    of_mine.chmod(0o755)
    path = of_mine / "profiles.toml"
    os.chown(path, 0, 0)
    path.chmod(0o644)
    with acting_as(MYSELF):
        assert use(path) == FINE


class Account(NamedTuple):
    """An entry of /etc/passwd."""

    pw_name: str
    pw_uid: int
    pw_gid: int


class Group(NamedTuple):
    """An entry of /etc/group."""

    gr_name: str
    gr_mem: list[str]


ME, OTHER, SUPERUSER = (
    Account("me", MYSELF, MYSELF),
    Account("other", STRANGER, STRANGER),
    Account("root", 0, 0),
)


@only_root
@pytest.mark.parametrize(
    ("accounts", "group", "private"),
    [
        ([SUPERUSER, ME, OTHER], Group("me", []), True),  # as Debian and Fedora make it
        ([SUPERUSER, ME, OTHER], Group("me", ["me", "root"]), True),
        ([SUPERUSER, OTHER], None, True),  # a container that knows neither the user nor the group
        ([SUPERUSER, ME, OTHER], Group("team", ["other"]), False),
        ([SUPERUSER, ME, OTHER._replace(pw_gid=MYSELF)], Group("users", []), False),
        ([SUPERUSER, ME, OTHER], Group("team", ["me", "unknown"]), False),
    ],
)
def test_a_group_that_may_change_it(
    of_mine: Path,
    accounts: list[Account],
    group: Group | None,
    private: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With umask 002, files belong to the user's own group: that is fine as long as nobody else is in it."""

    def look_up(gid: int) -> Group:
        assert gid == MYSELF
        if group is None:
            raise KeyError(gid)
        return group

    monkeypatch.setattr("pwd.getpwall", lambda: accounts)
    monkeypatch.setattr("grp.getgrgid", look_up)
    owners._is_private.cache_clear()
    path = of_mine / "profiles.toml"
    with acting_as(MYSELF):
        for mode, each in ((0o660, path), (0o770, of_mine)):
            each.chmod(mode)
            found = use(path)
            assert (found == FINE) is private
            if group and not private:
                assert (
                    f"can be changed by the group {group.gr_name}; fix: chmod g-w {each}" in found.warned[0]
                )
            each.chmod(0o700)
    owners._is_private.cache_clear()


@only_root
def test_a_group_that_is_not_ones_own(of_mine: Path) -> None:
    """A group without members may be that of programs that anybody can run."""
    path = of_mine / "profiles.toml"
    os.chown(path, MYSELF, 54321)
    path.chmod(0o660)
    with acting_as(MYSELF):
        refuses(use(path), f"{path} can be changed by the group 54321", f"chmod g-w {path}")


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="access lists are read on Linux")
def test_an_access_list(profiles: Path) -> None:
    """The group's bits are then what any listed user may have: the group's members say nothing."""
    entry = b"".join(
        tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + uid.to_bytes(4, "little", signed=True)
        for tag, bits, uid in ((1, 6, -1), (2, 6, STRANGER), (4, 0, -1), (0x10, 6, -1), (0x20, 0, -1))
    )
    try:
        os.setxattr(profiles, "system.posix_acl_access", (2).to_bytes(4, "little") + entry)
    except OSError:
        pytest.skip("this file system has no access lists")
    found = use(profiles)
    assert "is not run" in found.secret
    assert os.system(found.warned[0].partition("fix: ")[2]) == 0
    assert use(profiles) == FINE


# What stands in the current folder


def program(path: Path, said: str) -> None:
    path.write_text(f"#!/bin/sh\necho {said}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("name", ["./x", "x", "sub/x"])
def test_a_command_is_found_from_the_folder_of_profiles_toml(
    profiles: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file is. A bare name is looked up in PATH, and in no folder of it that depends on where one is."""
    (here := tmp_path / "here" / "sub").mkdir(parents=True)
    for folder in (here.parent, here):
        program(folder / "x", "planted")
    (profiles.parent / "sub").mkdir()
    for folder in (profiles.parent, profiles.parent / "sub"):
        program(folder / "x", "beside-profiles")
    (in_path := tmp_path / "bin").mkdir()
    program(in_path / "x", "in-path")
    monkeypatch.chdir(here.parent)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "sub", str(in_path), os.environ["PATH"]]))
    profiles.write_text(tomli_w.dumps({"profiles": {"prod": {**OIDC, "client_secret": {"command": [name]}}}}))
    assert use(profiles).secret == ("in-path" if name == "x" else "beside-profiles")


def test_exec_runs_nothing_from_the_current_folder_by_its_bare_name(
    tmp_path: Path, write_profiles: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would get the token. A path is the user's own choice."""
    write_profiles({"prod": OIDC})
    program(tmp_path / "x", "run")
    monkeypatch.setenv("AVENTUS_CREDS_TOKEN_PROD", "the-token")
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", os.environ["PATH"]]))

    def run(name: str) -> subprocess.CompletedProcess[str]:
        call = [sys.executable, "-P", "-m", "aventus_creds", "exec", "prod", "--", name]
        return subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run("x").returncode == 127
    assert "there is no program x" in run("x").stderr
    assert run("./x").stdout == "run\n"


def test_the_demo_takes_no_module_from_the_current_folder(tmp_path: Path) -> None:
    """Its fresh processes import what is installed, not what lies about."""
    for name in ("json", "time", "requests"):
        (tmp_path / f"{name}.py").write_text("open('run', 'w')\nraise SystemExit('planted')\n")
    call = [sys.executable, "-P", "-m", "aventus_creds", "demo"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    assert not (tmp_path / "run").exists()


# One variable for two profiles


def test_an_injected_token_serves_one_profile_only(
    write_profiles: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """prod-eu's token is not sent to prod.eu: where a file has both, a variable that is set is refused."""
    plain: dict[str, Any] = {"prod-eu": OIDC, "prod.eu": OIDC, "test": OIDC}
    write_profiles(plain)
    read_profiles().profile("prod-eu")
    monkeypatch.setenv("AVENTUS_CREDS_TOKEN_PROD_EU", "eu-token")
    for name, other in (("prod-eu", "prod.eu"), ("prod.eu", "prod-eu")):
        with pytest.raises(ConfigError, match=f"serve {name} and {other} alike") as caught:
            get_token(name)
        assert "eu-token" not in str(caught.value)
    monkeypatch.setenv("AVENTUS_CREDS_TOKEN_TEST", "test-token")
    assert get_token("test").access_token == "test-token"
    del plain["prod.eu"]
    write_profiles(plain)
    assert get_token("prod-eu").access_token == "eu-token"
