"""A program that PyInstaller has made has all that it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import KEYS, WriteProfiles, save
from support import make_token

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]


def test_a_program_made_by_pyinstaller(tmp_path: Path, write_profiles: WriteProfiles) -> None:
    """The modules that a table names, the files beside the code, and the version: in a place without this package."""
    pytest.importorskip("PyInstaller", reason="PyInstaller is not installed")
    (tmp_path / "cred.py").write_text("from aventus_creds.cli.program import main\nmain()\n")
    subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--log-level", "ERROR", "--onedir", "cred.py"],
        cwd=tmp_path,
        check=True,
        timeout=600,
    )
    program = tmp_path / "dist" / "cred" / "cred"

    def run(*arguments: str) -> str:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("--version").startswith("aventus-creds, version ")
    assert "Print a fresh access token" in run("token", "--help")
    profiles = Path(os.environ["AVENTUS_CREDS_PROFILES"])
    run("init")
    assert profiles.with_name("profiles.schema.json").stat().st_size > 1000
    assert "[profiles." in profiles.read_text("utf-8")
    write_profiles({"prod": KEYS})
    save("prod", make_token())
    assert run("token", "prod") == "an-access-token\n"
    assert run("token", "prod", "--header") == "Authorization: Bearer an-access-token\n"
    assert "prod" in run("status")
