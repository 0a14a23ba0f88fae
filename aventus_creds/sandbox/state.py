"""What the sandbox remembers: logins, and their codes and tokens. It is in memory, with one lock for all."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from authlib.oauth2.rfc6749 import TokenMixin
from authlib.oauth2.rfc8628 import DeviceCredentialMixin
from authlib.oidc.core import AuthorizationCodeMixin
from joserfc.jwk import JWKRegistry, OctKey


@dataclass(eq=False, kw_only=True)
class Login:
    """What was granted to a client, by a person or to itself. All tokens from one login are a family.

    Authlib calls it the user of a token. ``offline`` says whether it brings a refresh token. Times are seconds since
    the epoch, UTC.
    """

    client_id: str
    subject: str
    scope: str
    asked_scope: str
    audience: str
    offline: bool = True
    nonce: str | None = None
    acr: str = ""  # how strong the login was
    auth_time: int = field(default_factory=lambda: int(time.time()))
    revoked: bool = False
    thumbprint: str = ""  # of the key that its tokens are bound to (RFC 9449)

    def get_user_id(self) -> str:
        """Return the subject. Authlib has this name for it."""
        return self.subject


@dataclass(eq=False, kw_only=True)
class AuthorizationCode(AuthorizationCodeMixin):
    """A code on its way from the authorization endpoint to the token endpoint (RFC 6749 section 4.1.2)."""

    login: Login
    redirect_uri: str
    code_challenge: str | None
    code_challenge_method: str | None
    expires_at: float
    used: bool = False

    def get_redirect_uri(self) -> str:
        """Return the redirect URI of the authorization request."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """Return the granted scope."""
        return self.login.scope

    def get_nonce(self) -> str | None:
        """Return the nonce of the authorization request."""
        return self.login.nonce

    def get_auth_time(self) -> int:
        """Return when the person logged in."""
        return self.login.auth_time


@dataclass(eq=False, kw_only=True)
class IssuedToken(TokenMixin):
    """An access or refresh token. ``used_at`` is set when a one-time refresh token has been used."""

    login: Login
    value: str = field(repr=False)
    revoked: bool = False
    used_at: float | None = None

    def check_client(self, client: Any) -> bool:
        """Whether the token was issued to ``client``."""
        return bool(self.login.client_id == client.get_client_id())

    def get_scope(self) -> str:
        """Return the scope of the login. A refresh may not ask for more."""
        return self.login.scope

    def is_revoked(self) -> bool:
        """Whether the token or its login was revoked."""
        return self.revoked or self.login.revoked


@dataclass(eq=False, kw_only=True)
class DeviceLogin(DeviceCredentialMixin):
    """A login that waits for a person on another device (RFC 8628)."""

    login: Login
    user_code: str
    expires_at: float
    interval: float
    polled_at: float | None = None
    approved: bool | None = None  # None while the person has not decided

    def get_client_id(self) -> str:
        """Return the client that asks for the login."""
        return self.login.client_id

    def get_scope(self) -> str:
        """Return the scope that it asks for."""
        return self.login.scope

    def get_user_code(self) -> str:
        """Return the code that the person types."""
        return self.user_code

    def is_expired(self) -> bool:
        """Whether it is too late for a decision."""
        return time.time() >= self.expires_at


@dataclass(frozen=True)
class PushedRequest:
    """The parameters of an authorization request, until it expires (seconds since the epoch, UTC)."""

    values: dict[str, list[str]]
    expires_at: float


class State:
    """Everything that changes while requests come in. Hold ``lock`` to read something and then write it."""

    def __init__(self, redirect_uri: str) -> None:
        self.lock = RLock()
        self.redirect_uris = frozenset({redirect_uri})  # only replaced as a whole, so readers need no lock
        self.codes: dict[str, AuthorizationCode] = {}
        self.access_tokens: dict[str, IssuedToken] = {}
        self.swapped: dict[str, str] = {}  # what the API gives for an access token, and that token
        self.refresh_tokens: dict[str, IssuedToken] = {}
        self.pushed: dict[str, PushedRequest] = {}
        self.device_logins: dict[str, DeviceLogin] = {}
        self.logins: Counter[str] = Counter()
        self.failures_left: dict[str, int] = {}
        self.reuse_detections = 0
        self.workloads: frozenset[str] = frozenset()
        self._keys: dict[str, Any] = {}
        self._issuers: list[Any] = []
        self._numbers: set[str] = set()

    def trust(self, public_key: Any, *, client_id: str, workload: str) -> None:
        """Register the public key of a client, or of an issuer that is trusted."""
        with self.lock:
            if client_id:
                self._keys[client_id] = JWKRegistry.import_key(public_key)
            else:
                self._issuers = [*self._issuers, JWKRegistry.import_key(public_key)]
                self.workloads = self.workloads | {workload}

    def keys_of(self, client_id: str) -> Any:
        """Return the public key of a client, or one that nobody has."""
        return self._keys.get(client_id) or OctKey.generate_key(256)

    def trusted_key(self, signed: Any) -> Any:
        """Return the key of the issuer whose token is ``signed``, by the ``kid`` in its header."""
        name = signed.headers().get("kid")
        found = next((key for key in self._issuers if key.kid == name), None)
        return found or OctKey.generate_key(256)

    def first_time(self, number: str) -> bool:
        """Whether an assertion of this number comes for the first time."""
        with self.lock:
            first = number not in self._numbers
            self._numbers.add(number)
            return first

    def remember(self, answer: dict[str, Any], login: Login) -> None:
        """Remember the tokens of a token answer."""
        with self.lock:
            for store, name in ((self.access_tokens, "access_token"), (self.refresh_tokens, "refresh_token")):
                if value := answer.get(name):
                    store[value] = IssuedToken(login=login, value=value)

    def revoke(self, token: IssuedToken) -> None:
        """Revoke an access token, or a refresh token and all tokens of its login (RFC 7009 section 2.1)."""
        with self.lock:
            token.revoked = True
            if token.value in self.refresh_tokens:
                token.login.revoked = True

    def revoke_all(self, client_id: str, *, refresh_tokens: bool) -> None:
        """Revoke all access tokens of a client.

        Args:
            client_id: whose tokens.
            refresh_tokens: whether to revoke its logins too, and so all refresh tokens.
        """
        with self.lock:
            for token in (*self.access_tokens.values(), *self.refresh_tokens.values()):
                if token.login.client_id == client_id:
                    token.revoked = token.revoked or token.value in self.access_tokens
                    token.login.revoked = token.login.revoked or refresh_tokens

    def device_login(self, user_code: str) -> DeviceLogin | None:
        """Return the undecided device login of a user code, or None.

        Case, spaces and hyphens in the code do not matter (RFC 8628 section 6.1).
        """
        typed = _letters(user_code)
        with self.lock:
            for device in self.device_logins.values():
                if (
                    _letters(device.user_code) == typed
                    and device.approved is None
                    and not device.is_expired()
                ):
                    return device
        return None

    def fails_again(self, key: str, times: int) -> bool:
        """Whether the call named ``key`` is one of its first ``times``, which fail."""
        with self.lock:
            left = self.failures_left.get(key, times)
            self.failures_left[key] = max(left - 1, 0)
            return left > 0


def _letters(user_code: str) -> str:
    return "".join(char for char in user_code.upper() if char.isalnum())
