"""Newest: the newest token of one login that a process knows, in memory and in the store, and whether it is good."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from aventus_creds.errors import ConfigError, StoreError
from aventus_creds.sources.source import differs

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from aventus_creds.stores import TokenStore
    from aventus_creds.tokens import Token

NOTHING: Final = (None, 0.0, 0.0)

LEEWAY: Final = 2.0
"""Seconds before its expiry in which a token that cannot be refreshed is no longer used: a request takes time."""

_first_seen: Final[dict[str, tuple[int, float]]] = {}
"""For each key the hash of the newest token, and the clock offset when it was first seen (see ``_offset``).
It is kept here because get_token makes a new source for each call, and a new source would trust a wall clock
that was set back since.
"""


class Newest:
    """The newest token under ``key``: the one in ``store``, or the one in memory if saving that failed."""

    __slots__ = ("_key", "_offset", "_outdated", "_store", "_stored", "fresh", "memory")

    def __init__(self, key: str, store: TokenStore) -> None:
        self._key = key
        self._store = store
        self.memory: Token | None = None
        self.fresh: tuple[Token | None, float, float] = NOTHING
        """The token in memory, and when it goes stale, on the wall clock and on the monotonic clock."""
        self._stored = False  # whether memory is what the store had
        self._outdated: Token | None = None  # what the store still has where memory is ahead of it
        self._offset = 0.0  # the wall clock when memory was taken, less the monotonic clock

    def recall(self, *, held: bool = False) -> Token | None:
        """Read the store, and return the newest token. Raises StoreError. For ``held`` see ``of``."""
        return self.of(self._store.load(self._key), held=held)

    def look(self, lock: Callable[[str], AbstractContextManager[object]]) -> Token | None:
        """Return the newest token as ``recall`` does, but take one that is gone from the store for a logout."""
        stored = self._store.load(self._key)
        if stored is None and self._stored:  # only with the lock it is certain that nobody is just saving
            with lock(self._key):
                return self.recall(held=True)
        return self.of(stored, held=False)

    def of(self, stored: Token | None, *, held: bool) -> Token | None:
        """Return the newest token, where the store has the one that is ``stored``.

        With the lock ``held``, a token that is gone from the store means a logout, and the one in memory must
        not be used either. That includes a file or folder that was removed: it is how people log out by hand.
        """
        # Do not compare obtained_at: if the clock was set back, a used refresh token would look newer.
        if stored is not None and stored != self._outdated:
            if stored != self.memory:
                self.take(stored, stored=True)
            self._stored = True
        elif stored is None and held and self._stored:
            self.drop()
        return self.memory

    def take(self, token: Token, *, stored: bool, outdated: Token | None = None) -> None:
        """Make ``token`` the newest. Unless it is ``stored``, the store still has the ``outdated`` one."""
        # The offset is taken once for each token. Taken again for a token that is already known, after the
        # clock was set back, it would extend the token's life.
        number, offset = _first_seen.get(self._key, (0, 0.0))
        if number != hash(token):
            offset = max(time.time(), token.obtained_at) - time.monotonic()
            _first_seen[self._key] = hash(token), offset
        self._offset = offset
        self._stored, self._outdated = stored, outdated
        self.memory = token
        self.fresh = token, token.fresh_until, token.fresh_until - offset

    def remember(self, token: Token) -> None:
        """Make ``token`` the newest, and what the store has now an older one."""
        self.take(token, stored=False)
        with suppress(StoreError, ConfigError):
            self._outdated = self._store.load(self._key)

    def drop(self) -> None:
        """Forget the token in memory."""
        self.memory, self._stored, self.fresh = None, False, NOTHING

    def saved(self) -> None:
        """Note that the store has what is in memory."""
        self._outdated, self._stored = None, True

    def good(self, token: Token, stale: Token | None, at_least: float) -> bool:
        """Whether ``token`` is fresh, is not ``stale`` and is valid for ``at_least`` more seconds."""
        return token.fresh(self.now(), at_least) and differs(token, stale)

    def alive(self, token: Token, stale: Token | None, at_least: float) -> bool:
        """Whether ``token`` is still valid and will do, although it may be due for refresh."""
        leeway = 0 if token.refresh_token else LEEWAY
        return not at_least and differs(token, stale) and self.left(token) > leeway

    def left(self, token: Token) -> float:
        """Return for how many seconds ``token`` is still valid."""
        return token.expires_at - self.now()

    def now(self) -> float:
        """Return the time in seconds since the epoch, or what it would be if the clock had not been set back.

        The clock of another machine may be ahead, so that its token seems to come from the future. Such a
        token counts as new when it is first seen. Otherwise each of the two machines would replace the
        other's token, over and over.
        """
        now, steady = time.time(), self._offset + time.monotonic()
        return now if now > steady else steady  # noqa: FURB136 - max is slower, on each request
