"""Profile: the checked settings of one client at one authorization server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aventus_creds.profiles.callbacks import DEFAULT_CALLBACK
from aventus_creds.profiles.providers import Bearer, ClientAuth, Provider, TokenRequestFormat
from aventus_creds.profiles.secrets import SecretRef
from aventus_creds.structs import Struct

if TYPE_CHECKING:
    from aventus_creds.profiles.machine import Machine
    from aventus_creds.profiles.store_keys import StoreSettings

_DECIDING = (
    *("scope_separator", "token_path", "bearer", "token_headers", "grant_type", "discovery_url"),
    "dpop",
)
"""Fields that decide which token is right, where they are not as usual."""


class Profile(Struct):
    """One client at one authorization server: checked, with defaults applied.

    It holds a reference to the client secret, never the secret itself. Times are in seconds. ``""`` means that
    a text is not set.
    """

    name: str
    provider: Provider
    client_id: str
    grant: str
    client_secret: SecretRef | None
    authorize_url: str
    token_url: str
    revoke_url: str
    device_url: str
    scope: str
    api_url: str
    api_origins: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    authorize_params: Mapping[str, str | list[str]]
    token_request: TokenRequestFormat
    client_auth: ClientAuth | None  # None: the discovery document decides
    pkce: bool
    ca_bundle: str
    # Keys that a profile may leave out
    issuer: str = ""
    row_issuer: str = ""  # the provider's: its document goes before row_endpoints, and may be missing
    row_endpoints: tuple[
        str, ...
    ] = ()  # names of the fields above that are the provider's, if row_issuer is set
    audience: str = ""
    listen: str = ""
    callback: str = DEFAULT_CALLBACK
    token_params: Mapping[str, str | list[str]] = {}
    login_timeout: float = 300.0
    timeout: float = 60.0
    retries: int = 3
    refresh_token: SecretRef | None = None  # brought from outside
    # How the server differs: see the columns of the same names in the table of providers
    scope_separator: str = " "
    token_types: tuple[str, ...] = ("Bearer",)
    token_path: str = ""
    bearer: Bearer = "access_token"
    api_auth: str = "Authorization: Bearer {token}"
    api_headers: Mapping[str, str] = {}
    token_headers: Mapping[str, str] = {}
    grant_type: str = ""
    discovery_url: str = ""
    refresh_scope: bool = False
    empty_secret: bool = False
    api_hosts: tuple[str, ...] = ()
    swap_url: str = ""
    swap_path: str = "access_token"
    par_url: str = ""
    par: bool | None = None  # None: the discovery document decides
    dpop: bool = False
    path: str = ""  # of the file that it comes from
    store: StoreSettings | None = None  # None: the default store
    included: str = ""  # the included file that it has keys of: others may have written it
    machine: Machine | None = None  # None: it names no token or key that the machine has
    scope_apart: bool = False  # the caller has given the scope: its token is kept apart from the profile's

    @property
    def system(self) -> str:
        """What people call its server: the provider, or the host of a server known by its endpoints alone."""
        if not self.provider.generic or self.issuer or self.discovery_url:
            return self.provider.title
        from urllib.parse import urlsplit

        return urlsplit(self.authorize_url or self.token_url).hostname or self.provider.title

    @property
    def is_discovered(self) -> bool:
        """Whether its server's endpoints are in a discovery document, and not all that is needed is in the profile."""
        given = self.authorize_url and self.token_url
        return bool(self.row_issuer or (not given and (self.issuer or self.discovery_url)))

    @property
    def fingerprint(self) -> str:
        """A hash of everything that determines the token, so that an edited profile never gets the old token."""
        import hashlib
        import json

        identity: list[object] = [
            *(self.name, self.grant, self.client_id, self.scope, self.audience),
            *(self.issuer, self.authorize_url, self.token_url),
            *(self.authorize_params, self.token_params),
        ]
        usual = self._field_defaults
        if own := {name: it for name in _DECIDING if (it := getattr(self, name)) != usual[name]}:
            identity.append(own)  # only then: the tokens of all other profiles stay where they are
        if self.machine:
            identity.append(self.machine.identity)
        if self.included:  # whoever changes that file moves no token to another place
            places = [(name, url.split("/")[:3]) for name, url in addresses(self._asdict())]
            identity.append([place for place in places if place[0] != "redirect_uris"])
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    @property
    def key(self) -> str:
        """The name under which the token is stored. With a refresh token from elsewhere, each has its own.

        Raises:
            SecretError: that refresh token cannot be read.
        """
        key = f"{self.name}-{self.fingerprint[:16]}"
        if self.refresh_token is None:
            return key
        import hashlib

        return f"{key}-{hashlib.sha256(self.refresh_token.read().encode()).hexdigest()[:16]}"


def addresses(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return every address in the fields of a Profile, with the field's name: where it may send something to."""
    return [
        (name, url)
        for name, value in fields.items()
        if name.endswith(("_url", "_uris", "_origins", "issuer"))
        for url in ([value] if isinstance(value, str) else value)
        if url
    ]


def token_variable(name: str) -> str:
    """Return the name of the environment variable that injects a token for the profile ``name``."""
    return f"AVENTUS_CREDS_TOKEN_{name.upper().replace('-', '_').replace('.', '_')}"
