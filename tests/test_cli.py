"""The command line, as a process and by its exit codes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from support import free_port, make_token

from aventus_creds.cli import COMMANDS, run
from aventus_creds.profiles import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.stores import default_store
from aventus_creds.tokens import Token

WriteProfiles = Callable[..., Path]
KEYS = {"issuer": "https://as.example.com", "client_id": "c", "api_url": "https://api.example.com"}


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


def save(name: str, token: Token) -> None:
    store, key = default_store(), read_profiles().profile(name).key
    with store.lock(key):
        store.save(key, token)


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "aventus_creds", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


# Each command


@pytest.mark.skipif(os.name != "posix", reason="the BROWSER program is a shell script")
@pytest.mark.usefixtures("sandbox", "robot")
def test_login_status_token_logout() -> None:
    """The way of a login, by commands only; the default profile where none is named."""
    assert "not logged in" in command("status").stdout
    done = command("login")
    assert done.returncode == 0, done.stderr
    assert "Logged in to athoc as ada until" in done.stderr
    assert "it renews itself" in done.stderr
    assert "fresh until" in command("status", "athoc").stdout
    done = command("token", "athoc")
    token = default_store().load(read_profiles().profile("athoc").key)
    assert token
    assert (done.stdout, done.stderr) == (token.access_token + "\n", "")
    assert "Revoked at the server" in command("logout", "athoc").stderr
    assert "no login" in command("logout", "athoc").stderr
    assert command("token", "athoc").returncode == 3


def test_init_writes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profiles.toml for its owner only, with the schema beside it; a second time it refuses."""
    path = tmp_path / "new" / "profiles.toml"
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(path))
    assert command("init").returncode == 0
    assert tomllib.loads(path.read_text("utf-8")) == {}
    assert json.loads(path.with_name("profiles.schema.json").read_text("utf-8"))["properties"]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("# mine")
    done = command("init")
    assert (done.returncode, path.read_text()) == (4, "# mine")
    assert "is left as it is" in done.stderr


def test_profiles_lists_all_and_every_mistake(write_profiles: WriteProfiles) -> None:
    """Good profiles are listed although another has mistakes, which are all told; exit 4."""
    write_profiles(
        {"good": KEYS, "bad": {"provider": "aventus", "scop": "x"}, "worse": {"client_id": 5}}, default="good"
    )
    done = command("profiles")
    assert done.returncode == 4
    assert "good (default)" in done.stdout
    assert "has mistakes" in done.stdout
    for said in (
        "profiles.bad.scop",
        "profiles.bad.client_id",
        "profiles.worse.client_id",
        "profiles.worse.provider",
    ):
        assert f": {said}: " in done.stderr
    write_profiles({"good": KEYS})
    assert command("profiles").returncode == 0


def test_status_of_each_kind(write_profiles: WriteProfiles) -> None:
    """Fresh, expired, refreshable, none, and a profile with mistakes: one row each, exit 0."""
    write_profiles({**dict.fromkeys(("fresh", "old", "refreshable", "none"), KEYS), "bad": {}})
    save("fresh", make_token())
    save("old", make_token(age=7200))
    save("refreshable", make_token(age=7200, refresh_token="r"))
    done = command("status", COLUMNS="120")
    assert done.returncode == 0
    rows = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert "fresh until" in rows["fresh"]
    assert "expired at" in rows["old"]
    assert "yes" in rows["refreshable"]
    assert "not logged in" in rows["none"]
    assert "has mistakes" in rows["bad"]


def test_token_prints_nothing_else(write_profiles: WriteProfiles) -> None:
    """What curl gets is the token and a line break."""
    write_profiles({"prod": KEYS})
    save("prod", make_token())
    done = command("token", "prod")
    assert (done.stdout, done.stderr, done.returncode) == ("an-access-token\n", "", 0)


def test_sandbox_prints_profiles_that_work(tmp_path: Path) -> None:
    """Its standard output is a profiles.toml, its API answers, and Ctrl-C ends it."""
    import signal

    process = subprocess.Popen(
        [sys.executable, "-m", "aventus_creds", "sandbox"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    assert process.stdout
    said = process.stderr.readline()
    url = said.split()[4]
    assert requests.get(f"{url}/v1/me", timeout=5).status_code == 401
    process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
    out, _ = process.communicate(timeout=10)
    path = tmp_path / "sandbox.toml"
    path.touch(mode=0o600)
    path.write_text(out)
    file = read_profiles(path)
    assert {"aventus", "backoffice", "cidaas", "athoc", "oidc"} <= set(file.names)
    for name in file.names:
        assert file.profile(name).client_id


def test_demo_touches_nothing_of_the_users(tmp_path: Path) -> None:
    """All five systems with one login each, exit 0, no input and no terminal; the user's folders stay empty."""
    done = command("demo", COLUMNS="120")
    assert done.returncode == 0, done.stderr
    rows = done.stdout.splitlines()[1:]
    assert [row.split("  ")[0] for row in rows] == [
        "Aventus Platform",
        "Aventus Platform",
        "cidaas",
        "BlackBerry AtHoc",
        "OpenID Connect",
    ]
    assert all("200 ada" in row for row in rows)
    assert [int(row.split("200")[0].split()[-1]) for row in rows] == [1] * 5
    assert not (tmp_path / "state").exists()
    assert list((tmp_path / "home").iterdir()) == []


# Exit codes


def test_help_and_version() -> None:
    """Help lists the commands; each command's help has an example."""
    done = command("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f"  {name} " in done.stdout
        helped = command(name, "--help")
        assert helped.returncode == 0
        assert "Example: " in helped.stdout
    assert command("--version").stdout.startswith("aventus-creds, version ")


@pytest.mark.parametrize("arguments", [["nonsense"], ["login", "--nonsense"], ["token", "a", "b"]])
def test_usage_is_2(arguments: list[str]) -> None:
    """A wrong command line says what is wrong."""
    done = command(*arguments)
    assert done.returncode == 2
    assert "Usage:" in done.stderr


def test_login_required_is_3_within_a_second(write_profiles: WriteProfiles) -> None:
    """A job without a terminal and without a login: the profile, the reason and the command."""
    write_profiles({"prod": KEYS})
    done = command("token", "prod")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr == (
        "error: profile prod needs a login: there is no login yet\nRun: aventus-creds login prod\n"
    )


def test_a_profile_or_file_error_is_4(write_profiles: WriteProfiles) -> None:
    """No file, bad TOML, no such profile, a profile with mistakes."""
    assert command("token", "prod").returncode == 4
    path = write_profiles({"prod": {**KEYS, "timeout": "x"}})
    assert command("token", "prod").returncode == 4
    done = command("token", "stage")
    assert (done.returncode, "prod" in done.stderr) == (4, True)
    path.write_text("[profiles.prod\n")
    done = command("token", "prod")
    assert done.returncode == 4
    assert "line 1, column" in done.stderr


def test_refused_by_the_server_is_5(sandbox: Sandbox, write_profiles: WriteProfiles, robot: None) -> None:
    """A wrong secret is the server's refusal."""
    keys: dict[str, Any] = {
        **sandbox.profiles()["backoffice"],
        "client_secret": "wrong",
        "callback": "loopback",
    }
    write_profiles({"prod": keys})
    done = command("login", "prod")
    assert done.returncode == 5
    assert "invalid_client" in done.stderr


def test_network_is_6(write_profiles: WriteProfiles) -> None:
    """A server that is away is no login problem."""
    write_profiles({"prod": {**KEYS, "issuer": f"http://127.0.0.1:{free_port()}", "retries": 0}})
    save("prod", make_token(age=7200, refresh_token="r"))
    done = command("token", "prod")
    assert done.returncode == 6
    assert "cannot be reached" in done.stderr


# No traceback, no secret


def test_an_unexpected_fault_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], write_profiles: WriteProfiles
) -> None:
    """A bug of ours says so in one line; --debug shows where, and neither shows the message, which may be secret."""
    write_profiles({"prod": KEYS})

    def broken(*_: object) -> None:
        raise RuntimeError("a-secret-value")

    monkeypatch.setattr("aventus_creds.api.get_token", broken)
    assert run(["token", "prod"]) == 1
    assert capsys.readouterr().err == (
        "error: a fault in aventus-creds itself (RuntimeError); --debug shows where\n"
    )
    assert run(["--debug", "token", "prod"]) == 1
    shown = capsys.readouterr().err
    assert "in broken" in shown
    assert "a-secret-value" not in shown.replace('raise RuntimeError("a-secret-value")', "")


def test_a_warning_is_one_line(write_profiles: WriteProfiles) -> None:
    """A secret in a file that others can read is warned of, with the fix, and the command goes on."""
    path = write_profiles({"prod": {**KEYS, "client_secret": "the-client-secret"}})
    save("prod", make_token())
    path.chmod(0o644)
    done = command("token", "prod")
    assert (done.returncode, done.stdout) == (0, "an-access-token\n")
    if os.name == "posix":
        assert done.stderr.startswith("warning: ")
        assert f"chmod 600 {path}" in done.stderr
    assert "the-client-secret" not in done.stderr
