"""``profile add``: it keeps every byte of the file, and writes nothing that is a mistake."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest
from command_line import KEYS, WriteProfiles, command

from aventus_creds.profiles.file import read_profiles

# profile add


def add(*arguments: str) -> subprocess.CompletedProcess[str]:
    return command("profile", "add", *arguments)


def test_profile_add_keeps_every_byte(write_profiles: WriteProfiles) -> None:
    """Comments, odd spacing and line ends stay; the addition is checked and works at once."""
    path = write_profiles({})
    before = b'# mine\r\n[profiles.old]   # odd\nissuer="https://a.example"\nclient_id = "x"'
    path.write_bytes(before)
    done = add(
        "new", "--issuer", "https://b.example", "--client-id", "5", "--scope", '["a", "b"]', "--timeout", "30"
    )
    assert done.returncode == 0, done.stderr
    assert path.read_bytes().startswith(before + b"\r\n\r\n[profiles.new]\r\n")
    profile = read_profiles().profile("new")
    assert (profile.client_id, profile.scope, profile.timeout) == ("5", "a b", 30)
    assert read_profiles().profile("old").client_id == "x"
    assert "aventus-creds login new" in done.stderr
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.glob("profiles*")] == ["profiles.toml"]


READER = """
import sys
from pathlib import Path
from aventus_creds.profiles.file import read_profiles

print("reads", flush=True)
while not Path(sys.argv[1]).exists():
    read_profiles()
"""


def test_profile_add_while_another_program_reads(tmp_path: Path, write_profiles: WriteProfiles) -> None:
    """On Windows neither works while the other is under way: both are tried again."""
    write_profiles({"prod": KEYS})
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(tmp_path / "enough")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as reader:
        try:
            assert reader.stdout
            assert reader.stdout.readline() == "reads\n"
            for number in range(5):
                done = add(f"p{number}", "--issuer", "https://b.example", "--client-id", "c")
                assert done.returncode == 0, done.stderr
        finally:
            (tmp_path / "enough").touch()
        assert reader.communicate(timeout=60) == ("", "")
    assert read_profiles().names == ("prod", "p0", "p1", "p2", "p3", "p4")


def test_profile_add_makes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a profiles.toml there is one afterwards, for its owner only."""
    path = tmp_path / "new folder" / "profiles.toml"
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(path))
    done = add("p", "--issuer", "https://b.example", "--client-id", "c", "--client-secret", '{ env = "X" }')
    assert done.returncode == 0, done.stderr
    assert read_profiles().profile("p").grant == "confidential"
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["bad", "--provider", "aventus"], 4, "profiles.bad.client_id: missing"),
        (["bad name", "--issuer", "https://b.example", "--client-id", "c"], 4, "the name may hold"),
        (["old", "--issuer", "https://b.example", "--client-id", "c"], 4, "there is a profile old already"),
        (["new", "--client-secret", "s3cret-value"], 2, "is seen by everybody"),
        (["new", "--client-idd", "c"], 2, "No such option"),
    ],
)
def test_profile_add_writes_nothing_with_a_mistake(
    arguments: list[str], code: int, said: str, write_profiles: WriteProfiles
) -> None:
    """The mistake is told as everywhere, and the file is as it was."""
    path = write_profiles({"old": KEYS})
    before = path.read_bytes()
    done = add(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "s3cret-value" not in done.stderr
    assert path.read_bytes() == before


def test_profile_add_twice_at_once(write_profiles: WriteProfiles) -> None:
    """Of several that run together, none is lost."""
    path = write_profiles({"old": KEYS})
    options = ["--issuer", "https://as.example.com", "--client-id", "c"]
    names = [f"new-{number}" for number in range(6)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "aventus_creds", "profile", "add", name, *options],
            stderr=subprocess.DEVNULL,
        )
        for name in names
    ]
    assert [process.wait(60) for process in running] == [0] * len(names)
    assert tomllib.loads(path.read_text())["profiles"].keys() == {"old", *names}


def test_profile_add_to_what_cannot_be_read(tmp_path: Path) -> None:
    """A folder in the file's place is a file error, and none of ours."""
    (tmp_path / "profiles.toml").mkdir()
    done = add("prod", "--issuer", "https://as.example.com", "--client-id", "c")
    assert done.returncode == 4
    assert "profiles.toml cannot be read: it is a folder" in done.stderr


@pytest.mark.skipif(os.name == "nt" or not Path("/dev/shm").is_dir(), reason="another file system is needed")
def test_profile_add_through_a_link_to_another_file_system(write_profiles: WriteProfiles) -> None:
    """Dotfiles are often kept elsewhere: the link stays, and what it leads to is changed."""
    path = write_profiles({"old": KEYS})
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        target = Path(shutil.move(path, elsewhere))
        path.symlink_to(target)
        done = add("new", "--issuer", "https://as.example.com", "--client-id", "c")
        assert done.returncode == 0, done.stderr
        assert path.is_symlink()
        assert tomllib.loads(target.read_text())["profiles"].keys() == {"old", "new"}


def test_allowed_values_in_help_and_completion() -> None:
    """Of each key that takes one of a few values, from the table of keys."""
    shown = " ".join(add("--help").stdout.split())
    assert "How the token is obtained. One of: pkce, confidential, client_credentials" in shown
    assert "globus" in shown
    environment = {"COMP_WORDS": "aventus-creds profile add p --grant p", "COMP_CWORD": "5"}
    done = command(_AVENTUS_CREDS_COMPLETE="bash_complete", **environment)
    assert done.stdout == "plain,pkce\n"
