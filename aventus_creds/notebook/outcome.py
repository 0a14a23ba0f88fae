"""Outcome: how a login in the background ends, for whoever waits for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from aventus_creds.basics.threads import wait_for
from aventus_creds.errors import AventusCredsError, LoginError

if TYPE_CHECKING:
    from aventus_creds.tokens import Token


class LoggedInElsewhere(LoginError):
    """Ends an attempt because there is ``token`` from a login in another notebook or in a terminal."""

    def __init__(self, token: Token) -> None:
        super().__init__("another login came first")
        self.token = token


class BegunAnew(LoginError):
    """Ends an attempt because the user wants another one."""


class Outcome:
    """How one login ends. Whoever waits has it, so nothing that happens afterwards changes it."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._token: Token | None = None
        self._error: AventusCredsError | None = None

    def set(self, token: Token | None, error: AventusCredsError | None) -> None:
        """End the wait with a token or an error."""
        self._token, self._error = token, error
        self._done.set()

    def wait(self) -> Token:
        """Wait until the login ends and return its token. An interrupt ends the wait at once, but not the login.

        Raises:
            AventusCredsError: the login failed. The error is the one that the login raised.
        """
        wait_for(self._done)
        if self._error:
            raise self._error
        assert self._token is not None  # noqa: S101 - it ended with no error
        return self._token
