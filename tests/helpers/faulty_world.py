"""An authorization server and a stored login, for the tests in which the machine breaks."""

from __future__ import annotations

import os
import threading
import time
from typing import Any
from urllib.parse import parse_qs

import pytest
from support import Seen, Sent, Web, make_token

from aventus_creds.profiles.profile import Profile
from aventus_creds.stores import TokenStore
from aventus_creds.tokens import Token

posix_only = pytest.mark.skipif(os.name != "posix", reason="as POSIX has it")
EXPIRED: dict[str, Any] = {"age": 7200, "lifetime": 3600}


class Server:
    """A token endpoint whose refresh tokens serve once, and an API that says what it was asked.

    Once it is ``over``, no answer waits for its ``delay`` any more.
    """

    def __init__(self, web: Web) -> None:
        self.refreshes = self.reuses = 0
        self.delay = 0.0
        self.lifetime = 3600
        self.over = threading.Event()
        self._lock = threading.Lock()
        self.url = web.url
        web.answer = self.answer

    def answer(self, seen: Seen) -> Sent:
        if not seen.path.startswith("/token"):
            self.over.wait(self.delay)
            return Sent(body=seen.path.encode())
        with self._lock:
            if parse_qs(seen.body.decode())["refresh_token"] != [f"r{self.refreshes}"]:
                self.reuses += 1
                return Sent(400, {"error": "invalid_grant"})
            self.refreshes += 1
            new = self.refreshes
        self.over.wait(self.delay)
        return Sent(
            body={
                "access_token": f"a{new}",
                "refresh_token": f"r{new}",
                "token_type": "Bearer",
                "expires_in": self.lifetime,
            }
        )

    def wait_for_a_refresh(self) -> None:
        deadline = time.monotonic() + 10
        while not self.refreshes and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.refreshes


def keep(store: TokenStore, profile: Profile, token: Token | None = None) -> Token:
    """Store a login: an expired token unless another is given, with the refresh token that serves first."""
    token = token or make_token("a0", **EXPIRED, refresh_token="r0")
    with store.lock(profile.key):
        store.save(profile.key, token)
    return token
