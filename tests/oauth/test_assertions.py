"""Assertions, checked by the key's public part: what they say, how they are signed, and what cannot sign."""

from __future__ import annotations

import json
import traceback
import warnings
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import JWKRegistry, OctKey
from oauth_values import ISSUER, endpoints
from signing_keys import SigningKey
from support import make_profile, variables_shown

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import ConfigError, SecretError
from aventus_creds.oauth.assertions import FITTING, Signing, audience, signed, whole_claims
from aventus_creds.oauth.signatures import credential, grant_assertion
from aventus_creds.profiles.profile import Profile

NOW = 1_700_000_000.5
PLANTED = "UExBTlRFRFBMQU5URURQTEFOVEVEUExBTlRFRFBMQU5URURQTEFOVEVE"  # base64url of the word, over and over
SECRET = "a-shared-secret-that-is-long-enough-to-sign"


def decoded(token: str, key: SigningKey) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims, once the signature is checked."""
    with warnings.catch_warnings(action="ignore"):  # EdDSA is deprecated, and in use
        known = JWKRegistry.import_key(key.public)
        found = jwt.decode(token, known, algorithms=[*sum(FITTING.values(), ())])
    return found.header, found.claims


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("RSA", "RS256"), ("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512"), ("Ed25519", "EdDSA")],
)
def test_each_kind_of_key(kind: str, algorithm: str) -> None:
    """As PEM and as JWK; the algorithm fits the key, and the header says what it is."""
    key = SigningKey(kind)
    for text in (key.pem, json.dumps(key.jwk), f"\n{key.pem}\n"):
        header, claims = decoded(signed(Hidden(text), {"a": 1}, Signing("odd+jwt")), key)
        assert (header["alg"], header["typ"], claims) == (algorithm, "odd+jwt", {"a": 1})


@pytest.mark.parametrize(
    ("how", "member", "algorithm"),
    [
        ({}, {}, "RS256"),
        ({"algorithm": "PS512"}, {}, "PS512"),
        ({}, {"alg": "PS256"}, "PS256"),
        ({"taken": ("PS256", "ES256")}, {}, "PS256"),
        ({"taken": ("RS512", "RS256")}, {}, "RS256"),
        ({"algorithm": "RS384", "taken": ("RS384",)}, {}, "RS384"),
    ],
)
def test_the_algorithm(how: dict[str, Any], member: dict[str, Any], algorithm: str) -> None:
    """Named by the profile or the JWK; else the first of the key's that the server takes."""
    key = SigningKey("RSA", **member)
    header, _ = decoded(signed(Hidden(json.dumps(key.jwk)), {}, Signing("JWT", **how)), key)
    assert header["alg"] == algorithm


def test_the_keys_name() -> None:
    """``kid``: the profile's, else the JWK's, else none."""
    key = SigningKey("P-256", kid="of the JWK")
    text = Hidden(json.dumps(key.jwk))
    assert decoded(signed(text, {}, Signing("JWT")), key)[0]["kid"] == "of the JWK"
    assert decoded(signed(text, {}, Signing("JWT", key_id="mine")), key)[0]["kid"] == "mine"
    assert "kid" not in decoded(signed(Hidden(key.pem), {}, Signing("JWT")), key)[0]


def encrypted() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"passphrase"),
        )
        .decode()
    )


@pytest.mark.parametrize(
    ("make", "how", "said"),
    [
        (lambda key: "no key at all, PLANTED", {}, "neither PEM nor JWK"),
        (lambda key: key.pem.replace("A", "B"), {}, "cannot be used|cannot sign"),
        (lambda key: "{PLANTED", {}, "it is no JWK"),
        (lambda key: '{"kty": "PLANTED"}', {}, "it is no JWK"),
        (lambda key: json.dumps(key.public), {}, "it is no private key"),
        (
            lambda key: json.dumps({"kty": "oct", "k": PLANTED}),
            {},
            "it is no private key",
        ),
        (lambda key: encrypted(), {}, "encrypted"),
        (lambda key: key.pem, {"algorithm": "RS256"}, "signs with ES256, not RS256"),
        (lambda key: key.pem, {"taken": ("RS256", "PS256")}, "takes signatures by RS256, PS256"),
    ],
)
def test_what_cannot_sign(make: Any, how: dict[str, Any], said: str) -> None:
    """It is told, and neither the error nor its variables have the key."""
    text = make(SigningKey("P-256"))
    with pytest.raises(ConfigError, match=said) as caught:
        signed(Hidden(text), {}, Signing("JWT", **how))
    shown = variables_shown(caught.value) + "".join(traceback.format_exception(caught.value))
    assert "PLANTED" not in shown
    assert PLANTED not in shown
    assert caught.value.__context__ is None
    assert len(text) < 100 or text[40:80] not in shown


def test_whole_claims() -> None:
    """For whom, from when, for less than a minute, and which one it is: another each time."""
    claims = whole_claims({"iss": "c", "sub": "c"}, ISSUER, now=NOW, random=b"\x00" * 16)
    assert claims == {
        "iss": "c",
        "sub": "c",
        "aud": ISSUER,
        "iat": 1_700_000_000,
        "exp": 1_700_000_050,
        "jti": "A" * 22,
    }


def keyed(**keys: Any) -> Profile:
    keys.setdefault("client_key", {"env": "KEY"})
    return make_profile(**keys)


def test_the_audience() -> None:
    """The issuer, as the new draft wants; the token endpoint where none is known, or where the profile says so."""
    named, unknown = keyed(), keyed()
    at = endpoints(named, token_url="https://as.example.com/token")
    assert audience(named, at) == ISSUER
    assert audience(unknown, at._replace(issuer="")) == "https://as.example.com/token"
    assert audience(keyed(assertion_audience="token_url"), at) == "https://as.example.com/token"
    assert audience(keyed(assertion_audience="issuer"), at) == ISSUER
    assert audience(keyed(assertion_audience="account-d.docusign.com"), at) == "account-d.docusign.com"


def test_the_clients_assertion(monkeypatch: pytest.MonkeyPatch) -> None:
    """private_key_jwt: issued by the client, about itself, of a type of its own; never twice the same."""
    key = SigningKey()
    monkeypatch.setenv("KEY", key.pem)
    profile = keyed(client_id="me", client_key_id="k1")
    tokens = [credential(profile, endpoints(profile)) or "" for _ in range(2)]
    found = [decoded(token, key) for token in tokens]
    for header, claims in found:
        assert (header["typ"], header["kid"]) == ("client-authentication+jwt", "k1")
        assert (claims["iss"], claims["sub"], claims["aud"]) == ("me", "me", ISSUER)
        assert claims["exp"] - claims["iat"] == 50
    assert found[0][1]["jti"] != found[1][1]["jti"]


def test_the_secret_signs() -> None:
    """client_secret_jwt: an HMAC under the secret, which the assertion does not hold."""
    profile = make_profile(client_secret=SECRET, client_auth="client_secret_jwt")
    token = credential(profile, endpoints(profile)) or ""
    found = jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"])
    assert found.header["typ"] == "client-authentication+jwt"
    assert SECRET not in token


def test_nothing_is_made_where_nothing_is_sent() -> None:
    """A public client, and one with a certificate."""
    public, certified = make_profile(), make_profile(client_certificate=__file__)
    assert credential(public, endpoints(public)) is None
    assert credential(certified, endpoints(certified)) is None


# The grant's own


def test_the_grants_assertion(monkeypatch: pytest.MonkeyPatch) -> None:
    """jwt_bearer: the client's, with the profile's claims; what the server takes of clients does not count here."""
    key = SigningKey()
    monkeypatch.setenv("KEY", key.pem)
    profile = keyed(
        grant="jwt_bearer", client_id="me", scope="a", assertion_claims={"sub": "ada", "box_sub_type": "user"}
    )
    at = endpoints(profile, signing_algorithms=("RS256",))
    header, claims = decoded(grant_assertion(profile, at), key)
    assert header["typ"] == "JWT"
    assert (claims["iss"], claims["sub"], claims["box_sub_type"]) == ("me", "ada", "user")
    assert "scope" not in claims


def account(key: SigningKey, **changes: Any) -> str:
    """Return the JSON of a service account, as Google makes it."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "engine",
            "private_key_id": "0123abcd",
            "private_key": key.pem,
            "client_email": "machine@engine.iam.gserviceaccount.com",
            "client_id": "1234567890",
            "token_uri": "https://oauth2.googleapis.com/token",
            **changes,
        },
        indent=2,
    )


def test_a_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's file as it was given: the e-mail issues it, the scope is in it, and it is for the file's address."""
    key = SigningKey("RSA")
    monkeypatch.setenv("ACCOUNT", account(key))
    profile = make_profile(
        grant="jwt_bearer",
        service_account={"env": "ACCOUNT"},
        scope="https://www.googleapis.com/auth/cloud-platform",
        assertion_claims={"sub": "ada@example.com"},
    )
    header, claims = decoded(grant_assertion(profile, endpoints(profile)), key)
    assert (header["kid"], header["alg"]) == ("0123abcd", "RS256")
    assert claims["iss"] == "machine@engine.iam.gserviceaccount.com"
    assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert claims["aud"] == "https://oauth2.googleapis.com/token"
    assert claims["sub"] == "ada@example.com"


@pytest.mark.parametrize("text", ["PLANTED", "{", "[]", '{"client_email": "PLANTED"}', '{"private_key": 4}'])
def test_what_is_no_service_account(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file than Google's is told, and not shown."""
    monkeypatch.setenv("ACCOUNT", text)
    profile = make_profile(grant="jwt_bearer", service_account={"env": "ACCOUNT"})
    with pytest.raises(SecretError, match="no JSON with client_email and private_key") as caught:
        grant_assertion(profile, endpoints(profile))
    assert "PLANTED" not in variables_shown(caught.value) + str(caught.value)
