"""OAuthClient: the requests of one profile to its authorization server. It knows nothing of people and stores."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.places import state_folder
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.errors import ConfigError, InvalidAnswer, StoreError
from aventus_creds.oauth import request as requests
from aventus_creds.oauth.answer import read_token
from aventus_creds.oauth.endpoints import find_endpoints
from aventus_creds.oauth.failures import retried
from aventus_creds.oauth.scopes import not_granted
from aventus_creds.oauth.transport import Transport
from aventus_creds.profiles.client_auths import METHODS
from aventus_creds.profiles.kinds import any_of
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from aventus_creds.oauth.answer import Answer
    from aventus_creds.oauth.code_grant import Authorization
    from aventus_creds.oauth.device_answer import DeviceAuthorization
    from aventus_creds.oauth.found import Found
    from aventus_creds.oauth.proofs import ProofKey

logger: Final = logging.getLogger(__name__)


class OAuthClient:
    """One client of one authorization server.

    Every method that makes a request may raise:
        ServerError: the server answered with an OAuth error (TokenRefused), or not as the protocol demands.
        NetworkError: it could not be reached in time. Unless a method says so, nothing is retried.
        SecretError: the client secret cannot be read.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._transport = Transport(profile)

    @cached_property
    def endpoints(self) -> requests.Endpoints:
        """The server's endpoints, from the profile or by discovery."""
        cache: PrivateFolder | None = None
        with suppress(StoreError):  # no home folder: the document is fetched again by each process
            cache = PrivateFolder(state_folder() / "discovery")
        return find_endpoints(self._profile, self._transport, cache, now=time.time())

    @property
    def pushes(self) -> bool:
        """Whether a login's parameters are sent to the server beforehand: as the profile says, else the server."""
        wanted = self._profile.par
        return self.endpoints.requires_par if wanted is None else wanted

    def push(self, authorization: Authorization) -> None:
        """Send a login's parameters to the server beforehand (RFC 9126), where it or the profile wants that.

        Temporary failures are retried as the profile says.

        Raises:
            TokenRefused: the server does not take them.
            ConfigError: it has no endpoint for them.
        """
        if not self.pushes:
            return
        self.need("par_url", "pushed authorization request")

        def request() -> requests.ServerRequest:
            secret = Hidden(self._credential())
            return authorization.pushed(secret.reveal())

        def push(request: requests.ServerRequest) -> None:
            authorization.point_to(self._transport.post(request), request)

        retried(request, push, self._profile.retries)

    def exchange(self, authorization: Authorization, code: Hidden[str]) -> Token:
        """Exchange an authorization code for a token (RFC 6749 section 4.1.3).

        This is never retried: a code that is sent twice must be refused, and its tokens may be revoked
        (section 4.1.2). Only a server that wants its nonce in the proof first (RFC 9449 section 8) gets it again.

        Args:
            authorization: the attempt that the code belongs to.
            code: the code from the redirect.
        """

        def make() -> requests.ServerRequest:
            secret = Hidden(self._credential())
            return authorization.exchange(code.reveal(), secret.reveal())

        first = make()
        asked_at = time.time()  # a lifetime counts from when the server made the token, which was no earlier
        request, answer = self._asked(first, make, authorization.proof_key)
        token = authorization.read_token(answer, request, now=asked_at)
        return self._proven(token, request)

    def refresh(self, token: Token, *, retries: int) -> Token:
        """Get a new token with the refresh token of ``token`` (RFC 6749 section 6).

        Args:
            token: must have a refresh token.
            retries: how often to try again after a temporary failure.

        Raises:
            TokenRefused: the refresh token is no longer valid, or another OAuth error.
        """
        assert token.refresh_token  # noqa: S101 - the caller has checked

        def request() -> requests.ServerRequest:
            assert token.refresh_token  # noqa: S101 - see above
            secret, endpoints = Hidden(self._credential()), self.endpoints
            return requests.refresh_request(self._profile, endpoints, token.refresh_token, secret.reveal())

        new = self._token(request, retries, previous=token, proof_key=_key_of(token))
        if missing := not_granted(token.scope or "", new.scope, refreshes=True):
            logger.warning(
                "profile %s: since the last refresh the server does not grant %s any more",
                self._profile.name,
                " ".join(missing),
            )
        return new

    def begin(self, refresh_token: Hidden[str]) -> Token:
        """Get the first token of a login with a refresh token that comes from elsewhere. Raises as ``refresh`` does."""
        none = Token("none", obtained_at=0, expires_at=0, refresh_token=refresh_token.reveal())
        return self.refresh(none, retries=self._profile.retries)

    def client_credentials(self) -> Token:
        """Get the client's own token (RFC 6749 section 4.4). Temporary failures are retried as the profile says."""

        def request() -> requests.ServerRequest:
            return requests.client_credentials_request(self._profile, self.endpoints, self._credential())

        return self._token(request, self._profile.retries)

    def exchange_token(self, subject: Found, actor: Found | None) -> Token:
        """Exchange a token of the machine (RFC 8693). Temporary failures are retried as the profile says.

        Args:
            subject: the token of the party on whose behalf it is.
            actor: the token of the party who acts, if that is another one.

        Raises:
            InvalidAnswer: the token in the answer is of another type than was asked for.
        """
        from aventus_creds.oauth.machine_requests import exchange_request, wrong_type

        def request() -> requests.ServerRequest:
            secret, endpoints = Hidden(self._credential()), self.endpoints
            return exchange_request(self._profile, endpoints, subject, actor, secret.reveal())

        return self._token(request, self._profile.retries, wrong=wrong_type)

    def token_for_assertion(self) -> Token:
        """Get a token for an assertion that the profile's key signs (RFC 7523 section 2.1). Retried as the others."""
        from aventus_creds.oauth.machine_requests import assertion_request
        from aventus_creds.oauth.signatures import grant_assertion

        def request() -> requests.ServerRequest:
            endpoints = self.endpoints
            assertion, secret = Hidden(grant_assertion(self._profile, endpoints)), Hidden(self._credential())
            return assertion_request(self._profile, endpoints, assertion, secret.reveal())

        return self._token(request, self._profile.retries)

    def swap(self, token: Token) -> Token:
        """Get the token that the API wants for the login's ``token``, see ``swap``. Raises TokenRefused."""
        from aventus_creds.oauth.swap import read_swapped, swap_request  # few APIs want that

        request, asked_at = swap_request(self._profile, token), time.time()
        return read_swapped(self._profile, self._transport.fetch(request), request, token, now=asked_at)

    def userinfo(self, token: Token) -> dict[str, Any]:
        """Return what the server says of the person whose ``token`` it is; {} where it has no such endpoint.

        Raises:
            TokenRefused: the server does not take the token.
            InvalidAnswer: the answer is of another person than the ID token (OpenID Connect Core section 5.3.2).
        """
        from aventus_creds.oauth.userinfo import read_userinfo, userinfo_request  # rarely needed

        request = userinfo_request(self._profile, self.endpoints, token)
        return read_userinfo(self._profile, self._transport.fetch(request), request, token) if request else {}

    def begin_device_login(self) -> DeviceAuthorization:
        """Start a login on another device and return what the person needs for it (RFC 8628 section 3.2).

        Raises:
            ConfigError: the server has no device authorization endpoint, or its provider does not document this.
        """
        row = self._profile.provider
        if row.grants and "device" not in row.grants:
            raise ConfigError(
                f"{row.title} does not document logins on another device, but {any_of(row.grants, 'and')}",
                hint=f"Log in with a browser: aventus-creds login {self._profile.name}",
            )
        self.need("device_url", "device authorization")
        from aventus_creds.oauth.device_answer import read_device_authorization  # a refresh has no use for it

        request = requests.device_request(self._profile, self.endpoints, self._credential())
        return read_device_authorization(self._profile, self._transport.post(request), request)

    def device_token(self, device_code: Hidden[str]) -> Token:
        """Ask once whether the person has finished, and return the token (RFC 8628 section 3.4).

        Raises:
            TokenRefused: its error is ``authorization_pending`` or ``slow_down`` while the person has not
                finished.
        """

        def make() -> requests.ServerRequest:
            secret, server = Hidden(self._credential()), self.endpoints
            return requests.device_token_request(self._profile, server, device_code.reveal(), secret.reveal())

        return self._token(make, 0, login=True)

    def _proven(self, token: Token, request: requests.ServerRequest, before: Token | None = None) -> Token:
        if not token.id_token:
            return token
        from aventus_creds.oauth.proven import proven  # many answers have no ID token

        return proven(token, self._profile, self.endpoints, self._transport, request.url, before)

    def revoke(self, token: Token) -> bool:
        """Revoke a login at the server (RFC 7009): the refresh token, or else the access token.

        Returns:
            True if it is revoked, False if the server has no revocation endpoint.
        """
        if not self.endpoints.revoke_url:
            return False
        request = requests.revocation_request(self._profile, self.endpoints, token, self._credential())
        answer = self._transport.post(request)
        if not 200 <= answer.status < 300:
            from aventus_creds.oauth.refusal import refusal  # most servers do it

            raise refusal(self._profile, answer, request)
        return True

    def need(self, endpoint: str, title: str) -> None:
        """Check that the server has an endpoint.

        Args:
            endpoint: the name of the key in the profile, such as ``device_url``.
            title: the name for the message.

        Raises:
            ConfigError: it has none.
        """
        if not getattr(self.endpoints, endpoint):
            raise ConfigError(
                f"the server of profile {self._profile.name} names no {title} endpoint",
                hint=f"Give {endpoint} in the profile, if the server has one.",
            )

    def _token(
        self,
        make: Callable[[], requests.ServerRequest],
        retries: int,
        previous: Token | None = None,
        wrong: Callable[[Profile, Answer, requests.ServerRequest], InvalidAnswer | None] | None = None,
        proof_key: ProofKey | None = None,
        *,
        login: bool = False,
    ) -> Token:
        """Send a token request, with retries. The token is bound to ``proof_key``, or to a new one."""
        key = proof_key or self.new_proof_key()

        def ask(request: requests.ServerRequest) -> Token:
            asked_at = time.time()  # a lifetime counts from here: the answer may have taken long
            request, answer = self._asked(request, make, key)
            if wrong and (error := wrong(self._profile, answer, request)):
                raise error
            token = read_token(self._profile, answer, request, now=asked_at, previous=previous, proof_key=key)
            return self._proven(token, request, previous) if previous or login else token

        return retried(make, ask, retries)

    def new_proof_key(self) -> ProofKey | None:
        """Return a new key for tokens to be bound to, or None where the profile does not say ``dpop``.

        Raises:
            ConfigError: the server takes none that can be made here.
        """
        if not self._profile.dpop:
            return None
        from aventus_creds.oauth.proofs import ProofKey  # most tokens are bound to no key

        return ProofKey.new(self.endpoints.proof_algorithms)

    def _asked(
        self,
        request: requests.ServerRequest,
        make: Callable[[], requests.ServerRequest],
        key: ProofKey | None,
    ) -> tuple[requests.ServerRequest, Answer]:
        """Send a token request, with a proof if there is a ``key``. Returns what was sent at last, and the answer."""
        if key is None:
            return request, self._transport.post(request)
        from aventus_creds.oauth.proving import ask

        return ask(self._transport.post, request, make, key)

    def _credential(self) -> str | None:
        """Return what proves who the client is, read or made now: a secret, an assertion, or None for neither."""
        if self._profile.machine is None and METHODS[self.endpoints.client_auth].sends == "secret":
            return self._profile.client_secret.read() if self._profile.client_secret else None
        from aventus_creds.oauth.signatures import credential  # most clients have a secret or nothing

        return credential(self._profile, self.endpoints)


def _key_of(token: Token) -> ProofKey | None:
    if not token.proof_key:
        return None
    from aventus_creds.oauth.proofs import proof_key_of  # most logins are bound to no key

    return proof_key_of(token)
