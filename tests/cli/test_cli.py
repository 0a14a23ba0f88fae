"""The command line, as a process and by its exit codes."""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from support import free_port, make_token

from aventus_creds.cli.commands import COMMANDS, run
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.stores.opening import default_store
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


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=False)


def jwt(claims: dict[str, Any]) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


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
    assert "revoked at the server" in command("logout", "athoc").stderr
    assert "no login" in command("logout", "athoc").stderr
    assert command("token", "athoc").returncode == 3


def test_init_writes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profiles.toml for its owner only, with the schema beside it; a second time it refuses."""
    path = tmp_path / "new" / "profiles.toml"
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(path))
    assert command("init").returncode == 0
    assert tomllib.loads(path.read_text("utf-8")) == {}
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


# Exit codes


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
    save("prod", make_token(jwt({"name": "Ada [/admin]"})))
    shown = command("profiles").stdout
    assert all(text in shown for text in ("[bold]a:smile:", long, "[/]"))
    shown = command("status").stdout
    assert all(text in shown for text in ("Ada [/admin]", "[/]"))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_encoding_of_the_output(write_profiles: WriteProfiles, encoding: str) -> None:
    """What an old code page cannot write becomes a question mark, not an error."""
    write_profiles({"prod": {**KEYS, "issuer": "https://127.0.0.1:1", "retries": 0}})
    save("prod", make_token(jwt({"name": "Łukasz ✓"})))
    assert command("doctor", "prod", PYTHONIOENCODING=encoding).returncode == 6
    done = command("status", "prod", PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert "ukasz" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
@pytest.mark.parametrize("arguments", [["token", "prod"], ["status"], ["path"]])
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


# profile add


def add(*arguments: str) -> subprocess.CompletedProcess[str]:
    return command("profile", "add", *arguments)


def test_profile_add_keeps_every_byte(write_profiles: WriteProfiles) -> None:
    """Comments, odd spacing and line ends stay; the addition is checked and works at once."""
    path = write_profiles({})
    before = b'# mine\r\n[profiles.old]   # odd\nissuer="https://a.example"\nclient_id = "x"'
    path.write_bytes(before)
    done = add(
        "new", "--issuer", "https://b.example", "--client-id", "5", "--scope", '["a", "b"]', "--timeout", "30"
    )
    assert done.returncode == 0, done.stderr
    assert path.read_bytes().startswith(before + b"\n")
    profile = read_profiles().profile("new")
    assert (profile.client_id, profile.scope, profile.timeout) == ("5", "a b", 30)
    assert read_profiles().profile("old").client_id == "x"
    assert "aventus-creds login new" in done.stderr
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.glob("profiles*")] == ["profiles.toml"]


def test_profile_add_makes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a profiles.toml there is one afterwards, for its owner only."""
    path = tmp_path / "new folder" / "profiles.toml"
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(path))
    done = add("p", "--issuer", "https://b.example", "--client-id", "c", "--client-secret", '{ env = "X" }')
    assert done.returncode == 0, done.stderr
    assert read_profiles().profile("p").grant == "confidential"
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["bad", "--provider", "aventus"], 4, "profiles.bad.client_id: missing"),
        (["bad name", "--issuer", "https://b.example", "--client-id", "c"], 4, "the name may hold"),
        (["old", "--issuer", "https://b.example", "--client-id", "c"], 4, "there is a profile old already"),
        (["new", "--client-secret", "s3cret-value"], 2, "is seen by everybody"),
        (["new", "--client-idd", "c"], 2, "No such option"),
    ],
)
def test_profile_add_writes_nothing_with_a_mistake(
    arguments: list[str], code: int, said: str, write_profiles: WriteProfiles
) -> None:
    """The mistake is told as everywhere, and the file is as it was."""
    path = write_profiles({"old": KEYS})
    before = path.read_bytes()
    done = add(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "s3cret-value" not in done.stderr
    assert path.read_bytes() == before


def test_profile_add_twice_at_once(write_profiles: WriteProfiles) -> None:
    """Of several that run together, none is lost."""
    path = write_profiles({"old": KEYS})
    options = ["--issuer", "https://as.example.com", "--client-id", "c"]
    names = [f"new-{number}" for number in range(6)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "aventus_creds", "profile", "add", name, *options],
            stderr=subprocess.DEVNULL,
        )
        for name in names
    ]
    assert [process.wait(60) for process in running] == [0] * len(names)
    assert tomllib.loads(path.read_text())["profiles"].keys() == {"old", *names}


def test_profile_add_to_what_cannot_be_read(tmp_path: Path) -> None:
    """A folder in the file's place is a file error, and none of ours."""
    (tmp_path / "profiles.toml").mkdir()
    done = add("prod", "--issuer", "https://as.example.com", "--client-id", "c")
    assert done.returncode == 4
    assert "profiles.toml is no regular file" in done.stderr


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="another file system is needed")
def test_profile_add_through_a_link_to_another_file_system(write_profiles: WriteProfiles) -> None:
    """Dotfiles are often kept elsewhere: the link stays, and what it leads to is changed."""
    path = write_profiles({"old": KEYS})
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        target = Path(shutil.move(path, elsewhere))
        path.symlink_to(target)
        done = add("new", "--issuer", "https://as.example.com", "--client-id", "c")
        assert done.returncode == 0, done.stderr
        assert path.is_symlink()
        assert tomllib.loads(target.read_text())["profiles"].keys() == {"old", "new"}


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


def test_doctor_finds_what_is_amiss(write_profiles: WriteProfiles) -> None:
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
    from aventus_creds.cli.doctor import _clock
    from aventus_creds.errors import ConfigError

    with pytest.raises(ConfigError, match="ahead of the server's: tokens seem to live shorter"):
        _clock("Thu, 01 Jan 2015 00:00:00 GMT")
    with pytest.raises(ConfigError, match="behind the server's"):
        _clock("Thu, 01 Jan 2099 00:00:00 GMT")
    assert "cannot be read" in _clock("yesterday")
