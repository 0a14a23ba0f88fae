"""The command docs: the pages that come with the package."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from command_line import command

from aventus_creds.cli.commands import app
from aventus_creds.cli.docs import _rendered, docs, first_sentence, topics


def test_the_topics_are_listed() -> None:
    """Each page with its first sentence, and how to open one."""
    done = command("docs")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    pages = [page.name for page in files("aventus_creds").joinpath("docs").iterdir()]
    assert {f"{name}.md" for name in topics()} == {name for name in pages if name.endswith(".md")}
    for name, text in topics().items():
        assert f"{name} {first_sentence(text).replace('`', '')}" in said
        assert first_sentence(text).endswith(".")
        assert len(first_sentence(text)) < 100
    assert said.endswith("aventus-creds docs TOPIC")


@pytest.mark.parametrize("name", [*topics()])
def test_a_page_in_a_pipe_is_its_text(name: str) -> None:
    """As it is written, for grep, but without marks for programs."""
    done = CliRunner().invoke(docs, [name])
    assert done.exit_code == 0
    assert "<!--" not in done.stdout
    kept = [line for line in topics()[name].splitlines() if not line.startswith("<!--")]
    assert done.stdout.splitlines() == kept


def test_a_page_at_a_terminal_goes_through_the_pager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrapped to the terminal, headings and tables drawn; without colours where none are wanted."""
    shown: list[str] = []
    monkeypatch.setattr("click.echo_via_pager", shown.append)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    docs.main(["commands"], standalone_mode=False)
    assert "# The command line" not in shown[0]
    assert "The command line" in shown[0]
    assert "--- |" not in shown[0]
    assert max(map(len, shown[0].splitlines())) <= 80
    assert "\x1b[3" not in shown[0]


@pytest.mark.parametrize("name", [*topics()])
def test_no_word_is_cut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 80 columns, every character of a page is there, also those of long words in tables; pictures fit."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    shown = _rendered(topics()[name])
    assert shown.count("…") == topics()[name].count("…")
    for picture in re.findall(r"^```text\n(.*?)^```", topics()[name], re.MULTILINE | re.DOTALL):
        assert max(map(len, picture.splitlines())) <= 78


def test_an_unknown_topic() -> None:
    """It says which one is near."""
    done = command("docs", "recipe")
    assert done.returncode == 2
    assert "there is no page 'recipe'; did you mean 'recipes'?" in done.stderr
    assert "aventus-creds docs" in command("docs", "zzz").stderr


def test_topics_are_completed() -> None:
    """At the shell's Tab."""
    found = ShellComplete(app, {}, "aventus-creds", "_C").get_completions(["docs"], "prof")
    assert [item.value for item in found] == ["profiles"]
