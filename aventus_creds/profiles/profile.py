"""Profile: the checked settings of one client at one authorization server."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from aventus_creds.profiles.callbacks import DEFAULT_CALLBACK
from aventus_creds.profiles.providers import ClientAuth, Provider, TokenRequestFormat
from aventus_creds.profiles.secrets import SecretRef

if TYPE_CHECKING:
    from aventus_creds.profiles.store_keys import StoreSettings


class Profile(NamedTuple):
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
    path: str = ""  # of the file that it comes from
    store: "StoreSettings | None" = None  # None: the default store

    @property
    def fingerprint(self) -> str:
        """A hash of everything that determines the token, so that an edited profile never gets the old token."""
        import hashlib
        import json

        identity = [
            *(self.name, self.grant, self.client_id, self.scope, self.audience),
            *(self.issuer, self.authorize_url, self.token_url),
            *(self.authorize_params, self.token_params),
        ]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    @property
    def key(self) -> str:
        """The name under which the token is stored."""
        return f"{self.name}-{self.fingerprint[:16]}"


def token_variable(name: str) -> str:
    """Return the name of the environment variable that injects a token for the profile ``name``."""
    return f"AVENTUS_CREDS_TOKEN_{name.upper().replace('-', '_').replace('.', '_')}"
