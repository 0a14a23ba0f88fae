"""Reads the URL of a Redis, and connects to it."""

from __future__ import annotations

import re
import warnings
from typing import Any, Final
from urllib.parse import unquote

from aventus_creds.basics.hidden import Hidden, Secretive
from aventus_creds.basics.urls import HOST, is_loopback
from aventus_creds.errors import ConfigError, InsecureStoreWarning
from aventus_creds.profiles.store_keys import REDIS_SCHEMES as SCHEMES
from aventus_creds.stores.redis.options import PASSWORDS, read_options
from aventus_creds.structs import Struct


class Address(Secretive):
    """The address of a Redis. Its repr shows no password.

    Args:
        kind: ``redis``, ``unix``, ``sentinel`` or ``cluster``.
        place: where it is, for messages: without user, password and options.
        hosts: each host with its port. A socket has none.
        name: the socket's path, or the service that Sentinel is asked for.
        tls: whether it is reached over TLS.
        options: redis-py's keyword arguments for a connection, with user and password.
    """

    __slots__ = ("_options", "hosts", "kind", "name", "place", "tls")

    def __init__(
        self,
        kind: str,
        place: str,
        hosts: tuple[tuple[str, int], ...],
        name: str,
        *,
        tls: bool,
        options: Hidden[dict[str, Any]],
    ) -> None:
        self.kind: Final = kind
        self.place: Final = place
        self.hosts: Final = hosts
        self.name: Final = name
        self.tls: Final = tls
        self._options: Final = options

    def __repr__(self) -> str:
        """Return where it is, without secrets."""
        return f"<Redis at {self.place}>"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The passwords, which no message may show."""
        options = self._options.reveal()
        return tuple(options[name] for name in PASSWORDS if name in options)

    @property
    def exposes_password(self) -> bool:
        """Whether a password would be sent over a network unencrypted."""
        return bool(self.secrets) and not self.tls and not all(is_loopback(host) for host, _ in self.hosts)

    def connect(self, timeout: float) -> Any:
        """Return redis-py's client. It does not retry by itself: RedisStore does that.

        Args:
            timeout: how many seconds it may take to connect, and to get one answer.
        """
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        options: dict[str, Any] = {
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "health_check_interval": 30,
            "retry": Retry(NoBackoff(), 0),
            **self._options.reveal(),
        }
        if self.kind == "sentinel":
            return self._master(options)
        if self.kind == "cluster":
            host, port = self.hosts[0]
            place = f"redis://{f'[{host}]' if ':' in host else host}:{port}"
            if self.tls:
                options["connection_class"] = _tls_connection(options)
            return redis.RedisCluster.from_url(place, **options)
        if self.kind == "unix":
            del options["socket_connect_timeout"]
            options |= {"connection_class": redis.UnixDomainSocketConnection, "path": self.name}
        else:
            options["connection_class"] = redis.SSLConnection if self.tls else redis.Connection
            options["host"], options["port"] = self.hosts[0]
        return redis.Redis.from_pool(redis.ConnectionPool(**options))

    def _master(self, options: dict[str, Any]) -> Any:
        from redis.sentinel import Sentinel

        # Sentinels have their own users, or none: never send them the password of the Redis.
        asked = {name: value for name, value in options.items() if name.startswith(("socket_", "ssl_"))}
        for name in ("username", "password"):
            if f"sentinel_{name}" in options:
                asked[name] = options.pop(f"sentinel_{name}")
        make: Any = Sentinel  # redis-py gives it no types
        sentinel = make(self.hosts, sentinel_kwargs={**asked, "ssl": self.tls, "retry": options["retry"]})
        return sentinel.master_for(self.name, ssl=self.tls, **options)


def _tls_connection(options: dict[str, Any]) -> type:
    """Return a class of connections with the TLS options built in. Some versions' RedisCluster drops a few."""
    import redis

    fixed = Hidden({name: options.pop(name) for name in list(options) if name.startswith("ssl_")})

    class TlsConnection(redis.SSLConnection):
        def __init__(self, **more: Any) -> None:
            super().__init__(**{**more, **fixed.reveal()})

    return TlsConnection


def checked_address(url: str) -> Address:
    """Return the address in ``url``. Warns with InsecureStoreWarning if a password is sent unencrypted.

    Raises:
        ConfigError: the URL has a mistake, or redis-py is not installed.
    """
    address = read_address(url)
    if not isinstance(address, Address):
        raise address
    try:
        import redis  # noqa: F401 - whether it is there
    except ImportError:
        raise ConfigError(
            "redis-py is not installed: the Redis store needs it",
            hint="Run: pip install 'aventus-creds[redis]'",
        ) from None
    if address.exposes_password:
        # Only a warning: tokens are encrypted, and a Redis is often reached through a tunnel, which we cannot
        # see.
        warnings.warn(
            f"the password of {address.place} crosses the network in the clear; use rediss://",
            InsecureStoreWarning,
            stacklevel=3,
        )
    return address


class _Place(Struct):
    """What an Address says of the place."""

    place: str
    hosts: tuple[tuple[str, int], ...]
    name: str
    database: str


def read_address(url: str) -> Address | ConfigError:
    """Return the address in ``url``, or the error about it, which does not show the URL.

    The error is returned and not raised, so that a traceback with variables does not show the parts of the
    URL.
    """
    scheme, colon, rest = url.partition("://")
    if not colon or scheme not in SCHEMES:
        return ConfigError(
            f"a Redis URL begins with {', '.join(f'{name}://' for name in SCHEMES)}",
            hint="For example: rediss://USER:PASSWORD@redis.example.com:6379/0",
        )
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    user, _, where = authority.rpartition("@")
    base, _, kind = scheme.partition("+")
    kind = "unix" if base == "unix" else kind or "redis"
    found = _socket(slash + path, where) if kind == "unix" else _hosts(scheme, kind, where, path)
    if found is None or "#" in url or "@" in path or not url.isprintable():
        return ConfigError(
            f"the Redis URL ({scheme}://…) has no valid host, port or path",
            hint="Characters like / ? # @ : in its user and password are written as %2F %3F %23 %40 %3A.",
        )
    options = read_options(query, kind, tls=base == "rediss")
    if isinstance(options, ConfigError):
        return options
    name, _, password = user.partition(":")
    given = {"username": unquote(name), "password": unquote(password), "db": int(found.database or 0)}
    options |= {key: value for key, value in given.items() if value}
    if kind == "cluster" and options.pop("db", 0):
        return ConfigError("the Redis URL names a database, and a Redis cluster has no others than 0")
    return Address(kind, found.place, found.hosts, found.name, tls=base == "rediss", options=Hidden(options))


def _socket(path: str, where: str) -> _Place | None:
    return _Place(f"unix://{path}", (), unquote(path), "") if len(path) > 1 and not where else None


def _hosts(scheme: str, kind: str, where: str, path: str) -> _Place | None:
    hosts = [_host(text, 26379 if kind == "sentinel" else 6379) for text in where.split(",")]
    known = tuple(host for host in hosts if host)
    service, _, database = path.partition("/") if kind == "sentinel" else ("", "", path)
    if (
        len(known) < len(hosts)
        or (len(hosts) > 1 and kind == "redis")
        or (kind == "sentinel" and not service)
    ):
        return None
    if not re.fullmatch("[0-9]{0,5}", database):
        return None
    listed = ",".join(f"{name}:{number}" for name, number in known)
    return _Place(
        f"{scheme}://{listed}{f'/{service}' if service else ''}",
        tuple((name.strip("[]"), number) for name, number in known),
        unquote(service),
        database,
    )


def _host(text: str, port: int) -> tuple[str, int] | None:
    found = re.fullmatch(f"({HOST})(?::([0-9]{{1,5}}))?", text)
    if found is None or int(found[2] or port) > 65535:
        return None
    return found[1], int(found[2] or port)
