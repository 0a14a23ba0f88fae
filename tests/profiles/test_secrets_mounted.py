"""Secrets that an administrator mounts: modes are judged for files of one's own uid, and links are followed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli_w
from users import MYSELF, ROOT, STRANGER, acting_as, only_root

from aventus_creds.errors import InsecureFileWarning
from aventus_creds.profiles.file import read_profiles

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")
PROD = {
    "authorize_url": "https://as.example.com/authorize",
    "token_url": "https://as.example.com/token",
    "client_id": "c",
    "grant": "client_credentials",
    "client_secret": {"file": "secret"},
}
READ = """
import sys, warnings
warnings.simplefilter("error")
from aventus_creds.profiles.file import read_profiles
print(read_profiles(sys.argv[1]).profile("prod").client_secret.read())
"""


@pytest.fixture
def volume() -> Iterator[Path]:
    """Mount profiles.toml and a secret as Kubernetes does: each name leads to ..data, and that to a version."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        (root := Path(place, "volume")).mkdir()
        (version := root / "..2026_11_26").mkdir(mode=0o755)
        (root / "..data").symlink_to(version.name)
        for name, text in (
            ("profiles.toml", tomli_w.dumps({"profiles": {"prod": PROD}})),
            ("secret", "the-secret\n"),
        ):
            (version / name).write_text(text)
            (root / name).symlink_to(f"..data/{name}")
        root.chmod(0o1777)
        yield root


def read(volume: Path) -> str:
    """Read the secret by the profile; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        secret = read_profiles(volume / "profiles.toml").profile("prod").client_secret
        assert secret
        return secret.read()


@only_root
@pytest.mark.parametrize("mode", [0o440, 0o444, 0o640])
def test_a_mounted_secret_of_root(volume: Path, mode: int) -> None:
    """Of root and a group, as fsGroup makes it: no warning, since the user neither chose the mode nor can change it."""
    for name in ("profiles.toml", "secret"):
        os.chown(volume / name, 0, MYSELF)
        (volume / name).chmod(mode)
    with acting_as(MYSELF):
        assert read(volume) == "the-secret"


@only_root
def test_a_secret_of_ones_own_is_judged(volume: Path) -> None:
    """Its mode is this user's choice, and the fix is his to make."""
    path = volume / "secret"
    os.chown(path, MYSELF, STRANGER)
    path.chmod(0o440)
    with acting_as(MYSELF), pytest.raises(InsecureFileWarning, match="can be read by others; fix: chmod 600"):
        read(volume)


def test_a_read_only_mount(volume: Path) -> None:
    """A container that runs as root owns what is mounted there, and cannot change it: a fix would break the job."""
    if not ROOT or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("only root may mount, and not in every container")
    (volume / "secret").chmod(0o444)
    mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
    call = [sys.executable, "-c", READ, str(volume / "profiles.toml")]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mount, "sh", str(volume), *call],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "the-secret\n", done.stderr
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert "InsecureFileWarning" in done.stderr
