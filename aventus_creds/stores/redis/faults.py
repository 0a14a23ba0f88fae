"""Says what the errors of a Redis mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aventus_creds.basics.redact import plain
from aventus_creds.errors import AventusCredsError, ConfigError, StoreError

RIGHTS: Final = "+@connection +@scripting +get +getrange +set +del +pttl +pexpire +xadd +xread +xrevrange"

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


def known_faults() -> tuple[type[Exception], ...]:
    """Return what redis-py raises if a Redis is away or refuses something."""
    import redis

    return redis.exceptions.RedisError, redis.exceptions.RedisClusterException, OSError


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


def explain(fault: Exception, place: str, prefix: str, secrets: Iterable[str]) -> AventusCredsError:
    """Return the error to raise for a failure of the Redis.

    Args:
        fault: what redis-py raised.
        place: where the Redis is, for the message.
        prefix: how the store's names begin, for the rights to give to its user.
        secrets: what was sent to the Redis and must not be shown if its answer repeats it.
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
    if not isinstance(fault, known_faults()):  # redis-py does not expect such an answer: show none of it
        return StoreError(
            f"{place} cannot be used: redis-py raised {type(fault).__name__}",
            hint="Check that it is a Redis, and that redis-py is up to date.",
        )
    # The text is redis-py's, but parts of it are the server's, which may repeat what it was sent.
    reason = plain(str(fault), secrets).rstrip(".") or type(fault).__name__
    if isinstance(fault, redis.exceptions.ConnectionError | redis.exceptions.RedisClusterException):
        return StoreError(
            f"{place} cannot be reached: {reason}",
            hint="Check that it runs, its address, and TLS: rediss:// with ?ssl_ca_certs=FILE for an own authority.",
        )
    return StoreError(
        f"{place} answered with an error: {reason}",
        hint="A Redis before 6.0 needs ?protocol=2 in its URL." if "HELLO" in reason else "",
    )
