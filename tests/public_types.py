"""Checks that pyright knows the types of all public names: ``python -m tests.public_types``, in CI.

It looks at the package as it is installed for the ``python`` of the PATH, so that it is what users get. It reports
symbols of every module; those of the names in ``aventus_creds.__all__`` count.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import aventus_creds


def is_public(symbol: dict[str, Any]) -> bool:
    """Whether the symbol is one of the public names, or an attribute of one."""
    homes = {f"aventus_creds.{module}.{name}" for name, module in aventus_creds._ROOMS.items()}
    public = homes | {f"aventus_creds.{name}" for name in aventus_creds.__all__}
    parts = symbol["name"].split(".")
    return any(".".join(parts[:length]) in public for length in range(2, len(parts) + 1))


def main() -> int:
    done = subprocess.run(
        ["pyright", "--verifytypes", "aventus_creds", "--ignoreexternal", "--outputjson"],
        capture_output=True,
        text=True,
        check=False,
    )
    symbols = [
        symbol for symbol in json.loads(done.stdout)["typeCompleteness"]["symbols"] if is_public(symbol)
    ]
    unknown = [
        symbol for symbol in symbols if not symbol["isTypeKnown"] or symbol.get("isTypeAmbiguous", False)
    ]
    for symbol in unknown:
        print(symbol["name"], *(found["message"] for found in symbol["diagnostics"]), sep="\n  ")
    print(f"pyright knows the types of {len(symbols) - len(unknown)} of {len(symbols)} public symbols")
    return 1 if unknown or not symbols else 0


if __name__ == "__main__":
    sys.exit(main())
