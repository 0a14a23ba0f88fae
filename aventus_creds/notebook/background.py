"""BackgroundLogin: one profile's login in a notebook. It runs in threads while the kernel does other things.

Each process has one per profile and store, even if several panels show it, because two logins would compete for
the listener's port. It does not know widgets: a panel subscribes to it, and is called from any thread when
something changes.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import Final, Literal

from aventus_creds.basics.hidden import Hidden, hides
from aventus_creds.callbacks import Attempt
from aventus_creds.callbacks.opening import only_pasted
from aventus_creds.callbacks.pasted import query_of, why_not
from aventus_creds.errors import AventusCredsError, LoginRequired, LoginTimeout, StoreError
from aventus_creds.logins.login import log_in
from aventus_creds.logins.logout import log_out
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.cached import CachedSource
from aventus_creds.stores import TokenStore
from aventus_creds.tokens import Token

TICK: Final = 1.0
"""Seconds between two checks of the clock and the store, while something watches the login."""

State = Literal["checking", "waiting", "in", "out"]

_logins: weakref.WeakValueDictionary[tuple[str, TokenStore], BackgroundLogin] = weakref.WeakValueDictionary()
_logins_lock: Final = threading.Lock()


def background_login(profile: Profile, store: TokenStore, cache: CachedSource) -> BackgroundLogin:
    """Return this process's login for a profile. It is created on first use, and does not start by itself.

    Args:
        profile: the profile to log in to. If it was edited since the last call, the login continues with it.
        store: where the token is stored. Each store has its own login.
        cache: reads and writes the token of ``profile`` in ``store``.
    """
    with _logins_lock:
        login = _logins.get((profile.key, store))
        if login is None:
            login = _logins[profile.key, store] = BackgroundLogin(profile, cache)
        elif login.profile != profile:  # only keys that do not change the token were edited
            login.take(profile, cache)
        return login


class BackgroundLogin:
    """One profile's login. ``state`` tells how far it is.

    The states are:

    * ``checking``: it is looking for a cached token, and refreshes it if it has expired.
    * ``waiting``: the user may log in at ``url``.
    * ``in``: logged in with ``token``.
    * ``out``: not logged in, and no login is running.

    ``notice`` is a message for the user, or ``""``.
    """

    def __init__(self, profile: Profile, cache: CachedSource) -> None:
        self.profile = profile
        self.cache = cache
        self.state: State = "checking"
        self.notice = ""
        self.redirect_uri = ""
        self.why_alone = ""  # why the redirect must be pasted, if it usually need not: the port is taken
        self.token: Token | None = None
        self.error: AventusCredsError | None = None
        self._attempt: Attempt | None = None
        self._link_used = False
        self._restarting = False
        self._running: threading.Thread | None = None
        self._ticker: threading.Thread | None = None
        self._watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()
        self._lock = threading.RLock()
        self._settled = threading.Event()

    @property
    def url(self) -> str:
        """The address where the user logs in, or "" unless the state is ``waiting``. It contains the OAuth state.

        It is also "" after the user pasted a wrong address. The link was used then, and if it stayed visible,
        it could be saved in the notebook.
        """
        attempt = self._attempt
        return attempt.url if attempt and self.state == "waiting" and not self._link_used else ""

    @property
    def only_pasted(self) -> bool:
        """Whether the redirect can never reach this machine, so that the user must paste its address."""
        return bool(self.why_alone) or only_pasted(self.profile)

    def seconds_left(self) -> float:
        """Return the seconds that the user has left to log in, or 0 if no login is running."""
        attempt = self._attempt
        return max(0.0, attempt.seconds_left()) if attempt else 0.0

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher.changed()`` on every change, until ``watcher`` is garbage-collected."""
        with self._lock:
            self._watchers.add(watcher)
            if self._ticker is None or not self._ticker.is_alive():
                self._ticker = threading.Thread(target=_tick, args=(weakref.ref(self),), daemon=True)
                self._ticker.start()

    def begin(self, *, anew: bool = False, attended: bool = True) -> None:
        """Use the cached token, refreshed if needed, or start a login. Returns at once.

        It does nothing if a login is running already.

        Args:
            anew: start a login even if there is a cached token.
            attended: whether a user can log in. If not, ``error`` is set to LoginRequired instead of starting
                a login.
        """
        with self._lock:
            if self._running and self._running.is_alive():
                return
            self._settled.clear()
            self._restarting = False
            self.error = None
            self._set("checking")
            self._running = threading.Thread(target=self._run, args=(anew, attended), daemon=True)
            self._running.start()

    def looked_up(self) -> None:
        """Wait until the state is no longer ``checking``. An interrupt ends the wait."""
        while self.state == "checking" and not self._settled.wait(0.02):
            pass

    def wait(self) -> Token:
        """Wait until the login ends and return its token.

        An interrupt ends the wait at once, but the login continues.

        Raises:
            AventusCredsError: the login failed. The error is the one that the login raised.
        """
        while True:
            if not self._settled.wait(0.2):
                continue
            error, token = self.error, self.token
            if error:
                raise error
            if token:
                return token

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

    def _run(self, anew: bool, attended: bool) -> None:  # noqa: FBT001 - Thread passes positional arguments
        try:
            token = None if anew else self._cached(attended=attended)
            if token is None:
                token = log_in(self.profile, self.cache.keep, panel=self.at)
        except AventusCredsError as error:
            if self._restarting:  # wait() keeps waiting for the next login
                return
            if self.state == "in":  # a login in another process was faster
                self._end("in")
                return
            self.error = error
            self._end("out", error.message)
        except Exception as fault:  # noqa: BLE001 - otherwise the panel would wait forever
            self.error = AventusCredsError(f"the login failed unexpectedly ({type(fault).__name__})")
            self._end("out", self.error.message)
        else:
            self.token = token
            self._end("in")

    def _begin_anew(self) -> None:
        if attempt := self._attempt:
            self._restarting = True
            attempt.fail(LoginTimeout("the login was begun anew"))
        if self._running:
            self._running.join()
        self.begin(anew=True)

    def _cached(self, *, attended: bool) -> Token | None:
        try:
            return self.cache.token()
        except LoginRequired:
            if not attended:
                raise
            return None

    # The login uses this object as its own callback

    def at(self, redirect_uri: str, why_alone: str) -> BackgroundLogin:
        """Remember ``redirect_uri`` and return this object as the callback for it."""
        self.redirect_uri, self.why_alone = redirect_uri, why_alone
        return self

    def start(self, attempt: Attempt) -> None:
        """Show the address of ``attempt``. From now on, ``paste`` delivers to it."""
        self._attempt = attempt
        self._link_used = False
        self._set(
            "waiting", f"{self.why_alone}: paste the address of the new tab here." if self.why_alone else ""
        )

    def close(self) -> None:
        """Do nothing: the end of the attempt sets the state."""

    def _end(self, state: State, notice: str = "") -> None:
        self._attempt = None
        self._set(state, notice)
        self._settled.set()

    def _paste(self, text: Hidden[str]) -> None:
        attempt = self._attempt
        if attempt is None:
            self._set(self.state, "Nothing is under way: log in again first.")
            return
        query = Hidden(query_of(text.reveal()))
        reply = attempt.deliver(query.reveal())
        if not reply.ended:
            self._link_used = True
            self._set(self.state, why_not(query.reveal(), reply.text, self.redirect_uri))

    def _log_out(self) -> None:
        try:
            done = log_out(self.profile, self.cache)
        except StoreError as fault:
            self._set(self.state, fault.message)
            return
        self.token = None
        self._set(
            "out", f"Forgotten here, but not revoked: {done.why_not}" if done.why_not else "Logged out."
        )

    def _set(self, state: State, notice: str = "") -> None:
        with self._lock:
            self.state, self.notice = state, notice
        self._tell()

    def _tell(self) -> None:
        for watcher in list(self._watchers):
            watcher.changed()

    def tick(self) -> bool:
        """Check for an expired token and for logins in other processes. Return False if nothing watches any more."""
        if not self._watchers:
            return False
        if self.state in {"waiting", "out"}:
            self._look_for_another_login()
        if self.state == "in" and self.token and self.token.expired(time.time()):
            if self.token.refresh_token:
                self.begin()
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
        if token is None or not token.fresh(time.time()):
            return
        self.token = token
        if attempt := self._attempt:
            attempt.fail(LoginRequired("another login came first"))  # closes the listener
        self._set("in")


class Watcher:
    """Something that shows a BackgroundLogin and is told when it changes."""

    def changed(self) -> None:
        """React to a change of the login. Called from any thread."""
        raise NotImplementedError


def _tick(login: weakref.ref[BackgroundLogin]) -> None:
    """Call ``tick`` regularly while something watches the login. Does not keep the login alive."""
    while (alive := login()) is not None and alive.tick():
        del alive
        time.sleep(TICK)
