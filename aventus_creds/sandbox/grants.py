"""The grants of RFC 6749 and RFC 8628: Authlib's rules, on what the sandbox remembers.

The token endpoint runs each of them completely under the lock of the state. So a code or a one-time refresh
token works only once, even if many requests use it at the same moment.
"""

from __future__ import annotations

import time
from typing import Any, Final

from authlib.oauth2 import rfc7636, rfc8628
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, grants

from aventus_creds.sandbox.dialects import ACCOUNT_CREDENTIALS, CLIENT_CREDENTIALS
from aventus_creds.sandbox.people import Person
from aventus_creds.sandbox.state import AuthorizationCode, DeviceLogin, IssuedToken, Login

AUTH_METHODS: Final = [
    *("client_secret_basic", "client_secret_post", "none"),
    *("private_key_jwt", "client_secret_jwt", "federated"),
]
CODE_LIFETIME: Final = 60
"""Seconds for which an authorization code is valid."""


class S256Challenge(rfc7636.CodeChallenge):
    """PKCE (RFC 7636): S256 only, and mandatory for a public client from the authorization request on."""

    SUPPORTED_CODE_CHALLENGE_METHOD: Final = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        """Refuse a public client without a challenge, and any challenge of the method plain, the default."""
        parameters = grant.request.payload.data
        if "code_challenge" in parameters:
            if parameters.get("code_challenge_method") != "S256":
                raise InvalidRequestError("The code_challenge_method must be S256.")
        elif grant.request.client.row.public:
            raise InvalidRequestError("This client must send a code_challenge.")
        super().validate_code_challenge(grant, redirect_uri)


class CodeGrant(grants.AuthorizationCodeGrant):
    """``authorization_code``. If a code comes twice, its tokens are revoked (RFC 6749 section 4.1.2)."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    @staticmethod
    def validate_authorization_redirect_uri(request: Any, client: Any) -> str:
        """Refuse an address that is not registered, without quoting it back."""
        redirect_uri: str = request.payload.redirect_uri
        if not client.check_redirect_uri(redirect_uri):
            raise InvalidRequestError("The redirect_uri is not registered for this client.")
        return redirect_uri

    def validate_authorization_request(self) -> Any:
        """Check the request, and the audience if the dialect requires one. Returns the redirect URI."""
        redirect_uri = super().validate_authorization_request()
        self.server.audience(self.request.payload, redirect_uri)
        return redirect_uri

    def generate_authorization_code(self) -> str:
        """Return a new code in the format of the dialect."""
        return str(self.server.dialect.new_code())

    def save_authorization_code(self, code: str, request: Any) -> None:
        """Remember the code and count the login."""
        person: Person = request.user
        login = self.server.new_login(request, person.username)
        state = self.server.state
        with state.lock:
            state.logins[login.client_id] += 1
            state.codes[code] = AuthorizationCode(
                login=login,
                redirect_uri=request.payload.redirect_uri,
                code_challenge=request.payload.data.get("code_challenge"),
                code_challenge_method=request.payload.data.get("code_challenge_method"),
                expires_at=time.time() + CODE_LIFETIME,
            )

    def query_authorization_code(self, code: str, client: Any) -> AuthorizationCode | None:
        """Return the code if it belongs to this client and is still valid."""
        found: AuthorizationCode | None = self.server.state.codes.get(code)
        if found is None or found.login.client_id != client.get_client_id():
            return None
        if found.used:
            found.login.revoked = True
            return None
        return found if time.time() < found.expires_at else None

    def authenticate_user(self, authorization_code: AuthorizationCode) -> Login:
        """Return the login that the code belongs to."""
        return authorization_code.login

    def delete_authorization_code(self, authorization_code: AuthorizationCode) -> None:
        """Mark the code as used. It is kept, so that a second use is noticed."""
        authorization_code.used = True


class RefreshGrant(grants.RefreshTokenGrant):
    """``refresh_token``. Reuse of a one-time token revokes its family (RFC 9700 section 4.14.2)."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> IssuedToken:
        """Return the refresh token if it belongs to this client and is still valid."""
        state, switches = self.server.state, self.server.switches
        token: IssuedToken | None = state.refresh_tokens.get(refresh_token)
        if token is None or token.is_revoked() or not token.check_client(self.request.client):
            raise InvalidGrantError("The refresh token is unknown or revoked.")
        if token.used_at is not None and time.time() - token.used_at >= switches.refresh_grace:
            state.reuse_detections += 1
            state.revoke(token)
            raise InvalidGrantError("The refresh token was used before: its family is revoked.")
        return token

    def authenticate_user(self, refresh_token: IssuedToken) -> Login:
        """Return the login that the refresh token belongs to."""
        return refresh_token.login

    def issue_token(self, user: Login, refresh_token: IssuedToken) -> Any:
        """Make the token answer, with a new refresh token if the old one is a one-time token."""
        scope = self.request.payload.scope or refresh_token.get_scope()
        return self.generate_token(user=user, scope=scope, include_refresh_token=self.server.rotates())

    def revoke_old_credential(self, refresh_token: IssuedToken) -> None:
        """Mark a one-time token as used."""
        if self.server.rotates():
            refresh_token.used_at = refresh_token.used_at or time.time()


class ClientCredentialsGrant(grants.ClientCredentialsGrant):
    """``client_credentials``: the client logs in as itself, so it gets no scopes about a person."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    GRANT_TYPE = CLIENT_CREDENTIALS

    def validate_token_request(self) -> None:
        """Check the request, and the audience if the dialect requires one."""
        super().validate_token_request()
        login = self.server.new_login(self.request, f"{self.client.get_client_id()}@clients")
        login.scope = " ".join(name for name in login.scope.split() if ":" in name)
        self.request.user = login

    def generate_token(self, **arguments: Any) -> Any:
        """Make the token answer for the client's own login."""
        login: Login = self.request.user
        return super().generate_token(**arguments | {"user": login, "scope": login.scope})


class AccountGrant(ClientCredentialsGrant):
    """``account_credentials``: a grant that no RFC names, for the account in the request (RFC 6749 section 4.5)."""

    GRANT_TYPE = ACCOUNT_CREDENTIALS

    def validate_token_request(self) -> None:
        """Check the request, which must name the account."""
        if not self.request.form.get("account_id"):
            raise InvalidRequestError("The account_id is missing.")
        super().validate_token_request()


class DeviceGrant(rfc8628.DeviceCodeGrant):
    """``device_code``: the client polls until the person has decided."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def query_device_credential(self, device_code: str) -> DeviceLogin:
        """Return the waiting login."""
        device: DeviceLogin | None = self.server.state.device_logins.get(device_code)
        if device is None:
            raise InvalidGrantError("The device code is unknown or was used.")
        return device

    def query_user_grant(self, user_code: str) -> tuple[Login, bool] | None:  # noqa: ARG002 - Authlib's
        """Return the person's decision, or None if there is none yet."""
        device = self.query_device_credential(self.request.form["device_code"])
        return None if device.approved is None else (device.login, device.approved)

    def should_slow_down(self, credential: DeviceLogin) -> bool:
        """Whether the client polls too fast. If so, it must wait 5 s longer from now on (RFC 8628 section 3.5)."""
        now, last = time.monotonic(), credential.polled_at
        credential.polled_at = now
        if last is None or now - last >= credential.interval:
            return False
        credential.interval += 5
        return True

    def save_token(self, token: dict[str, Any]) -> None:
        """Remember the tokens, and delete the device code, which Authlib does not do."""
        super().save_token(token)
        del self.server.state.device_logins[self.request.form["device_code"]]


GRANTS: Final = {
    CodeGrant: (S256Challenge(required=True),),
    RefreshGrant: (),
    ClientCredentialsGrant: (),
    AccountGrant: (),
    DeviceGrant: (),
}
"""The grants, each with its own extensions."""
