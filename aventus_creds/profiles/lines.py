"""Finds the line of a key in a TOML text. Only error messages use it."""

from __future__ import annotations

import tomllib
from bisect import bisect_left
from typing import Any


def line_of(text: str, path: tuple[str, ...]) -> int:
    """Return the line where the statement that first sets ``path`` begins.

    This needs no second TOML parser. If the first N lines parse, line N ends a statement. So the statement
    we look for begins right after the longest such prefix that does not contain the key yet.

    Args:
        text: valid TOML.
        path: the keys from the top table down, such as ``("profiles", "prod", "scope")``.

    Returns:
        The line number, counted from 1. If ``path`` is not set, the line of the closest table that would
        contain it, or 1 if there is none.
    """
    try:
        return _line_of(text, path)
    except RecursionError:  # lists so deep that they only parse with a shorter call stack
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
            except tomllib.TOMLDecodeError:  # the cut is inside a value that spans several lines
                continue
        return True

    return bisect_left(range(len(lines)), True, key=knows)


def _holds(table: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return True
