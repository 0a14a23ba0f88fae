"""The mutants: one that is noticed, one that survives, and rows that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutants.__main__ import SAMPLE, _copy, _try, sample
from mutants.mutant import ROOT, Edit, Mutant, broken, out
from mutants.table import MUTANTS

FILE, TEST = "basics/urls.py", "basics/test_urls.py::test_other_hosts_are_not_loopback"
OLD, NEW = 'and octets[0] == "127"', "and octets[0]"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _copy(ROOT, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize(
    ("new", "test", "state"),
    [
        (NEW, TEST, "killed"),
        (OLD.replace("and", "and  "), TEST, "survived"),
        ("and raise", TEST, "broken"),  # the test cannot be collected
    ],
)
def test_what_becomes_of_a_mutant(whole: Path, new: str, test: str, state: str) -> None:
    """It must fail, and not only be impossible to run; and the tree it was copied from stays as it is."""
    assert _try(whole, out("m", "p", FILE, OLD, new, test)).state == state
    assert OLD in (ROOT / "aventus_creds" / FILE).read_text("utf-8")


@pytest.mark.parametrize(
    ("mutant", "words"),
    [
        (out("m", "p", FILE, "no such text", "", TEST), "occurs 0 times"),
        (out("m", "p", FILE, "octets", "", TEST), "times instead of once"),
        (out("m", "p", "no/such_file.py", OLD, NEW, TEST), "occurs 0 times"),
        (out("m", "p", FILE, OLD, NEW, "basics/test_urls.py::test_gone"), "there is no test"),
        (out("m", "p", FILE, OLD, NEW, "basics/test_gone.py::test_gone"), "there is no test"),
        (out("m", "p", FILE, OLD, NEW), "no test is named"),
        (out("m", "p", FILE, OLD, "and and", TEST), "no Python"),
        (
            out("m", "p", FILE, OLD, NEW, TEST, also=(Edit(FILE, "LOOPBACK_NAMES: Final", "NAMES: Final"),)),
            "doubled",
        ),
        (out("m", "p", FILE, OLD, NEW, TEST, doubled="by nothing"), "doubled"),
    ],
)
def test_a_row_that_does_not_fit_is_told(mutant: Mutant, words: str) -> None:
    """Code and tests move on; a row that takes nothing out would seem to hold a promise."""
    assert words in "\n".join(broken(mutant))
    assert broken(out("m", "p", FILE, OLD, NEW, TEST)) == []


def test_a_commit_always_has_the_same_sample() -> None:
    """A dozen by the hash alone; over many commits all of them have their turn."""
    some = sample(MUTANTS, "0123abc")
    assert some == sample(reversed(MUTANTS), "0123abc")
    assert len(set(some)) == SAMPLE
    assert {row for number in range(500) for row in sample(MUTANTS, str(number))} == set(MUTANTS)
