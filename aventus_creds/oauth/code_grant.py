"""The authorization code grant, as values: what is sent and what the answers mean. No I/O, no clock.

Authorization            one attempt at the authorization code grant (RFC 6749 section 4.1, RFC 7636)
  .url                     the address for the person's browser
  .pushed(…)               the request that hands over its parameters beforehand (RFC 9126) -> ServerRequest
  .point_to(answer, …)     the answer to that request: from then on .url holds none of them
  .accept(query)           the redirect's query -> the authorization code
  .exchange(code, …)       the authorization code -> ServerRequest
  .read_token(answer, …)   the answer to that request -> Token

The requests of the other grants are in ``request``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from aventus_creds.basics.hidden import Hidden, Secretive, hides, secret_field
from aventus_creds.basics.redact import plain
from aventus_creds.errors import (
    AventusCredsError,
    InvalidAnswer,
    LoginRefused,
    RedirectRejected,
    ServerError,
)
from aventus_creds.oauth.answer import Answer, json_object, read_token
from aventus_creds.oauth.facts import facts
from aventus_creds.oauth.issuers import is_template, of_tenant, speaks_for
from aventus_creds.oauth.pushed import read_pushed
from aventus_creds.oauth.refusal import HINTS
from aventus_creds.oauth.request import Endpoints, ServerRequest, server_request
from aventus_creds.oauth.scopes import joined
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token, jwt_claims

if TYPE_CHECKING:
    from aventus_creds.oauth.proofs import ProofKey

Params = Mapping[str, str | list[str]]


_CODE: Final = re.compile(r"[\x20-\x7e]+")
"""The characters of an authorization code (RFC 6749 appendix A.11)."""

_MIX_UP: Final = "Log in again. If that does not help, tell whoever runs the server."


class Authorization(Secretive):
    """One attempt at the authorization code grant. It has its own state, nonce and PKCE verifier."""

    __slots__ = (
        *("_endpoints", "_iss", "_profile", "proof_key", "_told", "opened_within", "redirect_uri", "url"),
        *("_the_nonce", "_the_state", "_the_verifier"),
    )

    instead = "begin a new login in the other process"

    _nonce: str = secret_field("_the_nonce")
    _state: str = secret_field("_the_state")
    _verifier: str = secret_field("_the_verifier")

    def __init__(
        self,
        profile: Profile,
        endpoints: Endpoints,
        redirect_uri: str,
        *,
        random: Callable[[int], bytes],
        proof_key: ProofKey | None = None,
    ) -> None:
        """Prepare the attempt.

        Args:
            profile: whose login.
            endpoints: where its server is.
            redirect_uri: where the server redirects the browser to. It must be registered there.
            random: returns that many random bytes, fit for secrets.
            proof_key: what the tokens are bound to (RFC 9449). None: nothing.
        """
        self._profile = profile
        self._endpoints = endpoints
        self.redirect_uri = redirect_uri
        self.proof_key = proof_key
        self.opened_within: float | None = None  # seconds from when it was pushed; None: nobody says
        self._told: Mapping[str, str] = {}  # by the redirect, beside the code
        self._iss = ""  # the issuer that the redirect names
        self._the_state = _base64url(random(32))
        self._the_nonce = _base64url(random(32)) if "openid" in profile.scope.split() else ""
        # 96 bytes are 128 characters in base64url, the most that RFC 7636 section 4.1 allows. Aventus's
        # documentation asks for 128 bytes, which are 171 characters: strict servers refuse that.
        self._the_verifier = _base64url(random(96)) if profile.pkce else ""
        self.url = self._address(self._parameters())

    def __repr__(self) -> str:
        """Return whose login it is. The address is left out because it holds the state."""
        return f"<Authorization of profile {self._profile.name}>"

    def _parameters(self) -> dict[str, str | list[str]]:
        params: dict[str, str | list[str]] = {
            "response_type": "code",
            "client_id": self._profile.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": joined(self._profile),
            "audience": self._profile.audience,
            "state": self._state,
            "nonce": self._nonce,
        }
        if self._verifier:
            params["code_challenge"] = _base64url(hashlib.sha256(self._verifier.encode()).digest())
            params["code_challenge_method"] = "S256"
        if self.proof_key:
            params["dpop_jkt"] = self.proof_key.thumbprint  # RFC 9449 section 10: so is the code
        return {name: value for name, value in params.items() if value} | dict(self._profile.authorize_params)

    def _address(self, params: Params) -> str:
        # Spaces as %20, not as +: some servers do not read a plus sign as a space.
        query = urlencode(params, doseq=True, quote_via=quote)
        url = self._endpoints.authorize_url
        return f"{url}{'&' if urlsplit(url).query else '?'}{query}"

    def pushed(self, client_secret: str | None) -> ServerRequest:
        """Return the request that hands the parameters to the server, before the browser is sent there.

        RFC 9126 section 2.1. Its body is always a form, also at servers whose token endpoint wants JSON.
        """
        profile, endpoints = self._profile._replace(token_request="form"), self._endpoints
        known = (self._state, self._nonce, self._verifier)
        return server_request(
            profile, endpoints, self._parameters(), client_secret, url=endpoints.par_url, secrets=known
        )

    def point_to(self, answer: Answer, request: ServerRequest) -> None:
        """Let ``url`` lead to the parameters that were ``pushed``, and hold nothing else (RFC 9126 section 4).

        Args:
            answer: what the server sent.
            request: what it answers.

        Raises:
            TokenRefused: the server does not take them.
            InvalidAnswer: it does not say where they are.
        """
        outcome = read_pushed(self._profile, answer, request)
        if isinstance(outcome, ServerError):
            raise outcome
        self.opened_within = outcome.expires_in
        self.url = self._address({"client_id": self._profile.client_id, "request_uri": outcome.request_uri})

    @hides
    def accept(self, query: Hidden[str]) -> str:
        """Return the authorization code that the redirect's raw ``query`` brings (RFC 6749 section 4.1.2).

        Args:
            query: the raw query of the redirect, without the question mark.

        Raises:
            RedirectRejected: it does not answer this attempt. Keep waiting for one that does.
            LoginRefused: the server refused the login (RFC 6749 section 4.1.2.1).
            InvalidAnswer: it is from another issuer (RFC 9207).
        """
        outcome = self._outcome(query.reveal())
        if isinstance(outcome, AventusCredsError):
            raise outcome
        return outcome

    def _outcome(self, query: str) -> str | AventusCredsError:  # noqa: PLR0911 - it raises nothing, see accept
        try:
            query.encode()  # a lone surrogate, which Windows consoles and JSON may give, cannot be sent
            # The description of an error may be in any encoding. That must not hide the error itself.
            pairs = parse_qsl(query, keep_blank_values=True, errors="replace", max_num_fields=100)
        except ValueError:
            return RedirectRejected("the address is damaged: it cannot be read")
        # Unknown parameters are ignored: servers add session_state, scope and others.
        known = [name for name, _ in pairs if name in {"state", "code", "error", "error_description", "iss"}]
        if len(known) != len(set(known)):
            return RedirectRejected("the address is damaged: a parameter is in it twice")
        params = dict(pairs)
        if not params.get("state"):
            said = (
                self._said(params["error"], params.get("error_description", "")) if "error" in params else ""
            )
            return RedirectRejected("the address has no state: it is not the answer to this login", said=said)
        if not hmac.compare_digest(params["state"].encode(), self._state.encode()):
            return RedirectRejected("the address has another state: it is not the answer to this login")
        if foreign := self._foreign_issuer(params):
            return foreign
        if "error" in params:
            return self._refused(params["error"], params.get("error_description", ""))
        if not params.get("code"):
            return RedirectRejected("the address has no authorization code")
        if not _CODE.fullmatch(params["code"]):
            return RedirectRejected("the address is damaged: its code has characters that no code has")
        self._told = facts(params, (params["code"], self._state, self._nonce, self._verifier))
        self._iss = params.get("iss", "")
        return params["code"]

    def _foreign_issuer(self, params: Mapping[str, str]) -> InvalidAnswer | None:
        """Check the issuer (RFC 9207 section 2.4). Some servers announce iss, but leave it out of errors."""
        expected = self._endpoints.issuer
        if not expected:
            return None
        if "iss" in params:
            if not speaks_for(expected, params["iss"]):
                return InvalidAnswer(
                    f"the redirect comes from another issuer than {expected}: it is not trusted",
                    hint=_MIX_UP,
                )
        elif self._endpoints.announces_iss and "error" not in params:
            return InvalidAnswer(
                f"the redirect does not say that it is from {expected}, as it should", hint=_MIX_UP
            )
        return None

    def _refused(self, error: str, description: str) -> LoginRefused:
        return LoginRefused(
            f"{self._profile.system} refused the login of profile {self._profile.name}:"
            f" {self._said(error, description)}",
            error=self._plain(error),
            error_description=self._plain(description),
            hint=HINTS.get(self._plain(error), ""),
        )

    def _said(self, error: str, description: str) -> str:
        """Return an error and its description as one line that is safe to show."""
        return ": ".join(filter(None, (self._plain(error), self._plain(description))))

    def _plain(self, words: str) -> str:
        return plain(words, (self._state, self._nonce, self._verifier))

    def exchange(self, code: str, client_secret: str | None) -> ServerRequest:
        """Return the token request for an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5).

        Args:
            code: as ``accept`` returned it.
            client_secret: None for a public client.
        """
        fields: dict[str, str | list[str]] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
        }
        if self._verifier:
            fields["code_verifier"] = self._verifier
        fields.update(self._profile.token_params)
        return server_request(
            self._profile, self._endpoints, fields, client_secret, secrets=(code, self._verifier, self._state)
        )

    def read_token(self, answer: Answer, request: ServerRequest, *, now: float) -> Token:
        """Read the token in the answer to ``exchange``. An ID token in it must belong to this attempt.

        Args:
            answer: what the server sent.
            request: what it answers.
            now: when the answer arrived, in seconds since the epoch, UTC.

        Raises:
            TokenRefused: as ``answer.read_token`` does.
            InvalidAnswer: the same, and if the nonce differs (OpenID Connect Core section 3.1.3.7), or the tenant.
        """
        token = read_token(self._profile, answer, request, now=now, told=self._told, proof_key=self.proof_key)
        if wrong := self._wrong_id_token(json_object(answer).get("id_token")):
            raise InvalidAnswer(f"the answer of {request.url} {wrong}", hint=_MIX_UP)
        return token

    def _wrong_id_token(self, id_token: object) -> str:
        """Return "", or what is wrong with the ID token of an answer."""
        wrong = self._wrong_nonce(id_token) if self._nonce else ""
        return wrong or self._wrong_tenant(id_token)

    def _wrong_tenant(self, id_token: object) -> str:
        """Return "", or what is wrong with the issuer in an ID token of a server with many tenants."""
        claims = jwt_claims(id_token) if isinstance(id_token, str) else {}
        if not claims or not is_template(self._endpoints.issuer):
            return ""
        if not of_tenant(self._endpoints.issuer, claims):
            return f"has an ID token of another issuer than {self._endpoints.issuer} of its own tenant"
        return (
            "" if self._iss in {"", claims["iss"]} else "has an ID token of another tenant than the redirect"
        )

    def _wrong_nonce(self, id_token: object) -> str:
        """Return "", or what is wrong with the nonce in an ID token (OpenID Connect Core section 3.1.3.7).

        With PKCE the server itself has checked that the code belongs to this login, and some servers never
        return the nonce: then it may be missing. Without PKCE the nonce is the only check (RFC 9700 section
        2.1.1).
        """
        claims = jwt_claims(id_token) if isinstance(id_token, str) else {}
        if "nonce" not in claims:
            return "" if self._verifier else _no_nonce(id_token, claims)
        return (
            ""
            if claims["nonce"] == self._nonce
            else "answers another login: the nonce in its ID token differs"
        )


def _no_nonce(id_token: object, claims: Mapping[str, object]) -> str:
    """Say why no nonce was found, and that one is needed here."""
    what = (
        "an ID token without a nonce"
        if claims
        else "an ID token that cannot be read"
        if id_token
        else "no ID token"
    )
    return f"has {what}, and with pkce = false the nonce is required"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
