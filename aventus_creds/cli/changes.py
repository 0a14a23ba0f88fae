"""The commands that change what profiles.toml has already: profile edit, remove and rename, and default."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aventus_creds import api
from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.places import profiles_path
from aventus_creds.cli.arguments import optional_name, required_name
from aventus_creds.cli.voice import say
from aventus_creds.cli.written import changing, content, refuse_taken, replace
from aventus_creds.errors import ConfigError, ProfileError, ProfilesFileError
from aventus_creds.profiles.checks import NAME_RULE, fit_to_show, is_name
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.stores import STORES
from aventus_creds.stores.opening import store_for, store_name

if TYPE_CHECKING:
    from aventus_creds.profiles.profile import Profile


@click.command(epilog="Example: aventus-creds profile edit")
def edit() -> None:
    """Open profiles.toml in your editor ($VISUAL or $EDITOR), then say every mistake in it."""
    file = profiles_path()
    if not file.exists():
        raise ProfilesFileError(
            f"there is no profiles file: it belongs at {file}", hint="Run: aventus-creds init"
        )
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ("notepad" if os.name == "nt" else "vi")
    words = [chosen] if os.name == "nt" else shlex.split(chosen)
    try:
        ended = subprocess.run([*words, str(file)], check=False).returncode  # noqa: S603 - the user names the editor
    except OSError as fault:
        raise ConfigError(
            f"the editor {fit_to_show(words[0])} cannot be started: {fault.strerror or fault}",
            hint="Set EDITOR to another one.",
        ) from None
    if ended:
        raise ConfigError(f"the editor {fit_to_show(words[0])} ended with {ended}")
    problems = _problems(read_profiles())
    if problems:
        raise problems
    say(f"{file} has no mistakes.")


def _problems(file: ProfilesFile) -> ProfileError | None:
    found = list(file.problems())
    for name in file.usable:
        try:
            file.profile(name)
        except ProfileError as error:
            found += error.problems
    return ProfileError(tuple(dict.fromkeys(found))) if found else None


@click.command(epilog="Example: aventus-creds profile remove old")
@required_name
def remove(name: str) -> None:
    """Log out of NAME, and remove it from profiles.toml. The rest of the file stays, byte for byte."""
    from aventus_creds.cli.text_edits import removed, sure

    with changing() as path:
        file = _own(path, name)
        after = sure(removed(_text(path), name))
        later = ProfilesFile(path, after.reveal().removeprefix("\ufeff"))
        if needing := [each for each in later.usable if _works(file, each) and not _works(later, each)]:
            raise ConfigError(
                f"{', '.join(needing)} needs {fit_to_show(name)}", hint="Change or remove that first."
            )
        done = _logged_out(file, name)
        replace(path, Hidden(after.reveal().encode()))
    say(f"Removed {name} from {path}{done}")
    if file.default == name:
        say("It was the default: choose another with aventus-creds default NAME")


def _works(file: ProfilesFile, name: str) -> bool:
    try:
        file.profile(name)
    except ConfigError:
        return False
    return True


def _logged_out(file: ProfilesFile, name: str) -> str:
    try:
        file.profile(name)
    except ConfigError:
        return ""  # without its keys, its login cannot be found
    result = api.logout(name)
    if not result.found:
        return ""
    return "; its login is revoked" if result.revoked else f"; its login is forgotten: {result.why_not}"


@click.command(epilog="Example: aventus-creds profile rename prod production")
@required_name
@click.argument("new")
def rename(name: str, new: str) -> None:
    """Rename the profile NAME to NEW. Its login moves along, and so does what refers to it.

    The rest of the file stays, byte for byte.
    """
    from aventus_creds.cli.text_edits import renamed, sure

    if not is_name(new):
        raise click.UsageError(NAME_RULE)
    with changing() as path:
        file = _own(path, name)
        refuse_taken(path, new)
        after = sure(renamed(_text(path), name, new))
        moved = _carried(
            file, ProfilesFile(path, after.reveal().removeprefix("\ufeff")), name, new, path, after
        )
    say(f"Renamed {name} to {new} in {path}{moved}")


def _carried(
    before: ProfilesFile, later: ProfilesFile, name: str, new: str, path: Path, after: Hidden[str]
) -> str:
    """Write the file, and have the login under its new name. If a step fails, it still has the old one."""
    content = Hidden(after.reveal().encode())
    try:
        old, now = before.profile(name), later.profile(new)
    except ConfigError:  # it has mistakes, and its login cannot be found
        replace(path, content)
        return ""
    if not STORES[store_name(old)].lasts:
        replace(path, content)
        return ""
    return _move(old, now, path, content)


def _move(old: Profile, now: Profile, path: Path, content: Hidden[bytes]) -> str:
    store = store_for(old)
    first, second = sorted(
        (old.key, now.key)
    )  # in a fixed order: otherwise two renames could wait for each other
    with store.lock(first), store.lock(second):
        token = store.load(old.key)
        if token is None:
            replace(path, content)
            return ""
        store.save(now.key, token)
        try:
            replace(path, content)
        except BaseException:
            store.delete(now.key)
            raise
        store.delete(old.key)
    return "; its login moved along"


@click.command(epilog="Example: aventus-creds default prod")
@optional_name
def default(name: str | None) -> None:
    """Make NAME the profile that is used where none is named, or print which one that is."""
    from aventus_creds.cli.text_edits import sure, with_default

    if name is None:
        click.echo(read_profiles().chosen())
        return
    with changing() as path:
        file = read_profiles(path)
        if name not in file.usable:
            file.profile(name)  # says why not
            raise ConfigError(f"{fit_to_show(name)} is only there to be extended")
        after = sure(with_default(_text(path), name))
        replace(path, Hidden(after.reveal().encode()))
    say(f"{name} is the default now, in {path}")


def _own(path: Path, name: str) -> ProfilesFile:
    """Return the file, which has the profile ``name`` itself."""
    file = read_profiles(path)
    if name not in file.names:
        file.profile(name)  # says what there is
    if file.is_included(name):
        raise ConfigError(f"{fit_to_show(name)} is in {file.place(name)}, which is included: change it there")
    return file


def _text(path: Path) -> Hidden[str]:
    return Hidden(content(path).decode())
