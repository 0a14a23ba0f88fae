"""Commands about logins: login, logout, status, token."""

from __future__ import annotations

import time

import click

from aventus_creds import api
from aventus_creds.cli import say
from aventus_creds.errors import ProfileError
from aventus_creds.profiles import Profile, ProfilesFile, read_profiles
from aventus_creds.stores import default_store
from aventus_creds.tokens import Token, jwt_claims, utc

name_argument = click.argument("name", required=False)


@click.command(epilog="Example: aventus-creds login prod")
@name_argument
@click.option("--no-browser", is_flag=True, help="Only show the address; open no browser.")
def login(name: str | None, no_browser: bool) -> None:  # noqa: FBT001 - click passes options so
    """Log in to the profile NAME (or the default one) in a browser."""
    token = api.login(name, browser=(lambda _: None) if no_browser else None)
    profile = read_profiles().profile(name)
    say(f"Logged in to {profile.name}{_account(token)} until {utc(token.expires_at)}{_refreshable(token)}.")


@click.command(epilog="Example: aventus-creds logout prod")
@name_argument
def logout(name: str | None) -> None:
    """Revoke the login to NAME at its server, where that is possible, and forget it."""
    done = api.logout(name)
    if not done.found:
        say("There was no login.")
    elif done.revoked:
        say("Revoked at the server, and forgotten here.")
    else:
        say(f"Forgotten here, but not revoked: {done.why_not}")


@click.command(epilog="Example: aventus-creds status prod")
@name_argument
def status(name: str | None) -> None:
    """Show the logins: how long each is fresh, and whether it renews itself."""
    from rich.console import Console
    from rich.table import Table

    file = read_profiles()
    table = Table(
        "profile", "login", "renews itself", "account", box=None, pad_edge=False, header_style="bold"
    )
    for each in [name] if name else file.names:
        profile = _readable(file, each) if name is None else file.profile(each)
        if profile is None:
            table.add_row(each, "has mistakes: see aventus-creds profiles", style="red")
            continue
        token = default_store().load(profile.key)
        if token is None:
            table.add_row(each, "not logged in")
        else:
            over = token.expired(time.time())
            text = f"{'expired at' if over else 'fresh until'} {utc(token.expires_at)}"
            renews = "yes" if token.refresh_token else "no"
            style = "yellow" if over and not token.refresh_token else None
            table.add_row(each, text, renews, _account(token).removeprefix(" as "), style=style)
    Console().print(table)


@click.command(
    epilog='Example: curl -H "Authorization: Bearer $(aventus-creds token prod)" https://api.example.com/'
)
@name_argument
def token(name: str | None) -> None:
    """Print a fresh access token of NAME, and nothing else, on standard output."""
    click.echo(api.get_token(name).access_token)


def _readable(file: ProfilesFile, name: str) -> Profile | None:
    try:
        return file.profile(name)
    except ProfileError:
        return None


def _account(token: Token) -> str:
    claims = jwt_claims(token.access_token)
    account = next(
        (claims[key] for key in ("email", "preferred_username", "name", "sub") if claims.get(key)), ""
    )
    return f" as {account}" if isinstance(account, str) and account.isprintable() and account else ""


def _refreshable(token: Token) -> str:
    return ", and it renews itself" if token.refresh_token else ""
