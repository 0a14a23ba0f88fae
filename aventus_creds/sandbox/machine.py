"""Clients with a key, and the grants of machines: assertions (RFC 7523) and token exchange (RFC 8693).

Who signs for whom is registered while the sandbox runs: ``trust`` in server.py.
"""

from __future__ import annotations

from typing import Any, Final

from authlib.oauth2.rfc6749 import (
    BaseGrant,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    TokenEndpointMixin,
)
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion, JWTBearerGrant
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, OctKey

from aventus_creds.sandbox.dialects import CHANGE_ORG, EXCHANGE, JWT_BEARER
from aventus_creds.sandbox.grants import AUTH_METHODS
from aventus_creds.sandbox.signing import checked_claims

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TYPES: Final = "urn:ietf:params:oauth:token-type:"
ALGORITHMS: Final = ["RS256", "PS256", "ES256", "HS256"]


class ClientAssertion(JWTBearerClientAssertion):
    """``private_key_jwt`` or ``client_secret_jwt`` (OpenID Connect Core section 9), as Authlib checks them.

    As draft-ietf-oauth-rfc7523bis has it, the audience is the issuer alone, and the type of the JWT says what it is.
    """

    def __init__(self, server: Any, method: str) -> None:
        super().__init__()
        self.CLIENT_AUTH_METHOD = method
        self._server = server

    def __call__(self, query_client: Any, request: Any) -> Any:
        """Return the client if the assertion in the request proves that it is this one."""
        if request.form.get("client_assertion_type") != ASSERTION_TYPE or not request.form.get(
            "client_assertion"
        ):
            return None
        headers, claims = self.extract_assertion(request.form["client_assertion"])
        client = query_client(str(claims.get("sub")))
        if client is None or client.row.auth != self.CLIENT_AUTH_METHOD:
            return None
        if headers.get("typ") != "client-authentication+jwt" or claims.get("aud") != self._server.issuer:
            raise InvalidClientError(
                description="The assertion is not for this server, or is none of a client."
            )
        return super().__call__(query_client, request)

    def get_audiences(self) -> list[str]:
        """Return the one audience."""
        return [self._server.issuer]

    def validate_jti(self, claims: Any, jti: str) -> bool:  # noqa: ARG002 - Authlib's
        """Whether the assertion comes for the first time."""
        return self._server.state.first_time(jti)  # type: ignore[no-any-return]

    def resolve_client_public_key(self, client: Any) -> Key | KeySet:
        """Return the key that the client is registered with, or its secret."""
        if client.row.secret:
            return OctKey.import_key(client.row.secret)
        return self._server.state.keys_of(client.get_client_id())  # type: ignore[no-any-return]


def federated(server: Any) -> Any:
    """Return the check of an assertion that somebody else has signed: an issuer trusted for this client."""

    def authenticate(query_client: Any, request: Any) -> Any:
        client = query_client(request.form.get("client_id", ""))
        assertion = request.form.get("client_assertion")
        if client is None or client.row.auth != "federated" or not assertion:
            return None
        if request.form.get("client_assertion_type") != ASSERTION_TYPE:
            raise InvalidClientError(description="The client_assertion_type is unknown.")
        if trusted_claims(server, assertion, InvalidClientError)["sub"] not in server.state.workloads:
            raise InvalidClientError(description="This workload is not known.")
        return client

    return authenticate


def trusted_claims(server: Any, token: str, error: Any) -> dict[str, Any]:
    """Return the claims of a JWT by a trusted issuer, for this server. Raises ``error``."""
    try:
        claims: dict[str, Any] = jwt.decode(token, server.state.trusted_key, algorithms=ALGORITHMS).claims
        jwt.JWTClaimsRegistry(
            iss={"essential": True},
            sub={"essential": True},
            aud={"essential": True, "value": server.issuer},
            exp={"essential": True},
        ).validate(claims)
    except (JoseError, ValueError) as fault:
        raise error(description="The token is not by a trusted issuer, or not for this server.") from fault
    return claims


class AssertionGrant(JWTBearerGrant):
    """``jwt-bearer``: the client signs in whose name it asks. The client itself, or a person, may be the subject."""

    GRANT_TYPE = JWT_BEARER

    def resolve_issuer_client(self, issuer: str) -> Any:
        """Return the client that issued the assertion."""
        return self.server.query_client(issuer)

    def resolve_client_public_key(self, client: Any) -> Any:
        """Return the key that it is registered with."""
        return self.server.state.keys_of(client.get_client_id())

    def get_audiences(self) -> list[str]:
        """Return the issuer, and the token endpoint."""
        return [self.server.issuer, f"{self.server.url}{self.server.dialect.base}{self.server.dialect.token}"]

    def authenticate_user(self, subject: str) -> Any:
        """Return the login of the subject."""
        return self.server.new_login(self.request, subject)

    def has_granted_permission(self, client: Any, user: Any) -> bool:  # noqa: ARG002 - Authlib's
        """Return True: whoever has the key may ask for everybody."""
        return True


class ExchangeGrant(BaseGrant, TokenEndpointMixin):
    """``token-exchange``: a token of this server, or of a trusted issuer, for an access token."""

    GRANT_TYPE = EXCHANGE
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_token_request(self) -> None:
        """Check the client, the tokens and what is asked for (RFC 8693 section 2.1)."""
        self.request.client = self.authenticate_token_endpoint_client()
        form = self.request.form
        subject = self._subject(form.get("subject_token"), form.get("subject_token_type"))
        if "actor_token" in form or "actor_token_type" in form:
            self._subject(form.get("actor_token"), form.get("actor_token_type"))
        if form.get("requested_token_type", f"{_TYPES}access_token") != f"{_TYPES}access_token":
            raise InvalidRequestError("Only access tokens are issued.")
        self.request.user = self.server.new_login(self.request, subject)

    def _subject(self, token: str | None, token_type: str | None) -> str:
        if not token or not token_type:
            raise InvalidRequestError("A token or its type is missing.")
        if token_type in {f"{_TYPES}jwt", f"{_TYPES}id_token"}:
            return str(trusted_claims(self.server, token, InvalidGrantError)["sub"])
        if token_type != f"{_TYPES}access_token":
            raise InvalidRequestError("A token of this type is not taken.")
        try:
            return str(checked_claims(token, (self.server.issuer,), self.server.audiences)["sub"])
        except (JoseError, ValueError) as fault:
            raise InvalidGrantError("The token is not valid.") from fault

    def create_token_response(self) -> Any:
        """Answer with the access token, and its type (RFC 8693 section 2.2.1)."""
        login = self.request.user
        token = self.generate_token(user=login, scope=login.scope, include_refresh_token=False)
        self.save_token(token)
        return 200, {**token, "issued_token_type": f"{_TYPES}access_token"}, self.TOKEN_RESPONSE_HEADER


class ChangeOrgGrant(BaseGrant, TokenEndpointMixin):
    """AtHoc's ``change_org``: an access token of one organisation for one of another, which ``acr_values`` names."""

    GRANT_TYPE = CHANGE_ORG
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_token_request(self) -> None:
        """Check the client, its token, and whether this organisation may be changed to."""
        self.request.client = self.authenticate_token_endpoint_client()
        form = self.request.form
        try:
            claims = checked_claims(form.get("token", ""), (self.server.issuer,), self.server.audiences)
        except (JoseError, ValueError) as fault:
            raise InvalidGrantError("The token is not valid.") from fault
        organisations = {f"tenant:{name}" for name in self.server.dialect.other_orgs}
        if not organisations & {*form.get("acr_values", "").split()}:
            raise InvalidClientError(status_code=401, description="The organisation cannot be changed.")
        self.request.user = self.server.new_login(self.request, str(claims["sub"]))

    def create_token_response(self) -> Any:
        """Answer with the access token."""
        login = self.request.user
        token = self.generate_token(user=login, scope=login.scope, include_refresh_token=False)
        self.save_token(token)
        return 200, token, self.TOKEN_RESPONSE_HEADER


GRANTS: Final = {ExchangeGrant: (), AssertionGrant: (), ChangeOrgGrant: ()}
"""The grants, each with its own extensions."""
