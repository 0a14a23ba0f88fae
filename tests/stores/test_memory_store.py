"""``store = "memory"``: a login that lives as long as the program."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import command

from aventus_creds import get_session, get_token
from aventus_creds.errors import LoginRequired
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import store_for


@pytest.fixture(autouse=True)
def sandbox(write_profiles: Callable[..., Path]) -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        keys = {**sandbox.profiles()["oidc"], "redirect_uri": "http://127.0.0.1:0/callback"}
        write_profiles({"prod": {**keys, "callback": "loopback", "store": "memory"}})
        yield sandbox
    store_for(read_profiles().profile("prod")).delete(read_profiles().profile("prod").key)


def test_one_login_for_the_program_and_none_on_the_disk(
    tmp_path: Path, no_browser: Callable[[str], object]
) -> None:
    """All its sessions share the login; another program has none, and nothing of it is in a file."""
    first = get_token("prod", interactive=True, browser=Robot())
    assert get_token("prod", interactive=True, browser=no_browser) == first
    assert get_session("prod", browser=no_browser).get("/v1/me").status_code == 200
    held = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "profiles.toml"]
    assert all(first.access_token.encode() not in path.read_bytes() for path in held)
    assert command("token", "prod").returncode == 3


def test_a_program_of_its_own() -> None:
    """It logs in, calls the API, and the next one must log in again."""
    code = (
        "from aventus_creds import get_session\nfrom aventus_creds.sandbox.robot import Robot\n"
        "print(get_session('prod', interactive=True, browser=Robot()).get('/v1/me').status_code)"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stdout.strip() == "200", done.stderr
    with pytest.raises(LoginRequired):
        get_token("prod", interactive=False)


def test_what_to_do_is_not_the_command_that_would_not_help() -> None:
    """Where nobody can be asked, the hint is a login in the program itself."""
    with pytest.raises(LoginRequired) as caught:
        get_token("prod", interactive=False)
    assert caught.value.hint.startswith(
        'Log in within the program that needs it, get_session("prod", interactive=True)'
    )
    assert "aventus-creds login" not in str(caught.value)


def test_the_command_refuses_a_login_that_would_end_with_it(sandbox: Sandbox) -> None:
    """Before a browser is opened."""
    done = command("login", "prod")
    assert done.returncode == 4
    assert "keeps its login in memory, so this one would end with this command" in done.stderr
    assert "get_session" in done.stderr
    assert (
        command("login", "prod", AVENTUS_CREDS_STORE="redis").returncode == 4
    )  # that of the environment counts


def test_status_and_doctor_say_where_it_lives() -> None:
    """Nobody is told to log in where that would not help: monitoring stays quiet."""
    done = command("status", "prod", "--json")
    assert done.returncode == 0
    (standing,) = json.loads(done.stdout)
    assert (standing["state"], standing["store"], standing["needs_login"]) == ("elsewhere", "memory", False)
    assert "kept by each program until it ends" in command("status").stdout
    shown = command("doctor", "prod").stdout
    assert "the token store: the memory of each program" in shown
    assert "the login: each program logs in for itself" in shown


def test_no_login_is_moved_to_it_or_from_it() -> None:
    """The command would lose it, or find none."""
    for arguments in (("--to", "memory"), ("--to", "file", "--from", "memory")):
        done = command("store", "move", *arguments)
        assert done.returncode == 2
        assert "'memory' is not one of" in done.stderr
    done = command("store", "move", "--to", "file")
    assert "kept in memory, where no other program finds it" in done.stderr


@pytest.mark.parametrize("way", ["store", "environment"])
def test_it_may_be_chosen_for_all(
    way: str, write_profiles: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In [store], and by AVENTUS_CREDS_STORE."""
    top = {"store": {"type": "memory"}} if way == "store" else {}
    if way == "environment":
        monkeypatch.setenv("AVENTUS_CREDS_STORE", "memory")
    write_profiles({"prod": {"issuer": "https://as.example.com", "client_id": "c"}}, **top)
    assert repr(store_for(read_profiles().profile("prod"))) == "<MemoryStore>"
