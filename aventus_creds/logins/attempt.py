"""LoginAttempt: one login in a browser, from the redirect to the stored token."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from aventus_creds.basics.hidden import Hidden, hides
from aventus_creds.basics.threads import wait_for
from aventus_creds.callbacks import Reply, said_without_proof
from aventus_creds.errors import (
    AventusCredsError,
    LoginRefused,
    LoginTimeout,
    NotSavedWarning,
    RedirectRejected,
    ServerError,
)
from aventus_creds.logins.granted import another_account
from aventus_creds.logins.saving import why_unsaved
from aventus_creds.profiles.login_options import NO_OPTIONS, LoginOptions

if TYPE_CHECKING:
    from aventus_creds.oauth.client import OAuthClient
    from aventus_creds.oauth.code_grant import Authorization
    from aventus_creds.profiles.profile import Profile
    from aventus_creds.tokens import Token


class LoginAttempt:
    """One login in progress.

    The thread that delivers the redirect also exchanges the code and stores the token. So the page that it
    then shows in the browser tells how the login really ended.

    Args:
        profile: whose login.
        client: exchanges the code.
        authorization: the attempt that the redirect must answer.
        save: stores the token. If it fails, the login still succeeds, with a NotSavedWarning.
        options: what it was asked for: a login of another account is not stored.
    """

    def __init__(
        self,
        profile: Profile,
        client: OAuthClient,
        authorization: Authorization,
        *,
        save: Callable[[Token], None],
        options: LoginOptions = NO_OPTIONS,
    ) -> None:
        self.title = f"Log in to {profile.name} ({profile.system})"
        self.url = authorization.url
        self._hurry = ""  # an address that was pushed to the server is not kept there for long
        if (within := authorization.opened_within) and within < profile.login_timeout:
            self._hurry = f"The address must be opened within {within:g} s. "
            self.title += f", within {within:g} s"
        self.ended = threading.Event()
        self.unproven = ""
        self._profile = profile
        self._authorization = authorization
        self._client = client
        self._save = save
        self._options = options
        self._deadline = time.monotonic() + profile.login_timeout
        self._lock = threading.Lock()
        self._reply: Reply | None = None
        self._token: Token | None = None
        self._error: AventusCredsError | None = None
        self._unsaved = ""

    def seconds_left(self) -> float:
        """Return how many seconds the person has left."""
        return self._deadline - time.monotonic()

    @hides
    def deliver(self, query: Hidden[str]) -> Reply:
        """Take a redirect's query. The right one ends the login; the same one again gets the same reply."""
        try:
            code = Hidden(self._authorization.accept(query.reveal()))
        except RedirectRejected as why:
            if not why.said:
                return Reply(ended=False, success=False, text=str(why))
            self.unproven = why.said
            return Reply(ended=False, success=False, text=f"{why}\n{said_without_proof(why.said)}")
        except (LoginRefused, ServerError) as error:
            with self._lock:
                return self._reply or self._end(error)
        with self._lock:
            return self._reply or self._exchange(code)

    def fail(self, error: AventusCredsError) -> None:
        """End the login with ``error``."""
        with self._lock:
            if not self._reply:
                self._end(error)

    def result(self) -> Token:
        """Wait for the end and return the token. Ctrl-C ends the wait at once, on Windows too.

        Raises:
            LoginTimeout: no redirect came within the profile's login_timeout.
            AventusCredsError: what else the login ended with.
        """
        while not wait_for(self.ended, self.seconds_left()):
            self._time_out()
        if self._error:
            raise self._error
        if self._unsaved:
            warnings.warn(self._unsaved, NotSavedWarning, stacklevel=2)
        assert self._token is not None  # noqa: S101 - it ended with no error
        return self._token

    def _exchange(self, code: Hidden[str]) -> Reply:
        try:
            token = self._client.exchange(self._authorization, code)
        except AventusCredsError as error:
            return self._end(error)
        except Exception as fault:  # noqa: BLE001 - the login must end; unknown errors may hold secrets
            name = self._profile.name
            return self._end(ServerError(f"the login to {name} failed unexpectedly ({type(fault).__name__})"))
        if refused := another_account(self._profile, self._options, token):
            return self._end(refused)
        self._token = token
        text = f"Logged in to {self._profile.name}."
        self._unsaved = why_unsaved(self._save, token)
        if self._unsaved:
            text += " It could not be stored, so it serves this program only."
        return self._end(None, text)

    def _end(self, error: AventusCredsError | None, text: str = "") -> Reply:
        self._error = error
        self._reply = Reply(ended=True, success=error is None, text=text or str(error))
        self.ended.set()
        return self._reply

    def _time_out(self) -> None:
        """End the login because the time is over, unless a redirect is being handled at this moment."""
        told = f"; {said_without_proof(self.unproven)}" if self.unproven else ""
        error = LoginTimeout(
            f"nobody finished the login to {self._profile.name} within {self._profile.login_timeout:g} s{told}",
            hint=self._hurry
            + (
                self._profile.provider.silent_failure
                or "If the browser showed an error page: check client_id, scope and redirect_uri in the"
                " profile. The redirect_uri must be registered at the server exactly as it is written."
            ),
        )
        if self._lock.acquire(timeout=0.2):  # on Windows, Ctrl-C does not interrupt a wait without a limit
            try:
                if not self._reply:
                    self._end(error)
            finally:
                self._lock.release()
