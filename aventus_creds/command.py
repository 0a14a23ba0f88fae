"""The program aventus-creds: a cached token at once, and everything else by the command line."""

from __future__ import annotations

import os
import sys
import time
import warnings
from typing import NoReturn

from aventus_creds.errors import AventusCredsError, AventusCredsWarning
from aventus_creds.profiles import read_profiles, token_variable
from aventus_creds.stores import store_for


def main() -> NoReturn:
    """Run the program and exit.

    Scripts call ``aventus-creds token`` again and again: where the token is fresh, half of its time would go
    into loading the command line.
    """
    match sys.argv[1:]:
        case ["token", *names] if len(names) < 2 and not any(name.startswith("-") for name in names):
            if text := _fresh_token(*names):
                _print(text)
    from aventus_creds.cli import main as command_line

    command_line()


def _fresh_token(name: str | None = None) -> str | None:
    """Return the access token that is kept for ``name``, if it is good and there is nothing to tell."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", AventusCredsWarning)
        try:
            profile = read_profiles().profile(name)
            token = (
                None if token_variable(profile.name) in os.environ else store_for(profile).load(profile.key)
            )
        except (AventusCredsError, AventusCredsWarning):
            return None
    return token.access_token if token and token.fresh(time.time()) else None


def _print(text: str) -> None:
    """Print ``text`` and exit; where it cannot be printed, return: the command line tells why."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:
        return
    sys.exit(0)
