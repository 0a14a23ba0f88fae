"""What is made from the tables: the JSON Schema of profiles.toml, and the tables of the README.

    python -m tests.made            writes all of it anew
    python -m tests.made --check    exits with 1, and names the files, where something is out of date

A table in a Markdown file stands below a line ``<!-- made: NAME -->`` and ends at the next empty line.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aventus_creds.cli.reference import reference as commands
from aventus_creds.profiles.keys import KEYS
from aventus_creds.profiles.providers import PROVIDERS, Provider
from aventus_creds.profiles.schema import reference, schema
from aventus_creds.profiles.store_keys import STORE_KEYS

ROOT: Final = Path(__file__).parents[1]
SCHEMA: Final = ROOT / "aventus_creds" / "profiles" / "schema.json"

MARK: Final = re.compile(r"(?<=<!-- made: )(?P<name>[a-z ]+)( -->\n).*?(?=\n\n|\Z)", re.DOTALL)


def providers() -> str:
    """Return the README's table of systems."""
    rows = [
        f"| `{row.name}` | {row.title} | {'; '.join(filter(None, (_grants(row), row.note)))} |"
        for row in PROVIDERS.values()
    ]
    return "\n".join(["| `provider` | system | grants |", "| --- | --- | --- |", *rows]) + "\n"


def _grants(row: Provider) -> str:
    return ", ".join(f"`{grant}`" for grant in row.grants) or "all four"


TABLES: Final[dict[str, Callable[[], str]]] = {
    "commands": commands,
    "providers": providers,
    "profile keys": lambda: reference(KEYS.values()),
    "store keys": lambda: reference(STORE_KEYS.values()),
}


def made() -> dict[Path, str]:
    """Return each file that holds something made, and what it should hold."""
    pages = {page: page.read_text("utf-8") for page in (ROOT / "README.md",)}
    return {
        SCHEMA: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        **{page: MARK.sub(_table, text) for page, text in pages.items()},
    }


def outdated() -> list[Path]:
    """Return the files that do not hold what they should."""
    return [path for path, text in made().items() if path.read_text("utf-8") != text]


def _table(found: re.Match[str]) -> str:
    return found["name"] + found[2] + TABLES[found["name"]]().rstrip("\n")


if __name__ == "__main__":
    late = outdated()
    if "--check" not in sys.argv:
        for path, text in made().items():
            path.write_text(text, "utf-8")
    elif late:
        sys.exit(f"out of date: {', '.join(map(str, late))}\nRun: python -m tests.made")
