"""Names and values in profiles.toml that would control the terminal, or run in the shell that completes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import KEYS, WriteProfiles, command, save
from support import make_token

HOSTILE = (
    "red\x1b[31m",
    "title\x1b]0;owned\x07",
    "line\nprod  fresh  in 99 d",
    "back\rspace",
    "c1\x9b31m",
    "right-to-left\u202eprod",
    "hidden\u2028line",
    "prod$(touch owned)",
    "prod;touch owned",
    "a`id`",
)


def safe(text: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in text)


@pytest.mark.parametrize(
    "arguments",
    [
        ["profiles"],
        ["status"],
        ["status", "--json"],
        ["doctor"],
        ["logout", "--all"],
        ["store", "move", "--to", "redis"],
        ["token"],
        ["token", HOSTILE[0]],
        ["login", HOSTILE[1]],
        ["profile", "add", HOSTILE[2], "--client-id", "c"],
        ["exec", "prod", "--env", "X", "--", HOSTILE[0]],
    ],
    ids=lambda arguments: " ".join(arguments[:2]).encode("unicode_escape").decode(),
)
def test_no_name_reaches_the_terminal_as_it_is(arguments: list[str], write_profiles: WriteProfiles) -> None:
    """One function prints names everywhere: what controls a terminal is quoted, and makes no line of its own."""
    hostile = {
        name: {**KEYS, name: "x", "scope": name, "redirect_uri": name, "store": name} for name in HOSTILE
    }
    write_profiles({"prod": KEYS, **hostile}, default=HOSTILE[0], **{HOSTILE[3]: {HOSTILE[0]: 1}})
    save("prod", make_token())
    done = command(*arguments)
    assert safe(done.stdout + done.stderr), repr(done.stdout + done.stderr)
    assert not any(line.startswith("prod  fresh  in 99 d") for line in done.stdout.splitlines())
    assert done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["doctor"], ["profiles"], ["status"]], ids=str)
def test_no_name_of_a_sound_file_either(arguments: list[str], write_profiles: WriteProfiles) -> None:
    """Where nothing else is wrong, each profile is looked at."""
    write_profiles(dict.fromkeys(HOSTILE, KEYS))
    done = command(*arguments)
    assert safe(done.stdout + done.stderr), repr(done.stdout + done.stderr)
    assert "the name may hold letters" in done.stdout + done.stderr or arguments == ["status"]


def complete(words: str, folder: Path) -> list[str]:
    program = [sys.executable, "-c", "from aventus_creds.cli.program import main; main()"]
    environment = {"_AVENTUS_CREDS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "2"}
    done = subprocess.run(
        program, env=os.environ | environment, cwd=folder, capture_output=True, text=True, check=False
    )
    return [line.rpartition(",")[2] for line in done.stdout.splitlines() if line]


def test_completion_offers_only_names_that_a_profile_may_have(
    write_profiles: WriteProfiles, tmp_path: Path
) -> None:
    """The shell would run the rest."""
    write_profiles({"prod": KEYS, "prod-eu": KEYS, "x" * 65: KEYS, **dict.fromkeys(HOSTILE, KEYS)})
    assert complete("aventus-creds token ", tmp_path) == ["prod", "prod-eu"]
    assert complete("aventus-creds token prod", tmp_path) == ["prod", "prod-eu"]
    assert complete("aventus-creds token a", tmp_path) == []


# Usage errors


@pytest.mark.parametrize("variable", ["A=B", "", "=", "A="])
def test_exec_refuses_what_is_no_variable(variable: str, write_profiles: WriteProfiles) -> None:
    """It is a usage error, before a token is asked for."""
    write_profiles({"prod": KEYS})
    done = command("exec", "prod", "--env", variable, "--", "true")
    assert done.returncode == 2, done.stderr
    done = command("exec", "--env", variable, "prod", "--", "true")
    assert done.returncode == 2, done.stderr
    assert "--env takes the name of a variable" in done.stderr


def test_exec_with_a_token_that_lives_long_enough(write_profiles: WriteProfiles) -> None:
    """For a job that must not stop half-way: a token that ends sooner is not given to it."""
    write_profiles({"prod": KEYS})
    save("prod", make_token(lifetime=3600))
    assert (
        command("exec", "prod", "--min-ttl=30m", "--env", "X", sys.executable, "-c", "print(2)").stdout
        == "2\n"
    )
    assert command("exec", "--min-ttl", "30m", "prod", "--", sys.executable, "-c", "print(1)").stdout == "1\n"
    done = command("exec", "--min-ttl", "2h", "prod", "--", sys.executable, "-c", "print(1)")
    assert (done.returncode, done.stdout) == (3, "")
    assert "sooner than the 7200 s asked for" in done.stderr


@pytest.mark.parametrize(
    "written",
    ["{literal-secret", "{ literal-secret }", "literal-secret", '"literal-secret"', '["literal-secret"]', ""],
)
@pytest.mark.parametrize("tail", ["", '\nclient_id = "x"'])
def test_a_literal_client_secret_is_refused(written: str, tail: str, write_profiles: WriteProfiles) -> None:
    """Every user of the machine sees it there; and it is not said again."""
    path = write_profiles({"prod": KEYS})
    before = path.read_bytes()
    done = command("profile", "add", "new", "--client-id", "c", "--client-secret", written + tail)
    assert done.returncode == 2, done.stderr
    assert "a secret on the command line is seen by everybody" in done.stderr
    assert "literal-secret" not in done.stderr + done.stdout
    assert path.read_bytes() == before
