"""Encrypts tokens before they leave the process, for stores that somebody else runs."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from typing import Final

from aventus_creds.basics.hidden import Hidden, Secretive, hides
from aventus_creds.errors import ConfigError, StoreError

VERSION: Final = b"\x02"
"""The first byte of a sealed entry, which is bound to its whole name in the store."""

BEFORE: Final = b"\x01"
"""The first byte of an entry from before 2: it is bound to its key alone, without the store's prefix."""

NONCE: Final = 12
STAMP: Final = len(VERSION) + NONCE
"""Length in bytes of the beginning of a sealed entry, which is different for each one."""

MAKE_ONE: Final = "aventus-creds store key"


def new_key() -> str:
    """Return a new random encryption key as text: 32 bytes in base64url."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


class Seal(Secretive):
    """AES-256-GCM (NIST SP 800-38D) with several keys: the first one seals, and each of them opens.

    An entry is bound to its whole name, so it cannot be opened after it is copied to another name or prefix.
    The repr shows no key.
    """

    __slots__ = ("_ciphers",)

    @hides
    def __init__(self, keys: Hidden[Sequence[str]]) -> None:
        """Take ``keys`` as ``new_key`` makes them. Raises ConfigError, which does not show them."""
        mistake = _mistake(keys.reveal())
        if mistake is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._ciphers = [AESGCM(_read(key) or b"") for key in keys.reveal()]
        if mistake is not None:
            raise mistake

    def seal(self, name: str, content: bytes) -> bytes:
        """Return ``content`` encrypted for the entry ``name``. The first STAMP bytes differ for each result."""
        # 96 random bits are safe for four billion entries under one key (SP 800-38D section 8.3).
        nonce = os.urandom(NONCE)
        return VERSION + nonce + self._ciphers[0].encrypt(nonce, content, _bound(VERSION, name))

    def open(self, name: str, sealed: bytes, key: str = "") -> bytes:
        """Return the content of ``sealed``.

        Args:
            name: the whole name of the entry, as it was sealed.
            sealed: what is stored there.
            key: the entry's key, to which version BEFORE was bound. It stands for the entry in messages.

        Raises:
            StoreError: no key opens it. Such an entry does not count as missing. Otherwise, if a key was
                forgotten at a rotation, everybody would have to log in again and overwrite good logins.
        """
        from cryptography.exceptions import InvalidTag

        bound = {VERSION: _bound(VERSION, name), BEFORE: _bound(BEFORE, key)}.get(sealed[:1])
        for cipher in self._ciphers if bound else []:
            try:
                return cipher.decrypt(sealed[1:STAMP], sealed[STAMP:], bound)
            except (InvalidTag, ValueError):  # ValueError: too short to be one
                continue
        raise unreadable(key or name)


def unreadable(key: str) -> StoreError:
    """Return the error for an entry that exists but cannot be read."""
    return StoreError(
        f"the stored token {key} cannot be decrypted: it was sealed with another key, or is damaged",
        hint="Add the key it was sealed with after the first one, or log in again: that replaces it.",
    )


def _mistake(keys: Sequence[str]) -> ConfigError | None:
    make_one = f"Make one with: {MAKE_ONE}"
    if isinstance(keys, str) or not keys:
        return ConfigError("the store needs a list of encryption keys, at least one", hint=make_one)
    for number, key in enumerate(keys, 1):
        if _read(key) is None:
            return ConfigError(
                f"encryption key {number} of {len(keys)} is not base64url of 32 bytes", hint=make_one
            )
    try:
        import cryptography  # noqa: F401 - whether it is there
    except ImportError:
        return ConfigError(
            "cryptography is not installed: it encrypts stored tokens",
            hint="Run: pip install 'aventus-creds[redis]'",
        )
    return None


def _read(key: object) -> bytes | None:
    """Return the 32 bytes that a key's text stands for, or None if it is malformed."""
    if not isinstance(key, str):
        return None
    try:
        # Validate: by default b64decode skips characters that it does not know.
        raw = base64.b64decode(
            key.strip().encode("ascii") + b"=" * (-len(key.strip()) % 4), b"-_", validate=True
        )
    except ValueError:
        return None
    return raw if len(raw) == 32 else None


def _bound(version: bytes, name: str) -> bytes:
    return b"aventus-creds " + version + name.encode()
