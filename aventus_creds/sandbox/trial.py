"""A profiles.toml and a folder of tokens for one process, to try things on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import tomli_w

PROFILES: Final = "AVENTUS_CREDS_PROFILES"
TOKENS: Final = "AVENTUS_CREDS_STATE_DIR"


class Trial:
    """Puts a new folder in the place of the process' own profiles and logins, until it is closed.

    :param profiles: what goes into profiles.toml, by the names of the profiles
    """

    def __init__(self, profiles: Mapping[str, Mapping[str, Any]]) -> None:
        self._before = {name: os.environ.get(name) for name in (PROFILES, TOKENS)}
        self._folder = tempfile.TemporaryDirectory(prefix="aventus-creds-", ignore_cleanup_errors=True)
        path = Path(self._folder.name, "profiles.toml")
        path.touch(mode=0o600)  # it may hold a client's secret
        path.write_text(tomli_w.dumps({"profiles": profiles}), "utf-8")
        os.environ |= {PROFILES: str(path), TOKENS: str(path.with_name("state"))}

    def close(self) -> None:
        """Delete the folder, and give the process its own profiles and logins back."""
        for name, value in self._before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        self._folder.cleanup()
