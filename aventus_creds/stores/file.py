"""FileStore: one JSON file for each key, readable by its owner only."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final

from aventus_creds.errors import StoreError
from aventus_creds.stores.private_folder import PrivateFolder
from aventus_creds.tokens import Token

FORMAT: Final = 1
YEAR_10000: Final = 253402300800.0


class FileStore:
    """Keeps tokens in ``folder/tokens``."""

    def __init__(self, folder: Path) -> None:
        self._files = PrivateFolder(folder / "tokens")

    def __eq__(self, other: object) -> bool:
        """Two stores are the same when their folder is."""
        return isinstance(other, FileStore) and self._files.path == other._files.path

    def __hash__(self) -> int:
        """Hash over the folder, as __eq__ compares it."""
        return hash(self._files.path)

    def path(self, key: str) -> Path:
        """Where the token under ``key`` is kept."""
        return self._files.path / f"{key}.json"

    def load(self, key: str) -> Token | None:
        """Return the token under ``key``. A damaged file counts as none. Raises StoreError."""
        content = self._files.read(f"{key}.json")
        return None if content is None else _token(key, content)

    def save(self, key: str, token: Token) -> None:
        """Keep ``token`` under ``key``; a damaged file in its place is kept aside. Raises StoreError."""
        name = f"{key}.json"
        content = self._files.read(name)
        if content is not None and _token(key, content) is None:
            with suppress(StoreError):  # a new login is worth more than what is left of an old one
                self._files.rename(name, f"{key}.damaged")
        kept = {
            "format": FORMAT,
            "key": key,
            "access_token": token.access_token,
            "token_type": token.token_type,
            "obtained_at": token.obtained_at,
            "expires_at": token.expires_at,
            "refresh_token": token.refresh_token,
            "scope": token.scope,
        }
        self._files.write(name, json.dumps(kept, indent=1).encode())

    def delete(self, key: str) -> None:
        """Forget the token under ``key``, and what is left of older ones. Raises StoreError."""
        self._files.remove(f"{key}.json")
        for leftover in (f"{key}.json.tmp", f"{key}.damaged"):
            with suppress(StoreError):  # a folder in its place: no reason not to go on and revoke
                self._files.remove(leftover)

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Hold ``key`` against other threads and processes. Raises StoreError."""
        return self._files.lock(key)


def _token(key: str, content: bytes) -> Token | None:
    """Return the token in a file's ``content``, or None where it is damaged or another key's."""
    try:
        kept = json.loads(content)
        if kept["format"] != FORMAT or kept["key"] != key:
            return None
        token = Token(
            kept["access_token"],
            token_type=kept["token_type"],
            obtained_at=float(kept["obtained_at"]),
            expires_at=float(kept["expires_at"]),
            refresh_token=kept["refresh_token"],
            scope=kept["scope"],
        )
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None
    texts: tuple[object, ...] = (
        *(token.access_token, token.token_type),
        *(token.refresh_token or "", token.scope or ""),
    )
    times = (token.obtained_at, token.expires_at)
    sound = all(isinstance(text, str) and text.isprintable() for text in texts) and all(
        0 <= moment < YEAR_10000 for moment in times
    )
    return token if sound and token.access_token and token.access_token.isascii() else None
