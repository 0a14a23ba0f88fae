"""The command sandbox: runs a local authorization server and API for experiments."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress

import click
import tomli_w

from aventus_creds.cli.voice import say
from aventus_creds.errors import ConfigError


@click.command(
    epilog="Example: aventus-creds sandbox --port 9000 > sandbox.toml",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="The port on 127.0.0.1 (default: any free one)."
)
@click.option(
    "--redirect-uri",
    default="http://127.0.0.1:8765/callback",
    show_default=True,
    help="The callback registered for its clients.",
)
@click.option(
    "--token-lifetime", type=click.IntRange(1), metavar="SECONDS", help="How long its access tokens live."
)
@click.option("--verbose", is_flag=True, help="Print each request, without its query.")
def sandbox(port: int, redirect_uri: str, token_lifetime: int | None, verbose: bool) -> None:  # noqa: FBT001
    """Run a local authorization server and API that speak every dialect, until Ctrl-C.

    Prints the profiles of its clients, ready for a profiles.toml. Needs the extra [sandbox].
    """
    try:
        from aventus_creds.sandbox import Sandbox

        server = Sandbox(port, redirect_uri=redirect_uri, token_lifetime=token_lifetime, verbose=verbose)
    except ImportError as error:
        raise ConfigError(str(error)) from None
    except OSError as fault:
        raise ConfigError(f"port {port} cannot be listened on: {fault.strerror or fault}") from None
    _keep_private()
    click.echo(tomli_w.dumps({"profiles": server.profiles()}))
    say(f"The sandbox answers at {server.url} until Ctrl-C. Its login page shows the user name and password.")
    server.serve_forever()


def _keep_private() -> None:
    """If the shell has just made a file for the profiles, make it readable by its owner only: they hold secrets."""
    with suppress(OSError, ValueError, AttributeError):  # no standard output, or none that has a mode
        status = os.fstat(output := sys.stdout.fileno())
        if stat.S_ISREG(status.st_mode) and not status.st_size:
            os.fchmod(output, 0o600)  # not on Windows before Python 3.13
