"""How long to wait before trying again."""

from __future__ import annotations

import random
from typing import Final

BACKOFF: Final = 0.5
"""Seconds before the first retry of a request; each further one waits twice as long."""

_jitter: Final = random.SystemRandom()
"""Not the global generator: drawing from that would change the results of a user who has seeded it. And this one
has no state that forked workers could share: they would all come back at the same moment."""


def spread(least: float, most: float) -> float:
    """Return a random number of seconds, so that those who wait for the same thing do not come back together."""
    return _jitter.uniform(least, most)


def backoff(attempt: int) -> float:
    """Return how many seconds to wait after the failed ``attempt`` (from 0), give or take a quarter."""
    return BACKOFF * 2.0**attempt * spread(0.75, 1.25)
