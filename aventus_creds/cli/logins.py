"""The commands for logins: login, logout, status, token, exec."""

from __future__ import annotations

import math
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from aventus_creds import api
from aventus_creds.basics.hidden import Hidden
from aventus_creds.cli.arguments import Duration, min_ttl, optional_name, required_name
from aventus_creds.cli.failures import COMMAND_NOT_FOUND, COMMAND_NOT_STARTED, exit_code
from aventus_creds.cli.formats import FORMATS, Given, expired
from aventus_creds.cli.voice import complain, say
from aventus_creds.errors import AventusCredsError, ConfigError, ProfileError
from aventus_creds.profiles.checks import fit_to_show
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.profile import Profile, token_variable
from aventus_creds.profiles.secrets import LARGEST_SECRET
from aventus_creds.profiles.stores import STORES
from aventus_creds.session.presenting import alone
from aventus_creds.sources.chain import shared_source
from aventus_creds.sources.renewing import OWN_LOGIN
from aventus_creds.stores.opening import store_for, store_name
from aventus_creds.tokens import Token, until

IGNORED_BY_PYTHON: Final = [
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFZ", "SIGXFSZ") if hasattr(signal, name)
]
"""Signals that Python ignores. The program would inherit that, and `| head` could not stop it."""


def _from_standard_input(ctx: click.Context, param: click.Parameter, value: str | None) -> bool:  # noqa: ARG001
    """Return whether the option is given. Anything but - may be a token, which no message repeats."""
    if value not in {None, "-"}:
        raise click.UsageError(
            "everybody can see a refresh token on the command line: give --refresh-token -, and the token on"
            " standard input"
        )
    return value is not None


def _begin(profile: Profile) -> Token:
    """Begin a login with the refresh token on standard input."""
    from aventus_creds.logins.login import begin

    if not GRANTS[profile.grant].attended:
        raise click.UsageError(f"--refresh-token is for logins of people: {profile.grant} needs none")
    given = Hidden(_refresh_token())
    if not (given.reveal() and given.reveal().isascii() and given.reveal().isprintable()):
        raise ConfigError(
            "standard input holds no refresh token",
            hint="Write it there alone, in one line: pass show my-token | aventus-creds login NAME --refresh-token -",
        )
    return begin(profile, given, shared_source(profile, store_for(profile)).keep)


def _before(profile: Profile) -> Token | None:
    """Return the token of the login that there is, or None, also where the store cannot be read."""
    with suppress(AventusCredsError):
        return shared_source(profile, store_for(profile)).peek()
    return None


def _refresh_token() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Refresh token", hide_input=True, err=True)).strip()
    return sys.stdin.read(LARGEST_SECRET).strip()


def _why_no_refresh(profile: Profile, token: Token) -> str:
    """Return why a login that ends may have no refresh token, where its provider's row or its scope tells."""
    if token.refresh_token or not GRANTS[profile.grant].attended or token.expires_at == math.inf:
        return ""
    why = profile.provider.no_refresh_hint
    asked = profile.scope.split()
    if not why and "openid" in asked and "offline_access" not in asked:
        why = "many servers give a refresh token only with offline_access in scope"
    return why and f"It does not refresh automatically: {why}."


def _seconds(ctx: click.Context, param: click.Parameter, value: float | None) -> int | None:  # noqa: ARG001
    return None if value is None else int(value)


@click.command(epilog="Example: aventus-creds login prod")
@optional_name
@click.option("--account", metavar="ACCOUNT", help="Whose login it must be, such as an email address.")
@click.option("--prompt", metavar="WORDS", help="What the server must ask, such as select_account.")
@click.option("--scope", metavar="SCOPES", help="Ask for these scopes beside those that it has.")
@click.option("--only", is_flag=True, help="Ask for the --scope alone, and keep that login apart.")
@click.option(
    "--acr", "acr_values", metavar="CLASSES", help="How strong the login must be: one of these classes."
)
@click.option(
    "--max-age",
    type=Duration(),
    metavar="SPAN",
    callback=_seconds,
    help="How old the login at the server may be: 0, 90s, 5m.",
)
@click.option("--no-browser", is_flag=True, help="Only show the address; open no browser.")
@click.option("--device", is_flag=True, help="Log in on another device: for a machine without a browser.")
@click.option(
    "--refresh-token",
    metavar="-",
    callback=_from_standard_input,
    help="Start from a refresh token that is read from standard input. Only - is accepted.",
)
@click.option("--all", "everything", is_flag=True, help="Log in to every profile for people, one by one.")
@click.pass_context
def login(
    ctx: click.Context,
    /,
    name: str | None,
    *,
    everything: bool,
    no_browser: bool,
    device: bool,
    refresh_token: bool,  # whether it comes from standard input
    **asked: Any,
) -> None:
    """Log in to the profile NAME (or the default one), even if you are already logged in.

    A login that is not --account's is refused and not stored. What a login did not bring of --scope, --acr and
    --max-age is said.
    """
    from aventus_creds.callbacks.browser import no_browser as open_nothing

    file = read_profiles()
    asked = {option: value for option, value in asked.items() if value is not None and value is not False}
    way: dict[str, Any] = {"browser": open_nothing if no_browser else None, "device": device}
    if "only" in asked and "scope" not in asked:
        raise click.UsageError("--only goes with --scope")
    if refresh_token and asked:
        raise click.UsageError("a login that begins with a refresh token is asked for nothing else")
    if not everything:
        _log_in(file.profile(name), given=refresh_token, **way, **asked)
        return
    if name or refresh_token:
        raise click.UsageError(f"give {'a NAME' if name else '--refresh-token'} or --all, not both")
    code = 0
    for each in file.usable:
        try:
            profile = file.profile(each)
            if GRANTS[profile.grant].attended:
                _log_in(profile, given=False, **way, **asked)
        except AventusCredsError as error:  # the others may still work
            code = code or exit_code(error)
            complain("error", f"{fit_to_show(each)}: {error}")
    ctx.exit(code)


def _log_in(profile: Profile, *, given: bool, only: bool = False, **options: Any) -> None:
    """Log in to one profile and say how it went. ``given``: with the refresh token on standard input."""
    from aventus_creds.logins.granted import another_than
    from aventus_creds.oauth.scopes import not_granted
    from aventus_creds.profiles.doubts import doubts

    name = profile.name
    if not STORES[store_name(profile)].lasts:
        raise ConfigError(
            f"profile {name} keeps its login in memory, so this one would end with this command",
            hint=OWN_LOGIN.format(name),
        )
    for doubt in doubts(profile):
        complain("warning", doubt)
    before = None if only else _before(profile)
    token = _begin(profile) if given else api.login(name, only=only, **options)
    renews = ", and it refreshes automatically" if token.refresh_token else ""
    account = f" as {token.account}" if token.account else ""
    say(f"Logged in to {name}{account} {until(token.expires_at)}{renews}.")
    for sentence in another_than(before, token):
        say(sentence)
    asked = "" if only else profile.scope
    if missing := not_granted(asked, token.scope, refreshes=bool(token.refresh_token)):
        say(f"The server did not grant: {' '.join(missing)}")
    if why := _why_no_refresh(profile, token):
        say(why)


@click.command(epilog="Example: aventus-creds logout prod")
@optional_name
@click.option("--all", "everything", is_flag=True, help="Log out of every profile.")
@click.option("--scope", metavar="SCOPES", help="The login of these scopes that is kept apart.")
def logout(name: str | None, everything: bool, scope: str | None) -> None:  # noqa: FBT001 - as click does
    """Revoke the login to NAME at its server if possible, and forget it."""
    if everything and (name or scope):
        raise click.UsageError(f"give a {'NAME' if name else '--scope'} or --all, not both")
    file = read_profiles()
    problems: list[ProfileError] = []
    for each in file.usable if everything else [file.chosen(name)]:
        try:
            done = api.logout(each, scope=scope)
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
    epilog="Example: aventus-creds token prod --header | curl -H @- https://api.example.com/v1/me",
)
@optional_name
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    help=f"How to print it: {'; '.join(f'{name}, {row.title}' for name, row in FORMATS.items())}.",
)
@click.option("--header", is_flag=True, help="The same as --format header: Authorization: Bearer …")
@click.option("--id-token", "by_id", is_flag=True, help="The ID token instead of the access token.")
@min_ttl
def token(
    name: str | None,
    form: str | None,
    header: bool,  # noqa: FBT001 - as click does
    by_id: bool,  # noqa: FBT001
    min_ttl: float,
) -> None:
    """Print a fresh access token of NAME, and nothing else, on standard output."""
    if header and form not in {None, "header"}:
        raise click.UsageError("give --header or --format, not both")
    chosen = FORMATS["header" if header else form or "text"]
    try:
        given = _given(name, chosen.may_ask(), by_id=by_id, min_ttl=min_ttl)
    except AventusCredsError as error:
        if chosen.failed:
            click.echo(chosen.failed(error))
        raise
    click.echo(chosen.write(given))


def _given(name: str | None, may_ask: bool | None, *, by_id: bool, min_ttl: float) -> Given:  # noqa: FBT001
    profile = read_profiles().profile(name)
    presentation = alone(profile)
    given = Given(
        profile, presentation, api.get_token(name, interactive=may_ask, min_ttl=min_ttl), by_id=by_id
    )
    if by_id and not given.token.id_token:
        raise ConfigError(
            f"the login to {profile.name} has no ID token",
            hint="Ask for it: add openid to scope in the profile, and log in again.",
        )
    if by_id and expired(given):  # it may live shorter than the access token
        _, source = api.logged_in(name, may_ask, None, None, None, min_ttl, None)
        given = Given(profile, presentation, source.token(stale=given.token), by_id=by_id)
    return given


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
    text = alone(read_profiles().profile(name)).token(api.get_token(name, min_ttl=min_ttl))
    from aventus_creds.basics.programs import find_program  # the other commands start no program

    environment = os.environ | {variable or token_variable(name): text}
    try:
        program = find_program(command[0], Path())
    except IsADirectoryError:
        complain("error", f"{fit_to_show(command[0])} cannot be started: it is a folder")
        ctx.exit(COMMAND_NOT_STARTED)
    except FileNotFoundError:
        complain("error", f"there is no program {fit_to_show(command[0])}")
        ctx.exit(COMMAND_NOT_FOUND)
    try:
        if os.name == "posix":  # replace this process, so that signals reach the program
            for number in IGNORED_BY_PYTHON:
                signal.signal(number, signal.SIG_DFL)
            os.execve(program, command, environment)  # noqa: S606 - the user names the program
        import subprocess

        ctx.exit(subprocess.run([program, *command[1:]], env=environment, check=False).returncode)  # noqa: S603
    except OSError as fault:
        complain("error", f"{fit_to_show(command[0])} cannot be started: {fault.strerror or fault}")
        ctx.exit(COMMAND_NOT_STARTED)
