"""Runs pytest again and again, each time in a fork of a process that has loaded what every run needs.

Each line of standard input is JSON: a tree, arguments of pytest, and a file for what it says. Each line of standard
output is pytest's exit code. Nothing of the repository is loaded before the fork: that is what is mutated.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path

sys.path.pop(0)  # this file's own folder

import pytest

MEMORY = 8 << 30
"""Bytes. What a run may fill: a mutant without a bound of memory must be red, not the end of the machine."""

for module in (
    *("cryptography.hazmat.primitives.ciphers.aead", "filelock", "flask", "hypothesis", "keyring"),
    *("platformdirs", "redis", "requests", "rich.console", "tomli_w", "urllib3"),
):
    with suppress(ImportError):
        __import__(module)


def run(tree: str, arguments: list[str], said: str) -> int:
    """Run pytest in ``tree``, in this process, and return its exit code."""
    with suppress(ImportError):  # not on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    os.chdir(tree)
    sys.path.insert(0, tree)
    os.environ |= {
        "PYTHONPATH": tree,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TMPDIR": str(Path(said).parent),  # a mutant may change the modes of what is there
    }  # for the tests' own children too
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for descriptor, target in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
        os.dup2(descriptor, target)
    return int(pytest.main(arguments))


for line in sys.stdin:
    child = os.fork()
    if not child:
        code = 1  # as Python's own after an exception, such as that of a warning at the very end
        try:
            code = run(*json.loads(line))
        except BaseException:  # noqa: BLE001 - whatever it is, this process is not the one that goes on
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
