"""Commands about where tokens rest: store move, store key."""

from __future__ import annotations

from contextlib import ExitStack

import click

from aventus_creds.cli import say
from aventus_creds.cli.arguments import optional_name
from aventus_creds.errors import StoreError
from aventus_creds.profile_keys import STORES
from aventus_creds.profiles import Profile, read_profiles
from aventus_creds.stores import store_name
from aventus_creds.stores.opening import open_store


@click.group(short_help="Where logins are kept.")
def store() -> None:
    """Where logins are kept: store move, store key."""


@store.command(
    short_help="Make a key for the Redis store.",
    epilog="Example: AVENTUS_TOKEN_KEY=$(aventus-creds store key)",
)
def key() -> None:
    """Print a new encryption_key for the Redis store: a secret, for the place that [store] names."""
    from aventus_creds.stores.sealing import new_key

    click.echo(new_key())


@store.command(
    short_help="Carry logins over to another store.",
    epilog="Example: aventus-creds store move --to keyring",
)
@optional_name
@click.option("--to", "target", type=click.Choice(STORES), required=True, help="Where to.")
@click.option(
    "--from", "origin", type=click.Choice(STORES), help="Where from (default: where they are kept)."
)
def move(name: str | None, target: str, origin: str | None) -> None:
    """Carry the login of NAME, or those of every profile, over to another store.

    It is not in the old one any more then. Where both have one, the newer one stays.
    """
    file = read_profiles()
    for each in [name] if name else file.names:
        profile = file.profile(each)
        chosen = store_name(profile)
        if (origin or chosen) == target:
            raise click.UsageError(f"{each} is kept in {target} already: give --from, or another --to")
        say(f"{each}: {_move(profile, origin or chosen, target)}")
        if chosen != target:
            say(f'  Now write type = "{target}" below [store] in {file.path}, or set AVENTUS_CREDS_STORE.')


def _move(profile: Profile, origin: str, target: str) -> str:
    """Carry one login over, and return what was done. Whatever fails, it is in one of the two."""
    old, new = open_store(origin, profile.store), open_store(target, profile.store)
    with ExitStack() as held:
        held.enter_context(old.lock(profile.key))
        if {origin, target} != {"file", "keyring"}:  # those two lock by the same file
            held.enter_context(new.lock(profile.key))
        token = old.load(profile.key)
        if token is None:
            return f"no login in {origin}"
        there = new.load(profile.key)
        newer = there is not None and there.obtained_at > token.obtained_at
        if not newer:
            new.save(profile.key, token)
            if new.load(profile.key) != token:
                raise StoreError(f"{target} does not give back what was put into it: nothing was moved")
        old.delete(profile.key)
        return (
            f"{target} has a newer login; the one in {origin} is dropped" if newer else f"moved to {target}"
        )
