"""The lock of a RedisStore: redis-py's Lock, with an answer that tells a waiter what it waits for."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import Any, Final, NamedTuple

from redis.exceptions import LockError, RedisClusterException, RedisError
from redis.lock import Lock

TRY: Final = """
local stamp = redis.call('getrange', KEYS[1], 0, ARGV[3] - 1)
if ARGV[4] ~= '' and stamp ~= '' and stamp ~= string.sub(ARGV[4], 2) then
    return {'changed', stamp}
end
local last = redis.call('xrevrange', KEYS[3], '+', '-', 'count', 1)
last = last[1] and last[1][1] or '0-0'
local holder = redis.call('get', KEYS[2])
if not holder and ARGV[5] ~= '' and (last == '0-0' or last == ARGV[5]) then
    return {'lost', stamp, 0, last}
end
if not holder or holder == ARGV[1] then
    redis.call('set', KEYS[2], ARGV[1], 'px', ARGV[2])
    return {'held', stamp}
end
return {'busy', stamp, redis.call('pttl', KEYS[2]), last}
"""
"""Take the lock, unless the entry is not what the waiter last saw, or somebody holds the lock.

One's own lock counts as taken: the answer to the first try may have been lost. A waiter names the last news it
had of a lock that has not lapsed yet; where the lock is gone without news, Redis has lost it.
"""

FREE: Final = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then
    return 0
end
redis.call('del', KEYS[1])
redis.call('xadd', KEYS[2], 'maxlen', 1, '*', 'freed', '')
redis.call('pexpire', KEYS[2], ARGV[2])
return 1
"""


class Names(NamedTuple):
    """The three keys of one entry. The braces keep them in one slot of a cluster."""

    entry: str
    lock: str
    news: str
    """A stream of one entry: the last thing that a waiter should hear of."""


def names(prefix: str, key: str) -> Names:
    """Return the keys of the entry ``key``."""
    entry = f"{prefix}{{{key}}}"
    return Names(entry, f"{entry}:lock", f"{entry}:news")


class Tried(NamedTuple):
    """What came of one try."""

    state: str
    """``held``, ``changed``, ``busy`` or ``lost``."""
    stamp: bytes
    """What the entry begins with now; empty where there is none."""
    pttl: int
    """Milliseconds until the holder's lock lapses; negative where it is gone or has no end."""
    last: bytes
    """The last news, from which to wait on."""


class EntryLock(Lock):
    """A lock that dies with its holder: it lives ``lifetime`` seconds, and a thread extends it while it is held."""

    def __init__(self, client: Any, keys: Names, lifetime: float, stamp: int, news_lifetime: float) -> None:
        super().__init__(client, keys.lock, timeout=lifetime, blocking=False, thread_local=False)
        self._keys = keys
        self._stamp = stamp
        self._news_lifetime = int(news_lifetime * 1000)
        self._over = threading.Event()
        self._process = os.getpid()
        self._own = os.urandom(16).hex()
        self._try = client.register_script(TRY)
        self._free = client.register_script(FREE)

    def try_it(self, since: bytes | None, waiting_from: bytes) -> Tried:
        """Take the lock if it is free, and if the entry still begins with ``since`` (None: whatever it is).

        ``waiting_from`` is the last news of a lock that should be held still, or empty.
        """
        given = b"" if since is None else b"=" + since
        milliseconds = int((self.timeout or 0) * 1000)
        answer = self._try(
            keys=list(self._keys), args=[self._own, milliseconds, self._stamp, given, waiting_from]
        )
        state, stamp, pttl, last = (*answer, -1, b"0-0")[:4]
        if state == b"held":
            self.local.token = self._own.encode()
            # At the end of the interpreter no thread starts any more: then the lock just lives its lifetime.
            with suppress(RuntimeError):
                threading.Thread(target=self._extend, daemon=True).start()
        return Tried(state.decode(), stamp, pttl, last)

    def do_release(self, expected_token: Any) -> None:
        """Free the lock if it is still this one's, and wake the others."""
        self._free(keys=[self._keys.lock, self._keys.news], args=[expected_token, self._news_lifetime])

    def let_go(self) -> None:
        """Free the lock. Where that fails, it frees itself soon."""
        self._over.set()
        if self._process == os.getpid():  # a fork in the middle: the other process holds it
            with suppress(RedisError, RedisClusterException, OSError):
                self.do_release(self._own)

    @property
    def here(self) -> bool:
        """Whether this process took it."""
        return self._process == os.getpid()

    def _extend(self) -> None:
        # Three times a lifetime: two may fail before the lock lapses.
        while not self._over.wait((self.timeout or 0) / 3):
            with suppress(RedisError, RedisClusterException, OSError):
                try:
                    self.reacquire()
                except (
                    LockError
                ):  # Redis has lost it, or it lapsed while Redis was away, or it was let go just now
                    if self._over.is_set() or not self.do_acquire(self._own):
                        return
                    self.local.token = self._own.encode()
                    if self._over.is_set():
                        self.do_release(self._own)
