"""The commands that change profiles.toml: profile add and its neighbours."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

import click

from aventus_creds.cli import changes, shown
from aventus_creds.cli.commands import Group
from aventus_creds.cli.prompts import can_ask
from aventus_creds.cli.voice import say
from aventus_creds.cli.written import append
from aventus_creds.profiles.keys import all_keys, allowed_values, explained
from aventus_creds.profiles.kinds import SECRET, refers


@click.group(cls=Group)
def profile() -> None:
    """Show and change the profiles in profiles.toml."""


def _completing(
    allowed: tuple[str, ...],
) -> Callable[[click.Context, click.Parameter, str], list[str]] | None:
    """Return what completes one of the ``allowed`` values in a shell, or None if any value may be right."""
    if not allowed:
        return None
    return lambda _, __, begun: [value for value in allowed if value.startswith(begun)]


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each profile key to ``command``."""
    for key in map(explained, reversed(all_keys().values())):
        option = f"--{key.name.replace('_', '-')}"
        allowed = allowed_values(key)
        values = f" One of: {', '.join(allowed)}." if allowed else ""
        help_text = f"{key.doc[:1].upper()}{key.doc[1:]}.{values}"
        command = click.option(
            option, key.name, metavar="VALUE", help=help_text, shell_complete=_completing(allowed)
        )(command)
    return command


@profile.command(
    epilog="Example: aventus-creds profile add prod --provider aventus --client-id abc"
    " --audience https://api.example.com/ --redirect-uri http://127.0.0.1:8765/callback/aventus"
)
@click.argument("name", required=False)
@_options
def add(name: str | None, **values: str | None) -> None:
    """Append the profile NAME to profiles.toml. What is there stays, byte for byte.

    With no keys given, and in a terminal, it asks what the provider needs.

    A VALUE is text, or TOML where a key takes more than text: 30, false, ["a", "b"], { env = "MY_SECRET" }.
    For a text, { env = "NAME" } is the environment variable, too, and not that text itself.
    The profile is checked first; with a mistake, nothing is written.
    """
    table = {key: value_of(key, text) for key, text in values.items() if text is not None}
    if not table and can_ask():
        from aventus_creds.cli.guide import ask_and_add, offer_login  # the other ways need none

        if added := ask_and_add(name):
            offer_login(added)
        return
    if name is None:
        raise click.UsageError("Missing argument 'NAME'.")
    path = append(name, table)
    say(f"Added {name} to {path}\nRun: aventus-creds login {name}")


def value_of(key: str, text: str) -> Any:
    """Return ``text`` itself if the key accepts it, or else ``text`` parsed as a TOML value."""
    kind = all_keys()[key].kind
    if kind is SECRET:
        return _place(key, text)
    if isinstance(place := _parsed(text, None), dict) and refers(place):
        return place
    try:
        kind.check(text)
    except ValueError:
        return _parsed(text, text)
    return text


def _place(key: str, text: str) -> Any:
    """Return where the secret is, a table, parsed from ``text``."""
    place = _parsed(text, None)
    if not isinstance(place, dict):
        raise click.UsageError(
            "a secret on the command line is seen by everybody:"
            f" give --{key.replace('_', '-')} '{{ env = \"NAME\" }}'"
        )
    return place


def _parsed(text: str, otherwise: Any) -> Any:
    """Return ``text`` parsed as a TOML value, or ``otherwise`` if it is none."""
    try:
        values = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # a huge number or deep nesting is no TOMLDecodeError
        return otherwise
    return values["value"] if len(values) == 1 else otherwise  # a line end in it begins another key


for command in (shown.show_profile, changes.edit, changes.remove, changes.rename):
    profile.add_command(command)
