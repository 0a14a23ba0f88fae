"""Runs the quick selection of tests on Windows, or under wine.

    python -m tests.windows [PATHS] [-- ARGUMENTS OF PYTEST]

AVENTUS_CREDS_TEST_WINDOWS_PYTHON names a program that runs the python.exe of a Windows with its own arguments, in the
current folder: a script that calls wine, for example. That Python needs the extra [quick], as wheels for Windows.

Each folder has a process of its own, one at a time: wine does not bear many. What it cannot show is who may open a
file, names that are reserved, consoles, the keyring, and the texts and numbers of errors; those tests go by values.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

VARIABLE = "AVENTUS_CREDS_TEST_WINDOWS_PYTHON"
COUNTS = ("passed", "failed", "error", "skipped")


def run(python: str, path: str, further: list[str]) -> tuple[int, dict[str, int], float]:
    """Run the tests of ``path``, show what they print, and return pytest's exit code, the counts, and the seconds."""
    command = [python, "-m", "pytest", "-q", "-n0", path, *further]
    started = time.monotonic()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout
        last = ""
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    counts = {name: sum(map(int, re.findall(rf"(\d+) {name}", last))) for name in COUNTS}
    return process.returncode, counts, time.monotonic() - started


def main() -> int:
    python = os.environ.get(VARIABLE)
    if not python:
        sys.exit(
            f"{VARIABLE} must name a program that runs a Windows python.exe (see python -m pydoc tests.windows)"
        )
    listed = subprocess.run(
        [sys.executable, "-m", "tests.quick", "--list"], capture_output=True, text=True, check=True
    ).stdout.split()
    left_out = [each for each in listed if each.startswith("-")]
    paths, _, further = " ".join(sys.argv[1:]).partition("-- ")
    rows = {
        path: run(python, path, [*left_out, *further.split()])
        for path in paths.split() or [each for each in listed if each not in left_out]
    }
    print(f"\n{'tests':50}", *(f"{name:>8}" for name in COUNTS), " seconds")
    for path, (_, counts, seconds) in rows.items():
        print(f"{path:50}", *(f"{counts[name]:8}" for name in COUNTS), f"{seconds:8.0f}")
    totals = [sum(counts[name] for _, counts, _ in rows.values()) for name in COUNTS]
    print(f"{'all':50}", *(f"{total:8}" for total in totals), f"{sum(row[2] for row in rows.values()):8.0f}")
    return int(any(code for code, _, _ in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
