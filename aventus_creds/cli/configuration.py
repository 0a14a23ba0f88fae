"""The commands for profiles.toml as a whole: init, profiles, path."""

from __future__ import annotations

import json

import click

from aventus_creds.basics.files import create_file, make_folders, replace_file
from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.places import profiles_path, really, state_folder
from aventus_creds.cli.commands import no_profiles
from aventus_creds.cli.prompts import can_ask
from aventus_creds.cli.voice import complain, say
from aventus_creds.errors import Problem, ProfileError, ProfilesFileError
from aventus_creds.profiles.checks import fit_to_show
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.profile import Profile
from aventus_creds.structs import Struct


@click.command(epilog="Example: aventus-creds init")
@click.option("--no-input", is_flag=True, help="Ask nothing, even in a terminal.")
def init(no_input: bool) -> None:  # noqa: FBT001 - as click does
    """Write a commented profiles.toml to start from, and its JSON Schema for editors.

    In a terminal it asks for your first profile. An existing profiles.toml is left as it is; the schema is brought up
    to date.
    """
    from importlib.resources import files

    path = profiles_path()
    package = files("aventus_creds.profiles")
    template = package.joinpath("template.toml").read_bytes()
    schema = path.with_name("profiles.schema.json")
    existed = path.exists()
    added: Profile | None = None
    if not existed and not no_input and can_ask():
        from aventus_creds.cli.guide import ask_and_add, offer_login  # the other ways need none

        if not (added := ask_and_add(None, start=template)):
            return
    try:
        make_folders(path.parent)
        if not existed and not added:
            create_file(path, Hidden(template))
        replace_file(schema, Hidden(package.joinpath("schema.json").read_bytes()))
    except OSError as fault:
        raise ProfilesFileError(
            f"{fault.filename or path} cannot be written: {fault.strerror or fault}"
        ) from None
    if existed:
        raise ProfilesFileError(
            f"{really(path)} exists, and is left as it is", hint=f"{really(schema)} is up to date."
        )
    if added:
        offer_login(added)
    else:
        say(f"Wrote {really(path)}\nEdit it, then run: aventus-creds login NAME")


class Listed(Struct):
    """One profile. ``profiles --json`` prints these fields; None where a mistake hides what it would be."""

    profile: str
    default: bool
    file: str
    extends: str | None
    base: bool  # only there to be extended
    system: str | None = None
    grant: str | None = None
    client_id: str | None = None
    api_url: str | None = None
    mistakes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@click.command(epilog="Example: aventus-creds profiles")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def profiles(as_json: bool) -> None:  # noqa: FBT001 - as click does
    """List the profiles, and every mistake in them."""
    from aventus_creds.cli.mixups import mixups

    file = read_profiles()
    problems = list(file.problems())
    listed = [_listed(file, name, problems) for name in file.names]
    if as_json:
        click.echo(json.dumps([each._asdict() for each in listed], indent=2))
    elif not listed and not problems:
        say(no_profiles(file))
    else:
        _print_table(file, listed)
        warnings = [warning for each in listed for warning in each.warnings]
        for warning in [*warnings, *mixups(file, list(file.names), fetch=False)]:
            complain("warning", warning)
        say(f"The file is {file.path}")
    if problems:
        raise ProfileError(tuple(dict.fromkeys(problems)))  # every profile reports the mistakes in [store]


def _listed(file: ProfilesFile, name: str, problems: list[Problem]) -> Listed:
    """Return one profile. Its mistakes are added to ``problems``."""
    from aventus_creds.profiles.doubts import doubts

    known = Listed(
        name, name == file.default, str(file.place(name)), file.extends(name), base=file.is_base(name)
    )
    if known.base:
        return known
    try:
        found = file.profile(name)
    except ProfileError as error:
        problems += error.problems
        return known._replace(mistakes=tuple(map(str, error.problems)))
    return known._replace(
        system=found.system,
        grant=found.grant,
        client_id=found.client_id,
        api_url=found.api_url or None,
        warnings=tuple(doubts(found)),
    )


def _print_table(file: ProfilesFile, listed: list[Listed]) -> None:
    from aventus_creds.cli.tables import Table, show

    shares = any(each.extends or file.is_included(each.profile) for each in listed)
    table = Table("profile", "system", "grant", "client", "API", *(["keys from"] if shares else []))
    for it in listed:
        marked = f"{fit_to_show(it.profile)}{' (default)' if it.default else ''}"
        if it.base:
            users = ", ".join(map(fit_to_show, file.extended_by(it.profile)))
            table.add_row(marked, f"only a base of {users}", "", "", "", *_keys_from(file, it.profile))
        elif it.mistakes:
            table.add_row(marked, "has mistakes, see below", style="red")
        else:
            cells = (it.system or "", it.grant or "", it.client_id or "", it.api_url or "none")
            table.add_row(marked, *cells, *(_keys_from(file, it.profile) if shares else []))
    show(table)


def _keys_from(file: ProfilesFile, name: str) -> list[str]:
    """Return where a profile has its keys from besides its own table, as a cell of the table."""
    places = [str(file.place(name))] if file.is_included(name) else []
    if base := file.extends(name):
        places.append(fit_to_show(base))
    return [", ".join(places)]


@click.command(epilog='Example: $EDITOR "$(aventus-creds path profiles)"')
@click.argument("what", type=click.Choice(["profiles", "tokens"]), required=False)
def path(what: str | None) -> None:
    """Show where things are: the profiles file and the folder of tokens, or only WHAT."""
    places = {"profiles": profiles_path(), "tokens": state_folder() / "tokens"}
    for name, place in places.items():
        if what is None:
            click.echo(f"{name:9} {really(place)}{'' if place.exists() else '  (not there yet)'}")
        elif what == name:
            click.echo(really(place))
