"""Optional methods of stores that many processes or machines share, and how they are used.

Suppose that a hundred processes find the same token expired. One gets the lock and refreshes. If the others
queued for the lock one by one, only to find that there is a new token, the last one would wait for all the
others. So a store may offer ``turn``: waiting for the lock ends early for all of them, as soon as the new
token is saved.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from aventus_creds.errors import AventusCredsError, ConfigError, StoreConflict, StoreError
from aventus_creds.stores import TokenStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from typing import Any, TypeVar

    from aventus_creds.stores.failures import Failure
    from aventus_creds.tokens import Token

    T = TypeVar("T")
    Turn = Callable[[str], AbstractContextManager[Any]]

CONFLICTS: Final = 5
"""How often a login or logout is tried again because others change the store at the same time."""


def turns(store: TokenStore) -> tuple[Turn, ...]:
    """Return the ways to lock a key, to be tried in this order. The last one is always the store's ``lock``.

    A store may offer ``turn(key)``. Its ``with`` gives True, with the lock held, or False, with nothing held,
    once somebody else has saved under the key since the caller last read it. After False, read again: the new
    token may be good enough. If it is not, use the next way.

    Returns:
        Functions that take the key and return a context manager.
    """
    turn = getattr(store, "turn", None)
    # Twice: what was saved the first time may be a token that does not help this caller, for example one that
    # lives too short. After that take the real lock: a busy store could otherwise send the caller away for
    # ever.
    return (store.lock,) if turn is None else (turn, turn, store.lock)


def attempt(store: TokenStore, key: str) -> AbstractContextManager[Any]:
    """Lock ``key``, or give False at once where somebody else holds it, if the store offers ``attempt(key)``.

    A store without it locks as ever. It is used by a thread that nobody waits for.
    """
    offered = getattr(store, "attempt", None)
    return store.lock(key) if offered is None else offered(key)


def note_failure(store: TokenStore, key: str, failure: Failure | None) -> None:
    """Write down that a refresh failed, for those that wait for it; None: it succeeded. Never raises.

    A store may offer ``note(key, content)`` and ``noted(key)``. In a store without them, each process finds out itself.
    """
    offered = getattr(store, "note", None)
    if offered is not None:
        with suppress(StoreError):
            offered(key, failure and _encoded(failure))


def _encoded(failure: Failure) -> bytes:
    from aventus_creds.stores.failures import encode  # most refreshes succeed

    return encode(failure)


def last_failure(store: TokenStore, key: str) -> Failure | None:
    """Return the last refresh that failed, if the store knows and none has succeeded since. Never raises."""
    offered = getattr(store, "noted", None)
    if offered is None:
        return None
    with suppress(StoreError):
        return _decoded(offered(key))
    return None


def _decoded(content: bytes | None) -> Failure | None:
    if content is None:
        return None
    from aventus_creds.stores.failures import decode  # most refreshes succeed

    return decode(content)


def glances(
    store: TokenStore, keys: Sequence[str]
) -> dict[str, tuple[Token | None, Failure | None] | AventusCredsError]:
    """Return the token and the last failed refresh under each of ``keys``, or the error of one.

    A store may offer ``glance(keys)``, which asks once for all of them, with the failures as their notes.

    Raises:
        ConfigError, StoreError: the store cannot be used at all.
    """
    offered = getattr(store, "glance", None)
    if offered is None:
        return {key: _glance(store, key) for key in keys}
    return {
        key: found if isinstance(found, AventusCredsError) else (found[0], _decoded(found[1]))
        for key, found in offered(keys).items()
    }


def _glance(store: TokenStore, key: str) -> tuple[Token | None, Failure | None] | AventusCredsError:
    try:
        return store.load(key), last_failure(store, key)
    except (ConfigError, StoreError) as error:
        return error


def still_held(store: TokenStore, key: str) -> bool:
    """Whether the caller's lock on ``key`` is still held. A store whose locks can lapse has a method ``holds``.

    A lock lapses if its holder is suspended for too long, for example because a laptop sleeps. Another
    process may have used the refresh token by then, so ask just before using it. A process may still be
    suspended between this check and its request. That cannot be prevented, but then the store refuses its
    save with StoreConflict.
    """
    # Locks of the operating system have no such method: they last as long as the process does.
    holds = getattr(store, "holds", None)
    return holds is None or bool(holds(key))


def reserve(store: TokenStore, key: str) -> None:
    """Make sure that a token can be saved under ``key``, if the store offers ``reserve(key)``.

    Call it with the key locked, before a refresh token is spent: if the new one cannot be stored, the next
    process is logged out.

    Raises:
        StoreError: there is no room, or nothing can be stored. Nothing has been changed.
    """
    offered = getattr(store, "reserve", None)
    if offered is None:
        return
    try:
        offered(key)
    except StoreError as fault:
        raise StoreError(
            f"{fault.message}; so the login was not refreshed, and nothing of it is used up", hint=fault.hint
        ) from None


def changed(store: TokenStore, key: str, change: Callable[[], T]) -> T:
    """Run ``change`` with ``key`` locked, and again if somebody else saved first.

    This is for an explicit login or logout, which wins over a refresh in another process.

    Args:
        store: the store that ``change`` reads and writes.
        key: the key to lock.
        change: may run several times, so it must read the store again each time.

    Returns:
        What ``change`` returns.

    Raises:
        StoreConflict: others were faster each time, CONFLICTS times and once more.
        StoreError: as the store raises it.
    """
    # Unlike a refresh, which accepts the other's token on a conflict: here the person's decision must be
    # stored.
    for _ in range(CONFLICTS):
        with suppress(StoreConflict), store.lock(key):
            return change()
    with store.lock(key):
        return change()
