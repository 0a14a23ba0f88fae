"""Watching a login in the background: who is told about changes, and the clock that looks for them."""

from __future__ import annotations

import threading
import time
import weakref
from typing import Final

TICK: Final = 1.0
"""Seconds between two checks of the clock and the store, while something watches the login."""


class Watcher:
    """Something that shows a login and is told when it changes."""

    def changed(self) -> None:
        """React to a change of the login. Called from any thread."""
        raise NotImplementedError


class Watched:
    """Tells its watchers about changes. A thread calls ``tick`` as long as there are any."""

    def __init__(self) -> None:
        self._watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()
        self._ticker: threading.Thread | None = None
        self._watchers_lock = threading.Lock()

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher.changed()`` on every change, until ``watcher`` is garbage-collected."""
        with self._watchers_lock:
            self._watchers.add(watcher)
            if self._ticker is None or not self._ticker.is_alive():
                self._ticker = threading.Thread(target=_tick, args=(weakref.ref(self),), daemon=True)
                self._ticker.start()

    def is_watched(self) -> bool:
        """Whether anything watches it."""
        return bool(self._watchers)

    def tick(self) -> bool:
        """Look for changes. Return False if nothing watches any more."""
        raise NotImplementedError

    def _tell(self) -> None:
        for watcher in list(self._watchers):
            watcher.changed()


def _tick(watched: weakref.ref[Watched]) -> None:
    """Call ``tick`` regularly while something watches. Does not keep the login alive."""
    while (alive := watched()) is not None and alive.tick():
        del alive
        time.sleep(TICK)
