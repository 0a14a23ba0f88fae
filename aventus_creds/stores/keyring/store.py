"""KeyringStore: tokens in the system's keyring (Secret Service, macOS keychain, Windows), which encrypts them."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Self

from aventus_creds.basics.places import state_folder
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import StoreError
from aventus_creds.profiles.store_keys import StoreSettings
from aventus_creds.stores.file import InFolder
from aventus_creds.stores.keyring.entries import SERVICE, Entries, with_entries
from aventus_creds.stores.record import decode, encode
from aventus_creds.structs import Struct
from aventus_creds.tokens import Token

READS: Final = 5
"""How often a reader starts again because the token was replaced while it read the parts."""

SLOTS: Final = ("A", "B")


def open_store(settings: StoreSettings | None) -> KeyringStore:  # noqa: ARG001 - keyrings have no settings
    """Return the store in the system's keyring. Its locks are in the state folder. Raises StoreError."""
    return KeyringStore(state_folder())


class KeyringStore(InFolder):
    """Stores tokens in the system's keyring. The service is ``aventus-creds``, and the user name is the key.

    No token is ever a command line argument: the keyring library talks to D-Bus or calls the system. Once per
    process it searches for a backend, which takes longer than a load. Setting PYTHON_KEYRING_BACKEND avoids
    the search.

    A token that is too long for one entry is split into parts. The parts are in one of two slots, and the
    entry under the key says in which one. Each save uses the other slot, so parts in use are never
    overwritten. If a writer is killed, its parts are in the slot that the next writer uses.

    Args:
        folder: for the locks only. All processes that use one keyring must use the same folder.
    """

    _needs_lock = True

    def __init__(self, folder: Path) -> None:
        self._files = PrivateFolder(folder / "tokens")

    def __repr__(self) -> str:
        """Return what it is."""
        return "<KeyringStore>"

    def __eq__(self, other: object) -> bool:
        """Two stores are equal if they use the same locks."""
        return isinstance(other, KeyringStore) and self._files.path == other._files.path

    def __hash__(self) -> int:
        """Hash over the folder, as __eq__ compares it."""
        return hash((SERVICE, self._files.path))

    def load(self, key: str) -> Token | None:
        """Return the token under ``key``, or None if it is missing or damaged. Raises StoreError, ConfigError."""
        return with_entries(lambda entries: _load(entries, key))

    def save(self, key: str, token: Token) -> None:
        """Store ``token`` under ``key``. Raises StoreError, ConfigError."""
        with_entries(lambda entries: _save(entries, key, encode(key, token).decode()))

    def delete(self, key: str) -> None:
        """Delete the token under ``key``. Raises StoreError, ConfigError."""
        with_entries(lambda entries: _delete(entries, key))

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Lock ``key`` against other threads and processes. Raises StoreError."""
        return self._files.lock(key, needed=True)


class _Header(Struct):
    """The entry under the key of a token that is split into parts."""

    slot: str
    parts: int
    serial: str
    """Random, so that no two headers are equal, even for the same token."""
    checksum: str

    def __str__(self) -> str:
        return f"parts {self.slot} {self.parts} {self.serial} {self.checksum}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the header in ``text``, or None if it is a whole token or damaged."""
        found = re.fullmatch(r"parts ([AB]) ([1-9]\d{0,5}) ([0-9a-f]{16}) ([0-9a-f]{64})", text, re.ASCII)
        return cls(found[1], int(found[2]), found[3], found[4]) if found else None


def _load(entries: Entries, key: str) -> Token | None:
    text = _top(entries, key)
    for _ in range(READS):
        if text is None:
            return None
        header = _Header.read(text)
        whole = text if header is None else _joined(entries, key, header)
        if whole is not None:
            return decode(key, whole.encode("utf-8", "replace"))
        before, text = text, _top(entries, key)
        if text == before:  # it was not replaced while we read it, so it is damaged
            return None
    return None


def _save(entries: Entries, key: str, whole: str) -> None:
    old = _Header.read(_top(entries, key) or "")
    text, slot = whole, None
    if entries.limit and len(whole) > entries.limit:
        slot = SLOTS[old is not None and old.slot == SLOTS[0]]
        parts = [whole[start : start + entries.limit] for start in range(0, len(whole), entries.limit)]
        for number, part in enumerate(parts, 1):
            entries.set(_part(key, slot, number), part)
        text = str(_Header(slot, len(parts), os.urandom(8).hex(), _checksum(whole)))
    if not entries.replaces_whole:
        entries.set(_spare(key), text)
    entries.set(key, text)
    if entries.get(key) != text:
        raise StoreError(
            "the system's keyring does not keep what it is given",
            hint="Look at its backend: keyring diagnose",
        )
    if not entries.replaces_whole:
        entries.delete(_spare(key))
    _clear(entries, key, keep=slot)


def _delete(entries: Entries, key: str) -> None:
    if not entries.replaces_whole:
        entries.delete(_spare(key))
    entries.delete(key)
    _clear(entries, key)


def _top(entries: Entries, key: str) -> str | None:
    """Return the entry under ``key``, a whole token or a header, or its spare copy if it is missing."""
    text = entries.get(key)
    if text is None and not entries.replaces_whole:
        return entries.get(_spare(key))
    return text


def _joined(entries: Entries, key: str, header: _Header) -> str | None:
    """Return the token's text, or None if parts are missing or do not belong together."""
    parts = []
    for number in range(1, header.parts + 1):
        part = entries.get(_part(key, header.slot, number))
        if part is None:
            return None
        parts.append(part)
    whole = "".join(parts)
    return whole if _checksum(whole) == header.checksum else None


def _clear(entries: Entries, key: str, keep: str | None = None) -> None:
    """Remove all parts except those in the slot ``keep``."""
    if entries.limit is None:  # no token was ever split
        return
    for slot in SLOTS:
        if slot == keep:
            continue
        # Parts are written upwards and removed downwards. So a process that is killed leaves no gap, and
        # counting up to the first missing part finds all of them.
        count = 0
        while entries.get(_part(key, slot, count + 1)) is not None:
            count += 1
        for number in range(count, 0, -1):
            entries.delete(_part(key, slot, number))


def _part(key: str, slot: str, number: int) -> str:
    return f"{key}.{slot}{number}"


def _spare(key: str) -> str:
    """Return the name of the copy that exists while the entry under ``key`` is deleted and created again."""
    return f"{key}.new"


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
