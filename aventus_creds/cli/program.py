"""The entry point of aventus-creds. It prints a cached token directly, and runs click for everything else."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the program and exit.

    Scripts call ``aventus-creds token`` very often. If the token is fresh, loading click would take half of
    the time, so this case is handled here.
    """
    match sys.argv[1:]:
        case ["token", *names] if len(names) < 2 and not any(name.startswith("-") for name in names):
            from aventus_creds.cli.fresh_token import fresh_token

            if text := fresh_token(*names):
                _print(text)
    from aventus_creds.cli.commands import main as command_line

    command_line()


def _print(text: str) -> None:
    """Print ``text`` and exit. If printing fails, return, and click's command reports why."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:
        return
    sys.exit(0)
