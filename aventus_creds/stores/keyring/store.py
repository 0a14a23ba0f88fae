"""KeyringStore: tokens in the system's keyring, which encrypts them: Secret Service, macOS keychain, Windows."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NamedTuple, Self

from aventus_creds.basics.places import state_folder
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import StoreError
from aventus_creds.profiles.store_keys import StoreSettings
from aventus_creds.stores.keyring.entries import SERVICE, Entries, with_entries
from aventus_creds.stores.record import decode, encode
from aventus_creds.tokens import Token

READS: Final = 5
"""How often a reader begins anew because the token is replaced while it reads the parts."""

SLOTS: Final = ("A", "B")


def open_store(settings: StoreSettings | None) -> KeyringStore:  # noqa: ARG001 - no setting is for keyrings
    """Return the store in the system's keyring, whose locks are in the state folder. Raises StoreError."""
    return KeyringStore(state_folder())


class KeyringStore:
    """Keeps tokens in the system's keyring: service ``aventus-creds``, the user name is the key.

    ``folder`` holds the locks, nothing else: all processes that use one keyring name the same. No token is ever an
    argument of a program: the keyring library speaks D-Bus or calls the system. Its search for a backend, once in
    a process, takes longer than a load; PYTHON_KEYRING_BACKEND spares it.

    A token that is too long for one entry is in parts, and the entry under the key says where: in one of two slots,
    in turns. Parts that are in use are never overwritten, and what a killed writer leaves is in the other slot,
    which the next writer takes.
    """

    def __init__(self, folder: Path) -> None:
        self._files = PrivateFolder(folder / "tokens")

    def __repr__(self) -> str:
        """Return what it is."""
        return "<KeyringStore>"

    def __eq__(self, other: object) -> bool:
        """Two stores are the same when their locks are."""
        return isinstance(other, KeyringStore) and self._files.path == other._files.path

    def __hash__(self) -> int:
        """Hash over the folder, as __eq__ compares it."""
        return hash((SERVICE, self._files.path))

    def load(self, key: str) -> Token | None:
        """Return the token under ``key``. A damaged entry counts as none. Raises StoreError, ConfigError."""
        return with_entries(lambda entries: _load(entries, key))

    def save(self, key: str, token: Token) -> None:
        """Keep ``token`` under ``key``. Raises StoreError, ConfigError."""
        with_entries(lambda entries: _save(entries, key, encode(key, token).decode()))

    def delete(self, key: str) -> None:
        """Forget the token under ``key``. Raises StoreError, ConfigError."""
        with_entries(lambda entries: _delete(entries, key))

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Hold ``key`` against other threads and processes. Raises StoreError."""
        return self._files.lock(key, needed=True)


class _Header(NamedTuple):
    """The entry that stands for a token in parts."""

    slot: str
    parts: int
    serial: str
    """Random: no two headers are the same, also of the same token."""
    checksum: str

    def __str__(self) -> str:
        return f"parts {self.slot} {self.parts} {self.serial} {self.checksum}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the header that ``text`` is, or None where it is a token or damaged."""
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
        if text == before:  # nobody has replaced it meanwhile: it is damaged
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
    """Return the entry under ``key``: a whole token or a header."""
    text = entries.get(key)
    if text is None and not entries.replaces_whole:
        return entries.get(_spare(key))
    return text


def _joined(entries: Entries, key: str, header: _Header) -> str | None:
    """Return the token's text, or None where its parts are not all there, or not of one token."""
    parts = []
    for number in range(1, header.parts + 1):
        part = entries.get(_part(key, header.slot, number))
        if part is None:
            return None
        parts.append(part)
    whole = "".join(parts)
    return whole if _checksum(whole) == header.checksum else None


def _clear(entries: Entries, key: str, keep: str | None = None) -> None:
    """Remove all parts but those of the slot ``keep``."""
    if entries.limit is None:  # no token was ever in parts
        return
    for slot in SLOTS:
        if slot == keep:
            continue
        # Written upwards and removed downwards: whoever is killed in between leaves no gap.
        count = 0
        while entries.get(_part(key, slot, count + 1)) is not None:
            count += 1
        for number in range(count, 0, -1):
            entries.delete(_part(key, slot, number))


def _part(key: str, slot: str, number: int) -> str:
    return f"{key}.{slot}{number}"


def _spare(key: str) -> str:
    """Return the name of a copy that is there while the entry under ``key`` is deleted and made anew."""
    return f"{key}.new"


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
