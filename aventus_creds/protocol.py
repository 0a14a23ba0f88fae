"""Pure OAuth 2.0: what is sent to an authorization server, and what its answers mean. No I/O, no clock.

Authorization            one attempt at the authorization code grant (RFC 6749 section 4.1, RFC 7636)
  .url                     where the person's browser goes
  .accept(query)           the redirect's query -> the authorization code
  .exchange(code, …)       the authorization code -> ServerRequest
refresh_request          a refresh token -> ServerRequest (RFC 6749 section 6)
client_credentials_request                  -> ServerRequest (RFC 6749 section 4.4)
device_request, device_token_request        -> ServerRequest (RFC 8628)
revocation_request       a token -> ServerRequest (RFC 7009)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from aventus_creds.answers import Answer, ServerRequest, json_object, read_token
from aventus_creds.errors import InvalidAnswer, LoginRefused, RedirectRejected
from aventus_creds.profiles import Profile
from aventus_creds.providers import ClientAuth
from aventus_creds.server_words import HINTS, plain
from aventus_creds.tokens import Token, jwt_claims

Params = Mapping[str, str | list[str]]


class Endpoints(NamedTuple):
    """Where one authorization server is. ``""`` where it has no such endpoint, or its issuer is not known."""

    authorize_url: str
    token_url: str
    revoke_url: str
    device_url: str
    issuer: str
    announces_iss: bool  # RFC 9207 section 3: redirects carry iss
    client_auth: ClientAuth


class Authorization:
    """One attempt at the authorization code grant. Its secrets die with it."""

    __slots__ = ("_endpoints", "_nonce", "_profile", "_state", "_verifier", "redirect_uri", "url")

    def __init__(
        self, profile: Profile, endpoints: Endpoints, redirect_uri: str, *, random: Callable[[int], bytes]
    ) -> None:
        """Prepare the attempt; ``random`` gives that many random bytes."""
        self._profile = profile
        self._endpoints = endpoints
        self.redirect_uri = redirect_uri
        self._state = _base64url(random(32))
        self._nonce = _base64url(random(32)) if "openid" in profile.scope.split() else ""
        # 96 bytes encode to the 128 characters that RFC 7636 section 4.1 allows at most. Aventus's page asks
        # for 128 bytes, which encode to 171: strict servers refuse that.
        self._verifier = _base64url(random(96)) if profile.pkce else ""
        self.url = self._authorize_url()

    def __repr__(self) -> str:
        """Return whose login it is; the address holds the state."""
        return f"<Authorization of profile {self._profile.name}>"

    def _authorize_url(self) -> str:
        params: dict[str, str | list[str]] = {
            "response_type": "code",
            "client_id": self._profile.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self._profile.scope,
            "audience": self._profile.audience,
            "state": self._state,
            "nonce": self._nonce,
        }
        if self._verifier:
            params["code_challenge"] = _base64url(hashlib.sha256(self._verifier.encode()).digest())
            params["code_challenge_method"] = "S256"
        sent = {name: value for name, value in params.items() if value} | dict(self._profile.authorize_params)
        # %20 rather than +: in a query both mean a space, but not every server reads the plus sign so
        query = urlencode(sent, doseq=True, quote_via=quote)
        url = self._endpoints.authorize_url
        return f"{url}{'&' if urlsplit(url).query else '?'}{query}"

    def accept(self, query: str) -> str:
        """Return the authorization code that the redirect's raw ``query`` brings (RFC 6749 section 4.1.2).

        Raises RedirectRejected when it does not answer this attempt (the wait goes on), LoginRefused when the
        server says no, InvalidAnswer when another issuer speaks (RFC 9207).
        """
        # What a notebook's front end sends may hold half a character, which no encoding takes.
        query = query.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        try:
            # An error's description may be in any encoding; it must not hide the error.
            pairs = parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=100)
        except ValueError:
            raise RedirectRejected("the address is damaged: it cannot be read") from None
        # What is not known is ignored: servers add session_state, scope and more.
        known = [name for name, _ in pairs if name in {"state", "code", "error", "error_description", "iss"}]
        if len(known) != len(set(known)):
            raise RedirectRejected(
                "the address is damaged: a parameter is in it twice (RFC 6749 section 3.1)"
            )
        params = dict(pairs)
        if "state" not in params:
            raise RedirectRejected("the address has no state: it is not the answer to this login")
        if not hmac.compare_digest(params["state"].encode(), self._state.encode()):
            raise RedirectRejected("the address has another state: it is not the answer to this login")
        self._check_issuer(params)
        if "error" in params:
            raise self._refused(params["error"], params.get("error_description", ""))
        if not params.get("code"):
            raise RedirectRejected("the address has no authorization code")
        if "\ufffd" in params["code"]:
            raise RedirectRejected("the address is damaged: its code cannot be read")
        return params["code"]

    def _check_issuer(self, params: Mapping[str, str]) -> None:
        """RFC 9207 section 2.4. Some servers announce iss, and leave it out of redirects with an error."""
        expected = self._endpoints.issuer
        if not expected:
            return
        if "iss" in params:
            if params["iss"] != expected:
                raise InvalidAnswer(
                    f"the redirect comes from another issuer than {expected}: it is not trusted"
                )
        elif self._endpoints.announces_iss and "error" not in params:
            raise InvalidAnswer(f"the redirect does not say that it is from {expected}, as it should")

    def _refused(self, error: str, description: str) -> LoginRefused:
        secrets = (self._state, self._nonce, self._verifier)
        error, description = plain(error, secrets), plain(description, secrets)
        said = f"{error}: {description}" if description else error
        return LoginRefused(
            f"{self._profile.provider.title} refused the login of profile {self._profile.name}: {said}",
            error=error,
            error_description=description,
            hint=HINTS.get(error, ""),
        )

    def exchange(self, code: str, client_secret: str | None) -> ServerRequest:
        """Return the token request for ``code`` (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
        fields: dict[str, str | list[str]] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
        }
        if self._verifier:
            fields["code_verifier"] = self._verifier
        fields.update(self._profile.token_params)
        return _request(
            self._profile, self._endpoints, fields, client_secret, secrets=(code, self._verifier, self._state)
        )

    def read_token(self, answer: Answer, request: ServerRequest, *, now: float) -> Token:
        """Return the token of the code exchange's ``answer``; the ID token in it must answer this attempt.

        Raises as ``read_token`` does, and InvalidAnswer when the nonce differs (OpenID Connect Core 3.1.3.7).
        """
        token = read_token(self._profile, answer, request, now=now)
        id_token = json_object(answer).get("id_token")
        claims = jwt_claims(id_token) if isinstance(id_token, str) else {}
        if self._nonce and claims and claims.get("nonce") != self._nonce:
            raise InvalidAnswer(f"the ID token of {request.url} answers another login (its nonce differs)")
        return token


def refresh_request(
    profile: Profile, endpoints: Endpoints, refresh_token: str, client_secret: str | None
) -> ServerRequest:
    """Return the request that trades ``refresh_token`` for a new access token (RFC 6749 section 6)."""
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token, **profile.token_params}
    return _request(profile, endpoints, fields, client_secret, secrets=(refresh_token,))


def client_credentials_request(
    profile: Profile, endpoints: Endpoints, client_secret: str | None
) -> ServerRequest:
    """Return the request for a token of the client's own (RFC 6749 section 4.4.2)."""
    fields = {"grant_type": "client_credentials", **_asked_for(profile), **profile.token_params}
    return _request(profile, endpoints, fields, client_secret, secrets=())


def device_request(profile: Profile, endpoints: Endpoints, client_secret: str | None) -> ServerRequest:
    """Return the request that begins a login on another device (RFC 8628 section 3.1)."""
    fields = {**_asked_for(profile), **profile.authorize_params}
    return _request(profile, endpoints, fields, client_secret, url=endpoints.device_url, secrets=())


def device_token_request(
    profile: Profile, endpoints: Endpoints, device_code: str, client_secret: str | None
) -> ServerRequest:
    """Return the request that asks whether the person has finished (RFC 8628 section 3.4)."""
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": device_code,
        **profile.token_params,
    }
    return _request(profile, endpoints, fields, client_secret, secrets=(device_code,))


def revocation_request(
    profile: Profile, endpoints: Endpoints, token: Token, client_secret: str | None
) -> ServerRequest:
    """Return the request that revokes a login (RFC 7009): the refresh token, else the access token."""
    if token.refresh_token:
        fields = {"token": token.refresh_token, "token_type_hint": "refresh_token"}
    else:
        fields = {"token": token.access_token, "token_type_hint": "access_token"}
    return _request(
        profile, endpoints, fields, client_secret, url=endpoints.revoke_url, secrets=(fields["token"],)
    )


def _request(
    profile: Profile,
    endpoints: Endpoints,
    fields: Params,
    client_secret: str | None,
    *,
    secrets: tuple[str, ...],
    url: str = "",
) -> ServerRequest:
    headers = {"Accept": "application/json"}
    if client_secret is None:
        fields = {"client_id": profile.client_id, **fields}
    elif endpoints.client_auth == "basic":
        # RFC 6749 section 2.3.1: both are form-encoded before they are joined
        userpass = f"{quote(profile.client_id, safe='')}:{quote(client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(userpass.encode()).decode()}"
    else:
        fields = {"client_id": profile.client_id, "client_secret": client_secret, **fields}
    if profile.token_request == "json":
        headers["Content-Type"] = "application/json"
        body = json.dumps(fields)
    else:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(fields, doseq=True)
    hidden = tuple(filter(None, (*secrets, client_secret or "")))
    return ServerRequest(url or endpoints.token_url, headers, body.encode(), hidden)


def _asked_for(profile: Profile) -> dict[str, str]:
    """Return the scope and the audience, where the profile has them."""
    return {name: value for name in ("scope", "audience") if (value := getattr(profile, name))}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
