"""The command sandbox: its profiles, and the file that the shell makes for them."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest


@pytest.mark.skipif(os.name != "posix", reason="Windows has no modes")
@pytest.mark.parametrize(
    ("before", "mode"), [("", 0o600), ("# mine\n", 0o644)], ids=["a new file", "one that was there"]
)
def test_the_file_of_its_profiles_is_private(before: str, mode: int, tmp_path: Path) -> None:
    """They hold secrets, of which every later command would warn. A file of the user's keeps its mode."""
    path = tmp_path / "sandbox.toml"
    path.write_text(before)
    path.chmod(0o644)
    with path.open("ab") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "aventus_creds", "sandbox"], stdout=file, stderr=subprocess.PIPE, text=True
        )
    with server:
        assert server.stderr
        assert "until Ctrl-C" in server.stderr.readline()  # the profiles are written before that
        server.send_signal(signal.SIGINT)
        server.wait(20)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert tomllib.loads(path.read_text())["profiles"]["backoffice"]["client_secret"]
