"""Opens one RedisStore for each Redis in a process, with the settings in ``[store]`` of profiles.toml."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from aventus_creds.basics.forks import ForkLock
from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import ConfigError
from aventus_creds.stores.redis.store import RedisStore

if TYPE_CHECKING:
    from aventus_creds.profiles.store_keys import StoreSettings

_opened: Final[dict[str, RedisStore]] = {}
"""One store, and so one connection pool, for each Redis. The key is a hash of the settings, which hold secrets."""
_opening: Final = ForkLock()


def open_store(settings: StoreSettings | None) -> RedisStore:
    """Return the store in the Redis that ``settings`` name. Raises as ``stores.opening.open_store`` does."""
    if settings is None or settings.url is None or not settings.encryption_keys:
        raise ConfigError(
            "the Redis store needs url and encryption_key below [store] in profiles.toml",
            hint="Write them there: aventus-creds store key makes a key. Or name another store.",
        )
    # Hidden, because tools may show the variables of a traceback.
    opening = Hidden((settings.url.read(), *(key.read() for key in settings.encryption_keys)))
    name = hashlib.sha256(repr((opening.reveal(), settings.prefix)).encode()).hexdigest()
    with _opening:
        if name not in _opened:
            _opened[name] = RedisStore(opening.reveal()[0], opening.reveal()[1:], prefix=settings.prefix)
        return _opened[name]
