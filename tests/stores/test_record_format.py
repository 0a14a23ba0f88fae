"""The format of a stored token: another one is not guessed at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support import make_token

from aventus_creds.stores.record import FORMAT, decode, encode


@pytest.mark.parametrize(
    "change", [{"format": FORMAT + 1}, {"format": None}, {"key": "prod-other"}, {"access_token": ""}]
)
def test_another_format_or_owner_is_no_token(change: dict[str, Any]) -> None:
    """Whole and sound but for one field: a later format may mean another thing by the same names."""
    token = make_token(refresh_token="r", scope="s")
    content = encode("prod", token)
    assert decode("prod", content) == token
    assert decode("prod", json.dumps(json.loads(content) | change).encode()) is None
