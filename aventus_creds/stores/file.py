"""FileStore: one JSON file for each key, readable by its owner only."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from aventus_creds.stores.private_folder import PrivateFolder
from aventus_creds.stores.record import decode, encode
from aventus_creds.tokens import Token


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
        return None if content is None else decode(key, content)

    def save(self, key: str, token: Token) -> None:
        """Keep ``token`` under ``key``; a damaged file in its place is kept aside. Raises StoreError."""
        name = f"{key}.json"
        content = self._files.read(name)
        if content is not None and decode(key, content) is None:
            self._files.rename(name, f"{key}.damaged")
        self._files.write(name, encode(key, token))

    def delete(self, key: str) -> None:
        """Forget the token under ``key``. Raises StoreError."""
        self._files.remove(f"{key}.json")

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Hold ``key`` against other threads and processes. Raises StoreError."""
        return self._files.lock(key)
