"""A store for tokens that can always be had again: a client's own, which need no person."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final, TypeVar

from aventus_creds.basics.places import state_folder
from aventus_creds.errors import StoreError
from aventus_creds.stores import TokenStore
from aventus_creds.stores.file import FileStore
from aventus_creds.stores.memory import open_store
from aventus_creds.tokens import Token

T = TypeVar("T")

logger: Final = logging.getLogger(__name__)

_memory: Final = open_store(None)
"""What files could not keep. One for the process: each call of get_token opens the store anew."""


def spare_store() -> TokenStore:
    """Return a store in the state folder, or in this process where there is no such folder."""
    try:
        return SpareStore(state_folder())
    except StoreError as fault:
        _tell(fault)
        return _memory


class SpareStore(FileStore):
    """A FileStore that keeps a token in this process when it cannot be kept in a file, and never fails for that.

    So it works on a read-only file system, and in a folder that is somebody else's. Only ``delete`` raises
    StoreError: a token that stays in its file was not forgotten.
    """

    def load(self, key: str) -> Token | None:
        """Return the newer one of the tokens in the file and in this process, or None."""
        stored, kept = _tried(lambda: super(SpareStore, self).load(key)), _memory.load(self._name(key))
        if stored is None or kept is None:
            return stored or kept
        return max(stored, kept, key=lambda token: token.obtained_at)

    def save(self, key: str, token: Token) -> None:
        """Store ``token`` under ``key``, in this process if the file cannot be written."""
        _memory.save(self._name(key), token)
        with suppress(StoreError):
            super().save(key, token)
            _memory.delete(self._name(key))

    def delete(self, key: str) -> None:
        """Delete the token under ``key``. Raises StoreError."""
        _memory.delete(self._name(key))
        super().delete(key)

    def reserve(self, key: str) -> None:
        """Make room for the next ``save``, if there is any."""
        _tried(lambda: super(SpareStore, self).reserve(key))

    def lock(self, key: str) -> AbstractContextManager[object]:
        """Lock ``key`` against other threads and processes, or against other threads only."""
        return self._locked(key, super().lock(key))

    def turn(self, key: str) -> AbstractContextManager[bool]:
        """Lock ``key`` as ``lock`` does, but give up and return False once somebody else has saved (see sharing)."""
        return self._locked(key, super().turn(key))

    def attempt(self, key: str) -> AbstractContextManager[bool]:
        """Lock ``key``, or give False at once if somebody else holds it."""
        return self._locked(key, super().attempt(key))

    @contextmanager
    def _locked(self, key: str, lock: AbstractContextManager[object]) -> Iterator[bool]:
        try:
            held = lock.__enter__()
        except StoreError as fault:
            _tell(fault)
            lock = _memory.lock(self._name(key))
            held = lock.__enter__()
        try:
            yield held is not False
        finally:
            lock.__exit__(None, None, None)

    def _name(self, key: str) -> str:
        return str(self.path(key))


def _tried(step: Callable[[], T]) -> T | None:
    try:
        return step()
    except StoreError as fault:
        _tell(fault)
        return None


def _tell(fault: StoreError) -> None:
    logger.info("a client's token is kept in this process only: %s", fault)
