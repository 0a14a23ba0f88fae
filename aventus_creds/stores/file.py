"""FileStore: one JSON file for each key, which only its owner can read."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aventus_creds.basics.places import state_folder
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import StoreError
from aventus_creds.stores.record import decode, encode
from aventus_creds.tokens import Token

if TYPE_CHECKING:
    from aventus_creds.profiles.store_keys import StoreSettings


def open_store(settings: StoreSettings | None) -> FileStore:  # noqa: ARG001 - files have no settings
    """Return the store in the state folder. Raises StoreError."""
    return FileStore(state_folder())


ROOM: Final = 65536
"""Bytes that are reserved for a new token: at least so many, and twice as many as the old one takes."""


class InFolder:
    """Optional methods of a store whose locks are files (see stores.sharing), and its notes then too."""

    _files: PrivateFolder
    _needs_lock = False  # also where nothing can be written

    def attempt(self, key: str) -> AbstractContextManager[bool]:
        """Lock ``key``, or give False at once if somebody else holds it. Raises StoreError."""
        return self._files.attempt(key, needed=self._needs_lock)

    def note(self, key: str, content: bytes | None) -> None:
        """Store a note beside the token under ``key``, or remove it; with the lock held. Raises StoreError."""
        if content is not None:
            self._files.write(f"{key}.note", content)
        elif self.noted(key) is not None:
            self._files.remove(f"{key}.note")

    def noted(self, key: str) -> bytes | None:
        """Return the note beside the token under ``key``. Raises StoreError."""
        return self._files.read(f"{key}.note")


class FileStore(InFolder):
    """Stores tokens in files.

    Args:
        folder: the state folder. The files are in its folder ``tokens``.
    """

    def __init__(self, folder: Path) -> None:
        self._files = PrivateFolder(folder / "tokens")

    def __repr__(self) -> str:
        """Return where it is."""
        return f"<FileStore {self._files.path}>"

    def __eq__(self, other: object) -> bool:
        """Two stores are equal if they use the same folder."""
        return isinstance(other, FileStore) and self._files.path == other._files.path

    def __hash__(self) -> int:
        """Hash over the folder, as __eq__ compares it."""
        return hash(self._files.path)

    def path(self, key: str) -> Path:
        """Return where the token of ``key`` is stored."""
        return self._files.place(f"{key}.json")

    def load(self, key: str) -> Token | None:
        """Return the token under ``key``, or None if its file is missing or damaged. Raises StoreError."""
        content = self._files.read(f"{key}.json")
        return None if content is None else decode(key, content)

    def save(self, key: str, token: Token) -> None:
        """Store ``token`` under ``key``. A damaged file is moved aside first. Raises StoreError."""
        name = f"{key}.json"
        if self._is_damaged(key):
            with suppress(StoreError):  # storing the new token matters more than a damaged old one
                self._files.rename(name, f"{key}.damaged")
        self._files.write(name, encode(key, token))

    def reserve(self, key: str) -> None:
        """Make room for the next ``save`` under ``key`` (see sharing). Raises StoreError."""
        name = f"{key}.json"
        self._files.reserve(name, max(ROOM, 2 * len(self._files.read(name) or b"")))

    def _is_damaged(self, key: str) -> bool:
        content = self._files.read(f"{key}.json")
        return content is not None and decode(key, content) is None

    def delete(self, key: str) -> None:
        """Delete the token under ``key``, and what is left of older ones. Raises StoreError."""
        self._files.remove(f"{key}.json")
        for leftover in (f"{key}.json.tmp", f"{key}.damaged", f"{key}.note"):
            with suppress(StoreError):  # for example a folder: no reason not to go on and revoke
                self._files.remove(leftover)

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Lock ``key`` against other threads and processes. Raises StoreError."""
        return self._files.lock(key)

    def turn(self, key: str) -> AbstractContextManager[bool]:
        """Lock ``key`` as ``lock`` does, but give up and return False once somebody else has saved (see sharing)."""
        return self._files.turn(key, f"{key}.json")
