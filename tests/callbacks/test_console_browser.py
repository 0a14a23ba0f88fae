"""The browser is a child of the person's program: it must not print, read or die among it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from console_terminal import Terminal

if sys.platform == "win32":
    pytest.skip("its browsers are shell scripts", allow_module_level=True)

# As browsers do: it prints, reads what it can get, and stays.
BROWSER = """#!/bin/sh
echo Opening in existing browser session.
echo an error of the browser >&2
read line
echo "read: $line" > "$OPENED.read"
ps -o sid= -p $$ > "$OPENED.part" && mv "$OPENED.part" "$OPENED"
trap 'echo interrupted > "$OPENED.killed"' INT
sleep 1
touch "$OPENED.done"
"""
PROGRAM = """
import sys, time
from aventus_creds.callbacks.browser import system_browser
import threading
threading.Thread(target=system_browser(), args=("https://as.example.com/",), daemon=True).start()
print("a,b", flush=True)
try:
    time.sleep(30)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.01)
    return path.read_text()


@pytest.mark.parametrize(
    "installed",
    [
        {"xdg-open": {"DISPLAY": ":0"}},
        {"x-www-browser": {"DISPLAY": ":0"}},
        {"firefox": {"DISPLAY": ":0"}},
        {"chromium": {"DISPLAY": ":0"}},
        {"helper": {"BROWSER": "helper"}},
        {"helper ": {"BROWSER": "helper -x %s"}},
        {"helper  ": {"BROWSER": "helper %s &"}},
    ],
    ids="".join,
)
def test_a_browser_prints_reads_and_dies_apart(
    terminal: Terminal, tmp_path: Path, installed: dict[str, dict[str, str]]
) -> None:
    """Standard output is the person's data, standard input theirs to paste, and Ctrl-C for the program alone."""
    [(name, environment)] = installed.items()
    programs, opened = tmp_path / "bin", tmp_path / "opened"
    programs.mkdir()
    (programs / name.strip()).write_text(BROWSER)
    (programs / name.strip()).chmod(0o700)
    for tool in ("ps", "sh", "mv", "sleep", "touch"):
        found = subprocess.run(["which", tool], capture_output=True, text=True, check=True).stdout.strip()
        (programs / tool).symlink_to(found)
    with terminal.running(
        sys.executable, "-c", PROGRAM, PATH=str(programs), OPENED=str(opened), **environment
    ) as process:
        terminal.wait_for("a,b")
        terminal.type("what the person types\n")
        session = wait_for(opened)
        terminal.type("\x03")
        terminal.wait_for("interrupted")
        wait_for(tmp_path / "opened.done")
    assert int(session) != process.pid
    assert wait_for(tmp_path / "opened.read") == "read: \n"
    assert not (tmp_path / "opened.killed").exists()
    assert "browser" not in terminal.shown
