"""Fixtures for the command line: a sandbox to log in at, and a robot as the browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from command_line import ROBOT, WriteProfiles
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
def robot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sandbox's robot be the person's browser."""
    monkeypatch.setenv("BROWSER", ROBOT)
