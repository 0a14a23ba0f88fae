"""Lines that the person types, by polling: reading must stop when the login ends in some other way."""

from __future__ import annotations

import codecs
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final

from aventus_creds.basics.terminal import in_foreground, is_terminal

if os.name == "nt":
    import msvcrt

CONTROLLING_TERMINAL: Final = "/dev/tty"

_READ: Final = os.O_RDWR | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_NONBLOCK", 0)

LONGEST: Final = 65536
"""Characters of one line. Further ones are dropped."""

_ENDS: Final = "\x04\x1a"
"""Ctrl-D, and Ctrl-Z for Windows. Elsewhere Ctrl-Z stops the process, and is not read."""

_FIRST_OF_TWO: Final = "\x00\xe0"
"""What a console of Windows gives before the code of an arrow or a function key."""

PASTE_GAP: Final = 0.05
"""Seconds within which the parts of one paste follow each other."""


class TypedLines:
    """What the person types at the terminal, line by line. It is not echoed: the pasted address is a secret.

    The terminal's own line editing is switched off as well, since it cuts a pasted line at 4096 characters
    (1024 on macOS). This class handles Backspace and Ctrl-U instead. Ctrl-C and Ctrl-Z work as usual.

    Whether this process may use the terminal is looked up before each read, because that changes: Ctrl-Z and
    ``fg`` reset its mode, and in the background a read or a change of the mode would stop the process.
    """

    def __init__(self) -> None:
        """Find the terminal. Standard input is not read unless it is one: a file or a pipe is not the person's.

        Raises:
            OSError: there is none that can be read.
        """
        self._descriptor = _keyboard()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._attributes: list[Any] | None = None
        self._over = False
        self._lock = threading.Lock()
        self._ended = False
        self.typed = ""  # the unfinished line

    def heard(self) -> bool:
        """Whether what the person types now reaches this process."""
        return in_foreground(self._descriptor)

    def ready(self) -> bool:
        """Whether what the person types now is heard, and not echoed. Call it before asking them to type.

        Raises:
            OSError: the terminal cannot be used any more.
        """
        if not self.heard():
            return False
        if os.name == "posix":
            self._silence()
        return True

    def restore(self) -> None:
        """Restore the terminal, for good: after that its settings may be some other program's."""
        with self._lock:
            self._over = True
            attributes, self._attributes = self._attributes, None
            if attributes is not None and self.heard():  # in the background the shell has done it
                import termios

                with suppress(termios.error):  # its window has been closed
                    termios.tcsetattr(self._descriptor, termios.TCSANOW, attributes)

    def close(self) -> None:
        """Restore the terminal, and read no more."""
        self.restore()
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _silence(self) -> None:
        """Switch off the terminal's echo and line editing, unless they are off."""
        import termios

        with self._lock:
            try:
                found = termios.tcgetattr(self._descriptor)
                if self._over or not found[3] & (termios.ICANON | termios.ECHO):
                    return
                changed = [*found]
                changed[3] &= ~(termios.ICANON | termios.ECHO)
                termios.tcsetattr(self._descriptor, termios.TCSANOW, changed)
            except termios.error as fault:  # not a subclass of OSError
                raise OSError(*fault.args) from None
            self._attributes = found

    def poll(self, seconds: float) -> list[str]:
        """Wait for input and return the lines that are complete.

        A line break with more text right behind it was pasted, not typed. It is left out, because an address
        that was copied from a terminal may be broken into several lines.

        Args:
            seconds: how long to wait at most.

        Raises:
            EOFError: the terminal has been closed, or the person has pressed Ctrl-D (Ctrl-Z on Windows).
            OSError: the terminal cannot be read any more.
        """
        if self._ended:
            raise EOFError
        text = self._read_console(seconds) if os.name == "nt" else self._read_descriptor(seconds)
        pasted = len(text.rstrip("\r\n"))
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
            elif char in _ENDS and not self.typed:
                self._ended = True
                break
            elif char in _ENDS:  # behind a text it ends the line, as with the terminal's own editing
                lines.append(self.typed)
                self.typed = ""
            elif len(self.typed) < LONGEST:
                self.typed += char
        return lines

    def _read_descriptor(self, seconds: float) -> str:
        import select

        if not self.ready():
            time.sleep(seconds)
            return ""
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return ""
        data = self._read()
        # The rest of a pasted text follows at once. A person does not type that fast.
        while (
            data[-1:] in {b"\r", b"\n"}
            and len(data) < LONGEST  # or a program that types without a pause keeps us here
            and select.select([self._descriptor], [], [], PASTE_GAP)[0]
        ):
            data += self._read()
        return self._decoder.decode(data)

    def _read(self) -> bytes:
        """Read what is there. Nothing is, if the process has just been put into the background."""
        # Blocked, the signal does not stop the process: the read fails instead.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTIN})
        try:
            data = os.read(self._descriptor, 4096)
        except BlockingIOError:
            return b""
        except OSError:
            if self.heard():
                raise
            return b""
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if not data:
            raise EOFError
        return data

    def _read_console(self, seconds: float) -> str:
        """Read from a Windows console. It cannot be waited for with select."""
        text = ""
        deadline = time.monotonic() + seconds
        while not text and time.monotonic() < deadline:
            while msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
                char = msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
                if char in _FIRST_OF_TWO and msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
                    msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
                else:
                    text += char
            time.sleep(0.02)
        if "\x03" in text:  # Ctrl-C was pressed while a key was being read
            import _thread

            _thread.interrupt_main()
        return text


def _keyboard() -> int:
    """Return a descriptor of our own for the terminal at which the person types."""
    if _is_terminal(sys.stdin):
        with suppress(AttributeError, OSError, ValueError):
            if os.isatty(sys.stdin.fileno()):
                return _reopened(sys.stdin.fileno())
        # It is the console of a program such as bpython or IDLE.
        raise OSError("this console cannot be read while a login waits")
    # What it asks is on standard error. If that is no terminal, nobody there knows that something is asked.
    if os.name == "posix" and is_terminal():
        with suppress(OSError):  # this process has none
            return os.open(CONTROLLING_TERMINAL, _READ)
    if os.name == "nt" and "MSYSTEM" in os.environ:  # Git Bash, and others of MSYS2
        raise OSError("this terminal is a pipe to programs of Windows (begin the command with winpty)")
    raise OSError("there is no terminal to paste it at")


def _reopened(terminal: int) -> int:
    """Open a terminal anew, so that no read blocks: a shell may take what was there away, between Ctrl-Z and fg.

    The mode that does this belongs to the opened file, which standard input shares with the shell.
    """
    if os.name == "posix":
        for name in (os.ttyname, lambda _: CONTROLLING_TERMINAL):
            with suppress(OSError):  # it is another user's, after su, or outside of this container
                return os.open(name(terminal), _READ)
    return os.dup(terminal)


def _is_terminal(stdin: Any) -> bool:
    try:
        return bool(stdin.isatty())
    except (AttributeError, ValueError):  # None under pythonw and in some daemons, or closed
        return False
