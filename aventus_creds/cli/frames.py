"""Shows the line of profiles.toml that a mistake is in, with a caret and what to write instead.

A line may hold a secret. So of each line only the key or the head of the table is shown, and only if it is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.places import profiles_path
from aventus_creds.errors import AventusCredsError, Problem, ProfileError, ProfilesFileError
from aventus_creds.profiles.checks import NAME_RULE
from aventus_creds.profiles.document import read_text
from aventus_creds.profiles.file import TOP_KEYS
from aventus_creds.profiles.keys import all_keys
from aventus_creds.profiles.store_keys import STORE_KEYS

_PART: Final = r"(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')"
_KEY: Final = re.compile(rf"(\s*(?:-\s+)?)({_PART}(?:\.{_PART})*)(\s*[=:]?)")
_HEAD: Final = re.compile(rf"\s*\[\[?\s*(?:{'|'.join(TOP_KEYS)})\b(?:[^\]=,#]*\]\]?)?")
_WHOLE_HEAD: Final = re.compile(rf"\s*\[\[?\s*{_PART}(?:\s*\.\s*{_PART})*\s*\]")
_INVALID: Final = re.compile(r".*: this is not valid TOML: .*\(?at line ([0-9]+), column ([0-9]+)", re.DOTALL)
_VALUE: Final = re.compile(r"\s*(?:[\"'\[{0-9+-]|true\b|false\b|inf\b|nan\b)")
"""How a value of TOML begins."""


class _Line(NamedTuple):
    """A line of the file: the part that may be shown, and all of it."""

    number: int
    shown: str
    text: Hidden[str]


def framed(error: AventusCredsError) -> str:
    """Return the text of ``error``, and below each mistake in the user's profiles.toml its line."""
    if isinstance(error, ProfileError):
        lines = _lines()
        return "\n".join(filter(None, (f"{each}{_of_problem(each, lines)}" for each in error.problems)))
    if isinstance(error, ProfilesFileError) and (place := _INVALID.match(error.message)):
        frame = _of_syntax(int(place[1]), int(place[2]), error.message.partition(":")[0], _lines())
        return "\n".join(filter(None, (error.message + frame, error.hint)))
    return str(error)


def _lines() -> Hidden[list[str]]:
    try:
        text, _ = read_text(profiles_path())
    except (AventusCredsError, OSError):
        return Hidden([])
    return Hidden(text.reveal().replace("\r\n", "\n").split("\n"))


def _of_problem(problem: Problem, lines: Hidden[list[str]]) -> str:
    """Return the frame of a mistake in a key. There is none for the files that are included."""
    if problem.file != profiles_path().name or not 0 < problem.line <= len(lines.reveal()):
        return ""
    line = _line(problem.line, lines, problem.key.split("."))
    if not line.shown or line.shown == "…":
        return ""
    start = len(line.shown) - len(line.shown.lstrip())
    width = len(line.shown.removesuffix("…").rstrip(" =")) - start
    return _frame(line, start, width, _first(_KEY_HELP, problem, line))


def _of_syntax(number: int, column: int, file: str, lines: Hidden[list[str]]) -> str:
    if file != profiles_path().name or not 0 < number <= len(lines.reveal()):
        return ""
    line = _line(number, lines, [])
    problem = Problem(file, number, "", "")
    caret = max(0, min(column, len(line.shown)) - 1)
    return _frame(line, caret, 1, _first(_SYNTAX_HELP, problem, line))


def _line(number: int, lines: Hidden[list[str]], told: list[str]) -> _Line:
    """Return a line with what may be shown of it.

    Args:
        number: counted from 1.
        lines: all of them.
        told: the parts of a key that the message has named.
    """
    text = Hidden(lines.reveal()[number - 1])
    if head := _HEAD.match(text.reveal()):
        return _Line(number, head[0].rstrip() if head[0].isprintable() else "…", text)
    known = {*all_keys(), *STORE_KEYS, *TOP_KEYS, *told}
    key = _KEY.match(text.reveal())
    if not key or not all(part.strip("\"'") in known for part in re.findall(_PART, key[2])):
        return _Line(number, "…", text)
    rest = bool(text.reveal()[key.end() :].strip())
    return _Line(number, f"{key[0].rstrip()}{' …' if rest else ''}".replace("\t", " "), text)


def _frame(line: _Line, start: int, width: int, help_text: str) -> str:
    margin = " " * len(str(line.number))
    caret = f"{margin} | {' ' * start}{'^' * max(width, 1)}"
    return f"\n{margin} |\n{line.number} | {line.shown}\n{caret} {help_text}".rstrip()


Help = tuple[Callable[[Problem, str], object], str]


def _first(helps: tuple[Help, ...], problem: Problem, line: _Line) -> str:
    return next(_texts(helps, problem, line), "")


def _texts(helps: tuple[Help, ...], problem: Problem, line: _Line) -> Iterator[str]:
    return (text for fits, text in helps if fits(problem, line.text.reveal()))


def _name(problem: Problem) -> str:
    return problem.key.rpartition(".")[2]


_KEY_HELP: Final[tuple[Help, ...]] = (
    (
        lambda problem, _: (
            "unknown key" in problem.what and _name(problem) in {"default", "include", "include_origins"}
        ),
        "belongs above the first [table]",
    ),
    (
        lambda problem, line: (
            "unknown key" in problem.what and re.match(r"\s*\[profiles\.[^\"'.\]]+\.", line)
        ),
        'a name with a dot needs quotes: [profiles."a.b"]',
    ),
    (lambda problem, _: "must be text, not" in problem.what, 'text needs quotes: "…"'),
    (
        lambda problem, line: "must be true or false" in problem.what and re.search(r"=\s*[\"']", line),
        "true and false are written without quotes",
    ),
    (
        lambda problem, line: (
            "must be a" in problem.what and "number" in problem.what and re.search(r"=\s*[\"']", line)
        ),
        "a number is written without quotes",
    ),
)
_SYNTAX_HELP: Final[tuple[Help, ...]] = (
    (
        lambda _, line: (
            re.match(r"\s*(?:-\s+)?[\w\"'.-]+\s*:(?:\s|$)", line) and "=" not in line.partition(":")[0]
        ),
        'this looks like YAML: write KEY = "VALUE", below [profiles.NAME]',
    ),
    (
        lambda _, line: re.match(r"\s*[{}]", line),
        "this looks like JSON: write [profiles.NAME], and below it keys",
    ),
    (
        lambda _, line: line.lstrip().startswith("[") and not _WHOLE_HEAD.match(line),
        f"must be [profiles.NAME], and {NAME_RULE}",
    ),
    (
        lambda _, line: re.search(r"=\s*(?:True|False|TRUE|FALSE)\b", line),
        "write true or false in lower case",
    ),
    (lambda _, line: re.search("[\u201c\u201d\u2018\u2019]", line), 'write straight quotes: "…"'),
    (lambda _, line: re.search(r"=\s*(?:#.*)?$", line), "the value is missing"),
    (lambda _, line: "=" in line and not _VALUE.match(line.partition("=")[2]), 'text needs quotes: "…"'),
    (
        lambda _, line: re.fullmatch(r"[^=]*=\s*(?:\"[^\"]*|'[^']*)", line),
        "the quotes are not closed",
    ),
    (lambda _, line: "=" not in line and line.strip(), 'a line is KEY = "VALUE", or [profiles.NAME]'),
)
