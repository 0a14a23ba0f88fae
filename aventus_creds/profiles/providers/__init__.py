"""The differences between authorization servers, as one table. Data only: a new provider is a new row.

The rows are in modules by kind. A module is loaded when one of its rows is named, so that a script with one provider
does not pay for the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal

from aventus_creds.structs import Struct

if TYPE_CHECKING:
    from aventus_creds.profiles.providers.columns import RedirectRule

TokenRequestFormat = Literal["form", "json"]
ClientAuth = Literal[
    "client_assertion", "private_key_jwt", "basic", "post", "client_secret_jwt", "tls_client_auth"
]
"""How a client authenticates: see client_auths.py."""
Bearer = Literal["access_token", "id_token"]


class Provider(Struct):
    """How one authorization server differs. ``""``, ``()`` and None mean that no page of it says so.

    Endpoints, issuer, api_url, scope and authorize_params are templates with the row's placeholders and
    ``client_id``; authorize_params also with ``scope``. An api_url may also hold what the server says of a login.
    """

    name: str
    title: str
    authorize_url: str = ""
    token_url: str = ""
    revoke_url: str = ""
    device_url: str = ""
    par_url: str = ""
    issuer: str = ""  # its discovery document, if it can be had, goes before the endpoints above
    api_url: str = ""  # of the API that the tokens are for, if there is one such address
    placeholders: Mapping[str, str] = {}  # each with its default; "" if the profile must set it
    authorize_params: Mapping[str, str] = {}
    token_request: TokenRequestFormat = "form"
    client_auth: ClientAuth | None = "post"  # None: the discovery document decides
    grants: tuple[str, ...] = ()  # those that its documentation has; () means all
    refresh_lifetime: int = (
        0  # of an unused refresh token, in seconds, where the answers do not say; 0: unknown
    )
    scope: str = ""
    audience: str = ""
    redirect_uri: str = ""  # the default; "" if the profile must set the registered one
    redirect_rule: RedirectRule | None = None
    generic: bool = False  # whether the profile itself names the server, by an issuer or endpoints
    register_at: str = ""  # the page where a client is registered
    pages: tuple[tuple[str, str], ...] = ()  # that say what the row says, each with the day it was read
    note: str = ""  # for the table of providers
    in_example: bool = False  # whether README and profiles.example.toml show it
    silent_failure: str = ""  # what to check if the browser never returns
    no_refresh_hint: str = ""  # why a login may have no refresh token
    # How requests and answers differ. A profile's keys of the same names go first.
    scope_separator: str = " "
    token_types: tuple[str, ...] = ("Bearer",)  # compared without case
    token_path: str = ""  # of the object in the answer that holds the token, see oauth/answer.py
    bearer: Bearer = "access_token"  # what the API gets
    api_auth: str = "Authorization: Bearer {token}"  # header and scheme of the token in requests to the API
    api_headers: Mapping[str, str] = {}  # constant ones, to the API's origins only
    token_headers: Mapping[str, str] = {}  # constant ones, to the authorization server
    grant_type: str = ""  # for grant = "custom"
    discovery_url: str = ""  # a template, where the document is not below the issuer
    refresh_scope: bool = False  # whether a refresh sends the scope
    empty_secret: bool = False  # whether a client without a secret sends Basic with an empty one
    api_hosts: tuple[str, ...] = ()  # that an api_url may lead to which the server's answer fills
    swap_url: str = ""  # asked with each new token: its answer has the token that the API wants
    swap_path: str = "access_token"  # of that token in its answer
    # How it exchanges tokens, if not as RFC 8693 says: then it gets authorize_params too.
    exchange_grant_type: str = ""
    exchange_token: str = "subject_token"  # the parameter that holds the token
    exchange_hint: str = ""  # what to do where it refuses


_MODULES: Final = {
    "customers": "aventus cidaas athoc",
    "generic": "oidc",
    "identity": "entra entra_b2c okta auth0 keycloak cognito",
    "work": "google github gitlab atlassian slack notion dropbox zoom",
    "business": "salesforce hubspot xero servicenow sap",
    "social": "spotify strava x reddit linkedin",
    "data": "databricks snowflake orcid globus earthdata copernicus sentinelhub planet",
}
"""The modules of this package, and the names of the rows in each."""


class _Providers(Mapping[str, Provider]):
    """The rows by name. The names are known at once; a row is loaded when it is asked for."""

    def __init__(self) -> None:
        self._module_of = {name: module for module, names in _MODULES.items() for name in names.split()}
        self._rows: dict[str, Provider] = {}

    def __getitem__(self, name: str) -> Provider:
        if name not in self._rows:
            from importlib import import_module

            module = import_module(f"{__name__}.{self._module_of[name]}")
            self._rows |= {row.name: row for row in module.ROWS}
        return self._rows[name]

    def __contains__(self, name: object) -> bool:
        return name in self._module_of

    def __iter__(self) -> Iterator[str]:
        return iter(self._module_of)

    def __len__(self) -> int:
        return len(self._module_of)


PROVIDERS: Final[Mapping[str, Provider]] = _Providers()

DEFAULT_PROVIDER: Final = "oidc"
"""The provider of a profile that sets an issuer or endpoints instead of a provider."""
