"""Reads the URL of a Redis, connects to it, and explains its errors."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from aventus_creds.basics.urls import HOST, is_loopback
from aventus_creds.errors import AventusCredsError, ConfigError, StoreError
from aventus_creds.profiles.store_keys import REDIS_SCHEMES as SCHEMES

RIGHTS: Final = "+@connection +@scripting +get +getrange +set +del +pttl +pexpire +xadd +xread +xrevrange"


class Address(NamedTuple):
    """The address of a Redis. Its repr shows no password."""

    kind: str
    """``redis``, ``unix``, ``sentinel`` or ``cluster``."""
    place: str
    """Where it is, for messages: without user, password and options."""
    hosts: tuple[tuple[str, int], ...]
    service: str
    url: str
    """The URL for redis-py: the first host, with user, password and options."""

    def __repr__(self) -> str:
        """Return where it is, without secrets."""
        return f"<Redis at {self.place}>"

    @property
    def exposes_password(self) -> bool:
        """Whether a password would be sent over a network unencrypted."""
        return (
            self.url.startswith("redis:")
            and urlsplit(self.url).password is not None
            and not all(is_loopback(host.strip("[]")) for host, _ in self.hosts)
        )

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
        }
        if self.kind == "cluster":
            return redis.RedisCluster.from_url(self.url, **options)
        if self.kind != "sentinel":
            return redis.Redis.from_url(self.url, **options)
        from redis.connection import parse_url
        from redis.sentinel import Sentinel

        options |= parse_url(self.url)  # type: ignore[no-untyped-call]
        options.pop("host", None)
        options.pop("port", None)
        tls = options.pop("connection_class", None) is not None
        # Sentinels have their own users, or none: never send them the password of the Redis.
        asked = {name: value for name, value in options.items() if name.startswith(("socket_", "ssl_"))}
        for name in ("username", "password"):
            if f"sentinel_{name}" in options:
                asked[name] = options.pop(f"sentinel_{name}")
        make: Any = Sentinel  # redis-py gives it no types
        sentinel = make(self.hosts, sentinel_kwargs={**asked, "ssl": tls, "retry": options["retry"]})
        return sentinel.master_for(self.service, ssl=tls, **options)


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
    wrong = ConfigError(
        f"the Redis URL ({scheme}://…) has no valid host, port or path",
        hint="Characters like / ? # @ : in its user and password are written as %2F %3F %23 %40 %3A.",
    )
    authority, slash, path = rest.partition("?")[0].partition("/")
    query = rest.partition("?")[2]
    user, at, where = authority.rpartition("@")
    if "#" in url or "@" in path or not url.isprintable():
        return wrong
    base, _, kind = scheme.partition("+")
    if base == "unix":
        sound = slash and path and not where
        return Address("unix", f"unix:///{path}", (), "", url) if sound else wrong
    hosts = [_host(text, 26379 if kind == "sentinel" else 6379) for text in where.split(",")]
    known = tuple(host for host in hosts if host)
    service, _, database = path.partition("/") if kind == "sentinel" else ("", "", path)
    if len(known) < len(hosts) or (len(hosts) > 1 and not kind) or (kind == "sentinel" and not service):
        return wrong
    if database and not re.fullmatch("[0-9]{1,5}", database):
        return wrong
    host, port = known[0]
    listed = ",".join(f"{name}:{number}" for name, number in known)
    return Address(
        kind or "redis",
        f"{scheme}://{listed}{f'/{service}' if service else ''}",
        tuple((name.strip("[]"), number) for name, number in known),
        unquote(service),
        f"{base}://{user}{at}{host}:{port}/{database}{f'?{query}' if query else ''}",
    )


def _host(text: str, port: int) -> tuple[str, int] | None:
    found = re.fullmatch(f"({HOST})(?::([0-9]{{1,5}}))?", text)
    return (found[1], int(found[2] or port)) if found else None


ANSWERS: Final = {
    "LOADING": "is still loading its data: try again soon",
    "READONLY": "is a replica that takes no writes: a failover is under way, or the URL names the wrong host",
    "MASTERDOWN": "has lost its master: a failover is under way",
    "CLUSTERDOWN": "is a cluster that is down: some of its slots have no node",
    "TRYAGAIN": "is moving its data between nodes: try again soon",
    "OOM": "is out of memory",
    "MISCONF": "refuses writes, because it cannot save its data to its disk",
    "UNBLOCKED": "changed its role: a failover is under way",
    "WRONGTYPE": "has something else than a token under this name",
}
"""The meaning of error codes that are temporary, or that the operator of the Redis must fix."""

MISTAKES: Final = {
    "NOAUTH": ("asks for a password", "Put it into the URL: rediss://USER:PASSWORD@HOST."),
    "WRONGPASS": ("refuses the user or the password", "Check both in the URL, and that they are %-encoded."),
    "NOPERM": ("forbids this user what the store needs", "Give the user: {rights}"),
    "MOVED": ("is a cluster", "Begin the URL with redis+cluster:// or rediss+cluster://."),
    "CROSSSLOT": ("is a cluster", "Begin the URL with redis+cluster:// or rediss+cluster://."),
}
"""The meaning of error codes that a change of the configuration fixes, and which change."""


def code_of(fault: BaseException) -> str:
    """Return the error code with which an answer of Redis began, or ``""`` if there is none."""
    import redis

    by_type: dict[type[BaseException], str] = {
        redis.exceptions.BusyLoadingError: "LOADING",
        redis.exceptions.ReadOnlyError: "READONLY",
        redis.exceptions.MasterDownError: "MASTERDOWN",
        redis.exceptions.ClusterDownError: "CLUSTERDOWN",
        redis.exceptions.TryAgainError: "TRYAGAIN",
        redis.exceptions.OutOfMemoryError: "OOM",
        redis.exceptions.NoPermissionError: "NOPERM",
        redis.exceptions.MovedError: "MOVED",
        redis.exceptions.ClusterCrossSlotError: "CROSSSLOT",
    }
    text = str(fault)
    for kind, code in by_type.items():
        if isinstance(fault, kind):
            return code
    if isinstance(fault, redis.exceptions.AuthenticationError):
        return "NOAUTH" if "required" in text or "HELLO" in text else "WRONGPASS"
    word = text.split(" ", 1)[0].lstrip("-")
    if word in ANSWERS or word in MISTAKES:
        return word
    # The words of several versions of Redis for a command that a script may not run.
    return "NOPERM" if "can't run this command" in text or "NOPERM" in text else ""


def passing(fault: BaseException) -> bool:
    """Whether the failure is temporary, so that the same command may soon succeed."""
    import redis

    code, text = code_of(fault), str(fault)
    if code:
        return code in {"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "UNBLOCKED"}
    lasting = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "Name or service not known")
    return isinstance(fault, redis.exceptions.ConnectionError | redis.exceptions.TimeoutError) and not any(
        sign in text for sign in lasting
    )


def explain(fault: BaseException, place: str, prefix: str) -> AventusCredsError:
    """Return the error to raise for a failure of the Redis.

    Args:
        fault: what redis-py raised.
        place: where the Redis is, for the message.
        prefix: how the store's names begin, for the rights to give to its user.
    """
    import redis

    code = code_of(fault)
    if code in MISTAKES:
        what, hint = MISTAKES[code]
        return ConfigError(f"{place} {what}", hint=hint.format(rights=f"~{prefix}* {RIGHTS}"))
    if code:
        return StoreError(f"{place} {ANSWERS[code]}", hint="Ask whoever runs this Redis, if it lasts.")
    if isinstance(fault, redis.exceptions.TimeoutError):
        return StoreError(
            f"{place} does not answer in time",
            hint="Check that it runs and how loaded it is, then try again.",
        )
    if isinstance(fault, redis.exceptions.ConnectionError | redis.exceptions.RedisClusterException):
        return StoreError(
            f"{place} cannot be reached: {_reason(fault)}",
            hint="Check that it runs, its address, and TLS: rediss:// with ?ssl_ca_certs=FILE for an own authority.",
        )
    return StoreError(f"{place} answered with an error: {_reason(fault)}")


def _reason(fault: BaseException) -> str:
    """Return redis-py's text as one short line. It names the address and the system's error."""
    return " ".join(str(fault).split())[:200].rstrip(".") or type(fault).__name__
