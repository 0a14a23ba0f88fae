"""RedisStore: one login for many machines. Tokens in Redis are encrypted, and waiters do not poll."""

from __future__ import annotations

import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from aventus_creds.basics.forks import ForkLock
from aventus_creds.basics.hidden import Secretive
from aventus_creds.basics.waits import spread, waiting_for
from aventus_creds.errors import AventusCredsError, InsecureStoreWarning, StoreConflict, StoreError
from aventus_creds.stores.record import decode, encode
from aventus_creds.stores.redis.address import checked_address
from aventus_creds.stores.redis.faults import explain, known_faults, passing
from aventus_creds.stores.redis.reading import SAVED, read_all, read_entry, read_news
from aventus_creds.stores.redis.scripts import SAVE
from aventus_creds.stores.redis.sealing import NONCE, STAMP, Seal, unreadable
from aventus_creds.tokens import Token

if TYPE_CHECKING:
    from aventus_creds.stores.redis.lock import EntryLock, Names

LOCK_LIFETIME: Final = 30.0
"""Seconds after which the lock of a dead holder is free. A live holder keeps extending its lock."""

LOCK_TIMEOUT: Final = 600.0
"""Seconds to wait for a lock. Its holder makes a few requests, and each of them has its own time limit."""

GRACE: Final = 300.0
"""Seconds to keep a token without a refresh token after its expiry, since clocks differ."""

DELETED: Final = b"\x00"
"""The first byte of the mark that a deleted entry leaves for REMEMBERED seconds. The rest is random."""

REMEMBERED: Final = 86400.0
"""Seconds to keep the news for waiters, and the marks of deleted entries."""


class _Mine(threading.local):
    """What a thread knows about each entry: how it began when last seen, and the lock that the thread holds."""

    def __init__(self) -> None:
        self.seen: dict[str, bytes] = {}
        self.held: dict[str, EntryLock] = {}


class RedisStore(Secretive):
    """Stores encrypted tokens in a Redis, for all processes and machines that have the keys.

    Locks in Redis are not perfect: they lapse, and a failover may forget one. So each save is a
    compare-and-set: it raises StoreConflict rather than replace an entry that the holder of the lock has not
    seen.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://`` as redis-py reads it,
            ``redis+sentinel://HOST,HOST/SERVICE`` or ``redis+cluster://HOST,HOST``.
        keys: made by ``sealing.new_key``. The first one encrypts, each of them decrypts.
        prefix: how all names in Redis begin.
        timeout: seconds for one answer, and also for all tries of one operation together.
        lock_lifetime: seconds after which the lock of a dead holder is free.

    Raises:
        ConfigError: the URL or a key is wrong, or a package is missing. The message shows no secret.
    """

    _place = "no address"  # for the repr, until the URL has been read

    def __init__(
        self,
        url: str,
        keys: Sequence[str],
        *,
        prefix: str = "aventus-creds:",
        timeout: float = 5.0,
        lock_lifetime: float = LOCK_LIFETIME,
    ) -> None:
        try:
            address = checked_address(url)
            self._seal = Seal(keys)
        except (AventusCredsError, InsecureStoreWarning) as error:  # a warning, where warnings are errors
            del url, keys  # tools may show the variables of a traceback
            raise error.with_traceback(None) from None
        self._address, self._place = address, address.place
        self._prefix = prefix
        self._timeout = timeout
        self._lock_lifetime = lock_lifetime
        self._client: Any = None
        self._connecting = ForkLock()
        self._queues: defaultdict[str, ForkLock] = defaultdict(ForkLock)
        self._mine = _Mine()

    def __repr__(self) -> str:
        """Return where it is, without secrets."""
        return f"<RedisStore at {self._place}>"

    # The protocol of a store

    def load(self, key: str) -> Token | None:
        """Return the token under ``key``. Raises StoreError, also if no key can decrypt it."""
        kept = self._call(read_entry, self._names(key).entry)
        self._mine.seen[key] = kept[:STAMP]
        return self._token(key, kept)

    def _token(self, key: str, kept: bytes) -> Token | None:
        if not kept or kept.startswith(DELETED):
            return None
        token = decode(key, self._seal.open(self._names(key).entry, kept, key))
        if token is None:
            raise unreadable(key)
        return token

    def save(self, key: str, token: Token) -> None:
        """Store ``token`` under ``key``. Raises StoreError, or StoreConflict if somebody else saved first.

        Redis deletes a token without a refresh token by itself, soon after its expiry.
        """
        lifetime = (
            None
            if token.refresh_token or token.expires_at == math.inf
            else max(token.expires_at - time.time(), 0) + GRACE
        )
        self._replace(key, self._seal.seal(self._names(key).entry, encode(key, token)), lifetime)

    def delete(self, key: str) -> None:
        """Delete the token under ``key``. Raises as ``save`` does."""
        self._replace(key, DELETED + os.urandom(NONCE), REMEMBERED)

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Lock ``key`` against all threads, processes and machines. Raises StoreError."""
        with self._hold(key, or_news=False):
            yield

    # Optional methods of a store (see stores.sharing)

    def turn(self, key: str) -> AbstractContextManager[bool]:
        """Lock ``key`` as ``lock`` does, but give up and return False once somebody else has saved.

        That means: since this thread last loaded ``key``.
        """
        return self._hold(key, or_news=True)

    def attempt(self, key: str) -> AbstractContextManager[bool]:
        """Lock ``key``, or give False at once if somebody else holds it. Raises StoreError."""
        return self._hold(key, or_news=False, at_once=True)

    def note(self, key: str, content: bytes | None) -> None:
        """Store a note beside the token under ``key``, sealed as it is, or remove it. Raises StoreError."""
        name = self._names(key).note
        if content is None:
            self._call(lambda client: client.delete(name))
        else:
            sealed = self._seal.seal(name, content)
            self._call(lambda client: client.set(name, sealed, px=int(REMEMBERED * 1000)))

    def noted(self, key: str) -> bytes | None:
        """Return the note beside the token under ``key``. Raises StoreError."""
        name = self._names(key).note
        sealed = self._call(lambda client: client.get(name))
        return None if sealed is None else self._seal.open(name, sealed)

    def glance(self, keys: Sequence[str]) -> dict[str, tuple[Token | None, bytes | None] | AventusCredsError]:
        """Return the token and the note under each of ``keys``, or its error, in one round trip. Raises StoreError."""
        places = [name for key in keys for name in (self._names(key).entry, self._names(key).note)]
        found = self._call(read_all, places)
        return {key: self._glance(key, *found[2 * at : 2 * at + 2]) for at, key in enumerate(keys)}

    def _glance(
        self, key: str, kept: Any, note: Any
    ) -> tuple[Token | None, bytes | None] | AventusCredsError:
        if isinstance(kept, Exception):
            return explain(kept, self._place, self._prefix, self._address.secrets)
        opened = None
        with suppress(StoreError):
            opened = self._seal.open(self._names(key).note, note) if isinstance(note, bytes) else None
        try:
            return self._token(key, kept or b""), opened
        except StoreError as error:
            return error

    def holds(self, key: str) -> bool:
        """Whether this thread still holds its lock on ``key``. Raises StoreError."""
        held = self._mine.held.get(key)
        return held is not None and held.here and bool(self._call(lambda _: held.owned()))

    # Implementation

    @contextmanager
    def _hold(self, key: str, *, or_news: bool, at_once: bool = False) -> Iterator[bool]:
        queue = self._queues[key]  # only one thread of this process at a time waits in Redis
        if not queue.acquire(0 if at_once else LOCK_TIMEOUT):
            if not at_once:
                raise self._locked_too_long(key)
            yield False
            return
        with ExitStack() as stack:
            stack.callback(queue.release)
            lock = self._new_lock(key)
            try:
                held = self._wait(lock, key, or_news=or_news, at_once=at_once)
            except KeyboardInterrupt:  # we may have the lock already: the answer was not read
                lock.let_go()
                raise
            if held:
                stack.callback(lock.let_go)
                self._mine.held[key] = lock
                stack.callback(self._mine.held.pop, key)
            else:
                stack.close()
            yield held

    def _new_lock(self, key: str) -> EntryLock:
        from aventus_creds.stores.redis.lock import EntryLock

        return EntryLock(
            self._call(lambda client: client), self._names(key), self._lock_lifetime, STAMP, REMEMBERED
        )

    def _wait(self, lock: EntryLock, key: str, *, or_news: bool, at_once: bool) -> bool:
        """Take ``lock``. With ``or_news`` give up once the entry is not the one that this thread last saw."""
        since = self._mine.seen.get(key)
        give_up = time.monotonic() + LOCK_TIMEOUT
        last = b""  # the latest news when somebody was last seen to hold the lock
        lapses = 0.0  # when that lock lapses unless it is extended; monotonic clock
        while True:
            known = last if time.monotonic() < lapses else b""
            tried = self._call(lambda _, *args: lock.try_it(*args), since if or_news else None, known)
            if tried.state == "held":
                self._mine.seen[key] = tried.stamp
                return True
            if tried.state == "changed" or at_once:
                return False
            if time.monotonic() > give_up:
                raise self._locked_too_long(key)
            since = tried.stamp if since is None else since
            # Stay below the timeout for an answer: Redis may end a wait a tenth of a second late.
            longest = max(self._timeout * 0.6 - 0.15, 0.01)
            if tried.state == "busy":
                lapses = time.monotonic() + (tried.pttl / 1000 if tried.pttl >= 0 else longest)
            # (If Redis has lost the lock, its holder takes it again. Nobody else does until it would have
            # lapsed.)
            last = tried.last
            # Wait for news, or else until the holder's lock lapses. Look now and then in any case, since a
            # restarted Redis has forgotten the news. The random part keeps waiters from coming back all at
            # once.
            pause = min(max(lapses - time.monotonic(), 0), longest)
            pause += spread(0.01, self._timeout * 0.2)
            with waiting_for("another process"):
                news = self._call(read_news, self._names(key).news, last, int(pause * 1000))
            if news:
                lapses = 0.0
            if or_news and news == SAVED:
                return False

    def _replace(self, key: str, content: bytes, lifetime: float | None) -> None:
        if key not in self._mine.held:
            raise StoreError(f"{key} is not locked by this thread: nothing is written without the lock")
        seen, new = self._mine.seen[key], content[:STAMP]
        names = self._names(key)
        args = [new, seen, content, "" if lifetime is None else int(lifetime * 1000), int(REMEMBERED * 1000)]
        if not self._call(lambda client: client.register_script(SAVE)([names.entry, names.news], args)):
            raise StoreConflict(
                f"{key} was replaced in {self._place} by somebody else, after this process's lock had lapsed"
            )
        self._mine.seen[key] = new

    def _call(self, do: Callable[..., Any], *args: object) -> Any:
        """Return what ``do`` gives for the client and ``args``. Temporary failures are retried for a while."""
        import redis
        from redis.backoff import AbstractBackoff
        from redis.retry import Retry

        give_up = time.monotonic() + self._timeout

        def failed(fault: Exception) -> None:
            if not passing(fault) or time.monotonic() > give_up:
                raise fault
            if isinstance(fault, redis.exceptions.ReadOnlyError) and hasattr(self._client, "connection_pool"):
                # Connect again, so that the name is resolved again: it may point to another host now.
                self._client.connection_pool.disconnect(inuse_connections=False)

        class Backoff(AbstractBackoff):
            """Not redis-py's own: that uses the global random generator, which the user may have seeded."""

            def compute(self, failures: int) -> float:
                longest = min(1.0, 0.02 * 2 ** min(failures, 10))
                return spread(longest / 2, longest)

        # The time limit ends the retries long before this number is reached.
        retry = Retry(Backoff(), 1000, known_faults())
        try:
            with waiting_for(self._place):
                return retry.call_with_retry(lambda: do(self._connected(), *args), failed)
        except Exception as fault:  # noqa: BLE001 - redis-py raises anything for an answer that it does not expect
            error = explain(fault, self._place, self._prefix, self._address.secrets)
        raise error  # outside the except clause: the frames of redis-py hold the password

    def _connected(self) -> Any:
        with self._connecting:
            if self._client is None:
                self._client = self._address.connect(self._timeout)
            return self._client

    def _names(self, key: str) -> Names:
        from aventus_creds.stores.redis.lock import names

        return names(self._prefix, key)

    def _locked_too_long(self, key: str) -> StoreError:
        return StoreError(f"{key} has been locked in {self._place} for {LOCK_TIMEOUT:g} s")
