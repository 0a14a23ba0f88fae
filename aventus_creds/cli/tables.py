"""Prints tables on standard output."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table


def new_table(*headings: str) -> Table:
    """Return an empty table. Text that is too wide for the terminal wraps and is never cut off."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def show(table: Table) -> None:
    """Print ``table``. Markup such as ``[bold]`` or ``:smile:`` in the name of an account is printed as it is."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:  # a file or a pipe has no width
        console.width = 1000
    console.print(table)
