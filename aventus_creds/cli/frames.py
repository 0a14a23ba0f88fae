"""Shows the line of profiles.toml that a mistake is in, with a caret and what to write instead.

A line may hold a secret. So of each line only the key or the head of the table is shown, and only if it is known.
"""

from __future__ import annotations

import re
from typing import Final

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.places import profiles_path
from aventus_creds.errors import AventusCredsError, Problem, ProfileError, ProfilesFileError
from aventus_creds.profiles.advice import PART
from aventus_creds.profiles.checks import TOP_KEYS
from aventus_creds.profiles.document import read_text
from aventus_creds.profiles.keys import all_keys
from aventus_creds.profiles.store_keys import STORE_KEYS
from aventus_creds.structs import Struct

_KEY: Final = re.compile(rf"(\s*(?:-\s+)?)({PART}(?:\.{PART})*)(\s*[=:]?)")
_HEAD: Final = re.compile(rf"\s*\[\[?\s*(?:{'|'.join(TOP_KEYS)})\b(?:[^\]=,#]*\]\]?)?")


class _Line(Struct):
    """A line of the file: the part that may be shown, and all of it."""

    number: int
    shown: str
    text: Hidden[str]


def framed(error: AventusCredsError) -> str:
    """Return the text of ``error``, and below each mistake in the user's profiles.toml its line."""
    if isinstance(error, ProfileError):
        lines = _lines()
        return "\n".join(filter(None, (f"{each}{_of_problem(each, lines)}" for each in error.problems)))
    if isinstance(error, ProfilesFileError) and (frame := _of_syntax(error, _lines())):
        return f"{error.message.removesuffix(f'; {error.advice}')}{frame}\n{error.hint}"
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
    return _frame(line, start, width, _advice(problem.what, line.text))


def _of_syntax(error: ProfilesFileError, lines: Hidden[list[str]]) -> str:
    if not error.message.startswith(f"{profiles_path().name}:") or not 0 < error.line <= len(lines.reveal()):
        return ""
    line = _line(error.line, lines, [])
    return _frame(line, max(0, min(error.column, len(line.shown)) - 1), 1, error.advice)


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
    if not key or not all(part.strip("\"'") in known for part in re.findall(PART, key[2])):
        return _Line(number, "…", text)
    rest = bool(text.reveal()[key.end() :].strip())
    return _Line(number, f"{key[0].rstrip()}{' …' if rest else ''}".replace("\t", " "), text)


def _frame(line: _Line, start: int, width: int, help_text: str) -> str:
    margin = " " * len(str(line.number))
    caret = f"{margin} | {' ' * start}{'^' * max(width, 1)}"
    return f"\n{margin} |\n{line.number} | {line.shown}\n{caret} {help_text}".rstrip()


def _advice(what: str, line: Hidden[str]) -> str:
    """Return what to write instead, where the message does not say it."""
    quoted = re.search(r"=\s*[\"']", line.reveal())
    if "must be text, not" in what:
        return 'text needs quotes: "…"'
    if "must be true or false" in what and quoted:
        return "true and false are written without quotes"
    if re.search("must be a .*number", what) and quoted:
        return "a number is written without quotes"
    return ""
