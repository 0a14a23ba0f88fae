"""What every login button offers to the code of a notebook, whatever shows it."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aventus_creds.notebook.background import BackgroundLogin
    from aventus_creds.session.session import ApiSession
    from aventus_creds.tokens import Token

STATES = {"checking": "being checked", "waiting": "not logged in", "in": "logged in", "out": "not logged in"}


class Button:
    """The session of a login, and callbacks that hear of it."""

    _login: BackgroundLogin
    _told: list[Callable[[ApiSession], object]]
    _told_token: Token | None
    _lock: threading.RLock

    def __repr__(self) -> str:
        """Return the profile and the state of its login. This text is saved into the notebook."""
        return f"<LoginButton {self._login.profile.name}: {STATES[self._login.state]}>"

    @property
    def session(self) -> ApiSession:
        """The session for the profile's API. Raises LoginRequired if nobody is logged in."""
        from aventus_creds.session.session import ApiSession  # loads requests

        self._login.cache.look_again()
        self._login.cache.token()
        return ApiSession(self._login.profile, self._login.cache)

    def on_login(self, callback: Callable[[ApiSession], object]) -> None:
        """Call `callback(session)` after each login, in a thread, and now if you are already logged in."""
        self._told.append(callback)
        if self._login.state == "in":
            callback(self.session)

    def _tell(self) -> None:
        with self._lock:
            token = self._login.token
            if self._login.state != "in" or token is self._told_token:
                return
            self._told_token = token
        for callback in self._told:
            try:
                callback(self.session)
            except Exception:  # noqa: BLE001 - it is the user's, and must not end the thread that updates panels
                traceback.print_exc()
