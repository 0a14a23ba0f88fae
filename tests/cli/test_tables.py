"""The tables of ``profiles`` and ``status``: what is printed without rich is what rich prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support import PATH_WITH_HELPERS

from aventus_creds.cli import tables
from aventus_creds.cli.commands import COMMANDS, app
from aventus_creds.cli.tables import Table, show

PLAIN = [
    [("prod", "fresh until 2026-01-31 14:05:00 UTC", "yes", ""), ("a", "", "no", "ada@example.com")],
    [("x" * 300, "y", "", "")],
    [],
]
ODD = [("prod", "größer", "日本語", "[bold]x[/] :smile:"), ("tab\t", "e\u0301", "\u200b", "")]


def table(rows: Sequence[tuple[str, ...]]) -> Table:
    made = Table("profile", "login", "renews itself", "account")
    for number, row in enumerate(rows):
        made.add_row(*row, style=(None, "red", "yellow")[number % 3])
    return made


def by_rich(capsys: pytest.CaptureFixture[str], made: Table) -> str:
    tables._show_by_rich(made)
    return capsys.readouterr().out


@pytest.mark.parametrize("rows", PLAIN)
def test_what_fits_is_what_rich_prints(
    rows: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the letter, in a file or a pipe; and rich is not asked."""
    expected = by_rich(capsys, table(rows))
    monkeypatch.setattr(tables, "_show_by_rich", None)
    show(table(rows))
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("rows", [ODD, [("x" * 1000, "y", "", "")]])
def test_what_is_not_plain_is_left_to_rich(
    rows: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Wide characters, marks that take no room, and lines that wrap."""
    expected = by_rich(capsys, table(rows))
    show(table(rows))
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("variable", ["NO_COLOR", "FORCE_COLOR", "COLUMNS"])
def test_a_wish_of_the_environment_is_left_to_rich(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "60")
    expected = by_rich(capsys, table(PLAIN[0]))
    show(table(PLAIN[0]))
    assert capsys.readouterr().out == expected


AT_A_TERMINAL = """
import os, pty, sys
from cli.test_tables import PLAIN, table
from aventus_creds.cli import tables
child, terminal = pty.fork()
if child == 0:
    import fcntl, struct, termios
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
    if sys.argv[2] == "rich":
        tables._width = lambda: -1
    tables.show(table(PLAIN[0]))
    print("rich" in sys.modules, flush=True)
    os._exit(0)
said = b""
try:
    while part := os.read(terminal, 4096):
        said += part
except OSError:
    pass
os.waitpid(child, 0)
print(repr(said.decode()))
"""


def at_a_terminal(width: int, way: str) -> tuple[str, bool]:
    tests = Path(__file__).parents[1]
    environment = {name: value for name, value in os.environ.items() if name not in tables.OWN_WAYS}
    done = subprocess.run(
        [sys.executable, "-c", AT_A_TERMINAL, str(width), way],
        env={**environment, "TERM": "xterm-256color", "PYTHONPATH": f"{tests}:{PATH_WITH_HELPERS}"},
        capture_output=True,
        text=True,
        check=True,
    )
    *lines, rich = str(eval(done.stdout)).splitlines()
    return "\n".join(map(painted, lines)), rich == "True"


def painted(line: str) -> str:
    """Return each character with its colours, however often they are begun and ended."""
    shown, colour = "", ""
    for code, char in re.findall(r"\x1b\[([0-9;]*)m|(.)", line):
        if char:
            shown += f"{colour}{char} "
        else:
            colour = "" if code in {"", "0"} else code
    return shown


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no terminals to make")
@pytest.mark.parametrize("width", [100, 40])
def test_at_a_terminal(width: int) -> None:
    """The colours are rich's; where it is too narrow, rich wraps."""
    ours, used_rich = at_a_terminal(width, "ours")
    theirs, _ = at_a_terminal(width, "rich")
    assert ours == theirs
    assert "31a" in ours
    assert used_rich is (width == 40)


def test_help_loads_no_command() -> None:
    """Its lines are in the table of commands; each command is there."""
    code = (
        "import sys; from aventus_creds.cli.commands import run; run(['--help'])\n"
        "print(*(name for name in sys.modules if name.startswith('aventus_creds.cli.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *lines, modules = done.stdout.splitlines()
    assert set(modules.split()) == {"aventus_creds.cli.commands", "aventus_creds.cli.voice"}
    for name, row in COMMANDS.items():
        assert any(line.split() == [name, *row.does.split()] for line in lines)
    assert app.name == "app"
