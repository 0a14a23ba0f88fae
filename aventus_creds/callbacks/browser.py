"""Opens the system's browser, so that it and the person's program do not get in each other's way."""

from __future__ import annotations

import os
import subprocess
import sys
import webbrowser
from contextlib import suppress
from pathlib import PurePath
from typing import Final

from aventus_creds.callbacks import Browser

TEXT_BROWSERS: Final = frozenset({"elinks", "links", "links2", "lynx", "w3m", "www-browser"})


def no_browser(url: str) -> None:
    """Open nothing: the person opens the address themselves, perhaps on another machine."""


def system_browser(one_time_address: str = "") -> Browser | None:
    """Return what opens the system's browser, or None if it would not appear on the person's screen.

    Args:
        one_time_address: opened instead of the login's own address, which any user of this machine could read
            in the browser's arguments. "": there is none. A program named in BROWSER may open the address on
            another machine, so it always gets the login's own.
    """
    if os.environ.get("BROWSER"):
        return _open
    remote = "SSH_CONNECTION" in os.environ or "SSH_TTY" in os.environ
    screen = sys.platform in {"win32", "darwin"} or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    if remote or not screen:
        return None
    return lambda url: _open(one_time_address or url)


def _open(url: str) -> None:
    # Not webbrowser.open: if no other browser is installed or starts, it falls back to one in text mode.
    browser = webbrowser.get()
    if PurePath(browser.name.partition(" ")[0]).name in TEXT_BROWSERS:
        return
    if isinstance(browser, webbrowser.GenericBrowser):
        _run_apart([browser.name, *(arg.replace("%s", url) for arg in browser.args)])
    else:  # it starts its programs in this way itself
        browser.open(url)


def _run_apart(command: list[str]) -> None:
    """Run a program that reads nothing of the person's, prints nothing among it, and outlives Ctrl-C."""
    subprocess.run(  # noqa: S603 - the person's own browser
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows has no sessions
        check=False,
    )


def open_quietly(browser: Browser, url: str) -> None:
    """Call ``browser`` where the address is shown anyway: if that fails, it is no error."""
    with suppress(Exception):
        browser(url)
