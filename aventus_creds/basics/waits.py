"""Waits: how long before trying again, and who is told of one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Final

from aventus_creds.basics.threads import wait_for

if TYPE_CHECKING:
    from random import Random

BACKOFF: Final = 0.5
"""Seconds to wait before the first retry of a request. The wait doubles for each further retry."""


LONGEST_WAIT: Final = 120.0
"""Seconds. A server whose Retry-After asks for more gets no retry: the caller has its answer."""

show: Callable[[str], AbstractContextManager[object]] = nullcontext
"""Tells a person of a wait. The command line puts its own function here, for the time of one command."""

_ending: Final = threading.Event()


def waiting_for(what: str) -> AbstractContextManager[object]:
    """Return a block that waits for ``what``: a server, or another process. The words follow "waiting for"."""
    return show(what)


def pause(seconds: float) -> bool:
    """Sleep, and return True; or return False at once when the program is ending, which waits for nothing new."""
    with waiting_for("the moment to try again"):
        return not wait_for(_ending, seconds)


def program_ends() -> None:
    """Let every pause end: nothing is tried again."""
    _ending.set()


def program_goes_on() -> None:
    """Let there be pauses again: what should have ended the program did not, as Ctrl-C at a prompt."""
    _ending.clear()


def spread(least: float, most: float) -> float:
    """Return a random number of seconds, so that those who wait for the same thing do not come back together."""
    return _generator().uniform(least, most)


def backoff(attempt: int) -> float:
    """Return how many seconds to wait after a failed attempt, give or take a quarter.

    Args:
        attempt: the number of the attempt that failed, counted from 0.
    """
    return BACKOFF * 2.0**attempt * spread(0.75, 1.25)


@cache
def _generator() -> Random:
    """Return a generator of our own: drawing from the global one changes the results of a user who has seeded it.

    It keeps no state either, which forked workers would share: all of them would come back at the same moment.
    """
    from random import SystemRandom  # nobody waits for a fresh token

    return SystemRandom()
