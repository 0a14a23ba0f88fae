"""ConsoleCallback: shows the address in the terminal, opens the browser, and accepts a pasted redirect."""

from __future__ import annotations

import threading
import time
from typing import Final

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.terminal import clear_line, count_down, say, say_wrapped
from aventus_creds.callbacks import Attempt, Browser, said_without_proof
from aventus_creds.callbacks.browser import no_browser, system_browser
from aventus_creds.callbacks.pasted import query_of, why_not
from aventus_creds.callbacks.typed_lines import TypedLines
from aventus_creds.errors import CallbackError

GLANCE: Final = 0.2
"""Seconds between two looks at the clock and the terminal."""

_CLOSED: Final = "the terminal has been closed"


class ConsoleCallback:
    """Writes to standard error and reads the terminal. Standard output belongs to the person's program.

    Args:
        redirect_uri: the redirect URI of the login.
        browser: opens the address. None: the system's browser, if it would appear on the person's screen.
        paste: whether the person may paste the address that the browser ends at.
        alone: whether pasting is the only way for the redirect to come back.
        one_time_address: what to start the system's browser with, instead of the login's own address. "": that.
        why_alone: why pasting is the only way, if it usually is not.
    """

    def __init__(
        self,
        redirect_uri: str,
        browser: Browser | None,
        *,
        paste: bool,
        alone: bool,
        one_time_address: str = "",
        why_alone: str = "",
    ) -> None:
        self.redirect_uri = redirect_uri
        self._browser = browser or system_browser(one_time_address)
        self._paste = paste
        self._alone = alone
        self._why_alone = why_alone
        self._closed = threading.Event()
        self._reader: threading.Thread | None = None
        self._lines: TypedLines | None = None
        self._offered = False
        self._told = False  # whether an error without proof has been shown

    def start(self, attempt: Attempt) -> None:
        """Show the address, open the browser and start to read pasted lines."""
        if not self._find_keyboard(attempt):
            return
        until = time.strftime("%H:%M:%S", time.localtime(time.time() + attempt.seconds_left()))
        itself = (
            "" if self._browser is None or self._browser is no_browser else ", if it does not open by itself"
        )
        say(
            f"{attempt.title}: open this address in a browser{itself}:\n\n"
            f"  {attempt.url}\n\nWaiting until {until}. Ctrl-C ends it."
        )
        if self._why_alone:
            say_wrapped(f"{self._why_alone}, so the redirect cannot come back by itself.")
        self._hears(attempt)
        reader = threading.Thread(target=self._read, args=(attempt,), daemon=True)
        reader.start()
        self._reader = reader  # only now: one that Ctrl-C kept from starting cannot be joined
        if self._browser:  # in a thread, because the call of some browsers returns only when they are closed
            threading.Thread(target=_quietly, args=(self._browser, attempt.url), daemon=True).start()

    def close(self) -> None:
        """Stop reading and restore the terminal."""
        self._closed.set()
        if self._reader:
            self._reader.join(timeout=0.5)
        if lines := self._lines:  # after Ctrl-C the reader may still be busy with a pasted line
            lines.restore()
        clear_line()

    def _find_keyboard(self, attempt: Attempt) -> bool:
        """Look where the person can paste. If they must and cannot, the login ends now."""
        if not self._paste:
            return True
        try:
            self._lines = TypedLines()
        except OSError as fault:
            return self._without_paste(attempt, str(fault))
        if self._alone and not self._lines.heard():
            return self._without_paste(attempt, "this is a background job of its terminal")
        return True

    def _without_paste(self, attempt: Attempt, why: str) -> bool:
        """Go on without pasting, if there is another way. Return whether there is."""
        if self._lines:
            self._lines.close()
            self._lines = None
        if self._alone:
            attempt.fail(
                CallbackError(
                    f"{attempt.title}: its redirect can only be pasted, and {why}",
                    hint="Log in at a terminal, with aventus-creds login NAME, or use a redirect_uri on 127.0.0.1.",
                )
            )
        return not self._alone

    def _hears(self, attempt: Attempt) -> bool:
        """Whether the person can paste now. The first time, say how."""
        try:
            hears = self._lines is not None and self._lines.ready()
        except OSError:
            self._without_paste(attempt, _CLOSED)
            return False
        if hears and not self._offered:
            self._offered = True
            when = (
                "When the browser has arrived there"
                if self._alone
                else "If the page it ends at cannot connect"
            )
            say_wrapped(f"{when}, copy its whole address, paste it here and press Enter.")
        return hears

    def _read(self, attempt: Attempt) -> None:
        try:
            while not self._stop(attempt):
                self._tell_unproven(attempt)
                self._countdown(attempt, hears=self._hears(attempt))
                for line in map(Hidden, self._poll(attempt)):
                    if line.reveal().strip() and not attempt.ended.is_set():
                        self._deliver(attempt, line)
        finally:
            if self._lines:
                self._lines.close()

    def _poll(self, attempt: Attempt) -> list[str]:
        if self._lines is None:
            self._closed.wait(GLANCE)
            return []
        try:
            return self._lines.poll(GLANCE)
        except (OSError, EOFError):
            self._without_paste(attempt, _CLOSED)
            return []

    def _deliver(self, attempt: Attempt, pasted: Hidden[str]) -> None:
        query = Hidden(query_of(pasted.reveal()))
        reply = attempt.deliver(query.reveal())
        if not reply.ended:
            say_wrapped(why_not(query.reveal(), reply.text, self.redirect_uri))

    def _tell_unproven(self, attempt: Attempt) -> None:
        if attempt.unproven and not self._told:
            self._told = True
            say_wrapped(f"Still waiting, but {said_without_proof(attempt.unproven)}")

    def _stop(self, attempt: Attempt) -> bool:
        return self._closed.is_set() or attempt.ended.is_set()

    def _countdown(self, attempt: Attempt, *, hears: bool) -> None:
        typed = len(self._lines.typed) if self._lines else 0
        paste = f" Pasted: {typed} characters" if typed else " Paste here: " if hears else ""
        count_down(attempt.seconds_left(), paste)


def _quietly(open_browser: Browser, url: str) -> None:
    """Open the browser. If that fails it is no error, since the address is on the terminal too."""
    try:
        open_browser(url)
    except Exception as fault:  # noqa: BLE001 - a browser's code may raise anything
        say(f"The browser did not open ({type(fault).__name__}).")
