"""The commands for logins: login, logout, status, token, exec."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Final

import click

from aventus_creds import api
from aventus_creds.basics.programs import find_program
from aventus_creds.cli.arguments import min_ttl, optional_name, required_name
from aventus_creds.cli.commands import COMMAND_NOT_FOUND, COMMAND_NOT_STARTED, say
from aventus_creds.errors import ProfileError
from aventus_creds.profiles.checks import fit_to_show
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.profile import token_variable
from aventus_creds.tokens import jwt_account, until

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
    say(f"Logged in to {name}{account} {until(token.expires_at)}{renews}.")
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


@click.command(
    short_help="Print a fresh access token.",
    epilog="Example: aventus-creds token prod --header | curl -H @- https://api.example.com/v1/me",
)
@optional_name
@click.option("--header", is_flag=True, help="Print it as a header: Authorization: Bearer …")
@min_ttl
def token(name: str | None, header: bool, min_ttl: float) -> None:  # noqa: FBT001 - as click does
    """Print a fresh access token of NAME, and nothing else, on standard output."""
    text = api.get_token(name, min_ttl=min_ttl).access_token
    click.echo(f"Authorization: Bearer {text}" if header else text)


class _Exec(click.Command):
    """Takes its options after NAME too, as the usage shows them. What follows them is the program's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse ``args`` with NAME moved behind the options."""
        end = 1
        while args[end : end + 1] and args[end].startswith("-") and args[end] != "--":
            end += 1 if "=" in args[end] or args[end] in ctx.help_option_names else 2
        if args and not args[0].startswith("-"):
            args = [*args[1:end], args[0], *args[end:]]
        return super().parse_args(ctx, args)


@click.command(
    "exec",
    cls=_Exec,
    short_help="Run a command with a fresh token.",
    epilog="Example: aventus-creds exec prod -- python report.py",
    context_settings={"allow_interspersed_args": False},
)
@required_name
@click.option("--env", "variable", metavar="VARIABLE", help="Put the token into this variable instead.")
@min_ttl
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def run_with_token(
    ctx: click.Context, name: str, variable: str | None, min_ttl: float, command: tuple[str, ...]
) -> None:
    """Run COMMAND with a fresh token of NAME in its environment, and exit as it does.

    The variable is AVENTUS_CREDS_TOKEN_<NAME>, which get_session and get_token use as it is.
    """
    command = command[command[0] == "--" :]
    if not command:
        raise click.UsageError("Missing argument 'COMMAND...'.")
    if variable is not None and (not variable or "=" in variable):
        raise click.UsageError("--env takes the name of a variable, without =")
    text = api.get_token(name, min_ttl=min_ttl).access_token
    environment = os.environ | {variable or token_variable(name): text}
    try:
        program = find_program(command[0], Path())
    except FileNotFoundError:
        say(f"error: there is no program {fit_to_show(command[0])}")
        ctx.exit(COMMAND_NOT_FOUND)
    try:
        if os.name == "posix":  # replace this process, so that signals reach the program
            for number in IGNORED_BY_PYTHON:
                signal.signal(number, signal.SIG_DFL)
            os.execve(program, command, environment)  # noqa: S606 - the user names the program
        ctx.exit(subprocess.run([program, *command[1:]], env=environment, check=False).returncode)  # noqa: S603
    except OSError as fault:
        say(f"error: {fit_to_show(command[0])} cannot be started: {fault.strerror or fault}")
        ctx.exit(COMMAND_NOT_STARTED)
