"""The exit codes of the command line; no fault ends in a traceback or shows a secret."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import KEYS, WriteProfiles, command, save
from support import free_port, make_token

from aventus_creds.cli.commands import COMMANDS, run
from aventus_creds.sandbox import Sandbox


def jwt(claims: dict[str, Any]) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


# Exit codes


@pytest.mark.parametrize("arguments", [["path"], ["--help"], ["profiles"]])
def test_output_that_nobody_reads_any_more(write_profiles: WriteProfiles, arguments: list[str]) -> None:
    """As with ``| head``, which has read enough: not a word, and no "Exception ignored" when the interpreter ends."""
    write_profiles({"prod": {**KEYS, "issuer": "https://login.acme.com", "api_url": "https://api.acme.com"}})
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "aventus_creds", *arguments],
            stdout=writes,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writes)
    if os.name == "posix":
        assert (done.returncode, done.stderr) == (1, "")
    else:  # Windows says EINVAL
        assert done.returncode == 4
        assert "the output cannot be used" in done.stderr


def test_help_without_docstrings() -> None:
    """``python -OO`` drops them, and the help is made from them."""
    commands = [
        [],
        *([name] for name in COMMANDS),
        *(["profile", "add"], ["store", "move"], ["store", "key"]),
    ]
    code = "import json, sys\nfrom aventus_creds.cli.commands import run\n"
    code += "for each in json.loads(sys.argv[1]): run([*each, '-h'])"
    plain, without = (
        subprocess.run(
            [sys.executable, *flags, "-c", code, json.dumps(commands)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for flags in ([], ["-OO"])
    )
    assert plain.count("Usage: ") == len(commands)
    assert without == plain


def test_help_and_version() -> None:
    """Help lists the commands; each command's help has an example."""
    done = command("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f"  {name} " in done.stdout
        helped = command(name, *{"profile": ["add"], "store": ["move"]}.get(name, []), "--help")
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

    def broken(*_: object, **__: object) -> None:
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


def test_names_are_shown_as_they_are(write_profiles: WriteProfiles) -> None:
    """Brackets and colons in a client's or an account's name are no markup, and a pipe has no width."""
    long = "https://api.example.com/" + "long/" * 40
    write_profiles({"prod": {**KEYS, "client_id": "[bold]a:smile:", "api_url": long}, "[/]": {}})
    save("prod", make_token(jwt({"name": "Łada [/admin]"})))  # rich prints it: it is not plain
    shown = command("profiles").stdout
    assert all(text in shown for text in ("[bold]a:smile:", long, "[/]"))
    shown = command("status", PYTHONIOENCODING="utf-8").stdout
    assert all(text in shown for text in ("Łada [/admin]", "[/]"))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_encoding_of_the_output(write_profiles: WriteProfiles, encoding: str) -> None:
    """What an old code page cannot write becomes a question mark, not an error; a finding stays one."""
    write_profiles({"prod": {**KEYS, "issuer": "https://127.0.0.1:1", "retries": 0}})
    save("prod", make_token(jwt({"name": "Łukasz ✓"})))
    done = command("doctor", "prod", PYTHONIOENCODING=encoding)
    assert done.returncode == 6
    fine, wrong = ("✓", "✗") if encoding == "utf-8" else ("ok", "x")
    assert f"\n  {fine} the login: " in done.stdout
    assert f"\n  {wrong} discovery: " in done.stdout
    done = command("status", "prod", PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert "ukasz" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
@pytest.mark.parametrize("arguments", [["token", "prod"], ["status"], ["path"], ["--help"], ["init", "-h"]])
def test_output_that_cannot_be_written(write_profiles: WriteProfiles, arguments: list[str]) -> None:
    """A full disk is a file error, and none of ours."""
    write_profiles({"prod": KEYS})
    save("prod", make_token())
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "aventus_creds", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        4,
        "error: the output cannot be used: No space left on device\n",
    )
