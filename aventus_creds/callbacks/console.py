"""ConsoleCallback: shows the address in the terminal, opens the browser, and accepts a pasted redirect."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
import webbrowser
from pathlib import PurePath
from typing import Final

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.terminal import clear_line, count_down, is_terminal, say
from aventus_creds.callbacks import Attempt, Browser
from aventus_creds.callbacks.typed_lines import TypedLines
from aventus_creds.errors import CallbackError

TEXT_BROWSERS: Final = frozenset({"elinks", "links", "links2", "lynx", "w3m", "www-browser"})

_TERMINAL_NOISE: Final = re.compile(r"\x1b\[20[01]~")  # some terminals put these around pasted text


class ConsoleCallback:
    """Writes to standard error and reads standard input. Standard output belongs to the person's program.

    Args:
        redirect_uri: the redirect URI of the login.
        browser: opens the address. None: the system's browser, if it would appear on the person's screen.
        paste: whether the person may paste the address that the browser ends at.
        alone: whether pasting is the only way for the redirect to come back.
    """

    def __init__(self, redirect_uri: str, browser: Browser | None, *, paste: bool, alone: bool) -> None:
        self.redirect_uri = redirect_uri
        self._browser = browser
        self._paste = paste
        self._alone = alone
        self._closed = threading.Event()
        self._reader: threading.Thread | None = None
        self._lines: TypedLines | None = None
        self._live = False  # whether the last line on the terminal is the countdown

    def start(self, attempt: Attempt) -> None:
        """Show the address, open the browser and start to read pasted lines."""
        until = time.strftime("%H:%M:%S", time.localtime(time.time() + attempt.seconds_left()))
        self._say(
            f"{attempt.title}: open this address in a browser, if it does not open by itself:\n\n"
            f"  {attempt.url}\n\nWaiting until {until}. Ctrl-C ends it."
        )
        if self._paste:
            when = (
                "When the browser has arrived there"
                if self._alone
                else "If the page it ends at cannot connect"
            )
            self._say(f"{when}, copy its whole address, paste it here and press Enter.")
        # In a thread, because the call of some browsers returns only when they are closed.
        open_browser = self._browser or _open_system_browser
        threading.Thread(target=_quietly, args=(open_browser, attempt.url), daemon=True).start()
        if self._paste or is_terminal():
            self._reader = threading.Thread(target=self._read, args=(attempt,), daemon=True)
            self._reader.start()

    def close(self) -> None:
        """Stop reading and restore the terminal."""
        self._closed.set()
        if self._reader:
            self._reader.join(timeout=0.5)
        if self._lines:  # after Ctrl-C the reader may still be busy with a pasted line
            self._lines.restore()
        self._clear()

    def _read(self, attempt: Attempt) -> None:
        if self._paste:
            try:
                self._take_pasted(attempt)
            except (OSError, ValueError, EOFError):  # standard input is unusable, or at its end
                if self._alone:
                    attempt.fail(
                        CallbackError(
                            f"{attempt.title}: its redirect can only be pasted, and standard input is closed",
                            hint="Log in from a terminal, or use a redirect_uri on 127.0.0.1.",
                        )
                    )
        while not self._stop(attempt):
            self._countdown(attempt, 0)
            self._closed.wait(0.2)

    def _take_pasted(self, attempt: Attempt) -> None:
        with TypedLines() as self._lines:
            while not self._stop(attempt):
                self._countdown(attempt, len(self._lines.typed))
                for line in map(Hidden, self._lines.poll(0.2)):
                    if line.reveal().strip() and not attempt.ended.is_set():
                        self._deliver(attempt, line)

    def _deliver(self, attempt: Attempt, pasted: Hidden[str]) -> None:
        reply = attempt.deliver(query_of(pasted.reveal()))
        if not reply.ended:
            self._say(f"That was not it: {reply.text}. Copy the whole address, and paste it again.")

    def _stop(self, attempt: Attempt) -> bool:
        return self._closed.is_set() or attempt.ended.is_set()

    def _countdown(self, attempt: Attempt, typed: int) -> None:
        paste = f" Pasted: {typed} characters" if typed else " Paste here: " if self._paste else ""
        if count_down(attempt.seconds_left(), paste):
            self._live = True

    def _say(self, text: str) -> None:
        self._clear()
        say(text)

    def _clear(self) -> None:
        if self._live:
            clear_line()
            self._live = False


def query_of(pasted: str) -> str:
    """Return the query of a redirect that a person pasted.

    Args:
        pasted: a whole address or just ``code=…&state=…``. Line breaks, spaces and quotes do no harm.
    """
    text = "".join(_TERMINAL_NOISE.sub("", pasted).split()).strip("'\"<>")
    address, mark, query = text.partition("?")
    bare = not mark or address.startswith(("code=", "state=", "error=", "iss="))
    return (text if bare else query).partition("#")[0]


def _open_system_browser(url: str) -> None:
    """Open the system's browser, unless it would take over this terminal or open on another machine's screen."""
    if not os.environ.get("BROWSER"):
        remote = "SSH_CONNECTION" in os.environ or "SSH_TTY" in os.environ
        screen = (
            sys.platform in {"win32", "darwin"} or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
        )
        if remote or not screen:
            return
    # Not webbrowser.open: if no other browser is installed or starts, it falls back to one in text mode.
    browser = webbrowser.get()
    if PurePath(browser.name.partition(" ")[0]).name not in TEXT_BROWSERS:
        browser.open(url)


def _quietly(open_browser: Browser, url: str) -> None:
    """Open the browser. If that fails it is no error, since the address is on the terminal too."""
    try:
        open_browser(url)
    except Exception as fault:  # noqa: BLE001 - a browser's code may raise anything
        say(f"The browser did not open ({type(fault).__name__}).")
