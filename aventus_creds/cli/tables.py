"""Tables on standard output."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table


def new_table(*headings: str) -> Table:
    """Return an empty table. What is too wide for the terminal is folded, never cut off."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def show(table: Table) -> None:
    """Print ``table``. Its texts are texts: ``[bold]`` or ``:smile:`` in the name of an account mean nothing."""
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:  # a file or `| grep` has no width
        console.width = 1000
    console.print(table)
