"""What somebody writes who does it right and wants no comfort: one file, one lock, requests. POSIX only.

The token is refreshed under the lock, is read again there first, and replaces the old file in one step, synced to the
disk. There are no profiles, no discovery, no retries, no limits but a timeout, no log, no person, and no good errors.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

EARLY = 60
TOKEN_URL = "BENCH_TOKEN_URL"
"""The variable that names another token endpoint."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def write(path: Path, token: dict[str, Any]) -> None:
    beside = path.with_suffix(".tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.dumps(token).encode())
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)


def good(token: dict[str, Any], stale: str) -> bool:
    return bool(token["access_token"] != stale and token["expires_at"] - EARLY > time.time())


def fresh(path: Path, token_url: str, stale: str = "") -> dict[str, Any]:
    """Return a token that is good and is not ``stale``."""
    token = read(path)
    if good(token, stale):
        return token
    with locked(path):
        token = read(path)
        if good(token, stale):
            return token
        form = {
            "grant_type": "refresh_token",
            "refresh_token": token["refresh_token"],
            "client_id": "the-client",
        }
        asked_at = time.time()
        answer = requests.post(token_url, data=form, allow_redirects=False, timeout=30)
        answer.raise_for_status()
        new = answer.json()
        new = {**token, **new, "expires_at": asked_at + new["expires_in"]}
        write(path, new)
        return new


def cache_token(folder: str, url: str, *, age: float = 0) -> None:
    ends = time.time() - age + 86400
    write(
        Path(folder, "token.json"),
        {"access_token": "an-access-token", "expires_at": ends, "refresh_token": "r"},
    )


def caller(folder: str, url: str) -> Callable[[], requests.Response]:
    token = fresh(Path(folder, "token.json"), os.environ.get(TOKEN_URL) or f"{url}/token")
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token['access_token']}"
    return partial(session.get, f"{url}/v1/me")


def authorizer(folder: str, url: str) -> Callable[[requests.PreparedRequest], object]:
    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = "Bearer an-access-token"
        return request

    return authorize


def refresher(folder: str, url: str) -> Callable[[], object]:
    """Return what replaces the token that is stored now, as an API that refuses it makes one do."""
    path = Path(folder, "token.json")
    return lambda: fresh(path, f"{url}/token", stale=read(path)["access_token"])
