"""Asks questions at the terminal, on standard error: standard output is only for the result of a command."""

from __future__ import annotations

import io
import sys
from typing import Final

import click

from aventus_creds.basics.terminal import in_foreground
from aventus_creds.cli import voice
from aventus_creds.logins.person import person_can_answer

LONGEST: Final = 2000
"""Characters of an answer. Terminals cut a longer line off without a word, at 4095 or 1024 bytes."""


def can_ask() -> bool:
    """Whether a person sits at a terminal and may be asked: not in CI, in the background or with ``-q``."""
    return (
        not voice.quiet
        and person_can_answer()
        and isinstance(sys.stdin, io.TextIOWrapper)
        and sys.stdin.isatty()
        and sys.stderr.isatty()
        and in_foreground(sys.stdin.fileno())
    )


def ask_line(prompt: str, default: str = "") -> str:
    """Ask for one line.

    Args:
        prompt: what to ask for. The default is shown behind it, in brackets.
        default: what Enter alone means.

    Returns:
        The answer without spaces around it, or ``default``. It can hold any printable text.

    Raises:
        click.Abort: there are no more answers (Ctrl-D).
    """
    while True:
        click.echo(f"{prompt}{f' [{default}]' if default else ''}: ", nl=False, err=True)
        line = _read()
        if not line:
            click.echo(err=True)
            raise click.Abort
        answer = line.strip()
        if len(answer) > LONGEST:
            refuse(f"an answer may have {LONGEST} characters")
        elif not answer.isprintable() or "\ufffd" in answer:
            refuse("must be text in one line, without control characters: the arrow keys send some")
        else:
            return answer or default


def _read() -> str:
    if (
        isinstance(sys.stdin, io.TextIOWrapper) and sys.stdin.errors != "replace"
    ):  # settable before the first line only
        sys.stdin.reconfigure(errors="replace")
    return sys.stdin.readline()


def ask_yes(question: str) -> bool:
    """Ask a question. Enter alone means yes."""
    while True:
        answer = ask_line(question, "Y/n").casefold()
        if answer in {"y/n", "y", "yes"}:
            return True
        if answer in {"n", "no"}:
            return False
        refuse("answer y or n")


def refuse(what: str) -> None:
    """Say what is wrong with an answer. The question is asked again."""
    click.echo(f"  {voice.mark('✗', sys.stderr)} {what}", err=True)
