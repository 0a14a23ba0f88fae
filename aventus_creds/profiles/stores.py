"""The stores for tokens, as one table. Data only: a new store is a new row and a new module.

The table is here and not in ``stores/``, because profiles.toml names a store, and profiles must not import stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aventus_creds.structs import Struct


class Store(Struct):
    """A store for tokens that a profile can choose."""

    name: str
    opener: str  # "module:function" in aventus_creds.stores; takes the StoreSettings or None
    title: str  # where a token is, for messages
    lock: str  # the kind of its locks; two stores of the same kind share their locks
    needs: Mapping[str, str] = {}  # required keys of [store], and what each one is
    here: bool = True  # whether it uses the state folder on this machine, for tokens or locks
    lasts: bool = True  # whether a token outlives the process


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
        Store(
            name="memory",
            opener="memory:open_store",
            title="the memory of each program",
            lock="locks of one process",
            here=False,
            lasts=False,
        ),
    )
}
DEFAULT_STORE: Final = "file"
