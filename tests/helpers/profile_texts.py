"""Profiles of every provider, as tables and as texts, and reading their mistakes."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from aventus_creds.errors import ProfileError
from aventus_creds.profiles.checks import check_profile
from aventus_creds.profiles.file import ProfilesFile, read_profiles

SECRET = "hunter2-is-the-secret"
LOOPBACK = "http://127.0.0.1:8765/callback"
AVENTUS = {"provider": "aventus", "client_id": "x", "redirect_uri": LOOPBACK}
CIDAAS = {**AVENTUS, "provider": "cidaas", "base_url": "https://me.cidaas.de/"}
ATHOC = {**AVENTUS, "provider": "athoc", "base_url": "https://athoc.example.com", "org_code": "ACME"}
ISSUER = {"issuer": "https://as.example.com", "client_id": "x"}
PLAIN = {
    "authorize_url": "https://as.example.com/authorize",
    "token_url": "https://as.example.com/token",
    "client_id": "x",
}


def written(tmp_path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    """Write profiles.toml and return its path."""
    path = tmp_path / "profiles.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def parsed(tmp_path: Path, text: str | bytes) -> ProfilesFile:
    """Return a profiles.toml of this text."""
    return read_profiles(written(tmp_path, text))


def problem_lines(file: ProfilesFile, name: str = "prod") -> list[str]:
    """Return the lines of the error that a profile with mistakes brings."""
    with pytest.raises(ProfileError) as caught:
        file.profile(name)
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert list(map(str, caught.value.problems)) == str(caught.value).split("\n")
    return str(caught.value).split("\n")


def mistakes_of(**keys: Any) -> dict[str, str]:
    """Return what is wrong with a profile, by key."""
    _, mistakes = check_profile("prod", keys)
    return {".".join(key): what for key, what in mistakes}


def several(*values: Any) -> tuple[Any, ...]:
    """Return values of any types."""
    return values


TWO = "[profiles.prod]\nissuer='https://a.example'\nclient_id='p'\n[profiles.test]\nissuer='https://a.example'\nclient_id='t'\n"


def uncommented(template: str) -> str:
    """Return the template after a person has removed the # before its keys and headers."""
    lines = [
        line.removeprefix("# ") for line in template.splitlines() if "=" in line or line.startswith("# [")
    ]
    return "\n".join(lines)
