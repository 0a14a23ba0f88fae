"""Pushed authorization requests (RFC 9126): the parameters are kept here, and the browser brings their name."""

from __future__ import annotations

import secrets
import time
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidRequestError
from flask import Request, Response, jsonify

from aventus_creds.sandbox.grants import AUTH_METHODS
from aventus_creds.sandbox.oauth_request import OAuthRequest
from aventus_creds.sandbox.state import PushedRequest

PREFIX: Final = "urn:ietf:params:oauth:request_uri:"


def keep(server: Any, request: Request) -> Response:
    """Check the parameters as the authorization endpoint would, and keep them (section 2).

    Raises:
        OAuth2Error: the client is not known, or a parameter is wrong.
    """
    oauth = OAuthRequest.from_body(request, "form")
    client = server.authenticate_client(oauth, AUTH_METHODS, "par")
    values = {name: request.form.getlist(name) for name in request.form if name != "client_secret"}
    if "request_uri" in values:
        raise InvalidRequestError("A request_uri cannot be pushed.")
    values["client_id"] = [client.get_client_id()]
    server.get_consent_grant(OAuthRequest(request, values))
    name, lifetime = PREFIX + secrets.token_urlsafe(24), server.switches.pushed_lifetime
    with server.state.lock:
        server.state.pushed[name] = PushedRequest(values, time.time() + lifetime)
    response = jsonify(request_uri=name, expires_in=lifetime)
    response.status_code = 201
    return response


def named(server: Any, request: Request) -> OAuthRequest:
    """Return the authorization request that the browser brings, or whose name it brings (section 4).

    Raises:
        InvalidRequestError: the name is unknown, old, used or of another client, or this client must push.
    """
    name, client_id = request.args.get("request_uri"), request.args.get("client_id", "")
    client = server.query_client(client_id)
    if name is None:
        if client and client.row.pushes:
            raise InvalidRequestError("This client must push its requests.")
        return OAuthRequest.from_query(request, server.dialect)
    found = server.state.pushed.get(name)
    if found is None or time.time() > found.expires_at or found.values["client_id"] != [client_id]:
        raise InvalidRequestError("The request_uri is not known.")
    if request.method == "POST":  # the person has decided
        del server.state.pushed[name]
    return OAuthRequest(request, found.values)
