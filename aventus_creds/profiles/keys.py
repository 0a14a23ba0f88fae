"""The table of profile keys. The checks, the JSON Schema and the reference in the README come from it."""

from typing import Final, NamedTuple

from aventus_creds.profiles.callbacks import CALLBACKS, DEFAULT_CALLBACK
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.kinds import (
    COUNT,
    FLAG,
    LISTEN,
    ORIGINS,
    PARAMS,
    REDIRECT_URIS,
    SCOPE,
    SECONDS,
    SECRET,
    SERVER_URL,
    TEXT,
    URL,
    Kind,
    any_of,
    choice,
)
from aventus_creds.profiles.providers import PROVIDERS
from aventus_creds.profiles.stores import STORES


class Key(NamedTuple):
    """A key of a profile. ``default`` is text for the documentation; the code that uses the key sets the value."""

    name: str
    kind: Kind
    doc: str
    default: str = ""


_OF_CUSTOMERS: Final = [row.name for row in PROVIDERS.values() if row.authorize_url and not row.base_url]
"""Providers where each customer has its own server."""

KEYS: Final = {
    key.name: key
    for key in (
        Key(
            "provider",
            choice(*PROVIDERS),
            "the authorization server's dialect",
            "oidc, if issuer or endpoints are given",
        ),
        Key(
            "base_url",
            SERVER_URL,
            f"the provider's server; required for {any_of(_OF_CUSTOMERS, 'and')}",
            ", ".join(f"{row.name}: {row.base_url}" for row in PROVIDERS.values() if row.base_url),
        ),
        Key("issuer", SERVER_URL, "the issuer whose discovery document names the endpoints (oidc)"),
        Key("authorize_url", URL, "the authorization endpoint, given outright"),
        Key("token_url", URL, "the token endpoint, given outright"),
        Key("revoke_url", URL, "the revocation endpoint, given outright"),
        Key("device_url", URL, "the device authorization endpoint, given outright"),
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
        Key("scope", SCOPE, "what is asked for, as text or a list", "the provider's"),
        Key("audience", TEXT, "the API that the token is for, where the server wants it named"),
        Key(
            "api_url",
            SERVER_URL,
            "the API's address; relative URLs of the session are joined to it",
            "audience, when it is a URL",
        ),
        Key("api_origins", ORIGINS, "further origins that may get the token", "[]"),
        *(
            Key(row.extra_key.name, TEXT, f"{row.title}: {row.extra_key.doc}; required there")
            for row in PROVIDERS.values()
            if row.extra_key
        ),
        Key(
            "redirect_uri",
            REDIRECT_URIS,
            "the registered callback, exactly as registered, or a list to try in order; port 0 means any free"
            " port, for servers that allow it",
            ", ".join(f"{row.name}: {row.redirect_uri}" for row in PROVIDERS.values() if row.redirect_uri),
        ),
        Key(
            "listen",
            LISTEN,
            "`host:port` to bind when redirect_uri is a public address that is forwarded here",
        ),
        Key("callback", choice(*CALLBACKS), "how the redirect comes back", DEFAULT_CALLBACK),
        Key("authorize_params", PARAMS, "extra parameters of the authorization request"),
        Key("token_params", PARAMS, "extra parameters of the token request"),
        Key("token_request", choice("form", "json"), "the body of the token request", "the provider's"),
        Key(
            "client_auth",
            choice("post", "basic"),
            "how the client secret is sent: in the body or in the Basic header",
            "the provider's, or the discovery document's",
        ),
        Key("pkce", FLAG, "whether PKCE is used with a client secret too", "true"),
        Key("store", choice(*STORES), "where its tokens rest", "that of `[store]`"),
        Key("login_timeout", SECONDS, "seconds that a person has for the login", "300"),
        Key("timeout", SECONDS, "seconds that one request may wait", "60"),
        Key("retries", COUNT, "how often an idempotent request is repeated after a passing fault", "3"),
        Key("ca_bundle", TEXT, "a file of certificate authorities to trust instead of the usual ones"),
    )
}
