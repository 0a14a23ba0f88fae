"""What a command says when it fails, and the exit codes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final

import click

from aventus_creds.cli import voice
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


def exit_code(error: AventusCredsError) -> int:
    """Return the exit code for ``error``."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def failed(error: BaseException) -> int:
    """Say what ended a command, and return the exit code."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        voice.say("Interrupted.")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):  # for example `| head` has closed its end
        _give_up_output()
        return INTERNAL_ERROR
    if voice.debug:
        _show_places(error)
    if isinstance(error, OSError):  # for example, standard output goes to a full disk
        if not error.filename:
            _give_up_output()
        where = error.filename or "the output"
        error = StoreError(f"{where} cannot be used: {error.strerror or type(error).__name__}")
    if isinstance(error, AventusCredsError):
        voice.complain("error", _in_words(error))
        return exit_code(error)
    fault = type(error).__name__
    voice.complain("error", f"a fault in aventus-creds itself ({fault}); --debug shows where")
    return INTERNAL_ERROR


def _in_words(error: AventusCredsError) -> str:
    """Return the text of ``error``: at a terminal, mistakes in profiles.toml with their lines."""
    if isinstance(error, ConfigError) and voice.is_terminal(sys.stderr):
        from aventus_creds.cli.frames import framed  # most mistakes are elsewhere

        return framed(error)
    return str(error)


def _give_up_output() -> None:
    """Write nothing more to standard output: what it still holds would fail again when the interpreter ends."""
    with suppress(AttributeError, OSError, ValueError):  # it is no file, as in a test or a notebook
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, sys.stdout.fileno())
        finally:
            os.close(nowhere)


def _show_places(error: BaseException) -> None:
    """Print where the error was raised. Leave out messages, since other libraries may quote a request in them."""
    import traceback

    shown: BaseException | None = error
    while shown is not None:
        click.echo("".join(traceback.format_tb(shown.__traceback__)) + type(shown).__name__, err=True)
        shown = shown.__cause__ or shown.__context__
