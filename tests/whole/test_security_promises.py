"""SECURITY.md is a page for people; PROMISES.md, the table of mutants and the tests agree."""

from __future__ import annotations

import re

import pytest
from mutants.mutant import ROOT, broken, names_in, promises
from mutants.table import MUTANTS
from support import REPOSITORY

SECURITY = (REPOSITORY / "SECURITY.md").read_text("utf-8")
TEXT = (REPOSITORY / "tests" / "PROMISES.md").read_text("utf-8")
PROMISES = promises(TEXT)


def test_security_is_one_page() -> None:
    """For people: no tables of tests; who attacks, what is promised, what is not, how to report, which versions."""
    assert len(SECURITY.encode()) < 9216
    assert re.findall(r"(?m)^## (.+)$", SECURITY) == [
        *("Reporting a vulnerability", "Versions", "Who the attacker is", "What is promised"),
        "What is not covered",
    ]
    assert "advisory" in SECURITY.partition("## Reporting a vulnerability")[2].partition("\n## ")[0]
    assert "tests/PROMISES.md" in SECURITY
    assert "::test_" not in SECURITY


def test_the_sections() -> None:
    assert [title.lower() for title in dict.fromkeys(promise.section for promise in PROMISES)] == [
        *("the login", "the listener", "pasting", "notebooks", "the token cache"),
        *("other stores", "refreshing", "the session", "the authorization server", "secrets"),
        "the command line",
    ]


def test_every_row_can_be_read() -> None:
    """Each line of a table is its header, its rule or a promise, with no empty cell."""
    rows = [line for line in TEXT.splitlines() if line.startswith("|")]
    assert len(rows) == len(PROMISES) + 2 * len({promise.section for promise in PROMISES})
    assert [promise.name for promise in PROMISES if not all((promise.requirement, promise.done))] == []


@pytest.mark.parametrize("name", ["name", "requirement"])
def test_no_promise_twice(name: str) -> None:
    said = [getattr(promise, name) for promise in PROMISES]
    assert sorted({text for text in said if said.count(text) > 1}) == []


def test_every_promise_is_held_by_tests_that_exist() -> None:
    assert [promise.name for promise in PROMISES if not promise.tests] == []
    named = {test for promise in PROMISES for test in promise.tests}
    gone = {
        test
        for test in named
        if test.partition("::")[2] not in names_in(ROOT / "tests" / test.partition("::")[0])
    }
    assert sorted(gone) == []


def test_every_promise_has_a_mutant() -> None:
    """Or says why there is no line of code that could be taken out; never both."""
    behind = {mutant.promise for mutant in MUTANTS}
    without = {promise.name for promise in PROMISES if promise.not_code}
    assert sorted(promise.name for promise in PROMISES if promise.name not in behind | without) == []
    assert sorted(behind & without) == []
    assert sorted(behind - {promise.name for promise in PROMISES}) == []


def test_every_mutant_fits_the_code_and_the_tests() -> None:
    """As ``python -m tests.mutants --check`` says; and its tests stand in the row of its promise."""
    held = {promise.name: promise.tests for promise in PROMISES}
    assert [text for mutant in MUTANTS for text in broken(mutant)] == []
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 150
    for mutant in MUTANTS:
        named = {test.partition("[")[0] for test in mutant.tests}
        assert named <= set(held[mutant.promise]), (
            f"{mutant.name}: add its tests to the row of {mutant.promise}"
        )


def test_the_tests_of_attacks_are_named() -> None:
    """Whoever adds a file of attacks says in PROMISES.md what it holds."""
    of_attacks = re.compile(r"test_(.*hostile.*|faults.*|leaks|fuzz.*|soak)\.py")
    files = {
        path.relative_to(ROOT / "tests").as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if of_attacks.fullmatch(path.name)
    }
    assert files
    assert sorted(files - {test.partition("::")[0] for promise in PROMISES for test in promise.tests}) == []
