"""Renewals: at most one at a time for each login in this process, and each runs to its end.

A renewal is one unit: lock, request, answer, save. If the server rotates refresh tokens, the request uses the old one
up, and until the save the new one exists nowhere but in this process. So the unit runs in a thread of its own, and the
caller only waits for it. A signal handler that raises (an alarm, a job's time limit), a cancelled task or an
interrupted cell ends the waiting, not the work. The lock is held by whoever does the work. The end of the program
waits too, see ``interrupts``.

Threads that need the same token wait for the same renewal and share its outcome, good or bad: an outage is one outage.
"""

from __future__ import annotations

import contextvars
import copy
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from aventus_creds.basics.forks import ForkLock, in_each_child
from aventus_creds.basics.threads import must_share_a_thread, started, wait_for
from aventus_creds.errors import AventusCredsError
from aventus_creds.sources.interrupts import end_waits_for, first_interrupt_waits
from aventus_creds.structs import Struct

if TYPE_CHECKING:
    from aventus_creds.stores import TokenStore
    from aventus_creds.tokens import Token


class Outcome(Struct):
    """What a renewal ended with: the newest token, or None where another process is busy with it."""

    token: Token | None
    stored: bool = True
    outdated: Token | None = None  # what the store still has, if the token could not be saved
    warning: str = ""  # that it could not be saved


_counting: Final = ForkLock()


class Renewal:
    """One renewal. ``work`` does it, and calls ``begin`` before it spends anything."""

    def __init__(self, work: Callable[[Renewal], Outcome]) -> None:
        self.asked_at: Final = time.time()
        self.ended = threading.Event()
        self._work = work
        self._waiting = 0  # callers, from when they joined
        self._spending = threading.Event()
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None

    def begin(self, *, wanted: bool = False) -> bool:
        """Return whether to go on: somebody still waits for it, or it is ``wanted`` in any case.

        From here on nothing cuts it short, and the end of the program waits for it.
        """
        if not (wanted or self._waiting):
            return False
        self._spending.set()
        end_waits_for(self.ended)
        return True

    def run(self) -> None:
        """Do the work, in this thread."""
        try:
            self._outcome = self._work(self)
        except AventusCredsError as error:
            # Without its frames, which hold what was sent. Every waiter raises a copy of its own.
            self._error = error.with_traceback(None)
        except BaseException as error:  # noqa: BLE001 - raised in the threads that wait
            self._error = error
        finally:
            self.ended.set()

    def wait(self, seconds: float) -> Outcome:
        """Wait for the end and return the outcome, or raise what the work raised.

        Raises TimeoutError after ``seconds``. While the work spends something, the first Ctrl-C waits for it.
        """
        try:
            with first_interrupt_waits(self._spending.is_set):
                if not wait_for(self.ended, seconds):
                    raise TimeoutError
        finally:
            self.count(-1)
        if isinstance(self._error, AventusCredsError):
            raise copy.copy(self._error)
        if self._error is not None:
            raise self._error
        assert self._outcome is not None  # noqa: S101 - it ended without an error
        return self._outcome

    def count(self, step: int) -> None:
        """Note that a caller begins (1) or ends (-1) to wait for it."""
        with _counting:
            self._waiting += step


class Renewals:
    """The renewals of one login in this process: the one under way, and until when none is begun ahead of time."""

    def __init__(self) -> None:
        self._lock = ForkLock()
        self._current: Renewal | None = None
        self._paused_until = 0.0  # by the monotonic clock

    @property
    def paused(self) -> bool:
        """Whether a renewal ahead of time failed so recently that the next one is not due yet."""
        return time.monotonic() < self._paused_until

    def pause(self, seconds: float) -> None:
        """Begin no renewal ahead of time for so long."""
        self._paused_until = time.monotonic() + seconds

    def join(self, work: Callable[[Renewal], Outcome]) -> tuple[Renewal, bool]:
        """Return the renewal under way and False, or begin one that does ``work`` and return it and True."""
        with self._lock:
            renewal = self._current
            begins = renewal is None or renewal.ended.is_set()
            if renewal is None or begins:
                renewal = self._current = Renewal(work)
            renewal.count(1)  # before its thread may look whether anybody waits
        if begins:
            _start(renewal)
        return renewal, begins


def _start(renewal: Renewal) -> None:
    if must_share_a_thread():
        renewal.run()
        return
    context = contextvars.copy_context()
    thread = threading.Thread(
        target=context.run, args=(renewal.run,), name="aventus-creds renewal", daemon=True
    )
    if not started(thread):
        renewal.run()


_known: Final[dict[tuple[str, object], Renewals]] = {}
in_each_child(_known.clear)  # those threads exist in the parent only


def renewals_of(store: TokenStore, key: str) -> Renewals:
    """Return the renewals of the login under ``key``, the same for equal stores."""
    try:
        return _known.setdefault((key, store), Renewals())
    except TypeError:  # a store of the user's own that cannot be hashed
        return _known.setdefault((key, id(store)), Renewals())


def unsaved(fault: Exception, new: Token, stored: Token | None) -> str:
    """Return the warning that ``new`` could not be saved, and what becomes of the login."""
    why = (
        str(fault)
        if isinstance(fault, AventusCredsError)
        else f"the token store failed ({type(fault).__name__})"
    )
    if not new.refresh_token:
        return why
    kept = stored is not None and stored.refresh_token == new.refresh_token
    return f"{why}\n" + (
        "The stored login still works: the server gave no new refresh token."
        if kept
        else "The stored login does not work any more: the new refresh token is in this process only."
    )
