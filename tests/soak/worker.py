"""One worker of the soak: it calls the API for ever, as scripts do, and tells on stdout how that goes.

Each line is a JSON object. It ends when nobody reads it any more, or when it is killed.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import requests

import aventus_creds
from aventus_creds import get_session, get_token
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import TokenRefused
from aventus_creds.profiles.file import read_profiles
from aventus_creds.session.session import ApiSession
from aventus_creds.stores.opening import default_store

PROFILE = "prod"
TELL_EVERY = 0.5
"""Seconds between two lines about calls that went well. A failure is told at once."""
SLOW = 0.5
"""Seconds that nobody with a good token should wait."""
PACKAGE = str(Path(aventus_creds.__file__).parent)


class TooLate(Exception):
    """The time limit of a call is over."""


def _too_late(*_: object) -> None:
    raise TooLate


class Worker:
    """``name`` goes to every server as the user agent, so that the servers can tell the workers apart."""

    def __init__(self, name: str, random_: random.Random) -> None:
        self._random = random_
        self._session: ApiSession | None = None
        self._answers = Counter[str]()
        self._slowest = 0.0
        self._good = self._waited = 0
        self._told = time.monotonic()
        requests.utils.default_user_agent = lambda *_: name
        warnings.simplefilter("always")
        # urllib3's own, where an interrupt cuts off a connection that is being made
        warnings.filterwarnings("ignore", "unclosed <socket", ResourceWarning)
        warnings.showwarning = lambda message, category, *_: self._tell(
            failure=f"warning {category.__name__}"
        )

    def run(self) -> None:
        self._tell(ready=True)
        while True:
            try:
                self._call_for_ever()
            except KeyboardInterrupt:
                self._session = None
                self._tell(failure="KeyboardInterrupt")

    def _call_for_ever(self) -> None:
        calls = (
            *(self._long_lived, self._new_session, self._bare_token, self._post, self._flaky),
            *(self._in_time, self._cancelled),
        )
        while True:
            [call] = self._random.choices(calls, [55, 15, 15, 5, 4, 4, 2])
            begin, clock = time.time(), time.monotonic()
            try:
                self._good_call()
                self._answers[f"{call()}"] += 1
            except Exception as fault:  # noqa: BLE001 - every kind is told, and judged by who listens
                self._tell(failure=kind_and_place(fault), begin=begin, end=time.time())
            self._slowest = max(self._slowest, time.monotonic() - clock)
            if time.monotonic() - self._told > TELL_EVERY:
                self._tell(answers=self._answers, slowest=self._slowest, good=self._good, waited=self._waited)
                self._good = self._waited = 0
                self._answers, self._slowest, self._told = Counter(), 0.0, time.monotonic()
            time.sleep(self._random.uniform(0, 0.1))

    def _long_lived(self) -> int:
        if self._session is None:
            self._session = get_session(PROFILE, interactive=False)
        return self._session.get("/v1/me").status_code

    def _new_session(self) -> int:
        with get_session(PROFILE, interactive=False) as session:
            return session.get("/v1/contacts").status_code

    def _bare_token(self) -> str:
        get_token(PROFILE, interactive=False, min_ttl=self._random.choice([0, 0, 0.5]))
        return "token"

    def _post(self) -> int:
        with get_session(PROFILE, interactive=False) as session:
            return session.post("/v1/echo", json={"n": 1}).status_code

    def _flaky(self) -> int:
        with get_session(PROFILE, interactive=False) as session:
            return session.get(f"/v1/flaky?fail=1&key={self._random.random()}").status_code

    def _in_time(self) -> str:
        """Give up after a while, as a scheduler's time limit does: a handler raises wherever the call is."""
        previous = signal.signal(signal.SIGALRM, _too_late)
        signal.setitimer(signal.ITIMER_REAL, self._random.uniform(0.001, 0.2))
        try:
            get_token(PROFILE, interactive=False)
        except TooLate:
            return "too late"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
        return "token"

    def _cancelled(self) -> str:
        """Cancel a task whose thread refreshes."""

        async def main() -> str:
            task = asyncio.create_task(asyncio.to_thread(get_token, PROFILE, interactive=False))
            await asyncio.sleep(self._random.uniform(0, 0.1))
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            return "token"

        return asyncio.run(main())

    def _good_call(self) -> None:
        """Count the calls that waited although the stored token was good all the time."""
        token = default_store().load(read_profiles().profile(PROFILE).key)
        begin = time.monotonic()
        if token is None or not token.expires_at > time.time() + SLOW:
            return
        get_token(PROFILE, interactive=False)
        self._good += 1
        self._waited += time.monotonic() - begin > SLOW

    @staticmethod
    def _tell(**words: Any) -> None:
        print(json.dumps(words), flush=True)


def kind_and_place(fault: BaseException) -> str:
    """Return the exception's type and the innermost function of the package that it came out of."""
    frames = [frame for frame, _ in traceback.walk_tb(fault.__traceback__)]
    ours = [frame.f_code for frame in frames if frame.f_code.co_filename.startswith(PACKAGE)]
    place = f"{Path(ours[-1].co_filename).stem}.{ours[-1].co_qualname}" if ours else "the worker"
    status = f" {fault.status}" if isinstance(fault, TokenRefused) else ""
    return f"{type(fault).__name__}{status} in {place}"


def without_locks() -> None:
    """Break what the soak guards, to see that it notices."""
    unlocked: Callable[..., Any] = lambda *_: nullcontext()  # noqa: E731
    PrivateFolder.lock = PrivateFolder.turn = unlocked  # type: ignore[method-assign]


if __name__ == "__main__":
    if "--no-locks" in sys.argv:
        without_locks()
    Worker(sys.argv[1], random.Random(sys.argv[1] + sys.argv[2])).run()
