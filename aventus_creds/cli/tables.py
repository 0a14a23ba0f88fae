"""Prints tables on standard output."""

from __future__ import annotations

import io
import os
import sys
from typing import Final

BOLD: Final = "1"
COLOURS: Final = {"red": "31", "yellow": "33"}
OWN_WAYS: Final = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
"""Variables by which rich decides otherwise."""
NO_TERMINAL: Final = 1000
"""The width of a file or a pipe, which has none."""

Row = tuple[tuple[str, ...], str]


class Table:
    """A table: its headings, and its rows, each with the colour of its text or ``""``."""

    def __init__(self, *headings: str) -> None:
        self.headings = headings
        self.rows: list[Row] = []

    def add_row(self, *cells: str, style: str | None = None) -> None:
        """Add a row, in the colour ``style``, a key of COLOURS. Cells may be missing at its end."""
        missing = len(self.headings) - len(cells)
        self.rows.append(((*cells, *[""] * missing), style or ""))


def show(table: Table) -> None:
    """Print ``table``. Text that is too wide for the terminal wraps and is never cut off.

    Rich knows how, and how wide the characters of all languages are. Loading it takes most of the time of a short
    command, so a table of plain text that fits is printed without.
    """
    widths = [
        max(map(len, column)) for column in zip(table.headings, *(row for row, _ in table.rows), strict=True)
    ]
    width = _width()
    if sum(widths) + 2 * (len(widths) - 1) > width or not _is_plain(table):
        _show_by_rich(table)
        return
    lines = [(table.headings, BOLD), *((row, COLOURS.get(colour, "")) for row, colour in table.rows)]
    for cells, code in lines:
        line = "  ".join(map(str.ljust, cells, widths))
        print(f"\x1b[{code}m{line}\x1b[0m" if code and width != NO_TERMINAL else line)  # noqa: T201 - its purpose
    sys.stdout.flush()  # if nobody reads it any more, nothing else is said


def _width() -> int:
    """Return how many characters a line of standard output has, or -1 where rich finds out more."""
    if not isinstance(sys.stdout, io.TextIOWrapper) or any(map(os.environ.get, OWN_WAYS)):
        return -1
    if not sys.stdout.isatty():
        return NO_TERMINAL
    if os.name != "posix" or os.environ.get("TERM", "dumb").lower() in {"", "dumb", "unknown"}:
        return -1
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return -1


def _is_plain(table: Table) -> bool:
    texts = "".join("".join(cells) for cells in (table.headings, *(row for row, _ in table.rows)))
    return texts.isascii() and texts.isprintable()


def _show_by_rich(table: Table) -> None:
    """Print ``table``. Markup such as ``[bold]`` or ``:smile:`` in the name of an account is printed as it is."""
    from rich.console import Console
    from rich.table import Table as RichTable

    shown = RichTable(box=None, pad_edge=False, header_style="bold")
    for heading in table.headings:
        shown.add_column(heading, overflow="fold", no_wrap=heading == table.headings[0])
    for cells, colour in table.rows:
        shown.add_row(*cells, style=colour or None)
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = NO_TERMINAL
    console.print(shown)
