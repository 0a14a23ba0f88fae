"""What the tests of the listener share."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from attempts import FakeAttempt

from aventus_creds.callbacks.loopback import LoopbackCallback

ANY_PORT = "http://127.0.0.1:0/callback"
Listen = Callable[..., tuple[LoopbackCallback, FakeAttempt]]


def port_of(callback: LoopbackCallback) -> int:
    return urlsplit(callback.redirect_uri).port or 0
