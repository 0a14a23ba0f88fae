"""Sealing: tokens are encrypted before they leave the process, for stores that others run."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from typing import Final

from aventus_creds.basics.hidden import Hidden, hides
from aventus_creds.errors import ConfigError, StoreError

VERSION: Final = b"\x01"
NONCE: Final = 12
STAMP: Final = len(VERSION) + NONCE
"""How many bytes a sealed entry begins with that no other has."""

MAKE_ONE: Final = "aventus-creds store key"


def new_key() -> str:
    """Return a new random encryption key, as text: base64url of 32 bytes."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


class Seal:
    """AES-256-GCM (NIST SP 800-38D) under several keys: the first seals, all of them open. Its repr shows none.

    An entry is bound to its name: copied to another one, it does not open.
    """

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
        """Return ``content`` sealed for the entry ``name``. No two results begin with the same STAMP bytes."""
        # 96 random bits: good for four billion entries under one key (SP 800-38D section 8.3).
        nonce = os.urandom(NONCE)
        return VERSION + nonce + self._ciphers[0].encrypt(nonce, content, _bound(name))

    def open(self, name: str, sealed: bytes) -> bytes:
        """Return what was sealed for the entry ``name``.

        Raises StoreError where no key opens it. That is not the same as nothing: a key that was forgotten at
        a rotation would else ask everybody to log in again, and the new logins would replace the old.
        """
        from cryptography.exceptions import InvalidTag

        for cipher in self._ciphers if sealed[:1] == VERSION else []:
            try:
                return cipher.decrypt(sealed[1:STAMP], sealed[STAMP:], _bound(name))
            except (InvalidTag, ValueError):  # ValueError: too short to be one
                continue
        raise unreadable(name)


def unreadable(name: str) -> StoreError:
    """Return the error of an entry that is there and cannot be read."""
    return StoreError(
        f"the stored token {name} cannot be decrypted: it was sealed with another key, or is damaged",
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
    """Return the 32 bytes of a key's text, or None where it holds something else."""
    if not isinstance(key, str):
        return None
    try:
        # Strictly, in the one alphabet: b64decode would skip what it does not know.
        raw = base64.b64decode(
            key.strip().encode("ascii") + b"=" * (-len(key.strip()) % 4), b"-_", validate=True
        )
    except ValueError:
        return None
    return raw if len(raw) == 32 else None


def _bound(name: str) -> bytes:
    return b"aventus-creds " + VERSION + name.encode()
