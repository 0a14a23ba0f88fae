"""How the redirect comes back from the person's browser: the contract, and which ways serve a profile.

A callback opens itself for an attempt, gives the redirect URI, hands each raw query that arrives to
``attempt.deliver``, shows the person what came of it, and knows nothing of OAuth. Several run together;
the first whose query is accepted wins.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol

from aventus_creds.callbacks.notebook import front_end_can_answer, jupyter_kernel
from aventus_creds.errors import AventusCredsError, CallbackError
from aventus_creds.profile_checks import can_listen
from aventus_creds.profiles import Profile

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


def person_can_answer() -> bool:
    """Whether a person sits at this process: a terminal, or a notebook whose front end can answer."""
    if (kernel := jupyter_kernel()) is not None:
        return front_end_can_answer(kernel)
    try:
        return sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):  # None under pythonw and some daemons, or closed
        return False


def only_pasted(profile: Profile) -> bool:
    """Whether no redirect of ``profile`` can come to this machine: its address must be pasted."""
    return profile.callback == "paste" or not (profile.listen or any(map(can_listen, profile.redirect_uris)))


def open_callbacks(
    profile: Profile, browser: Browser | None, panel: Callable[[str], Callback] | None = None
) -> list[Callback]:
    """Open the ways that ``profile`` allows here. The first one's ``redirect_uri`` is the login's.

    ``panel`` makes what stands in the terminal's place, for a redirect URI. Raises CallbackError when none
    of the profile's redirect URIs can be listened on here and now.
    """
    from aventus_creds.callbacks.console import ConsoleCallback

    if panel is not None:
        if only_pasted(profile):
            return [panel(profile.redirect_uris[0])]
        listener = listen(profile)
        return [listener, panel(listener.redirect_uri)]
    if profile.callback == "widget":
        raise CallbackError(
            f'profile {profile.name} has callback = "widget", which is for notebooks',
            hint='Use callback = "auto", which serves notebooks and terminals.',
        )
    if only_pasted(profile):
        return [ConsoleCallback(profile.redirect_uris[0], browser, paste=True, alone=True)]
    listener = listen(profile)
    paste = profile.callback != "loopback"
    return [listener, ConsoleCallback(listener.redirect_uri, browser, paste=paste, alone=False)]


def listen(profile: Profile) -> Callback:
    """Open a listener at the first of the profile's redirect URIs that is free. Raises CallbackError."""
    from aventus_creds.callbacks.loopback import LoopbackCallback

    return LoopbackCallback(
        [uri for uri in profile.redirect_uris if profile.listen or can_listen(uri)], profile.listen
    )
