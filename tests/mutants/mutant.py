"""What a row of the table is: a protection, how it is taken out, and the tests that must notice."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
PROMISES: Final = ROOT / "tests" / "PROMISES.md"


class Edit(NamedTuple):
    """In ``file``, below aventus_creds/, the text ``old``, which occurs once, is replaced by ``new``."""

    file: str
    old: str
    new: str

    @property
    def path(self) -> str:
        """The file's path in the repository."""
        return f"aventus_creds/{self.file}"


class Mutant(NamedTuple):
    """A protection that is taken out by ``edits``. Each of ``tests`` (below tests/) must then fail.

    Several edits mean that one protection is doubled by another, and ``doubled`` says by what.
    """

    name: str
    promise: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    doubled: str = ""


def out(
    name: str,
    promise: str,
    file: str,
    old: str,
    new: str,
    *tests: str,
    also: tuple[Edit, ...] = (),
    doubled: str = "",
) -> Mutant:
    """Return the row that takes ``old`` in ``file`` out, and what doubles it with ``also``."""
    return Mutant(name, promise, (Edit(file, old, new), *also), tests, doubled)


def broken(mutant: Mutant, root: Path = ROOT) -> list[str]:
    """Return what is wrong with a row: a text that does not occur once, a test that does not exist."""
    wrong = []
    texts: dict[str, str] = {}
    for edit in mutant.edits:
        path = root / edit.path
        text = texts.get(edit.path) or (path.read_text("utf-8") if path.is_file() else "")
        if (found := text.count(edit.old)) != 1:
            wrong.append(f"{mutant.name}: in {edit.path}, {edit.old!r} occurs {found} times instead of once")
        texts[edit.path] = text.replace(edit.old, edit.new)
    for name, text in texts.items():
        try:
            ast.parse(text)
        except SyntaxError as fault:
            wrong.append(f"{mutant.name}: {name} is no Python then: line {fault.lineno}")
    if (len(mutant.edits) > 1) != bool(mutant.doubled):
        wrong.append(f"{mutant.name}: several edits, and only they, say what is doubled by what")
    if not mutant.tests:
        wrong.append(f"{mutant.name}: no test is named")
    for test in mutant.tests:
        file, _, name = test.partition("::")
        if name.partition("[")[0] not in names_in(root / "tests" / file):
            wrong.append(f"{mutant.name}: there is no test {test}")
    return wrong


@cache
def names_in(file: Path) -> frozenset[str]:
    """Return the names of the tests that pytest finds in a file: its functions, parametrised or not."""
    if not file.is_file():
        return frozenset()
    return frozenset(
        node.name
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


class Promise(NamedTuple):
    """A row of PROMISES.md. ``not_code`` says why no line of code can be taken out for it."""

    section: str
    name: str
    requirement: str
    done: str
    tests: tuple[str, ...]
    not_code: str = ""


_TEST: Final = re.compile(r"`([\w/]+\.py::test_\w+)`")
_NOT_CODE: Final = re.compile(r"not a line of code: ([^;|]+)")


def promises(text: str) -> list[Promise]:
    """Return the rows of the tables in PROMISES.md."""
    found, section = [], ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        if line.startswith("| `"):
            name, requirement, done, held_by = (cell.strip() for cell in line.strip("|").split(" | "))
            why = _NOT_CODE.search(held_by)
            found.append(
                Promise(
                    section,
                    name.strip("` "),
                    requirement,
                    done,
                    tuple(_TEST.findall(held_by)),
                    why[1] if why else "",
                )
            )
    return found
