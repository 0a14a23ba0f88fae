"""Each block of code in the README and the pages is run, or the table here says where or why not."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import click
import pytest
from support import REPOSITORY

from aventus_creds.cli.commands import app
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox


class Block(NamedTuple):
    page: str
    language: str
    number: int
    text: str


ELSEWHERE: Final = {
    ("machines", ""): "test_docs_machines.py runs each of them",
    ("testing", ""): "test_docs_testing.py runs each of them",
    ("clients", ""): "test_docs_clients.py runs each of them, with the real libraries",
    ("jupyterhub", "python"): "hub/test_hub_tokens.py puts it into a real hub's configuration",
    ("recipes", "crontab"): "test_docs.py runs both lines",
    ("recipes", "yaml"): "test_docs.py runs the job, cli/test_token_formats.py kubectl",
    ("recipes", "json"): "cli/test_token_formats.py runs the command by Google's own class",
    ("profiles", "text"): "test_docs.py compares it with the messages",
    ("how-it-works", "text"): "a picture",
}
OTHER_PROGRAMS: Final = {
    "python3": ".ci/run runs both lines of the README",
    "source": ".ci/run uses the environment by its path",
    "python": "a program of the reader's",
    "docker": "an image of the reader's",
    "ssh": "a machine of the reader's",
    "pass": "a password of the reader's",
    "curl": "a program that reads what the command prints",
    "echo": "it is what happens if the command fails",
}
ISSUER: Final = 'issuer = "https://auth.example.com"\n'
TEAM: Final = f'[profiles.team-prod]\n{ISSUER}client_id = "t"\napi_url = "https://api.example.com/"\n'
STAND_INS: Final = """
import sys, types
for name in ("airflow", "airflow.decorators", "airflow.exceptions", "prefect"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["airflow.decorators"].task = lambda function: function
sys.modules["airflow.exceptions"].AirflowFailException = SystemExit
sys.modules["prefect"].task = lambda **settings: lambda function: function
"""
PAGES: Final = (REPOSITORY / "README.md", *sorted((REPOSITORY / "aventus_creds" / "docs").glob("*.md")))


def every_block() -> Iterator[Block]:
    for page in PAGES:
        found = re.findall(r"^( *)```(\w+)\n(.*?)^ *```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        for number, (_, language, text) in enumerate(found):
            yield Block(page.stem, language, number, textwrap.dedent(text))


BLOCKS: Final = [*every_block()]


def of(*languages: str) -> pytest.MarkDecorator:
    chosen = [
        block
        for block in BLOCKS
        if block.language in languages
        and not {(block.page, ""), (block.page, block.language)} & set(ELSEWHERE)
    ]
    assert chosen
    return pytest.mark.parametrize("block", chosen, ids=[f"{block.page}-{block.number}" for block in chosen])


def test_no_block_is_forgotten() -> None:
    """Each language has a test here, or the page has a reason; and no reason is out of date."""
    here = {"toml", "python", "console", "ini"}
    reasons = {key for block in BLOCKS for key in ((block.page, ""), (block.page, block.language))}
    assert set(ELSEWHERE) <= reasons
    left = {(block.page, block.language) for block in BLOCKS if block.language not in here}
    assert left - set(ELSEWHERE) - {(page, one) for page, one in left if (page, "") in ELSEWHERE} == set()
    for page in PAGES:
        assert len(re.findall(r"^ *```", page.read_text("utf-8"), re.MULTILINE)) == 2 * sum(
            block.page == page.stem for block in BLOCKS
        ), f"{page}: a block without a language"


@of("toml")
def test_a_profile_is_without_mistakes(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole file as it stands, and keys of a profile in a profile."""
    monkeypatch.setenv("READER_CLIENT_ID", "from-env")
    monkeypatch.setenv("TENANT", "acme")
    (tmp_path / "home" / "team").mkdir()
    (tmp_path / "home" / "team" / "profiles.toml").write_text(TEAM)
    text = block.text
    if not re.search(r"^\[", text, re.MULTILINE):
        text = f'[profiles.x]\n{ISSUER}client_id = "c"\n{text}'
    elif 'extends = "prod"' in text:
        text = f'[profiles.prod]\n{ISSUER}client_id = "c"\n\n{text}'
    elif "[profiles." not in text:
        text = f'[profiles.x]\n{ISSUER}client_id = "c"\n\n{text}'
    path = tmp_path / "profiles.toml"
    path.touch(0o600)
    path.write_text(text, "utf-8")
    file = read_profiles(path)
    assert file.problems() == ()
    assert [file.profile(name).name for name in file.usable]


@of("python")
def test_python_runs(block: Block, write_profiles: Callable[..., Path]) -> None:
    """In a process of its own, with a service's login to the sandbox."""
    with Sandbox() as sandbox:
        service = {**sandbox.profiles()["backoffice"], "grant": "client_credentials"}
        for key in ("redirect_uri", "callback", "scope"):
            service.pop(key, None)
        write_profiles({"prod": service})
        code = f"from aventus_creds import *\n{STAND_INS if block.page == 'recipes' else ''}\n{block.text}"
        if "def contacts" in block.text:
            code += "\nassert contacts()"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr


@of("console")
def test_a_command_is_one_of_ours(block: Block) -> None:
    """Its options and arguments are taken; each other program has a reason why it is not run."""
    commands = re.sub(r"\\\n\s*", "", block.text).splitlines()
    for line in filter(lambda line: line.startswith("$ "), commands):
        words = shlex.split(line[2:], comments=True)
        calls: list[list[str]] = [[]]
        for word in words:
            if word in {"|", "||", "&&"}:
                calls.append([])
            else:
                calls[-1].append(word)
        for program, *arguments in calls:
            if Path(program).name == "aventus-creds":
                taken(arguments)
            elif program == "eval":
                assert "_AVENTUS_CREDS_COMPLETE=bash_source aventus-creds" in arguments[0]
            else:
                assert program in OTHER_PROGRAMS or program.startswith(".venv/bin/"), line


def taken(arguments: list[str]) -> None:
    """Parse ``arguments`` as the command line does, without running the command."""
    command: click.Command = app
    context = click.Context(app)
    while isinstance(command, click.Group):
        name, inner, arguments = command.resolve_command(context, arguments)
        assert inner is not None, name
        command = inner
    command.make_context(command.name, [*arguments])


def test_a_command_that_is_not_ours_is_seen() -> None:
    """A command or an option that does not exist is no command of ours."""
    for arguments in (["lgin", "prod"], ["login", "prod", "--no-such-option"]):
        with pytest.raises(click.UsageError):
            taken(arguments)


@of("ini")
def test_systemd_units_can_be_read(block: Block) -> None:
    """Every command in them is one of ours, or the reader's Python."""
    units = configparser.ConfigParser(interpolation=None)
    units.optionxform = str  # type: ignore[assignment,method-assign]
    units.read_string(block.text)
    assert set(units.sections()) == {"Service", "Timer", "Install"}
    program, *arguments = units["Service"]["ExecStartPre"].split()
    assert program.endswith("/aventus-creds")
    taken(arguments)
