"""The commands for profiles.toml: init, profile add, profiles, path."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import click
import tomli_w

from aventus_creds.basics.files import make_folders, replace_file
from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.places import profiles_path, state_folder
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.cli.commands import say
from aventus_creds.errors import ConfigError, ProfileError, ProfilesFileError
from aventus_creds.profiles.checks import fit_to_show
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.keys import KEYS


@click.command(short_help="Write a profiles.toml to start from.", epilog="Example: aventus-creds init")
def init() -> None:
    """Write a commented profiles.toml to start from, and its JSON Schema for editors.

    An existing profiles.toml is left as it is; the schema is brought up to date.
    """
    path = profiles_path()
    package = files("aventus_creds.profiles")
    schema = path.with_name("profiles.schema.json")
    existed = path.exists()
    try:
        make_folders(path.parent)
        if not existed:
            template = package.joinpath("template.toml").read_text("utf-8")
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(template)
        replace_file(schema, Hidden(package.joinpath("schema.json").read_bytes()))
    except OSError as fault:
        raise ProfilesFileError(
            f"{fault.filename or path} cannot be written: {fault.strerror or fault}"
        ) from None
    if existed:
        raise ProfilesFileError(f"{path} exists, and is left as it is", hint=f"{schema} is up to date.")
    say(f"Wrote {path}\nEdit it, then run: aventus-creds login NAME")


@click.group(short_help="Change profiles.toml.")
def profile() -> None:
    """Change profiles.toml: profile add."""


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each profile key to ``command``."""
    for key in reversed(KEYS.values()):
        option = f"--{key.name.replace('_', '-')}"
        command = click.option(
            option, key.name, metavar="VALUE", help=f"{key.doc[:1].upper()}{key.doc[1:]}."
        )(command)
    return command


@profile.command(
    epilog="Example: aventus-creds profile add prod --provider aventus --client-id abc"
    " --audience https://api.example.com/ --redirect-uri http://127.0.0.1:8765/callback/aventus"
)
@click.argument("name")
@_options
def add(name: str, **values: str | None) -> None:
    """Append the profile NAME to profiles.toml. What is there stays, byte for byte.

    A VALUE is text, or TOML where a key takes more than text: 30, false, ["a", "b"], { env = "MY_SECRET" }.
    The profile is checked first; with a mistake, nothing is written.
    """
    table = {key: _value(key, value) for key, value in values.items() if value is not None}
    path = profiles_path()
    with PrivateFolder(state_folder() / "tokens").lock(
        "profiles"
    ):  # otherwise a simultaneous add would be lost
        if path.exists() and name in read_profiles(path).names:
            raise ConfigError(f"there is a profile {fit_to_show(name)} already", hint=f"Edit it in {path}")
        before = path.read_bytes() if path.exists() else b""
        addition = _as_toml({"profiles": {name: table}})
        separator = b"" if not before else b"\n" if before.endswith(b"\n") else b"\n\n"
        after = before + separator + addition
        ProfilesFile(path, after.decode("utf-8-sig")).profile(name)
        _replace(path, after)
    say(f"Added {name} to {path}\nRun: aventus-creds login {name}")


def _value(key: str, text: str) -> Any:
    """Return ``text`` itself if the key accepts it, or else ``text`` parsed as a TOML value."""
    if key == "client_secret":
        return _place(text)
    try:
        KEYS[key].kind.check(text)
    except ValueError:
        return _parsed(text, text)
    return text


def _place(text: str) -> Any:
    """Return where the secret is, a table, parsed from ``text``."""
    place = _parsed(text, None)
    if not isinstance(place, dict):
        raise click.UsageError(
            "a secret on the command line is seen by everybody: give --client-secret '{ env = \"NAME\" }'"
        )
    return place


def _parsed(text: str, otherwise: Any) -> Any:
    """Return ``text`` parsed as a TOML value, or ``otherwise`` if it is none."""
    try:
        values = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # a huge number or deep nesting is no TOMLDecodeError
        return otherwise
    return values["value"] if len(values) == 1 else otherwise  # a line end in it begins another key


def _as_toml(table: dict[str, Any]) -> bytes:
    try:
        return tomli_w.dumps(table).encode()
    except (UnicodeEncodeError, RecursionError):
        raise click.UsageError("the NAME or a VALUE is no text that a TOML file can hold") from None


def _replace(path: Path, content: bytes) -> None:
    """Replace ``path`` with ``content`` atomically and keep its mode."""
    try:
        # Keep a symbolic link a link: dotfiles are often kept elsewhere, maybe on another file system.
        path = path.resolve()
        make_folders(path.parent)
        replace_file(path, Hidden(content), path.stat().st_mode & 0o777 if path.exists() else 0o600)
    except OSError as fault:
        raise ProfilesFileError(f"{path} cannot be written: {fault.strerror or fault}") from None


@click.command(epilog="Example: aventus-creds profiles")
def profiles() -> None:
    """List the profiles, and every mistake in them."""
    from aventus_creds.cli.mixups import mixups
    from aventus_creds.cli.tables import new_table, show

    file = read_profiles()
    table = new_table("profile", "system", "grant", "client", "API")
    problems = list(file.problems())
    for name in file.names:
        marked = f"{fit_to_show(name)} (default)" if name == file.default else fit_to_show(name)
        try:
            found = file.profile(name)
        except ProfileError as error:
            problems += error.problems
            table.add_row(marked, "has mistakes, see below", style="red")
            continue
        table.add_row(marked, found.provider.title, found.grant, found.client_id, found.api_url or "none")
    if file.names:
        show(table)
    for warning in mixups(file, list(file.names), fetch=False):
        say(f"warning: {warning}")
    say(f"The file is {file.path}" if file.names else f"{file.path} has no profiles yet.")
    if problems:
        raise ProfileError(tuple(dict.fromkeys(problems)))  # every profile reports the mistakes in [store]


@click.command(
    short_help="Show where things are.", epilog='Example: $EDITOR "$(aventus-creds path profiles)"'
)
@click.argument("what", type=click.Choice(["profiles", "tokens"]), required=False)
def path(what: str | None) -> None:
    """Show where things are: the profiles file and the folder of tokens, or only WHAT."""
    places = {"profiles": profiles_path(), "tokens": state_folder() / "tokens"}
    for name, place in places.items():
        if what is None:
            click.echo(f"{name:9} {place}{'' if place.exists() else '  (not there yet)'}")
        elif what == name:
            click.echo(place)
