"""What a row of the table of dialects says."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

ClientAuth = Literal[
    "none",
    "client_secret_post",
    "client_secret_basic",
    "client_secret_jwt",
    "private_key_jwt",
    "federated",  # by an assertion that somebody else has signed: no name of it is registered
]

CODE: Final = "authorization_code"
REFRESH: Final = "refresh_token"
CLIENT_CREDENTIALS: Final = "client_credentials"
ACCOUNT_CREDENTIALS: Final = "account_credentials"
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CHANGE_ORG: Final = "change_org"


class ClientRow(NamedTuple):
    """A client that is registered at a dialect's server, and what its profile contains."""

    client_id: str
    profile: str  # its name; "" if the sandbox makes none, as for one whose key is registered while it runs
    scope: str
    grants: tuple[str, ...] = (CODE, REFRESH)
    auth: ClientAuth = "none"
    secret: str = ""
    redirect_uris: tuple[str, ...] = ()  # registered beside those of the sandbox
    in_demo: bool = True  # if it has a profile
    bound: bool = False  # dpop_bound_access_tokens (RFC 9449 section 5.2)
    pushes: bool = False  # require_pushed_authorization_requests (RFC 9126 section 6)

    @property
    def public(self) -> bool:
        """Whether it has no secret. Then it must use PKCE (RFC 9700 section 2.1.1)."""
        return self.auth == "none"


class Dialect(NamedTuple):
    """One authorization server. Paths are relative to ``base``. "" means that it has no such endpoint.

    A ``public`` one is reached at the real server's addresses, through a proxy that leads to the sandbox: its paths
    begin with a host, ``/github.com/login/oauth/authorize``, and ``base`` is its issuer, if it has one.
    """

    name: str
    title: str
    base: str
    authorize: str
    token: str
    revoke: str
    jwks: str
    scopes: tuple[str, ...]
    clients: tuple[ClientRow, ...]
    profile: Mapping[str, str]  # templates with {url} and {redirect_uri}
    device: str = ""
    par: str = ""
    activate: str = ""
    userinfo: str = ""
    issuer_suffix: str = ""
    body: Literal["form", "json"] = "form"
    lifetime: int = 3600  # of an access token, in seconds
    rotates: bool = False  # one-time refresh tokens
    requires_audience: bool = False
    requires_nonce: bool = False  # if the scope openid is requested
    refuses_unknown_scopes: bool = True  # False: drops them silently
    always_names_scope: bool = True  # False: only if it is not the requested one (RFC 6749 section 5.1)
    any_loopback_port: bool = False  # RFC 8252 section 7.3
    sends_issuer: bool = False  # RFC 9207
    refusal_status: int = 400  # for invalid_grant, and a pending or refused device login
    org_code: str = ""  # required as acr_values=tenant:…; a wrong login then gets a bare page "400"
    other_orgs: tuple[str, ...] = ()  # that a login may be taken to, by change_org
    new_code: Callable[[], str] = lambda: secrets.token_urlsafe(32)

    # How its answers and its API differ. The defaults are what the standards say.
    public: bool = False  # see above
    audiences: tuple[str, ...] = ()  # of its API; () means the sandbox's
    offline: str = (
        "scope offline_access"  # what brings a refresh token: scope NAME, NAME=VALUE, always, never
    )
    names_scopes: str = "scope"  # the parameter of the authorization request
    scope_separator: str = " "  # in requests and answers
    renamed_scopes: Mapping[str, str] = {}  # in the answer; "" leaves one out
    token_type: str = "Bearer"
    lacks: tuple[str, ...] = ()  # fields of the token answer
    more: Mapping[str, object] = {}  # fields of the token answer beside those of RFC 6749
    inside: str = ""  # the object of the answer that holds the token
    refusals: Mapping[str, tuple[int, Mapping[str, object]]] = {}  # by error code: status and body
    wants_at_token: Mapping[str, str] = {}  # headers, each with a pattern
    wants_at_api: Mapping[str, str] = {}
    api: str = ""  # an address of its API that tells who is logged in
    knows_nonce: bool = True  # False: its ID tokens have none
    loopback_names: tuple[str, ...] = ()  # of this machine in redirects; () means any

    def route(self, path: str) -> str:
        """Return the sandbox's path for one of the row's paths."""
        return path if self.public else self.base + path

    def address(self, url: str, path: str) -> str:
        """Return the whole address of one of the row's paths, for the sandbox at ``url``."""
        return f"https:/{path}" if self.public else f"{url}{self.base}{path}"

    def issuer(self, url: str) -> str:
        """Return the issuer identifier of this server in the sandbox at ``url``."""
        return (
            f"https:/{self.base}{self.issuer_suffix}"
            if self.public
            else f"{url}{self.base}{self.issuer_suffix}"
        )
