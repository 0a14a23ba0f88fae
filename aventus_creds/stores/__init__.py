"""Where tokens are stored between two processes: the contract that every store keeps."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from aventus_creds.tokens import Token


class TokenStore(Protocol):
    """Keeps one token for each key. It never judges whether a token is still good.

    Every method may raise StoreError. ``save`` and ``delete`` are called with the key's lock held.

    Two stores are equal, and hash alike, only if they keep the same tokens: a process has one login for each profile
    and store. A store's repr says where it is, and holds no password. A store that many machines share may offer
    more: see ``stores/sharing.py``.
    """

    def load(self, key: str) -> Token | None:
        """Return the token under ``key``, or None where there is none that can be read. Takes no lock.

        None under the lock, where there was one, means that the login was ended: nobody brings it back.
        """
        ...

    def save(self, key: str, token: Token) -> None:
        """Keep ``token`` under ``key`` in place of what was there: wholly, or not at all."""
        ...

    def delete(self, key: str) -> None:
        """Forget what is under ``key``, if anything."""
        ...

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Hold ``key`` against every other thread and process that uses this store.

        The lock is not reentrant. A holder that dies frees it.
        """
        ...
