"""BackgroundLogin: one profile's login as a notebook shows it. It goes on while the kernel does other things.

There is one for each profile and process, however many panels show it: they would fight for the listener's
port. It knows no widgets; a panel subscribes to it and is called, from any thread, when something changes.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import Final, Literal

from aventus_creds.basics.hidden import Hidden, hides
from aventus_creds.callbacks import Attempt
from aventus_creds.callbacks.console import query_of
from aventus_creds.callbacks.opening import only_pasted
from aventus_creds.errors import AventusCredsError, LoginRequired, LoginTimeout, StoreError
from aventus_creds.logins.login import log_in
from aventus_creds.logins.logout import log_out
from aventus_creds.profiles.profile import Profile
from aventus_creds.sources.cached import CachedSource
from aventus_creds.stores import TokenStore
from aventus_creds.tokens import Token

TICK: Final = 1.0
"""Seconds between two looks at the clock and at the store, while somebody watches."""

State = Literal["checking", "waiting", "in", "out"]

_logins: weakref.WeakValueDictionary[tuple[str, TokenStore], BackgroundLogin] = weakref.WeakValueDictionary()
_logins_lock: Final = threading.Lock()


def background_login(profile: Profile, store: TokenStore, cache: CachedSource) -> BackgroundLogin:
    """Return this process's login for ``profile`` whose token rests in ``store``, which ``cache`` reads."""
    with _logins_lock:
        login = _logins.get((profile.key, store))
        if login is None:
            login = _logins[profile.key, store] = BackgroundLogin(profile, cache)
        elif login.profile != profile:  # what has been edited does not change whose token it is
            login.take(profile, cache)
        return login


class BackgroundLogin:
    """Where the login stands: ``state``, and by it ``url``, ``token`` or ``notice``.

    checking: it is being found out; waiting: the person may log in at ``url``; in: logged in with ``token``;
    out: not logged in, and nothing is under way. ``notice`` is what the person should know, or ``""``.
    """

    def __init__(self, profile: Profile, cache: CachedSource) -> None:
        self.profile = profile
        self.cache = cache
        self.state: State = "checking"
        self.notice = ""
        self.redirect_uri = ""
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
        """Where the person's browser goes, while it waits for them. It holds the state.

        Once an address has been pasted, the link has served: it is offered no more, for it might be saved.
        """
        attempt = self._attempt
        return attempt.url if attempt and self.state == "waiting" and not self._link_used else ""

    @property
    def only_pasted(self) -> bool:
        """Whether the redirect can never come here, so that its address must be pasted."""
        return only_pasted(self.profile)

    def seconds_left(self) -> float:
        """Return how long the person still has, in seconds."""
        attempt = self._attempt
        return max(0.0, attempt.seconds_left()) if attempt else 0.0

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher.changed()`` on every change, as long as it lives."""
        with self._lock:
            self._watchers.add(watcher)
            if self._ticker is None or not self._ticker.is_alive():
                self._ticker = threading.Thread(target=_tick, args=(weakref.ref(self),), daemon=True)
                self._ticker.start()

    def begin(self, *, anew: bool = False, attended: bool = True) -> None:
        """Find out where the login stands, and begin one unless there is no need (or always, with ``anew``).

        Where nobody can log in (not ``attended``), none is begun.
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
        """Wait until it is known whether a login is needed, and where. An interrupt ends the wait."""
        while self.state == "checking" and not self._settled.wait(0.02):
            pass

    def wait(self) -> Token:
        """Wait until the login ends and return its token. An interrupt ends the wait at once, not the login.

        Raises what a login raises.
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
        """Take what the person pasted; the outcome is told by a change. Returns at once."""
        threading.Thread(target=self._paste, args=(text,), daemon=True).start()

    def take(self, profile: Profile, cache: CachedSource) -> None:
        """Go on with an edited profile; a login under way begins anew."""
        self.profile, self.cache = profile, cache
        if self._attempt:
            self.begin_anew()

    def begin_anew(self) -> None:
        """End the login under way, if there is one, and begin another. Returns at once."""
        threading.Thread(target=self._begin_anew, daemon=True).start()

    def log_out(self) -> None:
        """Revoke and forget the login; the outcome is told by a change. Returns at once."""
        threading.Thread(target=self._log_out, daemon=True).start()

    def _run(self, anew: bool, attended: bool) -> None:  # noqa: FBT001 - a thread's arguments
        try:
            token = None if anew else self._cached(attended=attended)
            if token is None:
                token = log_in(self.profile, self.cache.keep, panel=self.at)
        except AventusCredsError as error:
            if self._restarting:  # whoever waits goes on waiting
                return
            if self.state == "in":  # another login came first
                self._end("in")
                return
            self.error = error
            self._end("out", error.message)
        except Exception as fault:  # noqa: BLE001 - the panel must not wait for ever
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

    # The callback of its own login

    def at(self, redirect_uri: str) -> BackgroundLogin:
        """Return the login itself, as the callback for ``redirect_uri``."""
        self.redirect_uri = redirect_uri
        return self

    def start(self, attempt: Attempt) -> None:
        """Offer the attempt's address, and take what is pasted for it."""
        self._attempt = attempt
        self._link_used = False
        self._set("waiting")

    def close(self) -> None:
        """The attempt has ended; the state tells how."""

    def _end(self, state: State, notice: str = "") -> None:
        self._attempt = None
        self._set(state, notice)
        self._settled.set()

    def _paste(self, text: Hidden[str]) -> None:
        attempt = self._attempt
        if attempt is None:
            self._set(self.state, "Nothing is under way: log in again first.")
            return
        reply = attempt.deliver(query_of(text.reveal()))
        if not reply.ended:
            self._link_used = True
            self._set(
                self.state,
                f"That was not it: {reply.text}. Copy the whole address of the new tab and"
                " paste it again, or log in again.",
            )

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
        """Notice what time and other processes change. Returns whether anybody watches still."""
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
            self._tell()  # the countdown
        return True

    def _look_for_another_login(self) -> None:
        """Take a login that somebody made in another notebook, or in a terminal."""
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
    """Something that shows a BackgroundLogin."""

    def changed(self) -> None:
        """Take notice that the login has changed. Called from any thread."""
        raise NotImplementedError


def _tick(login: weakref.ref[BackgroundLogin]) -> None:
    """Look after a login while it lives and is watched, without keeping it alive."""
    while (alive := login()) is not None and alive.tick():
        del alive
        time.sleep(TICK)
