"""Each command of the command line, as a process."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import requests
from command_line import KEYS, WriteProfiles, command, save
from support import free_port, make_token

from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.stores.opening import default_store


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=False)


# Each command


@pytest.mark.usefixtures("sandbox", "robot")
def test_login_status_token_logout() -> None:
    """The way of a login, by commands only; the default profile where none is named."""
    assert "not logged in" in command("status").stdout
    done = command("login")
    assert done.returncode == 0, done.stderr
    assert "Logged in to athoc as ada until" in done.stderr
    assert "it refreshes automatically" in done.stderr
    assert "in 59 min" in command("status", "athoc").stdout
    done = command("token", "athoc")
    token = default_store().load(read_profiles().profile("athoc").key)
    assert token
    assert (done.stdout, done.stderr) == (token.access_token + "\n", "")
    assert "revoked at the server" in command("logout", "athoc").stderr
    assert "no login" in command("logout", "athoc").stderr
    assert command("token", "athoc").returncode == 3


def test_init_writes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profiles.toml for its owner only, with the schema beside it; a second time it refuses."""
    path = tmp_path / "new" / "profiles.toml"
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(path))
    assert command("init").returncode == 0
    assert tomllib.loads(path.read_text("utf-8")) == {}
    for written in (path, path.with_name("profiles.schema.json")):
        assert b"\r" not in written.read_bytes()  # as profile add writes it, on every system
    path.with_name("profiles.schema.json").unlink()
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("# mine")
    done = command("init")
    assert (done.returncode, path.read_text()) == (4, "# mine")
    assert "is left as it is" in done.stderr
    assert json.loads(path.with_name("profiles.schema.json").read_text("utf-8"))["properties"]


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
    """Fresh, expired, refreshable, none, and a profile with mistakes, which makes exit 4: one row each."""
    write_profiles({**dict.fromkeys(("fresh", "old", "refreshable", "none"), KEYS), "bad": {}})
    save("fresh", make_token())
    save("old", make_token(age=7200))
    save("refreshable", make_token(age=7200, refresh_token="r"))
    done = command("status", COLUMNS="120")
    assert done.returncode == 4
    rows = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert re.search(r"fresh +in 59 min", rows["fresh"])
    assert re.search(r"expired +60 min ago|expired +1 h ago", rows["old"])
    assert "yes" in rows["refreshable"]
    assert "not logged in" in rows["none"]
    assert "has mistakes" in rows["bad"]


def test_token_prints_nothing_else(write_profiles: WriteProfiles) -> None:
    """What curl gets is the token and a line break."""
    write_profiles({"prod": KEYS})
    save("prod", make_token())
    done = command("token", "prod")
    assert (done.stdout, done.stderr, done.returncode) == ("an-access-token\n", "", 0)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_token_warns_as_any_other_command(write_profiles: WriteProfiles) -> None:
    """A fresh token is printed at once, unless there is something to tell."""
    path = write_profiles({"prod": {**KEYS, "client_secret": "a-secret"}})
    save("prod", make_token())
    path.chmod(0o644)
    done = command("token", "prod")
    assert (done.stdout, done.returncode) == ("an-access-token\n", 0)
    assert "can be read by others" in done.stderr
    assert command("token", "prod", AVENTUS_CREDS_TOKEN_PROD="another").stdout == "another\n"
    if Path("/dev/full").exists():
        full = shell(f"{sys.executable} -m aventus_creds token prod >/dev/full")
        assert full.returncode == 4
        assert "No space left" in full.stderr


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


# exec, path, status for programs


def test_exec_gives_one_child_the_token(write_profiles: WriteProfiles) -> None:
    """In the variable that get_token uses, or another; the exit code is the child's; no token on any output of ours."""
    write_profiles({"my-job": KEYS})
    save("my-job", make_token())
    show = "import os, sys; print(os.environ.get({!r})); sys.exit(7)"
    done = command("exec", "my-job", "--", sys.executable, "-c", show.format("AVENTUS_CREDS_TOKEN_MY_JOB"))
    assert (done.returncode, done.stdout, done.stderr) == (7, "an-access-token\n", "")
    done = command("exec", "--env", "TOKEN", "my-job", sys.executable, "-c", show.format("TOKEN"))
    assert (done.returncode, done.stdout) == (7, "an-access-token\n")
    code = "from aventus_creds import get_token; print(get_token('my-job').access_token)"
    done = command("exec", "my-job", sys.executable, "-c", code, AVENTUS_CREDS_STATE_DIR="/nonexistent")
    assert done.returncode != 0  # our own look-up needs the state folder
    assert command("exec", "my-job", "--", "no-such-program-anywhere").returncode == 127
    assert command("exec", "my-job").returncode == 2


@pytest.mark.skipif(os.name != "posix", reason="signals, and scripts without a first line, are POSIX's")
def test_exec_starts_a_child_as_a_shell_does(write_profiles: WriteProfiles, tmp_path: Path) -> None:
    """A closed pipe ends it without a word; it needs no standard output; what cannot be started is said."""
    write_profiles({"my-job": KEYS})
    save("my-job", make_token())
    aventus_creds = f"{shlex.quote(sys.executable)} -m aventus_creds exec my-job --"
    done = shell(f"{aventus_creds} sh -c 'kill -PIPE $$; echo lives'; echo $?")
    assert done.stdout == "141\n"
    assert shell(f"{aventus_creds} sh -c 'exit 9' >&-").returncode == 9
    program = tmp_path / "no-first-line"
    program.write_text("echo it ran\n")
    program.chmod(0o755)
    done = command("exec", "my-job", "--", str(program))
    assert (done.returncode, done.stdout) == (126, "")
    assert done.stderr == f"error: {program} cannot be started: Exec format error\n"


def test_an_empty_variable_is_no_token(write_profiles: WriteProfiles) -> None:
    """Monitoring hears what the job would hear."""
    write_profiles({"prod": KEYS})
    for arguments in (["token", "prod"], ["status"]):
        done = command(*arguments, AVENTUS_CREDS_TOKEN_PROD="")
        assert (done.returncode, done.stdout) == (4, "")
        assert "AVENTUS_CREDS_TOKEN_PROD holds no access token" in done.stderr


def test_path_names_the_places(tmp_path: Path) -> None:
    """Both, or the one that is asked for, alone on its line."""
    assert command("path", "profiles").stdout.strip() == str(tmp_path / "profiles.toml")
    assert command("path", "tokens").stdout.strip() == str(tmp_path / "state" / "tokens")
    assert "not there yet" in command("path").stdout


def test_status_for_monitoring(write_profiles: WriteProfiles) -> None:
    """JSON with all that a monitor wants, and exit 3 when a person is needed soon."""
    service = {**KEYS, "grant": "client_credentials", "client_secret": "x"}
    write_profiles({"day": KEYS, "renews": KEYS, "service": service})
    save("day", make_token(lifetime=3600))
    save("renews", make_token(age=7200, refresh_token="r"))
    done = command("status", "--json")
    assert done.returncode == 0
    found = {row["profile"]: row for row in json.loads(done.stdout)}
    assert found["day"]["state"] == "fresh"
    assert 3500 < found["day"]["expires_in"] <= 3600
    assert found["day"]["expires_at"].endswith("Z")
    assert not found["day"]["needs_login"]
    assert (found["renews"]["state"], found["renews"]["refreshable"]) == ("expired", True)
    assert (found["service"]["state"], found["service"]["needs_login"]) == ("none", False)
    assert command("status", "--min-ttl", "30m").returncode == 0
    assert command("status", "--min-ttl", "2h").returncode == 3
    assert command("status", "renews", "--min-ttl", "2h").returncode == 0
    assert command("status", "day", "--min-ttl", "soon").returncode == 2
    assert command("status", "day", AVENTUS_CREDS_TOKEN_DAY="x").returncode == 0


def test_token_as_a_header_and_for_long_enough(write_profiles: WriteProfiles) -> None:
    """curl -H @- takes it from standard input, so it is in no process list."""
    write_profiles({"prod": KEYS})
    save("prod", make_token())
    assert command("token", "prod", "--header").stdout == "Authorization: Bearer an-access-token\n"
    assert command("token", "prod", "--min-ttl", "2h").returncode == 3


def test_logout_of_all(write_profiles: WriteProfiles) -> None:
    """Each profile is told of; one with mistakes does not stop the others."""
    write_profiles(
        {"a": {**KEYS, "issuer": f"http://127.0.0.1:{free_port()}", "timeout": 1}, "bad": {}, "b": KEYS}
    )
    save("a", make_token())
    done = command("logout", "--all")
    assert "a: forgotten here, but not revoked: " in done.stderr
    assert "b: there was no login." in done.stderr
    assert done.returncode == 4
    assert command("logout", "--all", "a").returncode == 2


def test_completion_of_names(write_profiles: WriteProfiles) -> None:
    """The shell completes profiles from profiles.toml, and says nothing where there is none."""
    words = {
        "_AVENTUS_CREDS_COMPLETE": "bash_complete",
        "COMP_WORDS": "aventus-creds login p",
        "COMP_CWORD": "2",
    }
    program = [sys.executable, "-c", "from aventus_creds.cli.program import main; main()"]
    environment = os.environ | words
    assert (
        subprocess.run(program, env=environment, capture_output=True, text=True, check=False).stdout.strip()
        == ""
    )
    write_profiles({"prod": KEYS, "play": KEYS, "stage": KEYS})
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["plain,prod", "plain,play"]


# doctor


@pytest.mark.usefixtures("sandbox")
def test_doctor_of_the_healthy(sandbox: Sandbox) -> None:
    """Every check passes against a server that answers; exit 0."""
    done = command("doctor")
    assert done.returncode == 0, done.stdout
    assert "✗" not in done.stdout
    for check in (
        "the profiles file",
        "the state folder",
        "the client secret",
        "the redirect URI",
        "discovery",
    ):
        assert f"✓ {check}" in done.stdout
    assert "✓ the token endpoint" in done.stdout
    assert "✓ this machine's clock: agrees" in done.stdout


def test_doctor_finds_each_problem(write_profiles: WriteProfiles) -> None:
    """Each failed check says what to do, and the others go on; the exit code is the first failure's."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}/callback"
        keys = {**KEYS, "issuer": f"http://127.0.0.1:{free_port()}", "redirect_uri": uri, "timeout": 2}
        write_profiles({"prod": {**keys, "client_secret": {"env": "NOT_SET"}}, "bad": {"client_id": 5}})
        done = command("doctor")
    assert done.returncode == 4
    assert "✗ the client secret: the client secret is missing" in done.stdout
    assert "✗ the redirect URI: the port of" in done.stdout
    assert "✗ discovery: " in done.stdout
    assert "✗ the profile: profiles.toml:" in done.stdout
    assert "✓ the login: none yet: aventus-creds login prod" in done.stdout


def test_doctor_without_a_file() -> None:
    """The first thing to do is said."""
    done = command("doctor")
    assert done.returncode == 4
    assert "aventus-creds init" in done.stdout


def test_doctor_of_a_wrong_clock() -> None:
    """More than half a minute beside the server's Date is told, with the direction."""
    from aventus_creds.cli.asking import clock
    from aventus_creds.errors import ConfigError

    with pytest.raises(ConfigError, match="ahead of the server's: tokens seem to live shorter"):
        clock("Thu, 01 Jan 2015 00:00:00 GMT")
    with pytest.raises(ConfigError, match="behind the server's"):
        clock("Thu, 01 Jan 2099 00:00:00 GMT")
    assert "cannot be read" in clock("yesterday")
