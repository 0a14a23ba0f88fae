"""The documents say what the code does."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

import pytest
from made import MARK, _table
from support import REPOSITORY, Web

import aventus_creds
from aventus_creds.cli.commands import COMMANDS
from aventus_creds.cli.failures import EXIT_CODES, INTERRUPTED, USAGE
from aventus_creds.cli.reference import reference as command_reference
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.providers import PROVIDERS
from aventus_creds.profiles.schema import reference
from aventus_creds.profiles.store_keys import STORE_KEYS

ROOT = REPOSITORY
README = (ROOT / "README.md").read_text("utf-8")
DOCS = {page.stem: page.read_text("utf-8") for page in (ROOT / "aventus_creds" / "docs").glob("*.md")}


STARTS = ("profiles.example.toml", "aventus_creds/profiles/template.toml")


def test_the_readmes_links_work_on_a_package_index() -> None:
    """There is only this text there, no file beside it. (And another place on the same page has its heading.)

    A picture is only shown in the repository. So it says in words, too, what it shows.
    """
    for target in re.findall(r"\]\(([^)]*)\)", README):
        place = target.removeprefix("#")
        if place != target:
            headings = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
            assert place in {re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings}
        else:
            assert target.startswith("https://"), target
    for tag in re.findall(r"<(?:img|source) [^>]*>", README):
        place = re.search(r'src(?:set)?="([^"]+)"', tag)
        assert place, tag
        assert (ROOT / place[1]).is_file(), tag
        if tag.startswith("<img"):
            assert re.search(r'alt="[^"]{20,}"', tag), tag


def test_the_readme_is_short() -> None:
    """What a beginner needs, in this order, and no more."""
    assert len(README.splitlines()) <= 150
    headings = re.findall(r"^## (.*)$", README, re.MULTILINE)
    assert headings[:2] == ["See it work", "Your first login"]
    assert headings[-2:] == ["Where next", "Development"]
    assert "aventus-creds demo\n" in "".join(README.splitlines(keepends=True)[:40])


def blocks(language: str, page: str = "README") -> list[str]:
    text = README if page == "README" else DOCS[page]
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


def test_what_is_made_is_up_to_date() -> None:
    """The tables, the schema and the page of the API are what ``python -m tests.made`` writes."""
    assert reference() in DOCS["profiles"]
    assert reference(STORE_KEYS.values()) in DOCS["stores"]
    command = [sys.executable, "-m", "tests.made", "--check"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=30)


def test_what_is_made_takes_no_text_along() -> None:
    """What stands below a table stays, also where the table is still missing."""
    below = "\nA sentence.\n"
    once = MARK.sub(_table, f"<!-- made: store keys -->\n{below}")
    assert once.endswith(f"|\n{below}")
    assert MARK.sub(_table, once) == once


def test_every_command_and_provider_is_documented() -> None:
    """And no command that does not exist."""
    assert command_reference() in DOCS["commands"]
    named = set(re.findall(r"^\| `aventus-creds (\w+)", DOCS["commands"], re.MULTILINE))
    assert named == set(COMMANDS)
    systems = DOCS["profiles"].partition("| `provider` | system |")[2].partition("\n\n")[0]
    ours = {row.name for row in PROVIDERS.values() if row.in_example}
    assert set(re.findall(r"^\| `(\w+)` \|", systems, re.MULTILINE)) == ours
    table = DOCS["providers"].partition("<!-- made: known servers -->")[2].partition("| --- |")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(PROVIDERS)
    grants = DOCS["profiles"].partition("| `grant` | for |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", grants, re.MULTILINE)) == set(GRANTS)
    for name in ("get_session", "get_token", "login", "logout"):
        assert f"`{name}(name=None)`" in README


def test_every_page_that_is_named_exists() -> None:
    """In the pages, the README and the code: ``aventus-creds docs TOPIC``."""
    sources = [path.read_text("utf-8") for path in (ROOT / "aventus_creds").rglob("*.py")]
    for text in (README, *DOCS.values(), *sources):
        named = re.findall(r"aventus-creds docs ([a-z][\w-]+)", text)
        assert set(named) <= set(DOCS), named
    assert set(re.findall(r"^\| `([\w-]+)` \| [A-Z]", README, re.MULTILINE)) == set(DOCS)


def test_the_messages_of_troubleshooting_are_the_codes() -> None:
    """Each part of a message that the page lists is in the text of the code."""
    code = "".join(path.read_text("utf-8") for path in (ROOT / "aventus_creds").rglob("*.py"))
    table = (
        DOCS["troubleshooting"]
        .partition("## Messages of this package")[2]
        .partition("## Messages of your")[0]
    )
    messages = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(messages) > 12
    assert [message for message in messages if message not in code] == []


@pytest.mark.parametrize("name", ["get_session", "get_token", "login", "logout", "LoginButton"])
def test_a_docstring_reads_well_in_jupyter(name: str) -> None:
    """``get_session?`` shows plain text: with an example, each parameter on a line of its own, without markup."""
    thing = getattr(aventus_creds, name)
    text = inspect.getdoc(thing) or ""
    assert re.search(r"^Example:\n    \S", text, re.MULTILINE)
    assert "``" not in text
    parameters = [*inspect.signature(thing).parameters]
    listed = text.partition("Args:\n")[2].partition("\n\n")[0]
    assert re.findall(r"^    (\w+): ", listed, re.MULTILINE) == parameters
    assert "Raises:" in text


def test_the_exit_codes_are_the_codes() -> None:
    """Those that the command line returns."""
    listed = re.findall(r"^\| (\d+) \|", DOCS["commands"], re.MULTILINE)
    assert {*map(int, listed)} == {0, USAGE, INTERRUPTED, *(code for _, code in EXIT_CODES)}


def test_the_first_profiles_are_valid(tmp_path: Path) -> None:
    """Each whole example loads without a mistake."""
    path = tmp_path / "profiles.toml"
    path.write_text(blocks("toml")[0], "utf-8")
    assert [read_profiles(path).profile(name).grant for name in read_profiles(path).names] == ["pkce"]
    path.write_text(
        next(block for block in blocks("toml", "profiles") if "[profiles.prod]" in block), "utf-8"
    )
    file = read_profiles(path)
    assert [file.profile(name).grant for name in file.names] == ["pkce", "confidential"]


def test_every_store_that_is_shown_is_valid(tmp_path: Path) -> None:
    """On its page, and in the comments of the files that people start from."""
    profile = '[profiles.x]\nissuer = "https://a.example"\nclient_id = "c"\n'
    for text in (DOCS["stores"], *((ROOT / name).read_text("utf-8") for name in STARTS)):
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


def test_the_mistakes_shown_are_the_codes(tmp_path: Path) -> None:
    """The lines shown as an example are what such a file gives."""
    path = tmp_path / "profiles.toml"
    path.write_text(
        '[profiles.prod]\nprovider = "oidc"\nissuer = "https://a.example"\nclient_id = 5\nscop = "x"\n'
    )
    with pytest.raises(aventus_creds.AventusCredsError) as caught:
        read_profiles(path).profile("prod")
    shown = [line.strip() for line in blocks("text", "profiles")[0].splitlines()]
    assert str(caught.value).splitlines()[: len(shown)] == shown


def test_the_profiles_that_share_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two examples load, with a team's file of the name that they give."""
    monkeypatch.setenv("READER_CLIENT_ID", "from-env")
    monkeypatch.setenv("TENANT", "acme")
    path = tmp_path / "profiles.toml"
    path.write_text(
        next(block for block in blocks("toml", "profiles") if "[profiles.base]" in block), "utf-8"
    )
    file = read_profiles(path)
    assert file.usable == ("reader",)
    reader = file.profile("reader")
    assert (reader.client_id, reader.scope, reader.timeout) == ("from-env", "read:acme", 20)
    path.write_text(next(block for block in blocks("toml", "profiles") if "include " in block), "utf-8")
    (team := tmp_path / "home" / "team").mkdir()
    profile = '[profiles.team-prod]\nissuer = "https://auth.example.com"\nclient_id = "t"\n'
    (team / "profiles.toml").write_text(profile + 'api_url = "https://api.example.com/"\n')
    file = read_profiles(path)
    assert file.problems() == ()
    assert file.profile("mine").scope == "read:contacts write:contacts"


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
def test_the_cron_lines_run(tmp_path: Path, write_profiles: Callable[..., Path]) -> None:
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
    night, morning = (line.split(None, 5)[5] for line in blocks("crontab", "recipes")[0].splitlines())
    done = subprocess.run(["sh", "-c", night], env=environment, capture_output=True, check=False, timeout=30)
    assert done.returncode == 1
    assert "Run: aventus-creds login prod" in (jobs / "nightly.log").read_text()
    check = morning.replace("| mail -s login you", "")
    done = subprocess.run(["sh", "-c", check], env=environment, capture_output=True, check=False, timeout=30)
    assert done.stdout == b"log in to prod\n"


def test_the_ci_job_runs(
    monkeypatch: pytest.MonkeyPatch, write_profiles: Callable[..., Path], web: Web
) -> None:
    """A token from the environment, a profile for the API's address, and nothing written."""
    variable = re.search(r"(AVENTUS_CREDS_TOKEN_\w+)", blocks("yaml", "recipes")[0])
    assert variable
    write_profiles({"prod": {"issuer": "https://as.example.com", "client_id": "c", "api_url": web.url}})
    monkeypatch.setenv(variable[1], "a-token-from-ci")
    code = "from aventus_creds import get_session; get_session('prod').get('/v1/me')"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    assert web.seen[0].headers["Authorization"] == "Bearer a-token-from-ci"
    assert not Path(os.environ["AVENTUS_CREDS_STATE_DIR"]).exists()


def test_examples_name_the_loopback_address() -> None:
    """RFC 8252 section 8.3: the name localhost may lead elsewhere, and a browser may insist on https for it."""
    files = (
        "README.md",
        "aventus_creds/docs/profiles.md",
        "profiles.example.toml",
        "aventus_creds/profiles/template.toml",
    )
    for path in (*(ROOT / name for name in files), *(ROOT / "notebooks").glob("*.ipynb")):
        text = path.read_text("utf-8")
        assert "127.0.0.1" in text or path.suffix == ".ipynb"
        assert not re.search(r"//localhost|listen\W*localhost", text), path
