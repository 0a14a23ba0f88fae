"""The command demo: runs logins and API calls from start to finish against the sandbox, without a user."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import tomli_w

from aventus_creds.cli.tables import Table, show
from aventus_creds.cli.voice import say
from aventus_creds.errors import ConfigError
from aventus_creds.profiles.file import read_profiles
from aventus_creds.structs import Struct

if TYPE_CHECKING:
    from aventus_creds.sandbox import Sandbox

CALL: Final = """
import json, sys, time
begin = time.perf_counter()
from aventus_creds import get_session
answer = get_session(sys.argv[1]).get("/v1/me")
milliseconds = (time.perf_counter() - begin) * 1000
print(json.dumps([answer.status_code, answer.json().get("sub"), milliseconds]))
"""


class Row(Struct):
    """One row of the table: the results for one system."""

    system: str
    grant: str
    logins: int
    answer: str
    first_ms: float
    cached_ms: float


@click.command(epilog="Example: aventus-creds demo")
@click.option("--browser", is_flag=True, help="Do one login, in your own browser.")
def demo(browser: bool) -> None:  # noqa: FBT001 - click passes options like this
    """Log in to a local sandbox of every system, call its API, and call it again from a fresh process.

    Your own profiles and logins are not touched. Needs the extra [sandbox].
    """
    table = Table("system", "grant", "logins", "API answer", "first call ms", "cached call ms")
    with _sandbox(paste=browser) as sandbox:
        for name in sandbox.shown[:1] if browser else sandbox.shown:
            row = _try(name, sandbox, _in_a_browser if browser else _by_itself)
            first, cached = f"{row.first_ms:.0f}", f"{row.cached_ms:.0f}"
            table.add_row(row.system, row.grant, str(row.logins), row.answer, first, cached)
    show(table)
    say("The cached call is a fresh process's: one login each, and nobody was asked again.")


@contextlib.contextmanager
def _sandbox(*, paste: bool) -> Iterator[Sandbox]:
    """Run a sandbox with its own profiles and state folder, which are deleted when it stops."""
    try:
        from aventus_creds.sandbox import Sandbox
    except ImportError as error:
        raise ConfigError(str(error)) from None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        redirect_uri = f"http://127.0.0.1:{probe.getsockname()[1]}/callback"
    before = dict(os.environ)
    with (
        tempfile.TemporaryDirectory(prefix="aventus-creds-") as folder,
        Sandbox(redirect_uri=redirect_uri) as sandbox,
    ):
        callback = "auto" if paste else "loopback"
        profiles = {name: {**keys, "callback": callback} for name, keys in sandbox.profiles().items()}
        path = Path(folder, "profiles.toml")
        path.touch(mode=0o600)
        path.write_text(tomli_w.dumps({"profiles": profiles}), "utf-8")
        for name in [name for name in os.environ if name.startswith("AVENTUS_CREDS_")]:
            del os.environ[name]
        os.environ["AVENTUS_CREDS_PROFILES"] = str(path)
        os.environ["AVENTUS_CREDS_STATE_DIR"] = str(Path(folder, "state"))
        try:
            yield sandbox
        finally:
            os.environ.clear()
            os.environ.update(before)


def _try(name: str, sandbox: Sandbox, first_call: Callable[[str], int]) -> Row:
    profile = read_profiles().profile(name)
    begin = time.perf_counter()
    status = first_call(name)
    first_ms = (time.perf_counter() - begin) * 1000
    done = subprocess.run(  # noqa: S603 - runs this interpreter with CALL
        [sys.executable, "-P", "-c", CALL, name],  # -P: otherwise modules are taken from the current folder
        env=os.environ | {"AVENTUS_CREDS_INTERACTIVE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigError(f"the fresh process for {name} failed:\n{done.stderr}")
    again, account, cached_ms = json.loads(done.stdout)
    logins = sandbox.logins(profile.client_id)
    if (status, again, logins) != (200, 200, 1):
        raise ConfigError(
            f"{name}: the API answered {status}, then {again}, after {logins} logins instead of one"
        )
    return Row(profile.provider.title, profile.grant, logins, f"200 {account}", first_ms, cached_ms)


def _by_itself(name: str) -> int:
    """Make the first call with a robot as the browser, and hide what a login prints for the user."""
    from aventus_creds import get_session
    from aventus_creds.sandbox.robot import Robot

    with contextlib.redirect_stderr(io.StringIO()):
        return get_session(name, interactive=True, browser=Robot()).get("/v1/me").status_code


def _in_a_browser(name: str) -> int:
    from aventus_creds import get_session

    return get_session(name, interactive=True).get("/v1/me").status_code
