"""All exceptions and warnings of this package, grouped by who must act.

    AventusCredsError
    ├── ConfigError            the author of profiles.toml
    │   ├── ProfilesFileError      the file is missing, unreadable or not TOML
    │   ├── ProfileNotFound        there is no profile of that name
    │   ├── ProfileError           a profile has mistakes: all of them are listed
    │   ├── SecretError            a secret of the client or the store cannot be read
    │   └── CallbackError          the redirect URI cannot be listened on, or not at the moment
    ├── LoginError             the person at the browser
    │   ├── LoginRequired          a login is needed and no person can be asked: run the command in the hint
    │   │   └── StepUpRequired         the API wants more than the login has: a scope, or a stronger login
    │   ├── LoginPending           a login is shown above the cell: finish it, then run the cell again
    │   ├── LoginRefused           the authorization server refused the login
    │   ├── RedirectRejected       an address is not the answer to this login: the wait goes on
    │   └── LoginTimeout           the login was not finished in time
    ├── ServerError            the operator of the authorization server
    │   ├── TokenRefused           the server answered with an OAuth error
    │   ├── LifetimeTooShort       its tokens do not live as long as the caller needs
    │   └── InvalidAnswer          the answer is not what OAuth allows
    ├── NetworkError           nobody: try again later
    └── StoreError             the owner of the state folder or keyring, or the operator of the Redis
        └── StoreConflict          somebody else has saved a token that this process has not seen

    AventusCredsWarning        the call succeeded, but something needs attention
    ├── InsecureFileWarning        others can read a file that holds a secret
    ├── InsecureStoreWarning       a store's password crosses the network unencrypted
    ├── NotGrantedWarning          a login did not bring all that it was asked for
    └── NotSavedWarning            a token could not be stored: only this process can use it

No message holds a token, code, state, verifier or client secret.
"""

from __future__ import annotations

from typing import Any, Final, Self

from aventus_creds.structs import Struct


class AventusCredsError(Exception):
    """Base of all errors raised by this package.

    Args:
        message: what is wrong.
        hint: one line that says what to do next. Empty if there is nothing to suggest.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __copy__(self) -> Self:
        """Return the same error for another thread to raise, without its traceback."""
        other = type(self).__new__(type(self), *self.args)
        other.__dict__.update(self.__dict__)
        return other

    def __str__(self) -> str:
        """Return the message, with the hint on a separate line."""
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback, whose frames would all be of this package.

        ``%debug`` and ``traceback.print_exc()`` still have them.
        """
        return f"{type(self).__name__}: {self}".splitlines()


class ConfigError(AventusCredsError):
    """Something in the configuration is wrong."""


class ProfilesFileError(ConfigError):
    """profiles.toml is missing, cannot be read, or is not TOML.

    Attributes:
        line, column: where it is no TOML, counted from 1; 0 if that is not what is wrong.
        advice: what to write in that line instead, if that is clear.
    """

    line = 0
    column = 0
    advice = ""


class ProfileNotFound(ConfigError):
    """There is no profile of the given name."""


class Problem(Struct):
    """One mistake in profiles.toml: the line (counted from 1), the key, and what is allowed instead."""

    file: str
    line: int
    key: str
    what: str

    def __str__(self) -> str:
        """Return the problem as one line, ``profiles.toml:LINE: profiles.NAME.KEY: what``."""
        return f"{self.file}:{self.line}: {self.key}: {self.what}"


class ProfileError(ConfigError):
    """A profile has mistakes. All of them are in ``problems``."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class SecretError(ConfigError):
    """A secret of the client or the store cannot be read from where profiles.toml says it is."""


class CallbackError(ConfigError):
    """The redirect URI of the profile cannot be listened on."""


class LoginError(AventusCredsError):
    """A login is needed, or failed."""


class LoginRequired(LoginError):
    """A person must log in, and nobody can be asked here. The hint is the command to run."""


class StepUpRequired(LoginRequired):
    """The API wants more than the login has (RFC 6750 section 3.1, RFC 9470). The hint is the command to run.

    ``response`` is the API's answer, without the token; None where there is none.
    """

    response: Any = None


class LoginPending(LoginError):
    """The notebook shows a login, and this cell cannot wait for it: log in, then run the cell again.

    ``response`` is the API's answer, where that has asked for the login (see StepUpRequired).
    """

    response: Any = None


class LoginRefused(LoginError):
    """The authorization server refused the login (RFC 6749 section 4.1.2.1).

    ``error`` is the server's error code, and ``error_description`` its text, or ``""`` if it gave none.
    """

    def __init__(self, message: str, *, error: str, error_description: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.error = error
        self.error_description = error_description


class RedirectRejected(LoginError):
    """A redirect or a pasted address does not answer the login in progress. The wait goes on.

    ``said`` is the error that it brings, or ``""``. It may come from anybody, not only from the server.
    """

    def __init__(self, message: str, *, said: str = "") -> None:
        super().__init__(message)
        self.said = said


class LoginTimeout(LoginError):
    """The login was not finished within the profile's ``login_timeout``."""


class ServerError(AventusCredsError):
    """The authorization server did not do what the protocol promises, or refused the request."""


TEMPORARY: Final = frozenset({"temporarily_unavailable", "server_error"})
"""OAuth error codes that ask to try again later, whatever the HTTP status (RFC 6749 section 4.1.2.1)."""


class TokenRefused(ServerError):
    """The authorization server answered with an OAuth error (RFC 6749 section 5.2).

    ``error`` is the server's error code (such as ``invalid_grant``) and ``error_description`` its text, each
    ``""`` if it gave none. ``status`` is the HTTP status, ``retry_after`` the seconds that it asks to wait, if it
    does. ``by_gateway`` says that something in front of the server answered, with a page for browsers.
    """

    def __init__(
        self,
        message: str,
        *,
        error: str,
        error_description: str = "",
        status: int,
        hint: str = "",
        retry_after: float | None = None,
        by_gateway: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.error = error
        self.error_description = error_description
        self.status = status
        self.retry_after = retry_after
        self.by_gateway = by_gateway

    @property
    def passing(self) -> bool:
        """Whether the failure is temporary: a 5xx, a 429, or an error code that says so."""
        return (
            self.status >= 500
            or self.error in TEMPORARY
            or (self.status == 429 and self.error in {"", "too_many_requests"})
        )

    @property
    def ends_login(self) -> bool:
        """Whether a refresh that was refused so says that the login is over, and a person must log in again.

        The error codes are of little use: besides invalid_grant, servers say unauthorized_client (Atlassian),
        invalid_token or nothing that OAuth knows (Strava, HubSpot). So it is whatever the server itself refuses, except
        an unknown client, which a login would not help, and temporary failures. What a gateway says is not the
        server's word.
        """
        refused = self.status in {400, 401, 403} or 200 <= self.status < 300
        return refused and not (self.by_gateway or self.passing or self.error == "invalid_client")


class LifetimeTooShort(ServerError):
    """A new token does not live as long as the caller needs."""


class InvalidAnswer(ServerError):
    """The protocol does not allow the answer: it is no JSON, has no token, another issuer, is too large …"""


class NetworkError(AventusCredsError):
    """The authorization server could not be reached in time, or the connection broke."""


class StoreError(AventusCredsError):
    """The token store cannot be read or written."""


class StoreConflict(StoreError):
    """Nothing was written: the token in the store is newer than the one that this process has seen."""


class AventusCredsWarning(UserWarning):
    """Base of all warnings issued by this package."""


class InsecureFileWarning(AventusCredsWarning):
    """A file that holds a secret can be read by others, or profiles.toml can be changed by them."""


class InsecureStoreWarning(AventusCredsWarning):
    """The password of a token store crosses the network unencrypted."""


class NotGrantedWarning(AventusCredsWarning):
    """A login counts, but did not bring all that it was asked for: a scope, or a stronger or newer login."""


class NotSavedWarning(AventusCredsWarning):
    """A token could not be stored: this process can use it, but the next one must log in again."""
