"""Every exception and warning of this package, grouped by who must act.

    AventusCredsError
    ├── ConfigError            whoever writes profiles.toml
    │   ├── ProfilesFileError      the file is missing, unreadable or not TOML
    │   ├── ProfileNotFound        no profile of that name
    │   ├── ProfileError           a profile with mistakes, all of them listed
    │   ├── SecretError            a secret that cannot be read: a client's or a store's
    │   └── CallbackError          the redirect URI cannot be listened on here and now
    ├── LoginError             the person at the browser
    │   ├── LoginRequired          nobody is here to log in: run the command it names
    │   ├── LoginPending           a login is on offer above the cell: finish it, and run the cell again
    │   ├── LoginRefused           the authorization server said no to the person
    │   ├── RedirectRejected       an address that is not the answer to this login; the wait goes on
    │   └── LoginTimeout           nobody finished the login in time
    ├── ServerError            whoever runs the authorization server
    │   ├── TokenRefused           it answered with an OAuth error
    │   ├── LifetimeTooShort       its tokens do not live as long as was asked for
    │   └── InvalidAnswer          it answered something that is no OAuth
    ├── NetworkError           nobody: try again later
    └── StoreError             whoever owns the state folder or the keyring, or runs the Redis
        └── StoreConflict          somebody else has saved what this process did not see

    AventusCredsWarning        the call went well, but something wants attention
    ├── InsecureFileWarning        others can read a file that holds a secret
    ├── InsecureStoreWarning       a store's password crosses the network in the clear
    └── NotSavedWarning            a token could not be stored; it serves this process only

No message holds a token, code, state, verifier or client secret.
"""

from typing import NamedTuple


class AventusCredsError(Exception):
    """Base of all errors raised by this package.

    ``hint`` is one line that says what to do next, or ``""``.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the message, with the hint on a line of its own."""
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class ConfigError(AventusCredsError):
    """Something in the configuration is wrong."""


class ProfilesFileError(ConfigError):
    """profiles.toml is missing, cannot be read, or is not TOML."""


class ProfileNotFound(ConfigError):
    """No profile has the name that was asked for."""


class Problem(NamedTuple):
    """One mistake in profiles.toml: on which line (from 1), of which key, and what is allowed instead."""

    file: str
    line: int
    key: str
    what: str

    def __str__(self) -> str:
        """Return the problem as one line, ``profiles.toml:LINE: profiles.NAME.KEY: what``."""
        return f"{self.file}:{self.line}: {self.key}: {self.what}"


class ProfileError(ConfigError):
    """A profile has mistakes; ``problems`` lists every one of them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class SecretError(ConfigError):
    """A secret cannot be read from where profiles.toml says it is: a client's, or a store's."""


class CallbackError(ConfigError):
    """The redirect URI of the profile cannot be listened on."""


class LoginError(AventusCredsError):
    """A login is needed, or did not end well."""


class LoginRequired(LoginError):
    """A person must log in and none can be asked here; the hint is the command to run."""


class LoginPending(LoginError):
    """A login was offered in the notebook, and this cell cannot wait for it: log in, then run it again."""


class LoginRefused(LoginError):
    """The authorization server redirected back with an error (RFC 6749 section 4.1.2.1)."""

    def __init__(self, message: str, *, error: str, error_description: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.error = error
        self.error_description = error_description


class RedirectRejected(LoginError):
    """A redirect or a pasted address that does not answer the login under way; the wait goes on."""


class LoginTimeout(LoginError):
    """No valid redirect arrived within the profile's ``login_timeout``."""


class ServerError(AventusCredsError):
    """The authorization server did not give what the protocol promises."""


class TokenRefused(ServerError):
    """An OAuth error answer (RFC 6749 section 5.2).

    ``error`` is the server's code (``invalid_grant``, …) or ``""`` where it gave none,
    ``error_description`` its own words, ``status`` the HTTP status.
    """

    def __init__(
        self, message: str, *, error: str, error_description: str = "", status: int, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.error = error
        self.error_description = error_description
        self.status = status

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later: a 5xx, or 429 that is no OAuth error of another meaning."""
        return self.status >= 500 or (self.status == 429 and self.error in {"", "too_many_requests"})


class LifetimeTooShort(ServerError):
    """A new token does not live as long as the caller asked for."""


class InvalidAnswer(ServerError):
    """An answer that the protocol does not allow: no JSON, no token, a foreign issuer, too large …"""


class NetworkError(AventusCredsError):
    """The authorization server could not be reached, or the connection broke."""


class StoreError(AventusCredsError):
    """The token store cannot be read or written."""


class StoreConflict(StoreError):
    """Nothing was written: what stands in the store is newer than what this process saw under its lock."""


class AventusCredsWarning(UserWarning):
    """Base of all warnings issued by this package."""


class InsecureFileWarning(AventusCredsWarning):
    """A file that holds a secret can be read by others."""


class InsecureStoreWarning(AventusCredsWarning):
    """The password of a token store crosses the network in the clear."""


class NotSavedWarning(AventusCredsWarning):
    """A token could not be stored: it serves this process, and the next one must log in again."""
