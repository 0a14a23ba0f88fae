"""The command docs: opens the pages of documentation that come with the package."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, ClassVar

import click

from aventus_creds.profiles.advice import did_you_mean

_WIDEST = 100


def topics() -> dict[str, str]:
    """Return the name of each page and its text, in the order of the names."""
    pages = (page for page in files("aventus_creds").joinpath("docs").iterdir() if page.name.endswith(".md"))
    return {page.name.removesuffix(".md"): page.read_text("utf-8") for page in sorted(pages, key=str)}


def first_sentence(page: str) -> str:
    """Return the first sentence below the heading of ``page``, on one line."""
    paragraph = page.partition("\n\n")[2].partition("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0].rstrip()


@click.command(epilog="Example: aventus-creds docs troubleshooting")
@click.argument(
    "topic",
    required=False,
    shell_complete=lambda _context, _param, typed: [name for name in topics() if name.startswith(typed)],
)
def docs(topic: str | None) -> None:
    """Open the page TOPIC of the documentation, or list the topics."""
    pages = topics()
    if topic is None:
        click.echo(listing(pages))
        return
    page = pages.get(topic)
    if page is None:
        close = did_you_mean(topic, pages)
        raise click.UsageError(f"there is no page {topic!r}{close or '; all of them: aventus-creds docs'}")
    text = re.sub(r"^<!--.*?-->\n", "", page, flags=re.MULTILINE)
    if sys.stdout is not None and sys.stdout.isatty():
        click.echo_via_pager(_rendered(text))
    else:
        click.echo(text, nl=False)


def listing(pages: dict[str, str]) -> str:
    """Return the topics, each with the first sentence of its page, as a list that fits the terminal."""
    formatter = click.HelpFormatter(width=min(click.get_current_context().terminal_width or 80, _WIDEST))
    with formatter.section("Topics"):
        formatter.write_dl([(name, first_sentence(page).replace("`", "")) for name, page in pages.items()])
    return f"{formatter.getvalue()}\nOpen one: aventus-creds docs TOPIC"


def _rendered(text: str) -> str:
    """Return Markdown as a terminal shows it: with headings, wrapped text and tables."""
    from rich.console import Console
    from rich.markdown import Markdown, TableElement

    from aventus_creds.cli.voice import wants_colour

    class Whole(TableElement):
        """A table whose long words go on in the next line. Rich would cut them."""

        def __rich_console__(self, *arguments: Any) -> Iterator[Any]:
            for table in super().__rich_console__(*arguments):
                for column in getattr(table, "columns", ()):
                    column.overflow = "fold"
                yield table

    class Page(Markdown):
        elements: ClassVar = {**Markdown.elements, "table_open": Whole}

    console = Console(force_terminal=wants_colour(sys.stdout), no_color=not wants_colour(sys.stdout))
    console.width = min(console.width, _WIDEST)
    with console.capture() as capture:
        console.print(Page(text, hyperlinks=False))
    return capture.get()
