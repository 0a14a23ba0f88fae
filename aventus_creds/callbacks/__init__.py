"""How the redirect comes back from the person's browser: the protocol that every callback follows.

A callback provides the redirect URI. Once started it passes each raw query that arrives to
``attempt.deliver``, and shows the person the result. It knows nothing of OAuth. Several callbacks run at the
same time, and the first one whose query is accepted wins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from aventus_creds.errors import AventusCredsError
from aventus_creds.structs import Struct

Browser = Callable[[str], object]
"""A function that opens an address for the person, like ``webbrowser.open``."""


class Reply(Struct):
    """The result of a delivered query: whether it ended the login, with success, and the text for the person."""

    ended: bool
    success: bool
    text: str


class Attempt(Protocol):
    """A login in progress, as callbacks see it. Any thread may call it."""

    title: str  # for the person: which login this is
    url: str  # for the browser. It holds the state, so show it, but never store it
    ended: threading.Event
    unproven: str  # the last error that came without a state, "" if none: anybody may have sent it

    def seconds_left(self) -> float:
        """Return how many seconds the person has left. Negative after the time limit."""
        ...

    def deliver(self, query: str) -> Reply:
        """Take the query of a redirect. Returns when the token is stored or the query is rejected.

        Args:
            query: the raw query, without the question mark. It is a secret while the login lasts.
        """
        ...

    def fail(self, error: AventusCredsError) -> None:
        """End the login with ``error``: this callback cannot continue, and there is no other."""
        ...


class Callback(Protocol):
    """One way for the redirect to come back. ``redirect_uri`` is set from its creation on."""

    redirect_uri: str

    def start(self, attempt: Attempt) -> None:
        """Start to serve ``attempt`` and return at once."""
        ...

    def close(self) -> None:
        """Stop, after delivered queries have been answered. May be called without ``start``."""
        ...


Panel = Callable[[str, str], Callback]
"""Makes the callback that a notebook shows, from the redirect URI and why the redirect must be pasted: "" if it
need not, or if it always must."""


def said_without_proof(error: str) -> str:
    """Return a sentence about an ``Attempt.unproven``, for the person: it may be the reason why nothing happens."""
    return f"an answer without a state, which anybody may have sent, says: {error}"
