"""Watching a login in the background: who is told about changes, and the clock that looks for them."""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aventus_creds.notebook.background import BackgroundLogin

TICK: Final = 1.0
"""Seconds between two checks of the clock and the store, while something watches the login."""


class Watcher:
    """Something that shows a BackgroundLogin and is told when it changes."""

    def changed(self) -> None:
        """React to a change of the login. Called from any thread."""
        raise NotImplementedError


def watched(login: BackgroundLogin) -> threading.Thread:
    """Return the running thread that calls ``login.tick()`` regularly. It does not keep the login alive."""
    thread = threading.Thread(target=_tick, args=(weakref.ref(login),), daemon=True)
    thread.start()
    return thread


def _tick(login: weakref.ref[BackgroundLogin]) -> None:
    """Call ``tick`` regularly while something watches the login. Does not keep the login alive."""
    while (alive := login()) is not None and alive.tick():
        del alive
        time.sleep(TICK)
