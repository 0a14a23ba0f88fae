"""The command line as a process, and a token in the store for it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token

WriteProfiles = Callable[..., Path]
ROBOT = f"{shlex.quote(Path(sys.executable).as_posix())} -m aventus_creds.sandbox.robot %s"
"""For the variable BROWSER: the sandbox's robot is the person's browser."""
KEYS = {"issuer": "https://as.example.com", "client_id": "c", "api_url": "https://api.example.com"}


def save(name: str, token: Token) -> None:
    store, key = default_store(), read_profiles().profile(name).key
    with store.lock(key):
        store.save(key, token)


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command without a terminal. What it prints is UTF-8, unless PYTHONIOENCODING is given."""
    encoding = environment.setdefault("PYTHONIOENCODING", "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "aventus_creds", *arguments],
        env=os.environ | environment,
        capture_output=True,
        encoding=encoding,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
