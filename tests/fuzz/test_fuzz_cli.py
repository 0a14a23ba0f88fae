"""The command line in this process: whatever its arguments and files, a documented exit code and no traceback."""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import tomli_w
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import ODD_TEXT, SECRET, TEXT, tries
from support import free_port, make_token

from aventus_creds.cli.commands import run
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.keys import KEYS
from aventus_creds.stores.opening import default_store

EXIT_CODES: Final = {0, 2, 3, 4, 5, 6}  # README; 130 takes a Ctrl-C
OPTIONS: Final = st.sampled_from(
    [
        *(
            "--help",
            "-h",
            "--version",
            "--debug",
            "--all",
            "--json",
            "--min-ttl",
            "--header",
            "--env",
            "--",
            "-",
            "--x",
        ),
        *(
            "--min-ttl=2h",
            "--min-ttl=1e9",
            "--min-ttl=" + "9" * 400,
            "--min-ttl=٣",
            "prod",
            "service",
            "broken",
            "absent",
        ),
        *(
            "profiles",
            "tokens",
            "add",
            "true",
            "--device",
            "--no-browser",
            "30",
            "false",
            '["a"]',
            '{ env = "X" }',
            "0",
        ),
    ]
)
COMMANDS: Final = st.sampled_from(
    [
        "init",
        "profile",
        "profiles",
        "path",
        "logout",
        "status",
        "token",
        "exec",
        "doctor",
        "absent",
        "--debug",
    ]
)
KEY_OPTIONS: Final = st.sampled_from([f"--{key.replace('_', '-')}" for key in KEYS])
ADDED: Final = st.builds(
    lambda name, pairs: ["profile", "add", name, *(word for pair in pairs for word in pair)],
    TEXT | st.sampled_from(["new", "prod"]),
    st.lists(
        st.tuples(
            KEY_OPTIONS,
            TEXT | OPTIONS | st.sampled_from(["https://a.example", "[" * 2000, "aventus", "oidc"]),
        ),
        max_size=4,
    ),
)
ARGUMENTS: Final = (
    st.builds(lambda command, rest: [command, *rest], COMMANDS, st.lists(OPTIONS | TEXT, max_size=4))
    | ADDED
    | st.lists(ODD_TEXT, max_size=2)
)


@pytest.fixture
def _sandboxed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No command of this machine can be run, no person asked, and no server reached but one that is not there."""

    def never(*_: Any) -> None:
        raise AssertionError("a command was run")

    nowhere = f"http://127.0.0.1:{free_port()}"
    endpoints = {
        "authorize_url": f"{nowhere}/authorize",
        "token_url": f"{nowhere}/token",
        "retries": 0,
        "timeout": 2,
    }
    secret = {"client_secret": SECRET, "grant": "client_credentials"}
    profiles = {
        "prod": {**endpoints, "client_id": "c", "redirect_uri": "http://127.0.0.1:0/"},
        "service": {**endpoints, **secret, "client_id": "c"},
        "broken": {"client_secret": [SECRET], "\x1b[31m": 1},
    }
    path = tmp_path / "profiles.toml"
    path.write_text(tomli_w.dumps({"default": "prod", "profiles": profiles}))
    path.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execve", never)
    monkeypatch.setenv("AVENTUS_CREDS_INTERACTIVE", "0")
    with warnings.catch_warnings():
        yield


def told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with warnings.catch_warnings():
        code = run(arguments)
    shown = capsys.readouterr()
    return code, shown.out + shown.err


@tries(40)
@given(ARGUMENTS)
@example(["profile", "add", "new", "--client-id", "\udcff"])
@example(["profile", "add", "new", "--scope", '["\udcff"]'])
@example(["profile", "add", "new", "--retries", "[" * 2000])
@example(["profile", "add", "new", "--retries", "9" * 5000])
@example(["profile", "add", "\udcff"])
@example(["exec", "\udcff", "x"])
@pytest.mark.usefixtures("_sandboxed")
def test_any_arguments_end_in_a_documented_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Never a traceback or "a fault in aventus-creds itself"; no secret; and profiles.toml stays readable."""
    before = (tmp_path / "profiles.toml").read_bytes()
    code, text = told(arguments, capsys)
    assert code in EXIT_CODES, text
    assert "Traceback" not in text or "--debug" in arguments
    assert "a fault in aventus-creds itself" not in text
    assert SECRET not in text
    after = (tmp_path / "profiles.toml").read_bytes()
    assert after.startswith(before)
    assert read_profiles().profile("prod").client_id == "c"
    (tmp_path / "profiles.toml").write_bytes(before)


@tries(15)
@given(
    st.sampled_from(
        [["status"], ["status", "--json"], ["token", "prod"], ["logout", "--all"], ["doctor", "prod"]]
    ),
    st.sampled_from(["prod", "service"]),
    st.integers(-10_000, 10_000),
    st.text("abc.~", min_size=1)
    | st.sampled_from(["e30.eyJlbWFpbCI6IlxkODAwIn0.x", "e30.eyJlbWFpbCI6IltyZWRdeCJ9.x"]),
    st.none() | st.just(SECRET),
)
@pytest.mark.usefixtures("_sandboxed")
def test_any_stored_token_is_told_of(
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    name: str,
    lives: float,
    access: str,
    refresh: str | None,
) -> None:
    """Fresh, expired, renewable or not: a refresh token is never shown, and an access token only by ``token``."""
    store, key = default_store(), read_profiles().profile(name).key
    token = make_token(access, lifetime=lives + 10_000, age=10_000, refresh_token=refresh)
    with store.lock(key):
        store.save(key, token)
    code, text = told(command, capsys)
    assert code in EXIT_CODES
    assert "a fault in aventus-creds itself" not in text
    assert SECRET not in text
    if command[0] == "token" and name == "prod" and token.fresh(time.time()):
        assert text == f"{access}\n"
    assert re.sub(r"[✓✗]", "", text.replace("\n", "")).isprintable()
    with store.lock(key):
        store.delete(key)
