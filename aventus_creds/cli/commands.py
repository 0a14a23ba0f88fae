"""The command line: here its group of commands, and how errors become messages and exit codes."""

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

# The first row that fits counts.
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

# Where each command is. A command's module is loaded when that command runs.
COMMANDS: Final = {
    "init": "configuration.init",
    "profile": "configuration.profile",
    "profiles": "configuration.profiles",
    "path": "configuration.path",
    "login": "logins.login",
    "logout": "logins.logout",
    "status": "logins.status",
    "token": "logins.token",
    "exec": "logins.run_with_token",
    "store": "stores.store",
    "doctor": "doctor.doctor",
    "demo": "demo.demo",
    "sandbox": "sandbox.sandbox",
}


class _Commands(click.Group):
    """A group whose commands are loaded on first use."""

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
def app(debug: bool) -> None:  # noqa: FBT001 - run() looks at it
    """Log in to OAuth 2.0 servers once, and use the logins from notebooks and scripts.

    Exit codes: 0 fine, 2 usage, 3 login required, 4 profile, file or store error, 5 refused by the server,
    6 network, 130 interrupted.
    """


def main() -> NoReturn:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line with ``arguments`` and return its exit code. Errors are told on standard error."""
    _write_any_text()
    warnings.simplefilter("default", category=UserWarning)  # each once
    warnings.showwarning = _show_warning
    try:
        # Outside standalone mode, click returns what ctx.exit() was called with.
        return int(app.main(arguments, prog_name="aventus-creds", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough
        sys.stderr.close()
        return INTERNAL_ERROR
    except Exception as error:  # noqa: BLE001 - no traceback without --debug
        if "--debug" in arguments:
            _show_places(error)
        if isinstance(error, OSError):  # standard output on a full disk, for example
            where = error.filename or "the output"
            error = StoreError(f"{where} cannot be used: {error.strerror or type(error).__name__}")
        if isinstance(error, AventusCredsError):
            say(f"error: {error}")
            return exit_code(error)
        say(f"error: a fault in aventus-creds itself ({type(error).__name__}); --debug shows where")
        return INTERNAL_ERROR


def exit_code(error: AventusCredsError) -> int:
    """Return the exit code that tells of ``error``."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def say(text: str) -> None:
    """Tell the person something, on standard error: standard output is for what was asked for."""
    click.echo(text, err=True)


def _write_any_text() -> None:
    """Let characters that the terminal or file cannot have become "?": a Windows code page has no check mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _show_places(error: BaseException) -> None:
    """Show the traceback's places. No messages: those of other libraries may repeat a request."""
    import traceback

    shown: BaseException | None = error
    while shown is not None:
        say("".join(traceback.format_tb(shown.__traceback__)) + type(shown).__name__)
        shown = shown.__cause__ or shown.__context__


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"warning: {message}")
