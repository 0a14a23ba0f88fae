"""The group of all commands. Turns errors into messages and exit codes."""

from __future__ import annotations

import io
import sys
import warnings
from importlib import import_module
from typing import Any, Final, NoReturn

import click

from aventus_creds.errors import (
    AventusCredsError,
    ConfigError,
    LoginError,
    LoginRefused,
    NetworkError,
    ServerError,
    StoreError,
)

# The first matching row is used, so a subclass comes before its base.
EXIT_CODES: Final = (
    (LoginRefused, 5),
    (LoginError, 3),
    (ConfigError, 4),
    (StoreError, 4),
    (ServerError, 5),
    (NetworkError, 6),
)
INTERNAL_ERROR: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
COMMAND_NOT_STARTED: Final = 126
COMMAND_NOT_FOUND: Final = 127

# The module and function of each command. The module is only loaded when its command is used.
COMMANDS: Final = {
    "init": "configuration.init",
    "profile": "configuration.profile",
    "profiles": "configuration.profiles",
    "path": "configuration.path",
    "login": "logins.login",
    "logout": "logins.logout",
    "status": "status.status",
    "token": "logins.token",
    "exec": "logins.run_with_token",
    "store": "stores.store",
    "doctor": "doctor.doctor",
    "demo": "demo.demo",
    "sandbox": "sandbox.sandbox",
}


class _Commands(click.Group):
    """A group that loads each command on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in COMMANDS:
            return None
        room, _, function = COMMANDS[cmd_name].partition(".")
        command: click.Command = getattr(import_module(f"aventus_creds.cli.{room}"), function)
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aventus-creds")
@click.option("--debug", is_flag=True, help="Show where an error was raised.")
def app(debug: bool) -> None:  # noqa: FBT001 - run() reads it from the arguments
    """Log in to OAuth 2.0 servers once, and use the logins from notebooks and scripts.

    Exit codes: 0 fine, 2 usage, 3 login required, 4 profile, file or store error, 5 refused by the server,
    6 network, 130 interrupted.
    """


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
    _write_any_text()
    warnings.simplefilter("default", category=UserWarning)  # print each warning once
    warnings.showwarning = _show_warning
    try:
        # With standalone_mode=False, click returns the code that was passed to ctx.exit().
        return int(app.main(arguments, prog_name="aventus-creds", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:  # for example `| head` has closed its end
        sys.stderr.close()
        return INTERNAL_ERROR
    except Exception as error:  # noqa: BLE001 - show a traceback only with --debug
        if "--debug" in arguments:
            _show_places(error)
        if isinstance(error, OSError):  # for example, standard output goes to a full disk
            where = error.filename or "the output"
            error = StoreError(f"{where} cannot be used: {error.strerror or type(error).__name__}")
        if isinstance(error, AventusCredsError):
            say(f"error: {error}")
            return exit_code(error)
        say(f"error: a fault in aventus-creds itself ({type(error).__name__}); --debug shows where")
        return INTERNAL_ERROR


def exit_code(error: AventusCredsError) -> int:
    """Return the exit code for ``error``."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def say(text: str) -> None:
    """Print a message for the user on standard error. Standard output is only for the result of a command."""
    click.echo(text, err=True)


def _write_any_text() -> None:
    """Replace characters that the output cannot encode with "?": a Windows code page has no check mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _show_places(error: BaseException) -> None:
    """Print where the error was raised. Leave out messages, since other libraries may quote a request in them."""
    import traceback

    shown: BaseException | None = error
    while shown is not None:
        say("".join(traceback.format_tb(shown.__traceback__)) + type(shown).__name__)
        shown = shown.__cause__ or shown.__context__


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"warning: {message}")
