"""The table of profile keys. Those about tokens and keys that the machine has are in machine_keys.py.

The checks, the JSON Schema and the reference in the README come from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from aventus_creds.profiles.callbacks import CALLBACKS, DEFAULT_CALLBACK, EXTENSION_ADDRESS
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.kinds import (
    COUNT,
    FLAG,
    HOST_ALONE,
    LISTEN,
    ORIGINS,
    PARAMS,
    PART,
    REDIRECT_URIS,
    SCOPE,
    SECONDS,
    SECRET,
    SERVER_URL,
    TEXT,
    URL,
    WORD,
    Kind,
    any_of,
    choice,
)
from aventus_creds.profiles.providers import PROVIDERS, ClientAuth
from aventus_creds.profiles.rule_kinds import (
    API_AUTH,
    GRANT_TYPE,
    HEADERS,
    HOSTS,
    PATH,
    SEPARATOR,
    TOKEN_TYPES,
    with_facts,
)
from aventus_creds.profiles.stores import STORES
from aventus_creds.structs import Struct


class Key(Struct):
    """A key of a profile. ``default`` is text for the documentation; the code that uses the key sets the value."""

    name: str
    kind: Kind
    doc: str
    default: str = ""


PLACEHOLDERS: Final = {
    key.name: key
    for key in (
        Key("base_url", SERVER_URL, "the provider's server"),
        Key("host", HOST_ALONE, "the host of your server"),
        Key("domain", HOST_ALONE, "the domain of your tenant or user pool"),
        Key("tenant", PART, "your tenant: its name or identifier"),
        Key("subdomain", PART, "the first part of your tenant's host"),
        Key("region", PART, "the region of your tenant, such as eu10"),
        Key("account", PART, "the identifier of your account, as in its address"),
        Key("realm", PART, "the realm"),
        Key("policy", PART, "the user flow or custom policy"),
        Key("authorization_server", PART, "which of your authorization servers"),
        # acr_values is a list with spaces between its items (OpenID Connect Core section 3.1.2.1)
        Key("org_code", WORD, "the organisation's code, sent as `acr_values=tenant:…`"),
    )
}
"""Keys that fill the templates of providers. A row says which of them it needs."""

KEYS: Final = {
    key.name: key
    for key in (
        Key(
            "provider",
            choice(*PROVIDERS),
            "the authorization server's dialect",
            "oidc, if issuer or endpoints are given",
        ),
        *PLACEHOLDERS.values(),
        Key("issuer", SERVER_URL, "the issuer whose discovery document names the endpoints (oidc)"),
        Key(
            "discovery_url",
            URL,
            "the discovery document's address, if it is not below the issuer; without an issuer, the document says"
            " who the server is (oidc)",
        ),
        Key("authorize_url", URL, "the authorization endpoint, set explicitly"),
        Key("token_url", URL, "the token endpoint, set explicitly"),
        Key("revoke_url", URL, "the revocation endpoint, set explicitly"),
        Key("device_url", URL, "the device authorization endpoint, set explicitly"),
        Key("par_url", URL, "the endpoint for pushed authorization requests, set explicitly"),
        Key("client_id", TEXT, "the client's identifier, from the provider; required"),
        Key(
            "client_secret",
            SECRET,
            'the client\'s secret as text, or where it is: `{ env = "…" }`, `{ file = "…" }`,'
            ' `{ command = ["…"] }`, `{ keyring = "service", username = "…" }`',
        ),
        Key(
            "grant",
            choice(*GRANTS),
            "how the token is obtained",
            "confidential with a client_secret, else pkce",
        ),
        Key(
            "refresh_token",
            SECRET,
            "a refresh token from elsewhere, written like client_secret: its login is used, and kept under its own name"
            " in the store",
        ),
        Key("grant_type", GRANT_TYPE, "custom: the server's own name for its grant", "the provider's"),
        Key("scope", SCOPE, "the scopes to ask for, as text or a list", "the provider's"),
        Key("audience", TEXT, "the API that the token is for, if the server must be told"),
        Key(
            "api_url",
            with_facts(SERVER_URL),
            "the API's address; relative URLs of the session are joined to it. It may hold what the server says of a"
            " login: `https://api.example.com/{realmId}/`, `{instance_url}/services/`",
            "the provider's, or audience, when it is a URL",
        ),
        Key("api_origins", ORIGINS, "further origins that may get the token", "[]"),
        Key(
            "api_hosts",
            HOSTS,
            'the allowed hosts, if api_url begins with a value from the server: `["*.example.com"]`',
            "the provider's",
        ),
        Key(
            "api_auth",
            API_AUTH,
            "the header with the token in requests to the API, and its scheme",
            "Authorization: Bearer {token}, or the provider's",
        ),
        Key("api_headers", HEADERS, "constant headers for the API, in addition to the provider's", "{}"),
        Key(
            "bearer",
            choice("access_token", "id_token"),
            "what the API gets: the access token or the ID token",
            "access_token, or the provider's",
        ),
        Key(
            "redirect_uri",
            REDIRECT_URIS,
            "the registered callback, exactly as registered, or a list to try in order; port 0 means any free"
            f' port, for servers that allow it; `"{EXTENSION_ADDRESS}"` is the address of the Jupyter server that runs'
            " this, where it is known",
        ),
        Key(
            "listen",
            LISTEN,
            "`host:port` to bind when redirect_uri is a public address that is forwarded here",
        ),
        Key("callback", choice(*CALLBACKS), "how the redirect comes back", DEFAULT_CALLBACK),
        Key("authorize_params", PARAMS, "extra parameters of the authorization request"),
        Key("token_params", PARAMS, "extra parameters of the token request"),
        Key(
            "token_headers",
            HEADERS,
            "constant headers for the authorization server, in addition to the provider's",
            "{}",
        ),
        Key(
            "token_types",
            TOKEN_TYPES,
            "the token types that are sent as api_auth says, compared without case",
            '["Bearer"], or the provider\'s',
        ),
        Key(
            "token_path",
            PATH,
            "where in the answer the object with the token is: `authed_user`, `tokens[name=api].user`",
            "the answer itself, or the provider's",
        ),
        Key(
            "scope_separator",
            SEPARATOR,
            "the separator between scopes in requests",
            "a space, or the provider's",
        ),
        Key("refresh_scope", FLAG, "whether a refresh sends the scope again", "false, or the provider's"),
        Key(
            "swap_url",
            URL,
            "asked with each new token, by GET: the API gets the token in its answer instead",
            "the provider's, if any",
        ),
        Key(
            "swap_path",
            PATH,
            "where in the answer of swap_url that token is: `access_token`, `data.token`",
            "access_token, or the provider's",
        ),
        Key("token_request", choice("form", "json"), "the body of the token request", "the provider's"),
        Key(
            "client_auth",
            choice(*get_args(ClientAuth)),
            "how the client authenticates: its secret in the Basic header (without a client_secret, an empty one) or in"
            " the body, an assertion signed with its key or its secret, or its certificate",
            "the provider's, or the discovery document's",
        ),
        Key("pkce", FLAG, "whether PKCE is used with a client secret too", "true"),
        Key(
            "par",
            FLAG,
            "whether a login's parameters are sent to the server beforehand (RFC 9126), so that the browser's address"
            " holds none of them",
            "whether the discovery document requires it",
        ),
        Key(
            "dpop",
            FLAG,
            "whether tokens are bound to a key that is made at each login (RFC 9449), so that a token alone is of no"
            " use to a thief; it needs the extra `keys`",
            "false",
        ),
        Key("store", choice(*STORES), "where its tokens are stored", "that of `[store]`"),
        Key("login_timeout", SECONDS, "how many seconds a person has for the login", "300"),
        Key("timeout", SECONDS, "the time limit of one request, in seconds", "60"),
        Key("retries", COUNT, "how often an idempotent request is repeated after a temporary failure", "3"),
        Key("ca_bundle", TEXT, "a file of certificate authorities to trust instead of the usual ones"),
        Key("extends", TEXT, "the profile whose keys it inherits"),
    )
}


def all_keys() -> dict[str, Key]:
    """Return the whole table: KEYS, and those of machine_keys.py, which most profiles do without."""
    from aventus_creds.profiles.machine_keys import MACHINE_KEYS

    return KEYS | {row[0]: Key(*row) for row in MACHINE_KEYS}


def keys_for(table: Mapping[str, object]) -> dict[str, Key]:
    """Return KEYS if a profile has no other keys, or else the whole table."""
    return KEYS if table.keys() <= KEYS.keys() else all_keys()


def allowed_values(key: Key) -> tuple[str, ...]:
    """Return the values of a key that takes one of a few, or ()."""
    return tuple(key.kind.schema.get("enum", ()))


def explained(key: Key) -> Key:
    """Return ``key`` with what the rows of providers say of it, for the documentation. Loads every row."""
    rows = PROVIDERS.values()
    if key.name == "redirect_uri":
        return key._replace(
            default=", ".join(
                f"{row.name}: {row.redirect_uri}" for row in rows if row.redirect_uri and row.generic
            )
        )
    if key.name not in PLACEHOLDERS:
        return key
    needs = {row.name: row.placeholders[key.name] for row in rows if key.name in row.placeholders}
    required = [name for name, default in needs.items() if not default]
    return key._replace(
        doc=key.doc + (f"; required for {any_of(required, 'and')}" if required else ""),
        default=", ".join(f"{name}: {default}" for name, default in needs.items() if default),
    )
