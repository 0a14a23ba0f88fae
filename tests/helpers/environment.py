"""Which variables of the machine the tests, and the processes that they start, get to see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

PASSED_ON: Final = frozenset(  # where programs, users and temporary files are
    """
    PATH HOME USER LOGNAME TMPDIR LD_LIBRARY_PATH
    USERPROFILE USERNAME APPDATA LOCALAPPDATA PROGRAMDATA PROGRAMFILES TEMP TMP
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT HOMEDRIVE HOMEPATH
    """.split()
)
"""A program behaves as the test says, not as these variables of the machine say: PYTHONUNBUFFERED alone hides that an
output cannot be written, and CI says that nobody sits at the terminal."""

PASSED_ON_OF: Final = (
    "PYTEST_",
    "COVERAGE_",
    "COV_",
    "HYPOTHESIS_",
    "WINE",  # which runs the tests as on Windows
    "PIP_",  # the next ones are where packages come from
    "UV_",
    "NPM_CONFIG_",
    "NODE_EXTRA_CA_CERTS",
    "PYENV",  # its python starts the right one
)


def passed_on(names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that the tests get to see. Case does not matter: on Windows it has none."""
    return [name for name in names if name.upper() in PASSED_ON or name.upper().startswith(PASSED_ON_OF)]
