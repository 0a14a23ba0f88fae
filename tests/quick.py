"""A quick selection of the tests, for other Pythons, other systems and other versions of the dependencies.

python -m tests.quick [ARGUMENTS OF PYTEST]      in this environment, which needs the extra [quick]
python -m tests.quick --list                     prints what is in it
"""

from __future__ import annotations

import sys
from typing import Final

import pytest

SELECTION: Final = (
    *("tests/basics", "tests/profiles", "tests/oauth", "tests/sources", "tests/session", "tests/stores"),
    *("tests/callbacks", "tests/cli", "tests/logins", "tests/hostile/test_hostile_page_requests.py"),
    *("tests/test_tokens.py", "tests/test_architecture.py", "tests/test_public_names.py"),
)
LEFT_OUT: Final = ("tests/callbacks/test_browser.py",)  # needs Playwright


def arguments() -> list[str]:
    """Return the arguments of pytest that select them."""
    return [*SELECTION, *(f"--ignore={path}" for path in LEFT_OUT)]


def main() -> int:
    if sys.argv[1:] == ["--list"]:
        print(*arguments())
        return 0
    return pytest.main([*arguments(), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
