"""Lines from standard input, by polling: reading must stop when the login ends in some other way."""

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
"""Characters of one line. Further ones are dropped."""

PASTE_GAP: Final = 0.05
"""Seconds within which the parts of one paste follow each other."""


class TypedLines:
    """Standard input, line by line. A terminal does not echo it, because the pasted address is a secret.

    The terminal's own line editing is switched off as well, since it cuts a pasted line at 4096 characters
    (1024 on macOS). This class handles Backspace and Ctrl-U instead. Ctrl-C works as usual.
    """

    def __init__(self) -> None:
        """Open standard input.

        Raises:
            OSError, ValueError: standard input cannot be polled, or the terminal belongs to another job.
        """
        if sys.stdin is None:  # it was closed before Python started, or this is pythonw
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
        """Switch off the terminal's echo and line editing."""
        if os.name != "nt" and self._terminal:
            import termios

            try:
                self._attributes = termios.tcgetattr(self._descriptor)
                changed = termios.tcgetattr(self._descriptor)
                changed[3] &= ~(termios.ICANON | termios.ECHO)
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, changed)
            except termios.error as fault:  # not a subclass of OSError
                raise OSError(*fault.args) from None
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Restore the terminal."""
        self.restore()

    def restore(self) -> None:
        """Restore the terminal, but only once: after that its settings may be some other program's."""
        attributes, self._attributes = self._attributes, None
        if attributes is not None:
            import termios

            with suppress(termios.error):  # its window has been closed
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, attributes)

    def poll(self, seconds: float) -> list[str]:
        """Wait for input and return the lines that are complete.

        A line break with more text right behind it was pasted, not typed. It is left out, because an address
        that was copied from a terminal may be broken into several lines.

        Args:
            seconds: how long to wait at most.

        Raises:
            EOFError: the end of the input, or Ctrl-D at a terminal.
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
        # The rest of a pasted text follows at once. A person does not type that fast.
        while (
            self._terminal
            and len(data) < LONGEST  # or a program that types without a pause keeps us here
            and data[-1:] in {b"\r", b"\n"}
            and select.select([self._descriptor], [], [], PASTE_GAP)[0]
        ):
            more = os.read(self._descriptor, 4096)
            if not more:
                break
            data += more
        return self._decoder.decode(data)

    def _read_console(self, seconds: float) -> str:
        """Read from a Windows console. It cannot be waited for with select."""
        text = ""
        deadline = time.monotonic() + seconds
        while not text and time.monotonic() < deadline:
            while msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
                text += msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
            time.sleep(0.02)
        if "\x03" in text:  # Ctrl-C was pressed while a key was being read
            import _thread

            _thread.interrupt_main()
        return text
