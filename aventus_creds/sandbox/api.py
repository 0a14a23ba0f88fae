"""The API that the tokens are for: a few contacts, and calls that fail on request."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, g, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from aventus_creds.sandbox.bearer import Bearer
from aventus_creds.sandbox.state import State

METHODS: Final = ["GET", "POST", "PUT", "DELETE"]
CONTACTS: Final = (
    {"id": 1, "name": "Ada Lovelace", "email": "ada@example.com"},
    {"id": 2, "name": "Grace Hopper", "email": "grace@example.com"},
    {"id": 3, "name": "Edsger Dijkstra", "email": "edsger@example.com"},
)
_TOLD_CLAIMS: Final = ("sub", "aud", "scope", "client_id", "exp")
_TOLD_HEADERS: Final = {"accept", "content-type", "user-agent", "retry-after"}


def api(bearer: Bearer, state: State) -> Blueprint:
    """Return the API as a blueprint. Every call needs a bearer token."""
    routes = Blueprint("api", __name__, url_prefix="/v1")
    # Gives what the API takes, if it takes no token of the server.
    routes.add_url_rule("/session/start", "start", lambda: jsonify(data={"token": bearer.swap()}))

    routes.before_request(partial(_check_token, bearer))

    @routes.get("/me")
    def me() -> Response:
        return jsonify({name: g.claims.get(name) for name in _TOLD_CLAIMS})

    @routes.route("/contacts", methods=["GET", "POST"])
    def contacts() -> tuple[Response, int]:
        if request.method == "POST":
            return jsonify({"id": len(CONTACTS) + 1}), 201
        return jsonify(CONTACTS), 200

    @routes.route("/echo", methods=METHODS)
    def echo() -> Response:
        return jsonify(
            method=request.method,
            path=request.path,
            query=request.args.to_dict(flat=False),
            headers=_told_headers(),
            body_length=len(request.get_data()),
        )

    @routes.route("/flaky", methods=METHODS)
    def flaky() -> tuple[Response, int] | tuple[Response, int, dict[str, str]]:
        """Fail ``fail`` times with ``status`` for each ``key``, then succeed."""
        fail = request.args.get("fail", 1, int)
        if not state.fails_again(request.args.get("key", ""), fail):
            return jsonify(ok=True), 200
        retry_after = request.args.get("retry_after")
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return jsonify(ok=False), request.args.get("status", 503, int), headers

    @routes.route("/redirect", methods=METHODS)
    def redirect_elsewhere() -> AnyResponse:
        return redirect(request.args["to"])

    @routes.route("/status/<int:code>", methods=METHODS)
    def status(code: int) -> tuple[Any, int]:
        return ("" if code in {204, 304} else jsonify(status=code)), code

    return routes


def _check_token(bearer: Bearer) -> None:
    if request.endpoint != "api.start":  # which takes another token than all else
        g.claims = bearer.claims()


def _told_headers() -> dict[str, str]:
    return {
        name: value
        for name, value in request.headers.items()
        if name.lower() in _TOLD_HEADERS or name.lower().startswith("x-")
    }
