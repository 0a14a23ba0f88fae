"""The soak runs, and notices a client that is broken. It is run for hours by hand: see soak.py."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support import REPOSITORY

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them"),
]


def soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.soak", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_three_seconds_of_mischief_lose_nothing() -> None:
    """Workers are killed and the server fails: no login is lost but those that the server took."""
    done = soak("--processes", "3", "--minutes", "0.05")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "logins lost otherwise: 0" in done.stdout


def test_a_client_without_its_lock_is_noticed() -> None:
    """Two workers refresh with one token: nobody was killed, no answer was lost, and the login is gone."""
    done = soak("--processes", "4", "--minutes", "0.5", "--no-locks")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "logins lost otherwise: 0" not in done.stdout
