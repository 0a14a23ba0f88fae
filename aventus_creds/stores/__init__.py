"""Where tokens are stored: the protocol that every store follows."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from aventus_creds.tokens import Token


class TokenStore(Protocol):
    """Stores one token for each key, and never decides whether a token is still valid.

    Every method may raise StoreError, and ConfigError if the store cannot be used as it is configured: there is no
    keyring, or the Redis refuses the password. ``save`` and ``delete`` are called with the key's lock held.

    Two stores are equal, and hash alike, only if they keep the same tokens: a process has one login for each profile
    and store. A store's repr says where it is, and holds no password. A store that many machines share may offer
    more: see ``stores/sharing.py``.
    """

    def load(self, key: str) -> Token | None:
        """Return the token stored under ``key``, or None if there is none that can be read. Takes no lock.

        If there was a token before and the caller holds the lock, None means that somebody has logged out.
        The caller must not store its own copy again.
        """
        ...

    def save(self, key: str, token: Token) -> None:
        """Store ``token`` under ``key`` and replace what is there: completely, or not at all."""
        ...

    def delete(self, key: str) -> None:
        """Delete what is stored under ``key``, if anything."""
        ...

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Lock ``key`` against all other threads and processes that use this store, for a ``with`` block.

        The lock is not reentrant. If its holder dies, it becomes free.
        """
        ...
