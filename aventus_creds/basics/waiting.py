"""Who is told that the program waits for something: nobody, except where it is a command at a terminal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

show: Callable[[str], AbstractContextManager[object]] = nullcontext
"""Tells a person of a wait. The command line puts its own function here, for the time of one command."""


def waiting_for(what: str) -> AbstractContextManager[object]:
    """Return a block that waits for ``what``: a server, or another process. The words follow "waiting for"."""
    return show(what)
