"""A token in a store, and a source that counts what is asked of it."""

from __future__ import annotations

from typing import Any

from aventus_creds.sources.cached import CachedSource
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token

EXPIRED: dict[str, Any] = {"age": 7200, "lifetime": 3600}
EARLY: dict[str, Any] = {"age": 3590, "lifetime": 3600}  # to be refreshed, and good for ten seconds more


class Counted:
    """A source that counts how often it is asked, and gives what it is told to."""

    def __init__(self, *answers: Token | Exception) -> None:
        self.answers = list(answers)
        self.stale: list[Token | None] = []

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        self.stale.append(stale)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def kept(store: MemoryStore, token: Token) -> Token:
    store.save("key", token)
    return token


def cached(store: MemoryStore, *answers: Token | Exception) -> tuple[CachedSource, Counted]:
    inner = Counted(*answers)
    return CachedSource("key", store, inner), inner
