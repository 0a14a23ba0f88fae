"""The lock of a RedisStore: redis-py's Lock, with answers that tell a waiter what it is waiting for."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import Any, Final

from redis.exceptions import LockError
from redis.lock import Lock

from aventus_creds.structs import Struct

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
"""Take the lock, unless somebody else holds it, or the entry has changed since the waiter last saw it.

If the lock is already ours, that is a success: the answer to an earlier try may have been lost. The waiter
passes the last news that it saw while somebody held the lock and it had not lapsed. If the lock is now gone
and there is no later news of its release, Redis has lost the lock, and its holder will soon take it again.
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


class Names(Struct):
    """The Redis keys of one entry. The braces in them keep all of them in the same slot of a cluster."""

    entry: str
    lock: str
    news: str
    """A stream that holds one item: the latest event that wakes waiters."""
    note: str


def names(prefix: str, key: str) -> Names:
    """Return the Redis keys of the entry ``key``, which all begin with ``prefix``."""
    entry = f"{prefix}{{{key}}}"
    return Names(entry, f"{entry}:lock", f"{entry}:news", f"{entry}:note")


class Tried(Struct):
    """The result of one try to take the lock."""

    state: str
    """``held``, ``changed``, ``busy`` or ``lost``."""
    stamp: bytes
    """The beginning of the entry now. Empty if there is no entry."""
    pttl: int
    """Milliseconds until the holder's lock lapses. Negative if it is gone or has no end."""
    last: bytes
    """The latest news. Wait for what comes after it."""


class EntryLock(Lock):
    """A lock that becomes free if its holder dies. It has a short life, and a thread extends it while it is held.

    Args:
        client: redis-py's client.
        keys: the Redis keys of the entry.
        lifetime: how many seconds the lock lives if it is not extended.
        stamp: how many bytes of an entry tell it from others.
        news_lifetime: how many seconds the news of a release is kept.
    """

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
        """Take the lock if it is free and the entry has not changed.

        Args:
            since: how the entry began when it was last seen. None: take the lock in any case.
            waiting_from: the last news of a lock that should still be held. Empty: there is no such lock.
        """
        given = b"" if since is None else b"=" + since
        milliseconds = int((self.timeout or 0) * 1000)
        answer = self._try(
            keys=list(self._keys), args=[self._own, milliseconds, self._stamp, given, waiting_from]
        )
        state, stamp, pttl, last = (*answer, -1, b"0-0")[:4]
        tried = Tried(state.decode(), stamp[: self._stamp], int(pttl), last)
        if tried.state == "held":
            self.local.token = self._own.encode()
            # When the interpreter is ending, no thread can be started. Then the lock just lapses on its own.
            with suppress(RuntimeError):
                threading.Thread(target=self._extend, daemon=True).start()
        return tried

    def do_release(self, expected_token: Any) -> None:
        """Release the lock if it is still ours, and wake the waiters."""
        self._free(keys=[self._keys.lock, self._keys.news], args=[expected_token, self._news_lifetime])

    def let_go(self) -> None:
        """Release the lock. If that fails, the lock soon lapses."""
        self._over.set()
        if self._process == os.getpid():  # after a fork, the parent still holds it
            with suppress(Exception):  # whatever a Redis answers
                self.do_release(self._own)

    @property
    def here(self) -> bool:
        """Whether this process took the lock, and not the parent from which it was forked."""
        return self._process == os.getpid()

    def _extend(self) -> None:
        # Three times per lifetime, so that two may fail before the lock lapses.
        while not self._over.wait((self.timeout or 0) / 3):
            with suppress(
                Exception
            ):  # the next one may succeed; here nobody could handle an error, only print it
                try:
                    self.reacquire()
                except LockError:
                    # Redis has lost the lock, or it lapsed while Redis was away, or it was released just now.
                    if self._over.is_set() or not self.do_acquire(self._own):
                        return
                    self.local.token = self._own.encode()
                    if self._over.is_set():
                        self.do_release(self._own)
