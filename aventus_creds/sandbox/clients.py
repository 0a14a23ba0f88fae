"""A registered client, with the methods that Authlib calls."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import ClientMixin

from aventus_creds.sandbox.dialects import ClientRow, Dialect
from aventus_creds.sandbox.state import State
from aventus_creds.sandbox.switches import Switches

IP_LITERALS: Final = ("127.0.0.1", "[::1]")


class Client(ClientMixin):
    """A row of the table of clients, plus the redirect URIs registered while the sandbox runs."""

    def __init__(self, row: ClientRow, dialect: Dialect, state: State, switches: Switches) -> None:
        self.row = row
        self._switches = switches
        self._dialect = dialect
        self._state = state

    def get_client_id(self) -> str:
        """Return the client identifier."""
        return self.row.client_id

    def get_default_redirect_uri(self) -> None:
        """Return None: in every dialect, the request must name the redirect URI."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """Return those of the requested scopes that are known."""
        return " ".join(name for name in dict.fromkeys((scope or "").split()) if name in self._dialect.scopes)

    def check_redirect_uri(self, redirect_uri: str | None) -> bool:
        """Whether exactly this text is registered. In some dialects the port may differ."""
        registered = (*self.row.redirect_uris, *self._state.redirect_uris)
        names = self._dialect.loopback_names
        host = _loopback_host(redirect_uri or "")
        if names and host and host not in names:
            return False
        if self._dialect.any_loopback_port and redirect_uri:
            return _matches_without_port(redirect_uri, registered, names or IP_LITERALS)
        return redirect_uri in registered

    def check_client_secret(self, client_secret: str) -> bool:
        """Whether it is this client's secret."""
        return secrets.compare_digest(self.row.secret.encode(), client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - Authlib's
        """Whether the client authenticates in this way."""
        if self.row.public and self._switches.empty_secrets:
            return method == "client_secret_basic"
        return method == self.row.auth

    def check_response_type(self, response_type: str) -> bool:
        """Whether it is ``code``."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether this grant is switched on for the client."""
        return grant_type in self.row.grants


def _matches_without_port(redirect_uri: str, registered: Iterable[str], hosts: Collection[str]) -> bool:
    """Compare without the port if the host is this machine, called by one of ``hosts`` (RFC 8252 section 7.3)."""

    def without_port(uri: str) -> object:
        parts = urlsplit(uri)
        if _loopback_host(uri) not in hosts or parts.username is not None or parts.fragment:
            return uri
        return parts.scheme, parts.hostname, parts.path, parts.query

    try:
        return without_port(redirect_uri) in {without_port(uri) for uri in registered}
    except ValueError:  # no URL at all
        return False


def _loopback_host(uri: str) -> str:
    """Return how ``uri`` names this machine, or "" if it names another one."""
    try:
        host = urlsplit(uri).hostname or ""
    except ValueError:  # no URL at all
        return ""
    host = f"[{host}]" if ":" in host else host
    return host if host in {*IP_LITERALS, "localhost"} else ""
