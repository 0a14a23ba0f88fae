"""ID tokens over real sockets: what they must say, and who has signed them (OpenID Connect Core section 3.1.3.7)."""

from __future__ import annotations

import base64
import hmac
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from signing_keys import SigningKey
from support import Seen, Sent, Web, make_profile, make_token

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import InvalidAnswer
from aventus_creds.oauth import id_signature
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.oauth.code_grant import Authorization

RSA = SigningKey("RSA", kid="one", use="sig")
OTHER = SigningKey("RSA", kid="one", use="sig")
CURVE = SigningKey("P-256", kid="two")
ED = SigningKey("Ed25519", kid="three")
SECRET = "a client secret that is long enough to sign"


class Server:
    """A server whose ID tokens a test words, and whose keys it chooses."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.keys: list[Any] = [RSA.public, CURVE.public, ED.public]
        self.later: list[Any] | None = None  # those of the second look
        self.jwks: Sent | None = None
        self.document: dict[str, Any] = {}
        self.id_token: Callable[[dict[str, Any]], Any] = lambda claims: signed(RSA, claims)
        self.nonce = ""
        self.fetched = 0
        web.answer = self.answer

    def answer(self, seen: Seen) -> Sent:
        if seen.path.startswith("/.well-known"):
            named = ("authorization", "token", "device_authorization", "userinfo")
            document = {
                "issuer": self.web.url,
                **{f"{name}_endpoint": f"{self.web.url}/{name}" for name in named},
                "jwks_uri": f"{self.web.url}/jwks",
                "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "HS256", "none"],
                **self.document,
            }
            return Sent(body={name: value for name, value in document.items() if value is not None})
        if seen.path == "/jwks":
            self.fetched += 1
            keys = self.later if self.later is not None and self.fetched > 1 else self.keys
            return self.jwks or Sent(body={"keys": keys})
        now = int(time.time())
        claims = {"iss": self.web.url, "sub": "ada", "aud": "client", "iat": now, "exp": now + 300}
        if self.nonce:
            claims["nonce"] = self.nonce
        return Sent(
            body={
                "access_token": "an-access-token",
                "token_type": "Bearer",
                "refresh_token": "a-refresh-token",
                "id_token": self.id_token(claims),
            }
        )

    def client(self, **keys: Any) -> OAuthClient:
        return OAuthClient(
            make_profile(
                provider="oidc",
                issuer=self.web.url,
                client_id="client",
                scope="openid",
                **keys,
            )
        )

    def log_in(self, **keys: Any) -> Any:
        client = self.client(**keys)
        attempt = Authorization(client._profile, client.endpoints, "http://127.0.0.1/callback", random=bytes)
        self.nonce = attempt._nonce
        return client.exchange(attempt, Hidden("a-code"))


def signed(key: Any, claims: dict[str, Any], **header: Any) -> str:
    algorithm = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA", "oct": "HS256"}[
        getattr(key, "key", key).key_type
    ]
    named = {"kid": key.public["kid"]} if isinstance(key, SigningKey) else {}
    real = key.key if isinstance(key, SigningKey) else key
    whole = {"alg": algorithm, **named, **header}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jwt.encode(
            {name: value for name, value in whole.items() if value is not None},
            claims,
            real,
            algorithms=[whole["alg"]],
        )


def unsigned(claims: dict[str, Any], algorithm: Any = "none", **header: Any) -> str:
    def part(found: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(found).encode()).rstrip(b"=").decode()

    return f"{part({'alg': algorithm, **header})}.{part(claims)}."


@pytest.fixture
def server(web: Web) -> Server:
    return Server(web)


@pytest.mark.parametrize("key", [RSA, CURVE, ED], ids=["RSA", "P-256", "Ed25519"])
def test_a_login(server: Server, key: SigningKey) -> None:
    """The signature is checked with the server's published key, fetched once; the token is handed out."""
    server.id_token = lambda claims: signed(key, claims)
    token = server.log_in()
    assert (token.account, token.id_token.count("."), server.fetched) == ("ada", 2, 1)
    server.id_token = lambda claims: signed(SigningKey("P-256" if key is CURVE else "RSA", kid="one"), claims)
    if key is not ED:
        with pytest.raises(InvalidAnswer):
            server.log_in()


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://evil.example"}, "is of another issuer"),
    "no issuer": ({"iss": None}, "is of another issuer"),
    "another audience": ({"aud": "other"}, "is for another client"),
    "others among the audience": ({"aud": ["other", "third"]}, "is for another client"),
    "no audience": ({"aud": None}, "is for another client"),
    "two audiences without azp": ({"aud": ["client", "other"]}, "is for several clients"),
    "two audiences, given to the other": (
        {"aud": ["client", "other"], "azp": "other"},
        "was given to another client",
    ),
    "given to another": ({"azp": "other"}, "was given to another client"),
    "expired": ({"exp": 1_000_000}, "has expired"),
    "no end": ({"exp": None}, "does not say when it expires"),
    "from the future": ({"iat": 99_999_999_999}, "is from the future"),
    "nobody's": ({"sub": None}, "does not say whose it is"),
    "another login's": ({"nonce": "another"}, "nonce"),
}


@pytest.mark.parametrize("joserfc", [True, False], ids=["with joserfc", "without"])
@pytest.mark.parametrize("case", WRONG)
def test_what_it_must_say(
    server: Server, case: str, monkeypatch: pytest.MonkeyPatch, *, joserfc: bool
) -> None:
    """Whoever it is from, for and of is checked always; no secret is in the message."""
    if not joserfc:
        monkeypatch.setattr(id_signature, "find_spec", lambda _: None)
    changed, said = WRONG[case]
    server.id_token = lambda claims: signed(
        RSA, {name: value for name, value in {**claims, **changed}.items() if value is not None}
    )
    with pytest.raises(InvalidAnswer) as refused:
        server.log_in()
    assert said in refused.value.message
    assert "eyJ" not in str(refused.value)


def test_what_it_may_say(server: Server) -> None:
    """Several audiences, if it was given to this client; clocks that differ a little."""
    now = int(time.time())
    for more in (
        {"aud": ["client"]},
        {"aud": ["other", "client"], "azp": "client"},
        {"iat": now + 100, "exp": now + 200},
        {"iat": now - 500, "exp": now - 100},
    ):
        server.id_token = lambda claims, more=more: signed(RSA, {**claims, **more})  # type: ignore[misc]
        assert server.log_in().id_token


def forged(claims: dict[str, Any]) -> str:
    return signed(OTHER, claims)


def by_the_public_key(claims: dict[str, Any]) -> str:
    """Return a token signed with a public key as the secret: a client that takes HS256 for RS256 would believe it."""
    text = unsigned(claims, "HS256", kid="one").rstrip(".")
    mac = hmac.digest(RSA.key.as_pem(private=False), text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


SIGNED_WRONG: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another key of the same name": (forged, "signature that is wrong"),
    "a key that is not published": (
        lambda claims: signed(RSA, claims, kid="gone"),
        "a key that the server does not publish",
    ),
    "not signed": (unsigned, "is not signed"),
    "not signed, in capitals": (lambda claims: unsigned(claims, "NONE"), "is not signed"),
    "no algorithm": (lambda claims: unsigned(claims, None), "an algorithm that is not expected"),
    "by the public key as a secret": (
        by_the_public_key,
        "by the client's secret, and the profile does not say so",
    ),
    "by the client's secret": (
        lambda claims: signed(OctKey.import_key(SECRET), claims),
        "by the client's secret, and the profile does not say so",
    ),
    "by an algorithm that the server does not name": (
        lambda claims: signed(RSA, claims, alg="PS256"),
        "an algorithm that is not expected",
    ),
    "changed": (
        lambda claims: ".".join(
            [
                (parts := signed(RSA, claims).split("."))[0],
                unsigned({**claims, "sub": "eve"}).split(".")[1],
                parts[2],
            ]
        ),
        "signature that is wrong",
    ),
    "encrypted": (lambda claims: "a.b.c.d.e", "cannot be read"),
}


@pytest.mark.parametrize("case", SIGNED_WRONG)
def test_who_must_have_signed(server: Server, case: str) -> None:
    """Only the server's published keys count, by the algorithms that it names; never none, never a shared secret."""
    server.id_token, said = SIGNED_WRONG[case]
    with pytest.raises(InvalidAnswer) as refused:
        server.log_in(client_secret=SECRET, pkce=True)
    assert said in refused.value.message


def test_the_clients_secret_if_the_profile_says_so(server: Server) -> None:
    """HS256 takes the key id_token_algorithm; then no published key will do, nor another secret."""
    keys = {"client_secret": SECRET, "id_token_algorithm": "HS256"}
    server.id_token = lambda claims: signed(OctKey.import_key(SECRET), claims)
    assert server.log_in(**keys).account == "ada"
    server.id_token = lambda claims: signed(OctKey.import_key(SECRET + "!"), claims)
    with pytest.raises(InvalidAnswer, match="signature that is wrong"):
        server.log_in(**keys)
    server.id_token = lambda claims: signed(RSA, claims)
    with pytest.raises(InvalidAnswer, match="not expected"):
        server.log_in(**keys)
    assert server.fetched == 0


def test_an_exchanged_key(server: Server) -> None:
    """A key that is not in the set is looked for once more, and not a third time."""
    new = SigningKey("RSA", kid="new")
    server.id_token = lambda claims: signed(new, claims)
    server.later = [new.public]
    assert server.log_in().account == "ada"
    assert server.fetched == 2
    server.fetched, server.later = 0, None
    with pytest.raises(InvalidAnswer, match="does not publish"):
        server.log_in()
    assert server.fetched == 2


def test_a_token_without_a_key_name(server: Server) -> None:
    """Without a kid, each key of the right kind is tried (section 10.1)."""
    server.keys = [{"kty": "??"}, {"kty": "RSA"}, CURVE.public, {**OTHER.public, "kid": "x"}, RSA.public]
    server.id_token = lambda claims: signed(RSA, claims, kid=None)
    assert server.log_in().account == "ada"
    server.keys = server.keys[:-1]
    with pytest.raises(InvalidAnswer, match="signature that is wrong"):
        server.log_in()


@pytest.mark.parametrize(
    "keys",
    [
        Sent(body={"keys": [RSA.public], "more": "x" * 1_100_000}),
        Sent(body={"keys": "many"}),
        Sent(body=b"["),
        Sent(
            body={"keys": [5, None, {"kty": "oct", "k": "AAAA", "kid": "one"}, {**RSA.public, "use": "enc"}]}
        ),
        Sent(body={"keys": [{"kty": "RSA", "kid": str(n)} for n in range(70)] + [RSA.public]}),
        Sent(302, headers={"Location": "/elsewhere"}),
    ],
    ids=["a megabyte", "no list", "no JSON", "no key for signatures", "far too many", "a redirect"],
)
def test_a_set_of_keys_that_is_none(server: Server, keys: Sent) -> None:
    """It proves nothing, so the login fails."""
    server.jwks = keys
    with pytest.raises(InvalidAnswer):
        server.log_in()


def test_keys_that_cannot_be_had_now(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """The person's login is not lost: TLS stands for the signature, as without joserfc, and the log says so."""
    server.jwks = Sent(503)
    server.id_token = forged
    assert server.log_in().account == "ada"
    assert "signature of the ID token was not checked" in caplog.text


def test_without_joserfc_tls_stands_for_the_signature(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Section 3.1.3.7 item 6. Nothing is fetched, and what is not signed at all is refused."""
    monkeypatch.setattr(id_signature, "find_spec", lambda _: None)
    server.id_token = forged
    assert server.log_in().account == "ada"
    assert server.fetched == 0
    server.id_token = unsigned
    with pytest.raises(InvalidAnswer, match="not signed"):
        server.log_in()


def test_a_server_that_publishes_no_keys(server: Server) -> None:
    """As without joserfc."""
    server.document = {"jwks_uri": None}
    server.id_token = forged
    assert server.log_in().account == "ada"


def test_an_unsafe_address_of_the_keys(server: Server) -> None:
    """It is refused as every other address in the document is."""
    server.document = {"jwks_uri": "http://keys.example.com/jwks"}
    with pytest.raises(InvalidAnswer, match="jwks_uri"):
        server.log_in()


def test_without_a_list_of_algorithms_it_is_rs256(server: Server) -> None:
    """The default of section 3.1.3.7 item 7."""
    server.document = {"id_token_signing_alg_values_supported": None}
    assert server.log_in().account == "ada"
    server.id_token = lambda claims: signed(CURVE, claims)
    with pytest.raises(InvalidAnswer, match="not expected"):
        server.log_in()


def test_a_login_on_a_device(server: Server) -> None:
    """Its ID token is checked as another."""
    assert server.client().device_token(Hidden("code")).account == "ada"
    server.id_token = forged
    with pytest.raises(InvalidAnswer, match="signature that is wrong"):
        server.client().device_token(Hidden("code"))
    server.id_token = lambda claims: signed(RSA, {**claims, "aud": "other"})
    with pytest.raises(InvalidAnswer, match="another client"):
        server.client().device_token(Hidden("code"))


def test_a_refresh(server: Server) -> None:
    """The new one is of the same server, person and client (section 12.2); it needs no nonce, and no key is fetched."""
    old = make_token(
        refresh_token="r",
        id_token=signed(RSA, {"iss": server.web.url, "sub": "ada", "aud": "client"}),
    )
    server.id_token = lambda claims: signed(OTHER, claims)
    assert server.client().refresh(old, retries=0).id_token != old.id_token
    assert server.fetched == 0
    for changed, said in (
        ({"sub": "eve"}, "another person"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"aud": "other"}, "another client"),
        ({"aud": ["client", "other"]}, "several clients"),
    ):
        server.id_token = lambda claims, changed=changed: signed(RSA, {**claims, **changed})  # type: ignore[misc]
        with pytest.raises(InvalidAnswer, match=said):
            server.client().refresh(old, retries=0)
    server.id_token = lambda claims: 5
    assert server.client().refresh(old, retries=0).id_token == old.id_token
