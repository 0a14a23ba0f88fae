"""The entry point of aventus-creds. It prints a cached token directly, and runs click for everything else."""

from __future__ import annotations

import os
import sys
import time
import warnings
from typing import NoReturn

from aventus_creds.errors import AventusCredsWarning
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.profile import token_variable
from aventus_creds.profiles.stores import DEFAULT_STORE
from aventus_creds.stores.opening import default_store, store_name


def main() -> NoReturn:
    """Run the program and exit.

    Scripts call ``aventus-creds token`` very often. If the token is fresh, loading click would take half of
    the time, so this case is handled here.
    """
    match sys.argv[1:]:
        case ["token", *names] if len(names) < 2 and not any(name.startswith("-") for name in names):
            if text := _fresh_token(*names):
                _print(text)
    from aventus_creds.cli.commands import main as command_line

    command_line()


def _fresh_token(name: str | None = None) -> str | None:
    """Return the access token from the file store if it is fresh and there is no warning, or else None."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", AventusCredsWarning)
        try:
            profile = read_profiles().profile(name)
            if token_variable(profile.name) in os.environ or store_name(profile) != DEFAULT_STORE:
                return None
            token = default_store().load(profile.key)
        except Exception:  # noqa: BLE001 - the command gets the same error and reports it
            return None
        except KeyboardInterrupt:
            sys.exit(130)
    return token.access_token if token and token.fresh(time.time()) else None


def _print(text: str) -> None:
    """Print ``text`` and exit. If printing fails, return, and click's command reports why."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:
        return
    sys.exit(0)
