"""How the redirect comes back from the person's browser: the contract.

A callback opens itself for an attempt, gives the redirect URI, hands each raw query that arrives to
``attempt.deliver``, shows the person what came of it, and knows nothing of OAuth. Several run together;
the first whose query is accepted wins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol

from aventus_creds.errors import AventusCredsError

Browser = Callable[[str], object]
"""Opens an address for the person, as ``webbrowser.open`` does."""


class Reply(NamedTuple):
    """What came of a delivered query: did it end the login, did it end well, and what the person is told."""

    ended: bool
    success: bool
    text: str


class Attempt(Protocol):
    """One login under way, as callbacks see it. Any thread may call it."""

    title: str  # for people: which login this is
    url: str  # where the browser goes; it holds the state, so it is shown but never kept
    ended: threading.Event

    def seconds_left(self) -> float:
        """Return how long the person still has, in seconds."""
        ...

    def deliver(self, query: str) -> Reply:
        """Take the raw query of a redirect. Returns when the token is stored, or the query is refused."""
        ...

    def fail(self, error: AventusCredsError) -> None:
        """End the login with ``error``: this callback cannot go on, and it was the last."""
        ...


class Callback(Protocol):
    """A way for the redirect to come back. ``redirect_uri`` is known once it is made."""

    redirect_uri: str

    def start(self, attempt: Attempt) -> None:
        """Begin to serve ``attempt``, without blocking."""
        ...

    def close(self) -> None:
        """Stop, once what was delivered has been answered. May be called without start."""
        ...
