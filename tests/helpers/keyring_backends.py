"""Backends of the keyring library for the tests: dictionaries, and what stands in for Windows and macOS.

The library finds every subclass: none of these is one that it would choose.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError
from support import make_token

from aventus_creds.stores.keyring.store import KeyringStore
from aventus_creds.tokens import Token

KEY = "prod-0123456789abcdef"
LONG = 4000


def save(store: KeyringStore, token: Token | None = None, key: str = KEY) -> Token:
    token = token or make_token()
    with store.lock(key):
        store.save(key, token)
    return token


def long_token(text: str = "x", length: int = LONG) -> Token:
    return make_token(text * length, refresh_token="r")


class Backend(KeyringBackend):
    """Keeps entries in this process; ``before`` is called ahead of each step, and may end it with an error."""

    priority = -1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.before: Callable[[str, str], object] = lambda step, name: None

    def get_password(self, service: str, username: str) -> str | None:
        self.before("get", username)
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.before("set", username)
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.before("delete", username)
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


def use(monkeypatch: pytest.MonkeyPatch, backend: KeyringBackend) -> None:
    monkeypatch.setattr("keyring.core._keyring_backend", backend)
