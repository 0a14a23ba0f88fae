"""Whose token it is, as the token says: a name for people, whatever the token holds."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from aventus_creds.tokens import jwt_account


def account(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return jwt_account(f"e30.{body}.sig")


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "\u202eada", "\x00", 5, ["ada"], {"a": "b"}])
def test_a_name_that_would_rule_the_terminal_is_none(name: Any) -> None:
    """Escape sequences, line breaks and reversed text are not printed in `status`, nor is what is no text."""
    assert account(email=name) == ""
    assert account(email="ada@example.com") == "ada@example.com"
