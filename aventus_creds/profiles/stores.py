"""The stores that tokens may be kept in, as one table. Data only: a new store is a new row and its module.

It stands here and not in ``stores/``, because profiles.toml names a store, and profiles import nothing of stores.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Store(NamedTuple):
    """A place for tokens, as a profile names it."""

    name: str
    opener: str  # "module:function" in aventus_creds.stores; it takes the StoreSettings, or None
    title: str  # for people: where a token is
    lock: str  # what its locks are; two stores with the same kind lock each other's entries
    needs: Mapping[str, str] = {}  # keys of [store] that it cannot do without, and what each is
    here: bool = True  # whether it needs the state folder of this machine, for tokens or for locks


LOCK_FILES: Final = "files in the state folder"

STORES: Final = {
    row.name: row
    for row in (
        Store(
            name="file",
            opener="file:open_store",
            title="files of the state folder",
            lock=LOCK_FILES,
        ),
        Store(
            name="keyring",
            opener="keyring.store:open_store",
            title="the system's keyring",
            lock=LOCK_FILES,
        ),
        Store(
            name="redis",
            opener="redis.opening:open_store",
            title="a Redis",
            lock="entries in Redis that lapse",
            needs={
                "url": "the address of the Redis, rediss://…",
                "encryption_key": "what seals the tokens there: aventus-creds store key makes one",
            },
            here=False,
        ),
    )
}
DEFAULT_STORE: Final = "file"
