"""MemoryStore: tokens that are gone when the process ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final

from aventus_creds.basics.forks import ForkLock
from aventus_creds.basics.hidden import Secretive
from aventus_creds.tokens import Token

if TYPE_CHECKING:
    from aventus_creds.profiles.store_keys import StoreSettings


class MemoryStore(Secretive):
    """Keeps tokens in this process only. Nothing is written to disk."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._locks: defaultdict[str, ForkLock] = defaultdict(ForkLock)

    def __repr__(self) -> str:
        """Return what it is."""
        return "<MemoryStore>"

    def load(self, key: str) -> Token | None:
        """Return the token under ``key``."""
        return self._tokens.get(key)

    def save(self, key: str, token: Token) -> None:
        """Store ``token`` under ``key``."""
        self._tokens[key] = token

    def delete(self, key: str) -> None:
        """Delete the token under ``key``."""
        self._tokens.pop(key, None)

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Lock ``key`` against other threads."""
        return self._locks[key]

    @contextmanager
    def attempt(self, key: str) -> Iterator[bool]:
        """Lock ``key``, or give False at once if another thread holds it."""
        held = self._locks[key].acquire(0)
        try:
            yield held
        finally:
            if held:
                self._locks[key].release()


_process: Final = MemoryStore()


def open_store(settings: StoreSettings | None) -> MemoryStore:  # noqa: ARG001 - memory has no settings
    """Return the one store of this process, so that all its sessions share a login."""
    return _process
