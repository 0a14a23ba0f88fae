"""What a store reads from Redis. Raises what redis-py raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aventus_creds.stores.redis.faults import passing

SAVED: Final = "saved"
"""The news of a save, as SAVE writes it."""


def read_entry(client: Any, entry: str) -> bytes:
    """Return what is under ``entry``, or nothing."""
    kept = client.get(entry)
    if not isinstance(kept, bytes | None):
        raise TypeError
    return kept or b""


def read_all(client: Any, names: Sequence[str]) -> list[Any]:
    """Return what is under each of ``names``, or the error of one."""
    with client.pipeline(transaction=False) as asking:
        for name in names:
            asking.get(name)
        found: list[Any] = asking.execute(raise_on_error=False)
    for fault in found:
        if isinstance(fault, Exception) and passing(fault):
            raise fault
    return found


def read_news(client: Any, stream: str, last: bytes, milliseconds: int) -> str:
    """Wait for news in ``stream`` after ``last``. Return SAVED, another word, or "" if there are none."""
    news = client.xread({stream: last}, count=1, block=milliseconds)
    # The answer is a list in RESP2 and a mapping in RESP3.
    items = news.values() if isinstance(news, dict) else [items for _, items in news or ()]
    return "".join(SAVED if SAVED in str(item) else "freed" for item in items)
