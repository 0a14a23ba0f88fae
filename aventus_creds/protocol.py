"""Pure OAuth 2.0: what is sent to an authorization server, and what its answers mean. No I/O, no clock.

Authorization            one attempt at the authorization code grant (RFC 6749 section 4.1, RFC 7636)
  .url                     where the person's browser goes
  .accept(query)           the redirect's query -> the authorization code
  .exchange(code, …)       the authorization code -> ServerRequest
refresh_request          a refresh token -> ServerRequest (RFC 6749 section 6)
revocation_request       a token -> ServerRequest (RFC 7009)
read_token               an answer of the token endpoint -> Token
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from aventus_creds.errors import InvalidAnswer, LoginRefused, RedirectRejected, TokenRefused
from aventus_creds.profiles import Profile
from aventus_creds.providers import ClientAuth
from aventus_creds.server_words import HINTS, plain
from aventus_creds.tokens import Token, jwt_claims

DEFAULT_LIFETIME: Final = 3600.0
"""Seconds a token is taken to live when neither the answer nor the token tells."""

LONGEST_LIFETIME: Final = 10 * 365 * 86400.0
"""Seconds; a server that names more means "for ever", and later times cannot be written as a date."""

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


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """A POST to an authorization server. ``secrets`` are the values that no message may repeat."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


class Answer(NamedTuple):
    """What a server answered: HTTP status, Content-Type and body."""

    status: int
    content_type: str
    body: bytes

    def __repr__(self) -> str:
        """Return the status only: a body may hold tokens."""
        return f"<Answer {self.status}>"


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
        try:
            pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=100)
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
        id_token = _json_object(answer).get("id_token")
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


def read_token(
    profile: Profile, answer: Answer, request: ServerRequest, *, now: float, previous: Token | None = None
) -> Token:
    """Return the token in the token endpoint's ``answer`` (RFC 6749 section 5), obtained at ``now``.

    ``previous`` is the token that a refresh replaces: what the answer leaves out is kept from it.
    Raises TokenRefused for an error answer, InvalidAnswer for one that is no OAuth.
    """
    found = _json_object(answer)
    if not 200 <= answer.status < 300 or "error" in found:
        raise refusal(profile, answer, request)
    access_token = found.get("access_token")
    if not isinstance(access_token, str) or not _is_header_safe(access_token):
        raise InvalidAnswer(
            f"the answer of {request.url} holds no usable access token",
            hint="" if found else "It is no JSON: check token_url, base_url or issuer in the profile.",
        )
    token_type = found.get("token_type", "Bearer")
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        raise InvalidAnswer(f"the token of {request.url} is not of the type Bearer, the only one known here")
    refresh_token, scope = found.get("refresh_token"), found.get("scope")
    if not isinstance(refresh_token, str) or not refresh_token:
        refresh_token = previous.refresh_token if previous else None
    if isinstance(scope, list):
        scope = " ".join(map(str, scope))
    if not isinstance(scope, str):
        scope = previous.scope if previous else profile.scope or None
    return Token(
        access_token,
        expires_at=now + _lifetime(found.get("expires_in"), access_token, now),
        obtained_at=now,
        refresh_token=refresh_token,
        scope=scope,
    )


def refusal(profile: Profile, answer: Answer, request: ServerRequest) -> TokenRefused:
    """Return the exception for an answer that says no, in whatever form it says it (RFC 6749 section 5.2)."""
    found = _json_object(answer)
    error, description = found.get("error"), found.get("error_description")
    if isinstance(error, dict):  # some servers wrap code and message
        description = error.get("message") or description
        error = error.get("code") or error.get("type")
    if not found and answer.content_type.partition(";")[0].strip().lower() == "text/plain":
        description = answer.body.decode("utf-8", "replace")
    error, description = plain(error, request.secrets), plain(description, request.secrets)
    said = ": ".join(filter(None, (error, description))) or "no reason given"
    return TokenRefused(
        f"{request.url} refused the request of profile {profile.name}: {said} (HTTP {answer.status})",
        error=error,
        error_description=description,
        status=answer.status,
        hint=HINTS.get(error, ""),
    )


def _request(  # noqa: PLR0913
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


def _json_object(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _lifetime(expires_in: Any, access_token: str, now: float) -> float:
    """Return seconds: ``expires_in``, else what the JWT says, else one hour. Zero and less say nothing."""
    claims = jwt_claims(access_token)
    expiry, issued = _number(claims.get("exp")), _number(claims.get("iat"))
    # The distance between two times of the server's clock holds even where this machine's clock is wrong.
    by_claims = expiry - (issued or now) if expiry else None
    for seconds in (_number(expires_in), by_claims):
        if seconds is not None and seconds > 0:
            return min(seconds, LONGEST_LIFETIME)
    return DEFAULT_LIFETIME


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    except OverflowError:  # a whole number beyond every float
        return math.inf if value > 0 else None  # type: ignore[operator]
    return None if math.isnan(number) else number


def _is_header_safe(token: str) -> bool:
    """Whether the token can stand in a header: visible ASCII only (RFC 6750 section 2.1)."""
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
