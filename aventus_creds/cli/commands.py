"""The group of all commands."""

from __future__ import annotations

import io
import sys
import warnings
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from aventus_creds.cli import voice
from aventus_creds.structs import Struct

if TYPE_CHECKING:
    from aventus_creds.profiles.file import ProfilesFile


class Command(Struct):
    """A command: its module and function, which are only loaded when it is used, and its line in the help."""

    place: str
    does: str


COMMANDS: Final = {
    "init": Command("configuration.init", "Write a profiles.toml to start from."),
    "profile": Command("profile.profile", "Show, add, edit, rename or remove a profile."),
    "default": Command("changes.default", "Choose the default profile."),
    "profiles": Command("configuration.profiles", "List the profiles, and every mistake in them."),
    "providers": Command("providers.providers", "Show the servers that are known by name."),
    "path": Command("configuration.path", "Show where things are."),
    "login": Command("logins.login", "Log in to a profile."),
    "logout": Command("logins.logout", "Revoke and forget a login."),
    "status": Command("status.status", "Show how long each login is fresh."),
    "whoami": Command("whoami.whoami", "Show whose a login is."),
    "token": Command("logins.token", "Print a fresh access token."),
    "exec": Command("logins.run_with_token", "Run a command with a fresh token."),
    "store": Command("stores.store", "Move logins, or make a key for Redis."),
    "doctor": Command("doctor.doctor", "Check everything that a login needs."),
    "demo": Command("demo.demo", "See it work on a local sandbox."),
    "sandbox": Command("sandbox.sandbox", "Run a local server to try things on."),
    "docs": Command("docs.docs", "Open a page of the documentation."),
    "help": Command("commands.show_help", "Show the help of a command."),
    "version": Command("commands.show_version", "Print the version."),
}


def _talkative(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001, FBT001 - click's
    if value:
        voice.show_log()


def _be_quiet(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001, FBT001 - click's
    voice.quiet = voice.quiet or value


def _everywhere(command: click.Command) -> click.Command:
    """Add the options that may stand before or after the name of any command."""
    if not any(param.name == "debug" for param in command.params):
        for flags, words, heed in (
            (["--debug"], "Show each request, and where an error was raised.", _talkative),
            (["-q", "--quiet"], "Say nothing but errors and warnings.", _be_quiet),
        ):
            command.params.append(
                click.Option(flags, is_flag=True, expose_value=False, callback=heed, help=words)
            )
    return command


def _with_help(command: click.Command) -> click.Command:
    """Return ``command`` with its help, also under ``python -OO``, which drops the docstrings that click reads."""
    for each in (command, *getattr(command, "commands", {}).values()):
        if each.help is None and each.callback is not None:
            import ast
            import inspect

            with suppress(OSError):  # there is no source, as in a program made by PyInstaller
                source = inspect.getsource(each.callback)
                # Not ast.parse, which drops docstrings too since Python 3.14.
                module: Any = compile(source, "", "exec", ast.PyCF_ONLY_AST, optimize=0)
                (function,) = module.body
                if isinstance(function, ast.FunctionDef):
                    each.help = ast.get_docstring(function)
    return command


class Group(click.Group):
    """A group that says which of its commands was probably meant."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command. Raises click.UsageError if there is none, unless a shell completes what is typed."""
        command = super().get_command(ctx, cmd_name)
        if command is None and not ctx.resilient_parsing:
            from aventus_creds.profiles.advice import did_you_mean  # loads all that is known of profiles

            close = did_you_mean(cmd_name, self.list_commands(ctx))
            further = close or f"; all of them: {ctx.command_path} --help"
            raise click.UsageError(f"there is no command {cmd_name!r}{further}", ctx)
        return command


class _Commands(Group):
    """A group that loads each command on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        room, _, function = COMMANDS[cmd_name].place.partition(".")
        command = _with_help(getattr(import_module(f"aventus_creds.cli.{room}"), function))
        for each in command.commands.values() if isinstance(command, click.Group) else (command,):
            _everywhere(each)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the line of each command, which is not loaded for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.does) for name, command in COMMANDS.items()])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aventus-creds")
def app() -> None:
    """Log in to OAuth 2.0 servers once, and use the logins from notebooks and scripts.

    Exit codes: 0 fine, 2 usage, 3 login required, 4 profile, file or store error, 5 refused by the server,
    6 network, 130 interrupted.
    """


_everywhere(app)


@click.command("help", epilog="Example: aventus-creds help profile add")
@click.argument("command", nargs=-1)
@click.pass_context
def show_help(ctx: click.Context, command: tuple[str, ...]) -> None:
    """Show the help of COMMAND, or the list of all commands."""
    found: click.Command = app
    context = click.Context(app, info_name="aventus-creds", **app.context_settings)
    for word in command:
        inner = found.get_command(context, word) if isinstance(found, click.Group) else None
        if inner is None:
            raise click.UsageError(f"there is no command {' '.join(command)!r}", ctx)
        found, context = inner, click.Context(inner, info_name=word, parent=context)
    click.echo(found.get_help(context))


@click.command("version", epilog="Example: aventus-creds version")
def show_version() -> None:
    """Print the version of aventus-creds."""
    from importlib.metadata import version

    click.echo(version("aventus-creds"))


def main() -> NoReturn:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command. Errors are printed on standard error.

    Args:
        arguments: the arguments without the name of the program.

    Returns:
        The exit code, as the help of ``aventus-creds`` lists them.
    """
    warnings.simplefilter("default", category=UserWarning)  # print each warning once
    warnings.showwarning = _show_warning
    with voice.of_one_command():
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    try:
        _write_any_text()
        # With standalone_mode=False, click returns the code that was passed to ctx.exit().
        code = int(_with_help(app).main(arguments, prog_name="aventus-creds", standalone_mode=False) or 0)
        if sys.stdout is not None:
            sys.stdout.flush()  # a full disk can still be reported here, and not when the interpreter ends
        return code  # noqa: TRY300 - what flushes may fail, too
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and error.ctx:
            click.echo(error.ctx.get_usage(), err=True)
        voice.complain("error", error.format_message())
        return error.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - a traceback is shown with --debug only
        from aventus_creds.cli.failures import failed  # most commands succeed

        return failed(error)


def no_profiles(file: ProfilesFile) -> str:
    """Return what to do about a profiles.toml without profiles."""
    return f"{file.path} has no profiles yet.\nAdd one: aventus-creds profile add"


def _write_any_text() -> None:
    """Replace characters that the output cannot encode with "?": a Windows code page has no check mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    voice.complain("warning", str(message))
