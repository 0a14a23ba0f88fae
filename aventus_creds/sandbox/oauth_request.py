"""A request in the form that Authlib expects, with the parameters from where the dialect puts them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Literal

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Payload, OAuth2Request
from flask import Request

from aventus_creds.sandbox.dialects import Dialect
from aventus_creds.sandbox.journal import note

_CONTENT_TYPES = {"form": "application/x-www-form-urlencoded", "json": "application/json"}


class _Parameters(OAuth2Payload):
    def __init__(self, values: dict[str, list[str]]) -> None:
        self._values = values

    @property
    def data(self) -> dict[str, str]:
        """The parameters by name."""
        return {name: values[0] for name, values in self._values.items()}

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        """All values of each parameter."""
        return defaultdict(list, self._values)


class OAuthRequest(OAuth2Request):
    """An OAuth request with its parameters, from the query, a form or JSON."""

    def __init__(self, request: Request, values: dict[str, list[str]]) -> None:
        # Authlib refuses plain http except on loopback addresses (since 1.6.2), where the sandbox listens. So
        # it does not need AUTHLIB_INSECURE_TRANSPORT, which would make the whole process less strict.
        super().__init__(request.method, request.base_url, headers=request.headers)
        self.payload = _Parameters(values)
        basic = request.authorization.username if request.authorization else None
        note(grant_type=self.payload.grant_type, client_id=self.payload.client_id or basic)

    @property
    def form(self) -> dict[str, str]:
        """The parameters, under the name that Authlib's grants use for the body."""
        return self.payload.data

    @property
    def args(self) -> dict[str, str]:
        """The parameters, under the name that parts of Authlib use for the query."""
        return self.payload.data

    @classmethod
    def from_query(cls, request: Request, dialect: Dialect) -> OAuthRequest:
        """Read an authorization request. The login form is posted to a URL with the same query."""
        values = {name: request.args.getlist(name) for name in request.args}
        scope = " ".join(values.pop(dialect.names_scopes, []))
        return cls(request, {**values, "scope": [_words(scope, dialect.scope_separator)]})

    @classmethod
    def from_body(cls, request: Request, body: Literal["form", "json"]) -> OAuthRequest:
        """Read a request to another endpoint.

        Args:
            request: Flask's.
            body: the format that the dialect expects.

        Raises:
            InvalidRequestError: the body has another format, or a parameter is repeated.
        """
        if request.mimetype != _CONTENT_TYPES[body]:
            raise InvalidRequestError(f"The request body must be {_CONTENT_TYPES[body]}.")
        if body == "form":
            values = {name: request.form.getlist(name) for name in request.form}
        else:
            values = _texts(request.get_json(silent=True))
        if any(len(items) > 1 for items in values.values()):
            raise InvalidRequestError("A parameter is repeated.")  # RFC 6749 section 3.2
        return cls(request, values)


def _words(scope: str, separator: str) -> str:
    """Return the scopes of a request with spaces between them. A space where another separator belongs is no space."""
    return scope if separator == " " else scope.replace(" ", "+").replace(separator, " ")


def _texts(value: Any) -> dict[str, list[str]]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise InvalidRequestError("The request body must be a JSON object of strings.")
    return {name: [item] for name, item in value.items()}
