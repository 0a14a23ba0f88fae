"""A token endpoint that hangs until the test opens its gate, and jobs that ask for a token meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from support import Seen, Sent, Web, make_token

from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.profile import Profile
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token

DUE: dict[str, Any] = {"age": 3550, "lifetime": 3600}
"""A token that is due for refresh, and valid for 50 s more."""
EXPIRED: dict[str, Any] = {"age": 7200, "lifetime": 3600}


class HangingServer:
    """Refresh tokens rotate: r0 gives a1 and r1. Answers wait for the ``gate``; ``asked`` counts the requests."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.gate = threading.Event()
        self.arrived = threading.Event()
        self.asked = self.rotated = 0
        self.answers: Callable[[], Sent | None] = lambda: None
        web.answer = self._answer

    def _answer(self, seen: Seen) -> Sent:
        self.asked += 1
        if (answer := self.answers()) is not None:
            return answer
        token = parse_qs(seen.body.decode())["refresh_token"][0]
        if token != f"r{self.rotated}":
            return Sent(400, {"error": "invalid_grant"})
        self.rotated += 1
        number = self.rotated
        self.arrived.set()
        self.gate.wait(30)
        return Sent(
            body={
                "access_token": f"a{number}",
                "refresh_token": f"r{number}",
                "token_type": "Bearer",
                "expires_in": 3600,
            }
        )

    def wait_for_request(self) -> None:
        assert self.arrived.wait(20)


def logged_in(web: Web, write_profiles: Callable[..., Path], token: dict[str, Any], **keys: Any) -> Profile:
    """Write the profile ``prod`` and store a login to it."""
    endpoints = {"authorize_url": f"{web.url}/authorize", "token_url": f"{web.url}/token"}
    write_profiles({"prod": {**endpoints, "client_id": "c", "api_url": web.url, "retries": 0, **keys}})
    profile = read_profiles().profile("prod")
    store = default_store()
    with store.lock(profile.key):
        store.save(profile.key, make_token("a0", refresh_token="r0", **token))
    return profile


def stored(profile: Profile) -> Token:
    token = default_store().load(profile.key)
    assert token is not None
    return token


def wait_for_stored(profile: Profile, access_token: str) -> None:
    give_up = time.monotonic() + 20
    while stored(profile).access_token != access_token:
        assert time.monotonic() < give_up
        time.sleep(0.01)


def job(code: str) -> subprocess.Popen[str]:
    """Run ``code`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
