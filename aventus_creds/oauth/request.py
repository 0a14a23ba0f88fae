"""Requests to an authorization server, as values. No I/O, no clock.

refresh_request          a refresh token -> ServerRequest (RFC 6749 section 6)
client_credentials_request                  -> ServerRequest (RFC 6749 section 4.4)
device_request, device_token_request        -> ServerRequest (RFC 8628)
revocation_request       a token -> ServerRequest (RFC 7009)
server_request           any fields -> ServerRequest: adds the client's authentication, encodes the body
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import quote, urlencode

from aventus_creds.basics.hidden import Secretive, secret_field
from aventus_creds.oauth.client_auth import client_fields
from aventus_creds.oauth.scopes import joined
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.providers import ClientAuth
from aventus_creds.structs import Struct
from aventus_creds.tokens import Token

Params = Mapping[str, str | list[str]]


class ServerRequest(Secretive):
    """A POST to an authorization server. ``secrets`` are the values that no message may repeat."""

    __slots__ = ("_body", "_headers", "_secrets", "assumed_auth", "url")

    headers: Mapping[str, str] = secret_field("_headers")
    body: bytes = secret_field("_body")
    secrets: tuple[str, ...] = secret_field("_secrets")

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        secrets: tuple[str, ...],
        assumed_auth: str = "",
    ) -> None:
        self.url: Final = url
        self.assumed_auth: Final = assumed_auth  # how a secret is sent, if nobody has said how
        self._headers = headers
        self._body = body
        self._secrets = secrets

    def with_header(self, name: str, value: str) -> Self:
        """Return the request with one more header, whose value is a secret of it too."""
        secrets = (*self.secrets, value)
        return type(self)(self.url, {**self.headers, name: value}, self.body, secrets, self.assumed_auth)

    def __repr__(self) -> str:
        """Return where it goes, and nothing of what it says."""
        return f"<ServerRequest to {self.url}>"


class Endpoints(Struct):
    """The endpoints of one authorization server. ``""`` means that it has no such endpoint, or no known issuer."""

    authorize_url: str
    token_url: str
    revoke_url: str
    device_url: str
    issuer: str
    announces_iss: bool  # RFC 9207 section 3: redirects carry iss
    client_auth: ClientAuth
    assumes_auth: bool = False  # neither the profile nor the document says how the client authenticates
    signing_algorithms: tuple[str, ...] = ()  # those that it takes of an assertion; () where it does not say
    par_url: str = ""  # RFC 9126
    requires_par: bool = False
    proof_algorithms: tuple[str, ...] = ()  # RFC 9449 section 5.1; () where it does not say
    jwks_url: str = ""  # the keys that it signs ID tokens with
    id_token_algorithms: tuple[str, ...] = ()  # by which it signs them; () where it does not say
    userinfo_url: str = ""


def refresh_request(
    profile: Profile, endpoints: Endpoints, refresh_token: str, client_secret: str | None
) -> ServerRequest:
    """Return the request for a new token with a refresh token (RFC 6749 section 6).

    Here and below, ``client_secret`` is None for a public client.
    """
    scope = {"scope": joined(profile)} if profile.refresh_scope and profile.scope else {}
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        **scope,
        **profile.token_params,
    }
    return server_request(profile, endpoints, fields, client_secret, secrets=(refresh_token,))


def client_credentials_request(
    profile: Profile, endpoints: Endpoints, client_secret: str | None
) -> ServerRequest:
    """Return the request for the client's own token (RFC 6749 section 4.4.2; 4.5 with a grant_type of its own)."""
    grant_type = profile.grant_type or "client_credentials"
    fields = {"grant_type": grant_type, **_asked_for(profile), **profile.token_params}
    return server_request(profile, endpoints, fields, client_secret, secrets=())


def device_request(profile: Profile, endpoints: Endpoints, client_secret: str | None) -> ServerRequest:
    """Return the request that starts a login on another device (RFC 8628 section 3.1)."""
    # Required where the client does not authenticate (RFC 8628 section 3.1), and by some servers where it does.
    fields = {"client_id": profile.client_id, **_asked_for(profile), **profile.authorize_params}
    return server_request(profile, endpoints, fields, client_secret, url=endpoints.device_url, secrets=())


def device_token_request(
    profile: Profile, endpoints: Endpoints, device_code: str, client_secret: str | None
) -> ServerRequest:
    """Return the request that asks whether the person has finished (RFC 8628 section 3.4)."""
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": device_code,
        **profile.token_params,
    }
    return server_request(profile, endpoints, fields, client_secret, secrets=(device_code,))


def revocation_request(
    profile: Profile, endpoints: Endpoints, token: Token, client_secret: str | None
) -> ServerRequest:
    """Return the request that revokes a login (RFC 7009): the refresh token, or else the access token."""
    if token.refresh_token:
        fields = {"token": token.refresh_token, "token_type_hint": "refresh_token"}
    else:
        fields = {"token": token.access_token, "token_type_hint": "access_token"}
    return server_request(
        profile, endpoints, fields, client_secret, url=endpoints.revoke_url, secrets=(fields["token"],)
    )


def server_request(
    profile: Profile,
    endpoints: Endpoints,
    fields: Params,
    client_secret: str | None,
    *,
    secrets: tuple[str, ...],
    url: str = "",
) -> ServerRequest:
    """Return a POST with the authentication of the profile's client.

    Args:
        profile: the client, and whether the body is a form or JSON.
        endpoints: the server, and how the client authenticates there.
        fields: the parameters. They may override ``client_id`` and ``client_secret``.
        client_secret: the secret, or the assertion that takes its place (see credential in client_auth.py). None
            for a client that only names itself: a public one (RFC 6749 section 2.1), or one with a certificate.
        secrets: values in the request that no message may show. The client secret is added to them.
        url: where to send it. Empty: to the token endpoint.
    """
    headers, userpass = {"Accept": "application/json", **profile.token_headers}, ""
    assumed_auth = endpoints.client_auth if client_secret is not None and endpoints.assumes_auth else ""
    if profile.empty_secret if client_secret is None else endpoints.client_auth == "basic":
        # RFC 6749 section 2.3.1: form-encode each of them before joining them.
        plain_pair = f"{quote(profile.client_id, safe='')}:{quote(client_secret or '', safe='')}"
        userpass = base64.b64encode(plain_pair.encode()).decode()
        headers["Authorization"] = f"Basic {userpass}"
    else:
        fields = {**client_fields(profile.client_id, endpoints.client_auth, client_secret), **fields}
    if profile.token_request == "json":
        headers["Content-Type"] = "application/json"
        body = json.dumps(fields)
    else:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(fields, doseq=True)
    hidden = tuple(filter(None, (*secrets, client_secret or "", userpass if client_secret else "")))
    return ServerRequest(url or endpoints.token_url, headers, body.encode(), hidden, assumed_auth)


def _asked_for(profile: Profile) -> dict[str, str]:
    """Return the scope and the audience, if the profile has them."""
    asked = {"scope": joined(profile), "audience": profile.audience}
    return {name: value for name, value in asked.items() if value}
