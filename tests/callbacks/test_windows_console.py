"""A login at a console of Windows, by values: its keys, and whether it acts on control sequences."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from aventus_creds.basics import terminal
from aventus_creds.callbacks import typed_lines
from aventus_creds.callbacks.typed_lines import TypedLines

ADDRESS = "https://app.example.com/callback?code=c&state=s"


class Keys:
    """The keys that were pressed, as ``msvcrt`` gives them."""

    def __init__(self, keys: str) -> None:
        self._keys = list(keys)

    def kbhit(self) -> bool:
        return bool(self._keys)

    def getwch(self) -> str:
        return self._keys.pop(0)


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a reader of a console where ``keys`` are pressed."""

    def at(keys: str) -> TypedLines:
        monkeypatch.setattr(typed_lines, "msvcrt", Keys(keys), raising=False)
        monkeypatch.setattr(typed_lines, "_keyboard", lambda: -1)
        lines = TypedLines()
        monkeypatch.setattr(lines, "_read_descriptor", lines._read_console)  # whatever the system
        return lines

    return at


@pytest.mark.parametrize("arrow", ["\xe0H", "\xe0P", "\xe0K", "\xe0M", "\x00;", "\xe0\x53"])
def test_an_arrow_key_is_no_part_of_the_address(console: Any, arrow: str) -> None:
    """A console gives two characters for it, and for a function key, and for Delete."""
    assert console(f"{arrow}{ADDRESS[:20]}{arrow}{ADDRESS[20:]}{arrow}\r").poll(0.1) == [ADDRESS]


def test_a_letter_that_looks_like_the_first_of_two_stays(console: Any) -> None:
    """à has the same number, but nothing follows it at once."""
    assert console("\xe0").poll(0.1) == []
    lines = console("\xe0")
    lines.poll(0.1)
    assert lines.typed == "\xe0"


@pytest.mark.parametrize("key", ["\x1a", "\x04"])
def test_ctrl_z_is_the_end_of_the_input(console: Any, key: str) -> None:
    """As Ctrl-D is elsewhere: alone it ends the reading, behind a text it ends the line."""
    lines = console(f"{ADDRESS}{key}")
    assert lines.poll(0.1) == [ADDRESS]
    lines = console(key)
    assert lines.poll(0.1) == []
    with pytest.raises(EOFError):
        lines.poll(0.1)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a console of Windows in the place of standard error; ``modes`` are what it was set to."""

    def console(*, is_console: bool, knows: bool) -> list[int]:
        modes: list[int] = []

        def get(handle: Any, mode: Any) -> int:
            assert handle.value == 77
            mode._obj.value = 3
            return int(is_console)

        def set_to(handle: Any, mode: int) -> int:
            modes.append(mode)
            return int(knows)

        functions = SimpleNamespace(GetConsoleMode=get, SetConsoleMode=set_to)
        monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=functions), raising=False)
        monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(get_osfhandle=lambda _: 77))
        monkeypatch.setattr(sys, "stderr", SimpleNamespace(fileno=lambda: 2, isatty=lambda: True))
        terminal._console_acts_on_sequences.cache_clear()
        return modes

    yield console
    terminal._console_acts_on_sequences.cache_clear()


@pytest.mark.parametrize(("is_console", "knows"), [(True, True), (True, False), (False, True)])
def test_a_console_is_told_to_act_on_control_sequences(kernel: Any, *, is_console: bool, knows: bool) -> None:
    """Its other settings stay. One that cannot (before Windows 10) is shown no countdown."""
    modes = kernel(is_console=is_console, knows=knows)
    assert terminal._console_acts_on_sequences() == (is_console and knows)
    assert modes == ([3 | 4] if is_console else [])


@pytest.mark.windows  # elsewhere a terminal is no pipe
def test_git_bash_is_told_of_winpty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its terminal is a pipe to Python, which nothing closed."""
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.setenv("MSYSTEM", "MINGW64")
    with pytest.raises(OSError, match="winpty"):
        TypedLines()
