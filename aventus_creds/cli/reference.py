"""Builds the reference of all commands from their help."""

from __future__ import annotations

from collections.abc import Iterator

import click

from aventus_creds.cli.commands import app


def reference() -> str:
    """Return a Markdown table of the commands: the usage, what the command does, and an example."""
    rows = [f"| `{call}` | {what} | `{example}` |" for call, what, example in _commands(app, "aventus-creds")]
    return "\n".join(["| command | does | example |", "| --- | --- | --- |", *rows]) + "\n"


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, str, str]]:
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command  # noqa: S101 - list_commands returned the name
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
            continue
        does = (command.help or "").replace("\n\n", "\0").replace("\n", " ").split("\0")[0]
        example = (command.epilog or "").removeprefix("Example: ").replace("|", r"\|")  # | ends a table cell
        yield f"{path} {name}{_parameters(command)}", does, example


def _parameters(command: click.Command) -> str:
    """Return the options and arguments as in a usage line. More than ten options become one placeholder."""
    options = [param for param in command.params if isinstance(param, click.Option) and param.expose_value]
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    shown = [f" [{option.opts[0]}{f' {option.metavar}' if option.metavar else ''}]" for option in options]
    if len(shown) > 10:
        shown = [" --KEY VALUE …"]
    words = []
    for argument in arguments:
        word = (argument.name or "").upper() + (" …" if argument.nargs == -1 else "")
        words.append(f" {word}" if argument.required else f" [{word}]")
    return "".join([*words[:1], *shown, *words[1:]])
