"""The endpoints of one dialect's authorization server, as a Flask blueprint named after the dialect."""

from __future__ import annotations

import json
import socket
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from flask import Blueprint, Response, g, jsonify, request

from aventus_creds.sandbox import discovery, manner, pushed
from aventus_creds.sandbox.authorization_server import AuthorizationServer
from aventus_creds.sandbox.bearer import Bearer
from aventus_creds.sandbox.journal import note, note_closed_connection
from aventus_creds.sandbox.oauth_request import OAuthRequest
from aventus_creds.sandbox.pages import bare_refusal, login_page, message_page
from aventus_creds.sandbox.people import Person, authenticate
from aventus_creds.sandbox.proofs import ProofError, with_nonce
from aventus_creds.sandbox.signing import public_keys, user_claims


class DialectViews:
    """The views. The dialect's row has their paths, and says what the pages do when something is wrong."""

    def __init__(self, server: AuthorizationServer, bearer: Bearer) -> None:
        self._server = server
        self._dialect = server.dialect
        self._bearer = bearer

    def blueprint(self) -> Blueprint:
        """Return the blueprint with every endpoint that the dialect has."""
        row = self._dialect
        blueprint = Blueprint(row.name, __name__)
        for path, name, view, methods in (
            (row.authorize, "authorize", self.authorize, ["GET", "POST"]),
            (row.token, "token", self.token, ["POST"]),
            (row.revoke, "revoke", self.revoke, ["POST"]),
            (row.device, "device", self.device, ["POST"]),
            (row.par, "par", self.par, ["POST"]),
            (row.activate, "activate", self.activate, ["GET", "POST"]),
            (row.userinfo, "userinfo", self.userinfo, ["GET", "POST"]),
            (row.jwks, "jwks", self.jwks, ["GET"]),
            (row.api, "me", self.me, ["GET", "POST"]),
        ):
            if path:
                blueprint.add_url_rule(row.route(path), name, view, methods=methods)
        if row.base:
            blueprint.add_url_rule(row.base + discovery.OPENID_PATH, "discovery", self.discovery)
        if not row.public:
            # RFC 8414 section 3.1: here the well-known part comes before the issuer's path.
            blueprint.add_url_rule(discovery.OAUTH_PATH + row.base, "discovery", self.discovery)
        blueprint.after_request(self.in_its_manner)
        return blueprint

    def authorize(self) -> Response:
        """Show the login page, and take the person's decision (RFC 6749 section 4.1.1)."""
        row, server = self._dialect, self._server
        try:
            oauth = pushed.named(server, request)
        except InvalidRequestError as error:
            return _error_page(error)
        if row.org_code and f"tenant:{row.org_code}" not in request.args.get("acr_values", "").split():
            return bare_refusal()
        try:
            grant = server.get_consent_grant(oauth)
        except OAuth2Error as error:
            return server.handle_error_response(oauth, error) if error.redirect_uri else _error_page(error)
        except ValueError:
            # Authlib fails on characters that RFC 6749 section 4.1.2.1 does not allow in a description.
            return _error_page(InvalidRequestError("A parameter has characters that are not allowed."))
        return self._decide(oauth, grant)

    def _decide(self, oauth: OAuthRequest, grant: Any) -> Response:
        row, server = self._dialect, self._server
        login = server.new_login(oauth)
        if request.method == "GET":
            return login_page(row.title, login, hint=request.args.get("login_hint", ""))
        allowed = request.form.get("decision") == "allow"
        person = _person() if allowed else None
        if allowed and person is None:
            return bare_refusal() if row.org_code else login_page(row.title, login, refused=True)
        return server.create_authorization_response(oauth, person, grant)  # type: ignore[no-any-return]

    def token(self) -> Response:
        """Answer a token request (RFC 6749 section 3.2), or fail as a test has requested."""
        server, switches = self._server, self._server.switches
        if missing := manner.missing(request.headers, self._dialect.wants_at_token):
            return manner.unanswered(missing)
        try:
            oauth = OAuthRequest.from_body(request, self._dialect.body)
        except OAuth2Error as error:
            return server.handle_error_response(None, error)
        fault = switches.next_token_fault()
        if fault and isinstance(fault.status, int):
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return Response("The sandbox was asked to fail.\n", fault.status, headers, mimetype="text/plain")
        if fault and fault.status == "drop":
            return _closed_connection()
        try:
            g.thumbprint = self._proved(oauth)
        except ProofError as wrong:
            return with_nonce(
                Response(json.dumps({"error": wrong.error}), 400, mimetype="application/json"), switches
            )
        with server.state.lock:
            response: Response = server.create_token_response(oauth)
        switches.delay_token_answer()
        return _closed_connection() if fault else with_nonce(response, switches)

    def _proved(self, oauth: OAuthRequest) -> str:
        """Return the thumbprint of the key that a token request proves, or "". Raises ProofError."""
        client = self._server.query_client(oauth.payload.client_id or "")
        thumbprint = self._server.proofs.thumbprint(request)
        if client and client.row.bound and not thumbprint:
            raise ProofError
        return thumbprint

    def par(self) -> Response:
        """Keep the parameters of an authorization request (RFC 9126 section 2)."""
        try:
            return pushed.keep(self._server, request)
        except OAuth2Error as error:
            error.redirect_uri = None  # the client itself has asked, and no browser
            return self._server.handle_error_response(None, error)

    def revoke(self) -> Response:
        """Revoke a token (RFC 7009)."""
        return self._endpoint("revocation")

    def device(self) -> Response:
        """Start a device login (RFC 8628 section 3.1)."""
        return self._endpoint("device_authorization")

    def activate(self) -> Response:
        """Show the page for typing a user code, and take the person's decision (RFC 8628 section 3.3)."""
        state = self._server.state
        user_code = request.values.get("user_code", "")
        device = state.device_login(user_code)
        login = device.login if device else None
        note(client_id=login.client_id if login else "")
        if request.method == "GET":
            return login_page(self._dialect.title, login, user_code=user_code)
        allowed = request.form.get("decision") == "allow"
        person = _person()
        if device is None or (allowed and person is None):
            return login_page(self._dialect.title, login, user_code=user_code, refused=True)
        with state.lock:
            device.login.subject = person.username if person else ""
            device.approved = allowed
        word = "allowed" if allowed else "denied"
        return message_page(f"The login is {word}", "You can close this page and return to your device.")

    def userinfo(self) -> Response:
        """Return the claims about the person (OpenID Connect Core section 5.3)."""
        claims = self._bearer.claims()
        if "openid" not in claims["scope"].split():
            return self._bearer.refusal("insufficient_scope", 403)
        return jsonify(
            user_claims(claims["sub"], claims["scope"]) | dict(self._server.switches.userinfo_claims)
        )

    def jwks(self) -> Response:
        """Return the public keys."""
        return jsonify(public_keys())

    def me(self) -> Response:
        """Answer a call of the dialect's own API: who is logged in."""
        if missing := manner.missing(request.headers, self._dialect.wants_at_api):
            return manner.unanswered(missing)
        return jsonify(sub=self._bearer.claims()["sub"])

    def in_its_manner(self, response: Response) -> Response:
        """Return a token answer as the dialect words it."""
        _, _, endpoint = (request.endpoint or "").rpartition(".")
        return manner.worded(self._dialect, response) if endpoint == "token" else response

    def discovery(self) -> Response:
        """Return the metadata."""
        return jsonify(discovery.document(self._dialect, self._server.url))

    def _endpoint(self, name: str) -> Response:
        try:
            oauth = OAuthRequest.from_body(request, self._dialect.body)
        except OAuth2Error as error:
            return self._server.handle_error_response(None, error)
        return self._server.create_endpoint_response(name, oauth)  # type: ignore[no-any-return]


def _person() -> Person | None:
    return authenticate(request.form.get("username", ""), request.form.get("password", ""))


def _error_page(error: OAuth2Error) -> Response:
    """Show the error: with a wrong client or redirect URI, do not redirect (RFC 6749 section 4.1.2.1)."""
    note(error=error.error)
    return message_page("This login cannot go on", f"{error.error}: {error.description}", 400)


def _closed_connection() -> Response:
    note_closed_connection()
    connection: socket.socket = request.environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    return Response(status=500)
