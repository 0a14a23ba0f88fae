"""How long to wait before trying again."""

from __future__ import annotations

import random
from typing import Final

BACKOFF: Final = 0.5
"""Seconds to wait before the first retry of a request. The wait doubles for each further retry."""

_jitter: Final = random.SystemRandom()
"""Not the global generator: drawing from it would change the results of a user who has seeded it. This one also
has no state. Forked workers would share such a state, and would all retry at the same moment."""


def spread(least: float, most: float) -> float:
    """Return a random number of seconds between ``least`` and ``most``.

    Use it for a wait that several processes share, so that they do not all retry at the same moment.
    """
    return _jitter.uniform(least, most)


def backoff(attempt: int) -> float:
    """Return how many seconds to wait after a failed attempt, give or take a quarter.

    Args:
        attempt: the number of the attempt that failed, counted from 0.
    """
    return BACKOFF * 2.0**attempt * spread(0.75, 1.25)
