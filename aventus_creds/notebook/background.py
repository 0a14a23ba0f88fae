"""BackgroundLogin: one profile's login in a notebook. It runs in threads while the kernel does other things.

Each process has one per profile and store, even if several panels show it, because two logins would compete for
the listener's port. It does not know widgets: a panel subscribes to it, and is called from any thread when
something changes.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Final, Literal

from aventus_creds.basics.hidden import Hidden, hides
from aventus_creds.basics.threads import wait_for
from aventus_creds.callbacks import Attempt, Browser
from aventus_creds.callbacks.browser import open_quietly
from aventus_creds.callbacks.opening import only_pasted, why_not_forwarded
from aventus_creds.callbacks.pasted import query_of, why_not
from aventus_creds.errors import AventusCredsError, LoginRequired, StoreError
from aventus_creds.logins.granted import said_of
from aventus_creds.logins.login import log_in
from aventus_creds.logins.logout import log_out
from aventus_creds.notebook.outcome import BegunAnew, LoggedInElsewhere, Outcome
from aventus_creds.notebook.watching import Watched
from aventus_creds.profiles.login_options import NO_OPTIONS, LoginOptions
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.cached import CachedSource
from aventus_creds.sources.source import differs
from aventus_creds.tokens import Token

LOGOUT_TICKS: Final = 5
"""After how many checks of the clock it looks whether somebody has logged out elsewhere."""

State = Literal["checking", "waiting", "in", "out"]


class BackgroundLogin(Watched):
    """One profile's login. ``state`` tells how far it is.

    The states are:

    * ``checking``: it is looking for a cached token, and refreshes it if it has expired.
    * ``waiting``: the user may log in at ``url``.
    * ``in``: logged in with ``token``.
    * ``out``: not logged in, and no login is running.

    ``notice`` is a message for the user, or ``""``. ``failed`` tells whether the notice is about a failure.
    """

    def __init__(self, profile: Profile, cache: CachedSource) -> None:
        super().__init__()
        self.profile = profile
        self.cache = cache
        self.state: State = "checking"
        self.notice, self.failed = "", False
        self.redirect_uri = ""
        self.why_alone = ""  # why the redirect must be pasted, if it usually need not: the port is taken
        self.token: Token | None = None
        self._attempt: Attempt | None = None
        self._busy = False
        self._leaving = False  # its own logout, which the server may take its time for
        self._outcome = Outcome()
        self._at_least = 0.0
        self._before: Token | None = None  # what was there when the attempt began: no login since
        self._options, self._said = NO_OPTIONS, ""  # what the login is asked for, and did not bring
        self._browser: Browser | None = None
        self._running: threading.Thread | None = None
        self._ticks = 0
        self._lock = threading.RLock()
        self._looked_up = threading.Event()

    @property
    def url(self) -> str:
        """The address where the user logs in, or "" unless the state is ``waiting``. It contains the OAuth state."""
        attempt = self._attempt
        return attempt.url if attempt and self.state == "waiting" else ""

    @property
    def only_pasted(self) -> bool:
        """Whether the redirect can never reach this machine, so that the user must paste its address."""
        return bool(self.why_alone) or only_pasted(self.profile)

    def seconds_left(self) -> float:
        """Return the seconds that the user has left to log in, or 0 if no login is running."""
        attempt = self._attempt
        return max(0.0, attempt.seconds_left()) if attempt else 0.0

    def begin(
        self,
        *,
        anew: bool = False,
        attended: bool = True,
        at_least: float = 0,
        browser: Browser | None = None,
        options: LoginOptions = NO_OPTIONS,
    ) -> Outcome:
        """Use the cached token, refreshed if needed, or start a login. Returns at once.

        If a login is running already, it joins that one.

        Args:
            anew: start a login even if there is a cached token.
            attended: whether a user can log in. If not, the outcome is LoginRequired.
            at_least: how many seconds the token must be valid.
            browser: called with the login's address, besides showing it.
            options: what the login is asked for; a running one that was asked for something else starts again.

        Returns:
            How it will end.
        """
        with self._lock:
            self._at_least = max(at_least, self._at_least if self._busy else 0)
            self._browser = browser or (self._browser if self._busy else None)
            if self._busy:
                if options not in {NO_OPTIONS, self._options}:
                    self._options = options
                    self.begin_anew()
                return self._outcome
            self._options = options
            outcome = self._outcome = Outcome()
            self._start(anew, attended)
        self._tell()
        return outcome

    def looked_up(self) -> None:
        """Wait until the state is no longer ``checking``. An interrupt ends the wait."""
        if self._busy:
            wait_for(self._looked_up)

    @hides
    def paste(self, text: Hidden[str]) -> None:
        """Use the address that the user pasted. Returns at once; watchers are told about the result."""
        threading.Thread(target=self._paste, args=(text,), daemon=True).start()

    def take(self, profile: Profile, cache: CachedSource) -> None:
        """Continue with an edited profile. A running login starts again."""
        self.profile, self.cache = profile, cache
        if self._attempt:
            self.begin_anew()

    def begin_anew(self) -> None:
        """Stop the running login, if there is one, and start another. Returns at once."""
        threading.Thread(target=self._begin_anew, daemon=True).start()

    def log_out(self) -> None:
        """Revoke and delete the login. Returns at once; watchers are told about the result."""
        threading.Thread(target=self._log_out, daemon=True).start()

    def _start(self, anew: bool, attended: bool) -> None:  # noqa: FBT001 - Thread passes positional arguments
        self._looked_up.clear()
        self._running = threading.Thread(target=self._run, args=(anew, attended), daemon=True)
        self._running.start()  # it cannot say anything yet: the caller holds the lock
        self._busy = True
        self.state, self.notice, self._said = "checking", "", ""

    def _run(self, anew: bool, attended: bool) -> None:  # noqa: FBT001 - Thread passes positional arguments
        try:
            token = None if anew else self._cached(attended=attended)
            if token is None:
                token = self._logged_in()
        except LoggedInElsewhere as other:
            self._end("in", token=other.token)
        except BegunAnew:  # whoever waits goes on waiting, for the next login
            with self._lock:
                self._attempt = None
                self._start(True, True)
        except LoginRequired as error:
            self._end("out", error.message, failed=False, error=error)
        except AventusCredsError as error:
            self._end("out", str(error), error=error)
        except Exception as fault:  # noqa: BLE001 - otherwise the panel would wait forever
            unknown = AventusCredsError(f"the login failed unexpectedly ({type(fault).__name__})")
            self._end("out", unknown.message, error=unknown)
        else:
            self._end("in", self._said, failed=False, token=token)

    def _logged_in(self) -> Token:
        with suppress(StoreError):
            self._before = self.cache.peek()
        before, options = self._before, self._options
        token = log_in(self.profile, self.cache.keep, panel=self.at, options=options, before=before)
        self._said, self._options = said_of(token, before, options, now=time.time()), NO_OPTIONS
        return token

    def _begin_anew(self) -> None:
        if attempt := self._attempt:
            attempt.fail(BegunAnew("the login was begun anew"))  # closes the listener, then starts again
        else:
            self.begin(anew=True, options=self._options)

    def _cached(self, *, attended: bool) -> Token | None:
        try:
            while True:
                wanted = self._at_least
                token = self.cache.token(at_least=wanted)
                if self._at_least == wanted:  # nobody has joined who needs a longer one
                    return token
        except LoginRequired:
            if not attended:
                raise
            return None

    def at(self, redirect_uri: str, why_alone: str = "") -> BackgroundLogin:
        """Remember ``redirect_uri`` and return this object as the callback for it."""
        self.redirect_uri, self.why_alone = redirect_uri, why_alone
        return self

    def start(self, attempt: Attempt) -> None:
        """Show the address of ``attempt``. From now on, ``paste`` delivers to it."""
        self._attempt = attempt
        self._set(
            "waiting",
            f"{self.why_alone}: paste the address of the new tab here."
            if self.why_alone
            else why_not_forwarded(self.profile),
        )
        if browser := self._browser:
            threading.Thread(target=open_quietly, args=(browser, attempt.url), daemon=True).start()

    def close(self) -> None:
        """Do nothing: the end of the attempt sets the state."""

    def _end(
        self,
        state: State,
        notice: str = "",
        *,
        failed: bool = True,
        token: Token | None = None,
        error: AventusCredsError | None = None,
    ) -> None:
        with self._lock:
            self._attempt = None
            self._busy = False
            self.token = token
            self.state, self.notice, self.failed = state, notice, failed
            outcome = self._outcome
        self._looked_up.set()
        outcome.set(token, error)
        self._tell()

    def _paste(self, text: Hidden[str]) -> None:
        attempt = self._attempt
        if attempt is None:
            self._set(self.state, "Nothing is waiting for an address. Log in first.", failed=True)
            return
        query = Hidden(query_of(text.reveal()))
        reply = attempt.deliver(query.reveal())
        with self._lock:
            if reply.ended or self._attempt is not attempt:
                return
            self.notice, self.failed = why_not(query.reveal(), reply.text, self.redirect_uri), True
        self._tell()

    def _log_out(self) -> None:
        self._leaving = True
        try:
            done = log_out(self.profile, self.cache)
        except StoreError as fault:
            self._set(self.state, str(fault), failed=True)
            return
        finally:
            self._leaving = False
        self.token = None
        said = "You are logged out, and the server has revoked the login." if done.revoked else ""
        if done.why_not:
            said = f"The login is forgotten here, but it was not revoked: {done.why_not}"
        self._set("out", said, failed=bool(done.why_not))

    def _set(self, state: State, notice: str = "", *, failed: bool = False) -> None:
        with self._lock:
            self.state, self.notice, self.failed = state, notice, failed
        self._looked_up.set()
        self._tell()

    def tick(self) -> bool:
        """Check for an expired token and for what other processes do. Return False if nothing watches any more."""
        if not self.is_watched():
            return False
        self._ticks += 1
        if self.state in {"waiting", "out"}:
            self._look_for_another_login()
        elif self.state == "in" and self._ticks % LOGOUT_TICKS == 0:
            self._look_for_a_logout()
        if self.state == "in" and self.token and self.token.expired(time.time()):
            if self.token.refresh_token:
                self.begin(attended=False)  # nobody has asked for a login
            else:
                self._set("out", "The login has expired.")
        elif self.state == "waiting":
            self._tell()  # updates the countdown
        return True

    def _look_for_another_login(self) -> None:
        """Use a login that the user made in another notebook or in a terminal."""
        try:
            token = self.cache.peek()
        except StoreError:
            return
        if token is None or not token.fresh(time.time(), self._at_least if self._busy else 0):
            return
        if attempt := self._attempt:
            if differs(token, self._before):
                attempt.fail(LoggedInElsewhere(token))  # closes the listener, and ends the login
            return
        with self._lock:
            if self._busy:
                return
            self.token = token
            self.state, self.notice = "in", ""
        self._tell()

    def _look_for_a_logout(self) -> None:
        """Notice that the user has logged out, or in again, in another notebook or in a terminal."""
        try:
            token = self.cache.peek()
        except StoreError:
            return
        with self._lock:
            if self._busy or self._leaving or self.state != "in" or token == self.token:
                return
            self.token, self.failed = token, False
            if token is None:
                self.state, self.notice = "out", "You have logged out somewhere else."
        self._tell()
