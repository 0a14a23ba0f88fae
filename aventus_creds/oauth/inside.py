"""Finds an object inside an answer by its path: ``authed_user``, ``other_tokens[resource_server=x]``. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_STEP: Final = r"(?P<name>[^.\[\]]+)(?:\[(?P<key>[^\[\]=]+)=(?P<value>[^\[\]]+)\])?(?:\.|$)"
"""A pattern. Most paths are empty, so it is compiled when it is first used."""


def inside(found: Any, path: str) -> Any:
    """Return what is at ``path`` in ``found``, or None.

    Args:
        found: parsed JSON.
        path: names with dots between them. A name may end in ``[key=value]``: then it is a list of objects, and the
            first of them where ``key`` is ``value`` is meant. ``""`` is ``found`` itself.
    """
    for step in re.finditer(_STEP, path) if path else ():
        found = found.get(step["name"]) if isinstance(found, Mapping) else None
        if step["key"] is not None:
            items = found if isinstance(found, list) else []
            found = next((item for item in items if _has(item, step["key"], step["value"])), None)
    return found


def _has(item: Any, key: str, value: str) -> bool:
    return isinstance(item, Mapping) and item.get(key) == value
