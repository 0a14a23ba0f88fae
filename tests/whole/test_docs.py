"""The documents say what the code does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

import pytest
from support import REPOSITORY, Web

import aventus_creds
from aventus_creds.cli.commands import COMMANDS
from aventus_creds.cli.reference import reference as command_reference
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.providers import PROVIDERS
from aventus_creds.profiles.schema import reference
from aventus_creds.profiles.store_keys import STORE_KEYS

ROOT = REPOSITORY
README = (ROOT / "README.md").read_text("utf-8")


STARTS = ("profiles.example.toml", "aventus_creds/profiles/template.toml")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL)


def test_the_reference_of_keys_is_the_tables() -> None:
    """The README's tables and the schema are what ``python -m tests.made`` writes."""
    assert reference() in README
    assert reference(STORE_KEYS.values()) in README
    command = [sys.executable, "-m", "tests.made", "--check"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=30)


def test_every_command_and_provider_is_in_the_readme() -> None:
    """And no command that does not exist."""
    assert command_reference() in README
    named = set(re.findall(r"^\| `aventus-creds (\w+)", README, re.MULTILINE))
    assert named == set(COMMANDS)
    systems = README.partition("| `provider` | system |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", systems, re.MULTILINE)) == set(PROVIDERS)
    for name in ("get_session", "get_token", "login", "logout"):
        assert f"`{name}(name=None)`" in README


def test_the_readmes_profiles_are_valid(tmp_path: Path) -> None:
    """Each whole example loads without a mistake."""
    path = tmp_path / "profiles.toml"
    path.write_text(next(block for block in blocks("toml") if "[profiles.prod]" in block), "utf-8")
    file = read_profiles(path)
    assert [file.profile(name).grant for name in file.names] == ["pkce", "confidential"]


def test_every_store_that_is_shown_is_valid(tmp_path: Path) -> None:
    """In the README, and in the comments of the files that people start from."""
    profile = '[profiles.x]\nissuer = "https://a.example"\nclient_id = "c"\n'
    for text in (README, *((ROOT / name).read_text("utf-8") for name in STARTS)):
        lines = text.replace("# [store]", "[store]").partition("\n[store]")[2].splitlines()
        table = [line.removeprefix("# ") for line in takewhile(str.strip, lines[1:]) if "```" not in line]
        assert table
        path = tmp_path / "profiles.toml"
        path.write_text("\n".join([profile, "[store]", *table]), "utf-8")
        assert read_profiles(path).profile("x").store


def test_the_readmes_python_runs(
    tmp_path: Path, write_profiles: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example of errors, in a process without a login: it prints the command to run."""
    write_profiles(
        {"prod": {"issuer": "https://as.example.com", "client_id": "c", "api_url": "https://a.example"}}
    )
    done = subprocess.run(
        [sys.executable, "-c", next(block for block in blocks("python") if "as required" in block)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.stdout, done.stderr) == ("Run: aventus-creds login prod\n", "")


def test_the_readmes_mistakes_are_the_codes(tmp_path: Path) -> None:
    """The lines shown as an example are what such a file gives."""
    path = tmp_path / "profiles.toml"
    path.write_text(
        '[profiles.prod]\nprovider = "oidc"\nissuer = "https://a.example"\nclient_id = 5\nscop = "x"\n'
    )
    with pytest.raises(aventus_creds.AventusCredsError) as caught:
        read_profiles(path).profile("prod")
    shown = [line.strip() for line in blocks("text")[0].splitlines()]
    assert str(caught.value).splitlines()[: len(shown)] == shown


def test_the_example_file_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """profiles.example.toml has a valid profile for each system, and a default."""
    file = read_profiles(ROOT / "profiles.example.toml")
    assert {file.profile(name).provider.name for name in file.names} == {
        row.name for row in PROVIDERS.values() if row.in_example
    }
    assert file.default == "prod"
    assert file.problems() == ()


def test_one_version() -> None:
    """The changelog's newest entry is the distribution's version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(r"^## (\S+)", changelog, re.MULTILINE)[1] == project["version"]  # type: ignore[index]


@pytest.mark.skipif(os.name != "posix", reason="cron is POSIX's")
def test_the_readmes_cron_lines_run(tmp_path: Path, write_profiles: Callable[..., Path]) -> None:
    """As cron runs them: sh, a short PATH, HOME and nothing else; without a login the log has what to do."""
    jobs = tmp_path / "home" / "jobs"
    (jobs / ".venv" / "bin").mkdir(parents=True)
    for name in ("python", "aventus-creds"):
        program = Path(sys.executable).with_name(name)
        (jobs / ".venv" / "bin" / name).write_text(f'#!/bin/sh\nexec "{program}" "$@"\n')
        (jobs / ".venv" / "bin" / name).chmod(0o755)
    (jobs / "nightly.py").write_text("from aventus_creds import get_session\nget_session('prod')\n")
    (tmp_path / "home" / "mail").mkdir()
    path = write_profiles(
        {"prod": {"issuer": "https://as.example.com", "client_id": "c", "api_url": "https://a.example"}}
    )
    environment = {
        "HOME": str(tmp_path / "home"),
        "PATH": "/usr/bin:/bin",
        "AVENTUS_CREDS_PROFILES": str(path),
        "AVENTUS_CREDS_STATE_DIR": str(tmp_path / "state"),
    }
    night, morning = (line.split(None, 5)[5] for line in blocks("crontab")[0].splitlines())
    done = subprocess.run(["sh", "-c", night], env=environment, capture_output=True, check=False, timeout=30)
    assert done.returncode == 1
    assert "Run: aventus-creds login prod" in (jobs / "nightly.log").read_text()
    check = morning.replace("| mail -s login you", "")
    done = subprocess.run(["sh", "-c", check], env=environment, capture_output=True, check=False, timeout=30)
    assert done.stdout == b"log in to prod\n"


def test_the_readmes_ci_job_runs(
    monkeypatch: pytest.MonkeyPatch, write_profiles: Callable[..., Path], web: Web
) -> None:
    """A token from the environment, a profile for the API's address, and nothing written."""
    variable = re.search(r"(AVENTUS_CREDS_TOKEN_\w+)", blocks("yaml")[0])
    assert variable
    write_profiles({"prod": {"issuer": "https://as.example.com", "client_id": "c", "api_url": web.url}})
    monkeypatch.setenv(variable[1], "a-token-from-ci")
    code = "from aventus_creds import get_session; get_session('prod').get('/v1/me')"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    assert web.seen[0].headers["Authorization"] == "Bearer a-token-from-ci"
    assert not Path(os.environ["AVENTUS_CREDS_STATE_DIR"]).exists()


def test_examples_name_the_loopback_address() -> None:
    """RFC 8252 section 8.3: the name localhost may lead elsewhere, and a browser may insist on https for it."""
    files = ("README.md", "profiles.example.toml", "aventus_creds/profiles/template.toml")
    for path in (*(ROOT / name for name in files), *(ROOT / "notebooks").glob("*.ipynb")):
        text = path.read_text("utf-8")
        assert "127.0.0.1" in text or path.suffix == ".ipynb"
        assert not re.search(r"//localhost|listen\W*localhost", text), path


def test_the_readmes_airflow_task_compiles() -> None:
    """Airflow itself is not a test dependency: the code is compiled, and its call of ours is checked."""
    task = next(block for block in blocks("python") if "airflow" in block)
    compile(task, "README.md", "exec")
    assert 'get_session("prod", min_ttl=3600)' in task
