"""On which line of a TOML text a key stands. Used only to word an error."""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from typing import Any


def line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the line, from 1, on which the statement that first sets ``path`` begins.

    The text must be valid TOML. Where ``path`` is set nowhere, the line of the nearest table that would
    hold it is returned, or 1.

    No second parser of TOML is needed: a prefix of whole lines that parses ends between two statements,
    so the key's statement begins after the longest such prefix that does not know the key yet.
    """
    try:
        return _line_of(text, path)
    except RecursionError:  # lists so deep that they can just be read, but not from here
        return 1


def _line_of(text: str, path: tuple[str, ...]) -> int:
    lines = text.replace("\r\n", "\n").split("\n")
    whole = tomllib.loads(text)
    while path and not _holds(whole, path):
        path = path[:-1]
    if not path:
        return 1

    def knows(count: int) -> bool:
        for end in range(count, len(lines)):
            try:
                return _holds(tomllib.loads("\n".join(lines[:end])), path)
            except tomllib.TOMLDecodeError:  # the cut fell inside a value of several lines
                continue
        return True

    return bisect_left(range(len(lines)), True, key=knows)


def _holds(table: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return True
