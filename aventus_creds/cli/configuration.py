"""Commands about profiles.toml: init, profiles."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import click

from aventus_creds.cli import say
from aventus_creds.errors import ProfileError, ProfilesFileError
from aventus_creds.profiles import profiles_path, read_profiles


@click.command(epilog="Example: aventus-creds init")
def init() -> None:
    """Write a commented profiles.toml to start from, and its JSON Schema for editors. Overwrites nothing."""
    path = profiles_path()
    package = files("aventus_creds")
    _create(path, package.joinpath("profiles.template.toml").read_text("utf-8"))
    schema = path.with_name("profiles.schema.json")
    if not schema.exists():
        _create(schema, package.joinpath("profiles.schema.json").read_text("utf-8"))
    say(f"Wrote {path}\nEdit it, then run: aventus-creds login NAME")


def _create(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ProfilesFileError(f"{path} exists, and is left as it is") from None
    except OSError as fault:
        raise ProfilesFileError(f"{path} cannot be written: {fault.strerror or fault}") from None


@click.command(epilog="Example: aventus-creds profiles")
@click.pass_context
def profiles(ctx: click.Context) -> None:
    """List the profiles, and every mistake in them."""
    from rich.console import Console
    from rich.table import Table

    file = read_profiles()
    table = Table(
        "profile", "system", "grant", "client", "API", box=None, pad_edge=False, header_style="bold"
    )
    problems = list(file.problems())
    for name in file.names:
        try:
            profile = file.profile(name)
        except ProfileError as error:
            problems += error.problems
            table.add_row(name, "has mistakes, see below", style="red")
            continue
        marked = f"{name} (default)" if name == file.default else name
        table.add_row(
            marked, profile.provider.title, profile.grant, profile.client_id, profile.api_url or "none"
        )
    if file.names:
        Console().print(table)
    say(f"The file is {file.path}")
    if problems:
        raise ProfileError(tuple(problems))
    if not file.names:
        say("It has no profiles yet.")
        ctx.exit(0)
