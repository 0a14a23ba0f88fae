"""SECURITY.md names tests that exist, in tables that can be read."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from support import REPOSITORY

ROOT = REPOSITORY
TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
SECTIONS = {
    title: [line for line in body.splitlines() if line.startswith("|")]
    for title, _, body in (section.partition("\n") for section in TEXT.split("\n## ")[1:])
}
PROMISES = [title for title in SECTIONS if title not in {"Reporting a vulnerability", "What is not covered"}]
TEST = re.compile(r"tests/((?:\w+/)*test_\w+\.py)::(test_\w+)")


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def functions(file: Path) -> set[str]:
    """The tests that pytest finds in a file: its functions, parametrised or not."""
    return {
        node.name for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)
    }


def test_the_sections() -> None:
    assert [title.lower() for title in PROMISES] == [
        *("the login", "the listener", "pasting", "notebooks", "the token cache"),
        *(
            "other stores",
            "refreshing",
            "the session",
            "the authorization server",
            "secrets",
            "the command line",
        ),
    ]
    assert SECTIONS["What is not covered"]
    assert "advisory" in TEXT.partition("## Reporting a vulnerability")[2].partition("\n## ")[0]


@pytest.mark.parametrize("title", [title for title in SECTIONS if title != "Reporting a vulnerability"])
def test_a_section_is_a_table_without_gaps(title: str) -> None:
    """One header, one rule, and rows of as many cells, none of them empty."""
    header, rule, *rows = map(cells, SECTIONS[title])
    assert len(rows) >= 5
    assert set("".join(rule)) == {"-", " "} or set("".join(rule)) == {"-"}
    for row in (header, rule, *rows):
        assert len(row) == len(header), row
        assert all(row)


def test_no_row_twice() -> None:
    """A requirement stands in one place."""
    said = [cells(row)[0] for rows in SECTIONS.values() for row in rows[2:]]
    assert sorted({name for name in said if said.count(name) > 1}) == []


@pytest.mark.parametrize("title", PROMISES)
def test_every_promise_is_held_by_tests_that_exist(title: str) -> None:
    """The last cell is made of tests alone, each of them a function of its file."""
    for requirement, _, held_by in map(cells, SECTIONS[title][2:]):
        tests = [name.strip("`") for name in held_by.split(", ")]
        assert all(TEST.fullmatch(name) for name in tests), requirement
        for file, name in map(re.Match.groups, map(TEST.match, tests)):  # type: ignore[arg-type]
            assert name in functions(ROOT / "tests" / file), f"{requirement}: {file}::{name}"


def test_the_tests_of_attacks_are_named() -> None:
    """Whoever adds a file of attacks says here what it holds."""
    of_attacks = re.compile(r"test_(.*hostile.*|faults.*|leaks|fuzz.*|soak)\.py")
    files = {
        path.relative_to(ROOT / "tests").as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if of_attacks.fullmatch(path.name)
    }
    assert files
    assert sorted(files - {file for file, _ in TEST.findall(TEXT)}) == []
