"""Lines typed or pasted at standard input, polled: a login that ends elsewhere ends here too."""

from __future__ import annotations

import codecs
import os
import sys
import time
from contextlib import suppress
from typing import Any, Final, Self

from aventus_creds.basics.terminal import in_foreground

if os.name == "nt":
    import msvcrt

LONGEST: Final = 65536
"""Characters of one line; what is typed beyond them is dropped."""

PASTE_GAP: Final = 0.05
"""Seconds within which the parts of one paste follow each other."""


class TypedLines:
    """Standard input, line by line, unechoed where it is a terminal: what is pasted here is a secret.

    A terminal's own line editing is switched off meanwhile, for it cuts a pasted line at 4096 characters, or
    at 1024 on macOS; Backspace and Ctrl-U are done here. Ctrl-C stays what it is.
    """

    def __init__(self) -> None:
        """Raises OSError or ValueError where there is no standard input to poll, or another job has the terminal."""
        if sys.stdin is None:  # closed before Python started, or pythonw
            raise OSError("there is no standard input")
        self._descriptor: Final = sys.stdin.fileno()
        self._terminal: Final = os.isatty(self._descriptor)
        if os.name == "nt" and not self._terminal:
            raise OSError("on Windows only a console can be polled")
        if self._terminal and not in_foreground(sys.stdin):
            raise OSError("the terminal is another job's, and using it would stop this one")
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._attributes: list[Any] | None = None
        self.typed = ""  # the unfinished line

    def __enter__(self) -> Self:
        """Switch the terminal's echo and line editing off."""
        if os.name != "nt" and self._terminal:
            import termios

            try:
                self._attributes = termios.tcgetattr(self._descriptor)
                changed = termios.tcgetattr(self._descriptor)
                changed[3] &= ~(termios.ICANON | termios.ECHO)
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, changed)
            except termios.error as fault:  # which is no OSError
                raise OSError(*fault.args) from None
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Give the terminal back as it was."""
        self.restore()

    def restore(self) -> None:
        """Give the terminal back as it was, once: from then on its settings are somebody else's."""
        attributes, self._attributes = self._attributes, None
        if attributes is not None:
            import termios

            with suppress(termios.error):  # its window has been closed
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, attributes)

    def poll(self, seconds: float) -> list[str]:
        """Wait up to ``seconds``; return the lines finished by then. Raises EOFError at the end of input.

        A line break with more right behind it was pasted, not typed: it is left out.
        """
        text = self._read_console(seconds) if os.name == "nt" else self._read_descriptor(seconds)
        pasted = len(text.rstrip("\r\n")) if self._terminal else 0
        lines = []
        for place, char in enumerate(text):
            if char in "\r\n" and place < pasted:
                continue
            if char in "\r\n":
                lines.append(self.typed)
                self.typed = ""
            elif char in "\x7f\b":
                self.typed = self.typed[:-1]
            elif char == "\x15":
                self.typed = ""
            elif char == "\x04" and self._terminal:
                raise EOFError
            elif len(self.typed) < LONGEST:
                self.typed += char
        return lines

    def _read_descriptor(self, seconds: float) -> str:
        import select

        if not select.select([self._descriptor], [], [], seconds)[0]:
            return ""
        data = os.read(self._descriptor, 4096)
        if not data:
            raise EOFError
        # The rest of a paste follows at once; what a person types does not.
        while (
            self._terminal
            and len(data) < LONGEST  # or what types line after line without a pause is never done
            and data[-1:] in {b"\r", b"\n"}
            and select.select([self._descriptor], [], [], PASTE_GAP)[0]
        ):
            more = os.read(self._descriptor, 4096)
            if not more:
                break
            data += more
        return self._decoder.decode(data)

    def _read_console(self, seconds: float) -> str:
        """Windows cannot wait for a console with select."""
        text = ""
        deadline = time.monotonic() + seconds
        while not text and time.monotonic() < deadline:
            while msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
                text += msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
            time.sleep(0.02)
        if "\x03" in text:  # Ctrl-C that came while a key was being read
            import _thread

            _thread.interrupt_main()
        return text
