"""The authorization server of one dialect: Authlib's, configured by a row of the table of dialects."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import AuthorizationServer as AuthlibServer
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from flask import Response

from aventus_creds.sandbox.clients import Client
from aventus_creds.sandbox.dialects import Dialect
from aventus_creds.sandbox.endpoints import DeviceAuthorizationEndpoint, RevocationEndpoint
from aventus_creds.sandbox.grants import GRANTS
from aventus_creds.sandbox.machine import GRANTS as MACHINE_GRANTS
from aventus_creds.sandbox.machine import ClientAssertion, federated
from aventus_creds.sandbox.oauth_request import OAuthRequest
from aventus_creds.sandbox.proofs import Proofs
from aventus_creds.sandbox.signing import TokenAnswer, TokenGenerator
from aventus_creds.sandbox.state import Login, State
from aventus_creds.sandbox.switches import Switches

_REFUSALS: Final = {"invalid_grant", "authorization_pending", "slow_down", "expired_token"}


def _basic(query_client: Callable[[str], Client | None], request: Any) -> Client | None:
    """Return the client that the Basic header authenticates. Authlib's own takes no empty secret."""
    client_id, secret = extract_basic_authorization(request.headers)
    client = query_client(client_id) if client_id else None
    return client if client and client.check_client_secret(secret or "") else None


class AuthorizationServer(AuthlibServer):
    """The authorization server of one dialect.

    Args:
        dialect: how it behaves.
        url: the address of the sandbox, without a slash at the end.
        audiences: the identifiers of the API. The first one is used if a request names none.
        state: what it remembers.
        switches: what tests change while it runs.
    """

    def __init__(
        self, dialect: Dialect, url: str, audiences: tuple[str, ...], state: State, switches: Switches
    ) -> None:
        super().__init__(scopes_supported=dialect.scopes if dialect.refuses_unknown_scopes else None)
        self.dialect = dialect
        self.url = url
        self.issuer = dialect.issuer(url)
        self.state = state
        self.switches = switches
        self.proofs = Proofs(state, switches)
        self.audiences = dialect.audiences or audiences
        self._clients = {row.client_id: Client(row, dialect, state, switches) for row in dialect.clients}
        self.register_token_generator("default", TokenGenerator(self.issuer, self._lifetime))
        answer = TokenAnswer(
            self.issuer,
            require_nonce=dialect.requires_nonce,
            always_names_scope=dialect.always_names_scope,
            switches=switches,
        )
        for grant, extensions in (GRANTS | MACHINE_GRANTS).items():
            self.register_grant(grant, [*extensions, answer])
        self.register_client_auth_method("client_secret_basic", _basic)
        for method in ("private_key_jwt", "client_secret_jwt"):
            self.register_client_auth_method(method, ClientAssertion(self, method))
        self.register_client_auth_method("federated", federated(self))
        self.register_endpoint(RevocationEndpoint)
        self.register_endpoint(DeviceAuthorizationEndpoint)

    def query_client(self, client_id: str) -> Client | None:
        """Return the registered client."""
        return self._clients.get(client_id)

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Remember the tokens of an answer."""
        self.state.remember(token, request.user)

    def create_oauth2_request(self, request: OAuthRequest) -> OAuthRequest:
        """Return the request as it is: the views have already read it."""
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Do nothing: there are no listeners."""

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        """Make Flask's response. In some dialects, a redirect to the client names the issuer (RFC 9207)."""
        response = Response(
            json.dumps(body) if isinstance(body, dict) else body, status=status, headers=headers
        )
        if response.location and self.dialect.sends_issuer:
            response.location = add_params_to_uri(response.location, [("iss", self.issuer)])
        if response.location and "code=" in response.location and self.switches.redirect_facts:
            facts = list(self.switches.redirect_facts.items())
            response.location = add_params_to_uri(response.location, facts)
        return response

    def handle_error_response(self, request: Any, error: Any) -> Response:
        """Make the response for an OAuth error, with the status that the dialect uses."""
        if error.error in _REFUSALS:
            error.status_code = self.dialect.refusal_status
        return cast("Response", super().handle_error_response(request, error))

    def audience(self, parameters: Any, redirect_uri: str | None = None) -> str:
        """Return the identifier of the API that the token is for.

        Args:
            parameters: those of the request.
            redirect_uri: where to send an error. None: answer with the error directly.

        Raises:
            InvalidRequestError: the dialect requires an audience, and the request names none.
            AccessDeniedError: the request names an unknown audience.
        """
        audience: str | None = parameters.data.get("audience")
        if not self.dialect.requires_audience:
            return self.audiences[0]
        if not audience:
            raise InvalidRequestError("The audience is missing.", redirect_uri=redirect_uri)
        if audience not in self.audiences:
            raise AccessDeniedError("The audience is not known here.", redirect_uri=redirect_uri)
        return audience

    def new_login(self, request: Any, subject: str = "") -> Login:
        """Make the login for a request that was granted, or may be granted later."""
        asked = request.payload.scope or ""
        allowed = request.client.get_allowed_scope(asked)
        return Login(
            client_id=request.client.get_client_id(),
            subject=subject,
            scope=allowed,
            asked_scope=asked,
            audience=self.audience(request.payload),
            offline=self._offline(allowed, request.payload.data),
            thumbprint=request.payload.data.get("dpop_jkt", ""),
            nonce=request.payload.data.get("nonce") if self.dialect.knows_nonce else None,
            acr=self._class(request.payload.data.get("acr_values", "")),
            auth_time=int(time.time()) - self.switches.auth_age,
        )

    def _class(self, asked: str) -> str:
        """Return how strong a login is: of the first class that is asked for, unless a test says another."""
        return self.switches.acr if self.switches.acr is not None else asked.partition(" ")[0]

    def _offline(self, scope: str, parameters: Mapping[str, str]) -> bool:
        """Whether a login brings a refresh token in this dialect."""
        kind, _, name = self.dialect.offline.partition(" ")
        if kind == "scope":
            return name in scope.split()
        parameter, _, value = kind.partition("=")
        return kind == "always" or (kind != "never" and parameters.get(parameter) == value)

    def rotates(self) -> bool:
        """Whether a refresh replaces the refresh token, at the moment."""
        if self.switches.refresh_answer_without_refresh_token:
            return False
        rotation = self.switches.refresh_rotation
        return self.dialect.rotates if rotation is None else rotation

    def _lifetime(self) -> int:
        lifetime = self.switches.token_lifetime
        return self.dialect.lifetime if lifetime is None else lifetime
