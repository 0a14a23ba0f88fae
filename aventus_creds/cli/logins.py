"""The commands for logins: login, logout, status, token, exec."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from typing import Final, NamedTuple

import click

from aventus_creds import api
from aventus_creds.cli.arguments import Duration, optional_name, required_name
from aventus_creds.cli.commands import COMMAND_NOT_FOUND, COMMAND_NOT_STARTED, exit_code, say
from aventus_creds.errors import AventusCredsError, ConfigError, LoginRequired, ProfileError, StoreError
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.profile import token_variable
from aventus_creds.sources.chain import injected_source
from aventus_creds.stores.opening import store_for, store_name
from aventus_creds.tokens import jwt_account, utc

IGNORED_BY_PYTHON: Final = [
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ") if hasattr(signal, name)
]
"""Signals that Python ignores. The program would inherit that, and `| head` could not stop it."""


@click.command(short_help="Log in to a profile.", epilog="Example: aventus-creds login prod")
@optional_name
@click.option("--no-browser", is_flag=True, help="Only show the address; open no browser.")
@click.option("--device", is_flag=True, help="Log in on another device: for a machine without a browser.")
def login(name: str | None, no_browser: bool, device: bool) -> None:  # noqa: FBT001 - as click does
    """Log in to the profile NAME (or the default one), whatever is cached."""
    from aventus_creds.callbacks.browser import no_browser as open_nothing

    profile = read_profiles().profile(name)
    name = profile.name
    token = api.login(name, browser=open_nothing if no_browser else None, device=device)
    renews = ", and it renews itself" if token.refresh_token else ""
    account = f" as {found}" if (found := jwt_account(token.access_token)) else ""
    say(f"Logged in to {name}{account} until {utc(token.expires_at)}{renews}.")
    if missing := set(profile.scope.split()) - set((token.scope or "").split()):
        say(f"The server did not grant: {' '.join(sorted(missing))}")


@click.command(short_help="Revoke and forget a login.", epilog="Example: aventus-creds logout prod")
@optional_name
@click.option("--all", "everything", is_flag=True, help="Log out of every profile.")
def logout(name: str | None, everything: bool) -> None:  # noqa: FBT001 - as click does
    """Revoke the login to NAME at its server, where that is possible, and forget it."""
    if everything and name:
        raise click.UsageError("give a NAME or --all, not both")
    file = read_profiles()
    problems: list[ProfileError] = []
    for each in file.names if everything else [file.chosen(name)]:
        try:
            done = api.logout(each)
        except ProfileError as error:
            if not everything:
                raise
            problems.append(error)
            continue
        if not done.found:
            say(f"{each}: there was no login.")
        elif done.revoked:
            say(f"{each}: revoked at the server, and forgotten here.")
        else:
            say(f"{each}: forgotten here, but not revoked: {done.why_not}")
    if problems:
        raise ProfileError(tuple(dict.fromkeys(problem for error in problems for problem in error.problems)))


class Standing(NamedTuple):
    """The state of one profile's login. ``status --json`` prints these fields.

    ``needs_login`` means that a user has to log in soon. ``store`` is file, keyring or redis; None if
    no store applies or its name cannot be determined.
    """

    profile: str
    state: str  # fresh, expired, none, mistakes, injected (by the environment), or unknown (no access to the store)
    expires_at: str | None  # ISO 8601, UTC
    expires_in: int | None  # seconds
    refreshable: bool
    account: str | None
    needs_login: bool
    store: str | None = None


@click.command(
    short_help="Show how long each login is fresh.",
    epilog="Example: aventus-creds status prod --min-ttl 2h || notify 'log in to prod again'",
)
@optional_name
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--min-ttl",
    type=Duration(),
    default="0",
    metavar="SPAN",
    help="How soon is soon: 90s, 5m, 2h (default: now).",
)
@click.pass_context
def status(ctx: click.Context, name: str | None, as_json: bool, min_ttl: float) -> None:  # noqa: FBT001
    """Show the logins: how long each is fresh, and whether it renews itself.

    Exits with 3 when a person is needed soon for one of them, for monitoring, and with 4 when one cannot be read.
    """
    file = read_profiles()
    if name:
        file.profile(name)  # if you name one profile, its mistakes are errors
    errors: list[AventusCredsError] = []
    standings = [_standing(file, each, min_ttl, errors) for each in ([name] if name else file.names)]
    if as_json:
        click.echo(json.dumps([standing._asdict() for standing in standings], indent=2))
    else:
        _print_table(standings)
    for text in dict.fromkeys(map(str, errors)):  # report a store that is down only once
        say(f"error: {text}")
    if any(standing.state in {"mistakes", "unknown"} for standing in standings):
        ctx.exit(exit_code(ProfileError(())))
    if any(standing.needs_login for standing in standings):
        ctx.exit(exit_code(LoginRequired("")))


def _standing(file: ProfilesFile, name: str, min_ttl: float, errors: list[AventusCredsError]) -> Standing:
    if injected_source(name):
        return Standing(name, "injected", None, None, refreshable=False, account=None, needs_login=False)
    try:
        profile = file.profile(name)
    except ProfileError:
        return Standing(name, "mistakes", None, None, refreshable=False, account=None, needs_login=False)
    attended = GRANTS[profile.grant].attended
    kept_in = None
    try:
        kept_in = store_name(profile)
        token = store_for(profile).load(profile.key)
    except (ConfigError, StoreError) as error:  # other profiles may use other stores
        errors.append(error)
        return Standing(name, "unknown", None, None, not attended, None, needs_login=False, store=kept_in)
    if token is None:
        return Standing(name, "none", None, None, not attended, None, attended, kept_in)
    now = time.time()
    renews = not attended or token.refresh_token is not None
    return Standing(
        name,
        "expired" if token.expired(now) else "fresh",
        utc(token.expires_at).removesuffix(" UTC").replace(" ", "T") + "Z",
        round(token.expires_at - now),
        renews,
        jwt_account(token.access_token) or None,
        not renews and not token.fresh(now, min_ttl),
        kept_in,
    )


def _print_table(standings: list[Standing]) -> None:
    from aventus_creds.cli.tables import new_table, show

    table = new_table("profile", "login", "renews itself", "kept in", "account")
    for it in standings:
        moment = (it.expires_at or "").replace("T", " ").replace("Z", " UTC")
        login = {
            "fresh": f"fresh until {moment}",
            "expired": f"expired at {moment}",
            "none": "not logged in" if it.needs_login else "not used yet",
            "mistakes": "has mistakes: see aventus-creds profiles",
            "unknown": "cannot be read: see below",
            "injected": f"from {token_variable(it.profile)}",
        }[it.state]
        style = "red" if it.state in {"mistakes", "unknown"} else "yellow" if it.needs_login else None
        renews = "" if it.state in {"mistakes", "injected", "unknown"} else "yes" if it.refreshable else "no"
        table.add_row(it.profile, login, renews, it.store or "", it.account or "", style=style)
    show(table)


@click.command(
    short_help="Print a fresh access token.",
    epilog="Example: aventus-creds token prod --header | curl -H @- https://api.example.com/v1/me",
)
@optional_name
@click.option("--header", is_flag=True, help="Print it as a header: Authorization: Bearer …")
@click.option(
    "--min-ttl", type=Duration(), default="0", metavar="SPAN", help="How long it must live: 90s, 5m, 2h."
)
def token(name: str | None, header: bool, min_ttl: float) -> None:  # noqa: FBT001 - as click does
    """Print a fresh access token of NAME, and nothing else, on standard output."""
    text = api.get_token(name, min_ttl=min_ttl).access_token
    click.echo(f"Authorization: Bearer {text}" if header else text)


@click.command(
    "exec",
    short_help="Run a command with a fresh token.",
    epilog="Example: aventus-creds exec prod -- python report.py",
    context_settings={"allow_interspersed_args": False},
)
@required_name
@click.option("--env", "variable", metavar="VARIABLE", help="Put the token into this variable instead.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def run_with_token(ctx: click.Context, name: str, variable: str | None, command: tuple[str, ...]) -> None:
    """Run COMMAND with a fresh token of NAME in its environment, and exit as it does.

    The variable is AVENTUS_CREDS_TOKEN_<NAME>, which get_session and get_token use as it is.
    """
    command = command[command[0] == "--" :]
    if not command:
        raise click.UsageError("Missing argument 'COMMAND...'.")
    text = api.get_token(name).access_token
    environment = os.environ | {variable or token_variable(name): text}
    program = shutil.which(command[0])
    if program is None:
        say(f"error: there is no program {command[0]}")
        ctx.exit(COMMAND_NOT_FOUND)
    try:
        if os.name == "posix":  # replace this process, so that signals reach the program
            for number in IGNORED_BY_PYTHON:
                signal.signal(number, signal.SIG_DFL)
            os.execve(program, command, environment)  # noqa: S606 - the user names the program
        ctx.exit(subprocess.run([program, *command[1:]], env=environment, check=False).returncode)  # noqa: S603
    except OSError as fault:
        say(f"error: {command[0]} cannot be started: {fault.strerror or fault}")
        ctx.exit(COMMAND_NOT_STARTED)
