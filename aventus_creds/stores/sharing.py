"""What a store that many machines share may offer besides the contract, and how it is used."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, Final, TypeVar

from aventus_creds.errors import StoreConflict
from aventus_creds.stores import TokenStore

CONFLICTS: Final = 5
"""How often a person's change is made anew because others change the store at the same time."""

T = TypeVar("T")
Turn = Callable[[str], AbstractContextManager[Any]]


def turns(store: TokenStore) -> tuple[Turn, ...]:
    """Return the ways to take a key, one after another. One that gives False holds nothing: read again.

    A store may offer ``turn(key)``: its ``lock``, or False once somebody else has saved meanwhile. The last way is
    always the lock.
    """
    turn = getattr(store, "turn", None)
    return (store.lock,) if turn is None else (turn, turn, store.lock)


def still_held(store: TokenStore, key: str) -> bool:
    """Whether the lock on ``key`` has not lapsed, where the store can tell by a method ``holds``.

    A process frozen between this and its request to a server is beyond help: its save is refused then.
    """
    holds = getattr(store, "holds", None)
    return holds is None or bool(holds(key))


def changed(store: TokenStore, key: str, change: Callable[[], T]) -> T:
    """Make ``change`` under the lock of ``key``, and again where others were quicker: a person's word counts."""
    for _ in range(CONFLICTS):
        with suppress(StoreConflict), store.lock(key):
            return change()
    with store.lock(key):
        return change()
