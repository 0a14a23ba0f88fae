"""Fixtures for the command line: a sandbox to log in at, and a robot as the browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import WriteProfiles
from support import free_port

from aventus_creds.sandbox import Sandbox


@pytest.fixture
def sandbox(write_profiles: WriteProfiles) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        profiles = sandbox.profiles()
        write_profiles(
            {name: {**keys, "callback": "loopback"} for name, keys in profiles.items()}, default="athoc"
        )
        yield sandbox


@pytest.fixture
def robot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the sandbox's robot be the person's browser."""
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m aventus_creds.sandbox.robot "$1"\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(program))
