"""The commands for the place where tokens are stored: store move, store key."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Final

import click

from aventus_creds.cli.arguments import optional_name
from aventus_creds.cli.commands import Group
from aventus_creds.cli.voice import say
from aventus_creds.errors import Problem, ProfileError, StoreError
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.kinds import any_of
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.stores import STORES
from aventus_creds.stores.opening import open_store, store_name

LASTING: Final = [row.name for row in STORES.values() if row.lasts]
"""The stores that a command can find anything in."""


@click.group(cls=Group)
def store() -> None:
    """Move logins to another store, or make a key for Redis."""


@store.command(
    short_help="Make a key for the Redis store.",
    epilog="Example: AVENTUS_TOKEN_KEY=$(aventus-creds store key)",
)
def key() -> None:
    """Print a new encryption_key for the Redis store: a secret, for the place that [store] names."""
    from aventus_creds.stores.redis.sealing import new_key

    click.echo(new_key())


@store.command(
    short_help="Move logins to another store.",
    epilog="Example: aventus-creds store move --to keyring",
)
@optional_name
@click.option(
    "--to",
    "target",
    type=click.Choice(LASTING),
    metavar="STORE",
    required=True,
    help=f"Where to: {any_of(LASTING)}.",
)
@click.option(
    "--from",
    "origin",
    type=click.Choice(LASTING),
    metavar="STORE",
    help="Where from (default: where they are stored).",
)
def move(name: str | None, target: str, origin: str | None) -> None:
    """Move the login of NAME, or those of every profile, to another store.

    It is not in the old one any more then. Where both have one, the newer one stays. What is kept there already
    stays; a profile with mistakes does not hinder the others.
    """
    file = read_profiles()
    already: list[str] = []
    problems: list[Problem] = []
    told: set[str] = set()
    names = [name] if name else file.usable
    for each in names:
        try:
            profile = file.profile(each)
        except ProfileError as error:
            if name:
                raise
            problems += error.problems
            continue
        chosen = store_name(profile)
        if not STORES[chosen].lasts and not origin:
            say(f"{each}: kept in {chosen}, where no other program finds it")
            continue
        if (origin or chosen) == target:
            already.append(each)
            continue
        say(f"{each}: {_move(profile, origin or chosen, target)}")
        text = _what_to_write(file, each, target)
        if chosen != target and text not in told:
            told.add(text)
            say(f"  {text}")
    if already and len(already) == len(names):
        raise click.UsageError(
            f"{', '.join(already)}: kept in {target} already; give --from another store, or another --to"
        )
    for each in already:
        say(f"{each}: kept in {target} already")
    if problems:
        raise ProfileError(tuple(dict.fromkeys(problems)))


def _what_to_write(file: ProfilesFile, name: str, target: str) -> str:
    """Return what the user must change to use ``target``. It must be set in the same place as the old store."""
    if os.environ.get("AVENTUS_CREDS_STORE"):
        return f"Now set AVENTUS_CREDS_STORE={target}: it overrides {file.path}."
    *table, key = file.store_key(name)
    return f'Now write {key} = "{target}" below [{".".join(table)}] in {file.path}'


def _move(profile: Profile, origin: str, target: str) -> str:
    """Move one login and return what was done. If a step fails, the login is still in one of the stores."""
    old, new = open_store(origin, profile.store), open_store(target, profile.store)
    locks = {origin: old, target: new}
    if STORES[origin].lock == STORES[target].lock:  # both use the same lock file
        del locks[origin]
    with ExitStack() as held:
        for kind in sorted(locks):  # in a fixed order: otherwise two opposite moves deadlock
            held.enter_context(locks[kind].lock(profile.key))
        token = old.load(profile.key)
        if token is None:
            return f"no login in {origin}"
        there = new.load(profile.key)
        newer = there is not None and there.obtained_at > token.obtained_at
        if not newer:
            new.save(profile.key, token)
            if new.load(profile.key) != token:
                raise StoreError(f"{target} does not return what was stored in it: nothing was moved")
        old.delete(profile.key)
        return (
            f"{target} has a newer login; the one in {origin} is dropped" if newer else f"moved to {target}"
        )
