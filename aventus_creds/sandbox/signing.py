"""Makes the tokens, signed JWTs, and checks them for the API (RFC 9068, OpenID Connect Core section 2)."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from functools import cache
from typing import Any, Final, cast

from authlib.oauth2.rfc6749 import InvalidGrantError
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from authlib.oidc.core import OpenIDCode
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from aventus_creds.sandbox.people import PEOPLE
from aventus_creds.sandbox.proofs import bound_to
from aventus_creds.sandbox.state import Login
from aventus_creds.sandbox.switches import Switches

ALGORITHM: Final = "RS256"


class _OneKey(KeySet):
    """The key set of the sandbox, which has one key."""

    def pick_random_key(self, algorithm: str | None = None, parameters: Any = None) -> Any:  # noqa: ARG002 - joserfc's
        """Return that key. joserfc would draw from the global generator, which a user may have seeded."""
        return self.keys[0]


@cache
def signing_keys() -> KeySet:
    """Return the key of all dialects. It is made only once, since that is slow, and never stored."""
    return _OneKey([RSAKey.generate_key(2048, {"use": "sig", "alg": ALGORITHM, "kid": secrets.token_hex(8)})])


def public_keys() -> dict[str, Any]:
    """Return the JWK set that a dialect publishes (RFC 7517 section 5)."""
    return cast("dict[str, Any]", signing_keys().as_dict(private=False))


def checked_claims(access_token: str, issuers: Collection[str], audiences: Collection[str]) -> dict[str, Any]:
    """Check an access token and return its claims.

    Args:
        access_token: the token, as the client sent it.
        issuers: the servers that issue tokens for the API. The token must be from one of them.
        audiences: the identifiers of the API. The token must be for one of them.

    Raises:
        ValueError, joserfc.errors.JoseError: the signature, issuer, audience or expiry is wrong.
    """
    claims = jwt.decode(access_token, signing_keys(), algorithms=[ALGORITHM]).claims
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "values": list(issuers)},
        aud={"essential": True, "values": list(audiences)},
        exp={"essential": True},
    ).validate(claims)
    return claims


def user_claims(subject: str, scope: str) -> dict[str, Any]:
    """Return the claims about a person that the scope allows (OpenID Connect Core section 5.4)."""
    person, scopes = PEOPLE[subject], scope.split()
    claims: dict[str, Any] = {"sub": person.username}
    if "profile" in scopes:
        claims["name"] = person.name
    if "email" in scopes:
        claims |= {"email": person.email, "email_verified": True}
    return claims


class TokenGenerator(JWTBearerTokenGenerator):
    """Makes the access token, and a refresh token if offline access was granted."""

    def __init__(self, issuer: str, lifetime: Any) -> None:
        super().__init__(
            issuer=issuer,
            alg=ALGORITHM,
            refresh_token_generator=lambda **_: secrets.token_urlsafe(48),
            expires_generator=lambda *_: lifetime(),
        )

    def get_jwks(self) -> KeySet:
        """Return the key that signs."""
        return signing_keys()

    def get_extra_claims(self, client: Any, grant_type: str, user: Login, scope: str) -> dict[str, Any]:  # noqa: ARG002
        """Return what the token is bound to (RFC 9449 section 6.1)."""
        return {"cnf": {"jkt": user.thumbprint}} if user.thumbprint else {}

    def get_audiences(self, client: Any, user: Login, scope: str) -> str:  # noqa: ARG002 - Authlib's
        """Return the API's identifier, as the client named it."""
        return user.audience

    def __call__(self, *, include_refresh_token: bool, user: Login, **request: Any) -> Any:
        """Make the answer, with a refresh token if the login is for offline use (OpenID Connect Core section 11).

        Raises:
            InvalidGrantError: the login is bound to another key than the one that was proved (RFC 9449 section 5).
        """
        known, proved, client = user.thumbprint, bound_to(), request["client"]
        if known != proved and (client.row.public or not proved) and known:
            raise InvalidGrantError("The login is bound to another key.")
        user.thumbprint = proved
        return super().__call__(
            **request, user=user, include_refresh_token=include_refresh_token and user.offline
        )


class TokenAnswer(OpenIDCode):
    """Completes the token answer as the dialect does: an ID token for ``openid``, with or without the scope."""

    def __init__(
        self, issuer: str, *, require_nonce: bool, always_names_scope: bool, switches: Switches
    ) -> None:
        super().__init__(require_nonce=require_nonce)
        self._switches = switches
        self._issuer = issuer
        self._always_names_scope = always_names_scope

    def process_token(self, grant: Any, response: Any) -> None:
        """Add the ID token, and leave out the scope if it is the requested one (RFC 6749 section 5.1)."""
        super().process_token(grant, response)
        _, answer, _ = response
        if grant.request.user.thumbprint:
            answer["token_type"] = "DPoP"
        asked = grant.request.payload.scope or grant.request.user.asked_scope
        if not self._always_names_scope and set(answer.get("scope", "").split()) == set(asked.split()):
            answer.pop("scope", None)

    def exists_nonce(self, nonce: str, request: Any) -> bool:  # noqa: ARG002 - Authlib's
        """Return False: it is the client that must notice a repeated nonce."""
        return False

    def resolve_client_private_key(self, client: Any) -> KeySet:  # noqa: ARG002 - Authlib's
        """Return the key that signs."""
        return signing_keys()

    def get_client_claims(self, client: Any) -> dict[str, Any]:
        """Return who issued the ID token, and to which client."""
        return {"iss": self._issuer, "aud": client.get_client_id()}

    def generate_user_info(self, user: Login, scope: str) -> dict[str, Any]:
        """Return the claims about the person that the scope allows, how strong the login was, and what a test wants."""
        claims = user_claims(user.subject, scope) | ({"acr": user.acr} if user.acr else {})
        return claims | dict(self._switches.id_claims)
