"""Clients with a key or a certificate, and an exchange, against oidc-provider: a server that nobody here wrote."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from oidc_provider.provider import OidcProvider, why_unavailable
from signing_keys import SigningKey
from sockets import Authority
from support import Seen, Sent, unavailable

from aventus_creds import get_session, get_token, login, logout
from aventus_creds.errors import ConfigError, InvalidAnswer, SecretError, TokenRefused
from aventus_creds.tokens import jwt_claims

WriteProfiles = Callable[..., Path]
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
SECRET = "a-shared-secret-that-is-long-enough-to-sign"
ALGORITHMS = {"rs256": ("RSA", "RS256"), "ps256": ("RSA", "PS256"), "es256": ("P-256", "ES256")} | {
    "es384": ("P-384", "ES384"),
    "eddsa": ("Ed25519", "EdDSA"),
}


class Machines:
    """The server, and what its clients have: keys by client, the authority of its certificates, two certificates."""

    provider: OidcProvider

    def __init__(self, folder: Path) -> None:
        self.keys = {name: SigningKey(kind, kid=f"key of {name}") for name, (kind, _) in ALGORITHMS.items()}
        self.keys["person"] = SigningKey("P-256")
        self.authority = Authority(folder)
        self.certificate = self.authority.client(folder, "machine")
        self.alone = self.authority.client(folder, "alone", alone=True)

    def registered(self) -> dict[str, Any]:
        """Return what the server must know."""
        services = [
            {
                "client_id": name,
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_signing_alg": ALGORITHMS[name][1],
                "jwks": {"keys": [self.keys[name].public]},
                "grant_types": ["client_credentials", EXCHANGE],
            }
            for name in ALGORITHMS
        ]
        bound = {"grant_types": ["client_credentials"], "tls_client_certificate_bound_access_tokens": True}
        server = self.authority.server.read_text()
        return {
            "clients": [
                *services,
                {
                    "client_id": "person",
                    "application_type": "native",
                    "redirect_uris": ["http://127.0.0.1/callback"],
                    "grant_types": ["authorization_code", "refresh_token"],
                    "token_endpoint_auth_method": "private_key_jwt",
                    "token_endpoint_auth_signing_alg": "ES256",
                    "jwks": {"keys": [self.keys["person"].public]},
                },
                {
                    "client_id": "secret-jwt",
                    "client_secret": SECRET,
                    "token_endpoint_auth_method": "client_secret_jwt",
                    "grant_types": ["client_credentials"],
                },
                {
                    "client_id": "certificate",
                    "token_endpoint_auth_method": "tls_client_auth",
                    "tls_client_auth_san_dns": "machine.example",
                    **bound,
                },
                {
                    "client_id": "alone",
                    "token_endpoint_auth_method": "self_signed_tls_client_auth",
                    "jwks": {"keys": [jwk_of(self.alone)]},
                    **bound,
                },
            ],
            "tls": {"key": server, "cert": server, "ca": self.authority.bundle.read_text()},
        }

    def profile(self, client_id: str, folder: Path, **more: Any) -> dict[str, Any]:
        """Return a profile of a client with a key."""
        path = self.keys[client_id].write(folder / f"{client_id}.pem")
        return {**self.client(client_id), "client_key": {"file": str(path)}, **more}

    def client(self, client_id: str, **more: Any) -> dict[str, Any]:
        """Return a profile without what proves who the client is."""
        return {
            "issuer": self.provider.issuer,
            "client_id": client_id,
            "grant": "client_credentials",
            "token_params": {"resource": self.provider.resource},
            "scope": "read",
            "api_url": "https://api.example.com/",
            "ca_bundle": str(self.authority.bundle),
            "retries": 0,
            **more,
        }


def jwk_of(path: Path) -> dict[str, Any]:
    """Return the JWK of a certificate, as a server registers it."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    from joserfc.jwk import ECKey

    pem = certificate.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    return {**ECKey.import_key(pem).as_dict(), "x5c": [base64.b64encode(der).decode()]}


def thumbprint(der: bytes) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return base64.urlsafe_b64encode(digest.finalize()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    if reason := why_unavailable():
        unavailable(reason)
    machines = Machines(tmp_path_factory.mktemp("machines"))
    folder = tmp_path_factory.mktemp("oidc-provider-of-machines")
    with OidcProvider(folder, access_token_ttl=3600, machine=machines.registered()) as provider:
        machines.provider = provider
        yield machines


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_key_of_each_kind(
    name: str, machines: Machines, tmp_path: Path, write_profiles: WriteProfiles
) -> None:
    """private_key_jwt, chosen by what the client has; the algorithm by the key, or by name where two fit."""
    named = {"client_key_algorithm": "PS256"} if name == "ps256" else {}
    write_profiles({"prod": machines.profile(name, tmp_path, **named)})
    assert jwt_claims(get_token("prod").access_token)["aud"] == machines.provider.resource
    [last, *_] = [event for event in reversed(machines.provider.log) if event["event"] == "grant.success"]
    assert (last["client_id"], last["client_auth"]) == (name, "assertion")


def test_a_secret_that_signs(machines: Machines, write_profiles: WriteProfiles) -> None:
    """client_secret_jwt."""
    table = machines.client("secret-jwt", client_secret=SECRET, client_auth="client_secret_jwt")
    write_profiles({"prod": table})
    assert get_token("prod").access_token


@pytest.mark.parametrize(
    "change",
    [
        {"client_key_algorithm": "PS256"},
        {"assertion_audience": "https://another.example.com"},
        {"client_id": "es256"},
        {"client_auth": "post", "client_secret": "x"},
    ],
)
def test_what_the_server_refuses(
    change: dict[str, Any], machines: Machines, tmp_path: Path, write_profiles: WriteProfiles
) -> None:
    """Another algorithm than registered, another audience, another client's key, and a secret in place of the key."""
    write_profiles({"prod": machines.profile("rs256", tmp_path) | change})
    with pytest.raises(TokenRefused) as caught:
        get_token("prod")
    assert caught.value.error == "invalid_client"


def test_a_foreign_key(machines: Machines, tmp_path: Path, write_profiles: WriteProfiles) -> None:
    """Another key than the registered one."""
    write_profiles({"prod": machines.profile("es256", tmp_path)})
    SigningKey("P-256", kid="key of es256").write(tmp_path / "es256.pem")
    with pytest.raises(TokenRefused) as caught:
        get_token("prod")
    assert caught.value.error == "invalid_client"


def test_a_person_at_a_client_with_a_key(
    machines: Machines, tmp_path: Path, write_profiles: WriteProfiles
) -> None:
    """The code and the revocation each take an assertion; the refresh too."""
    table = machines.profile("person", tmp_path, callback="loopback", login_timeout=10)
    del table["grant"], table["token_params"]
    table |= {"scope": "openid offline_access", "authorize_params": {"prompt": "consent"}}
    write_profiles({"person": table})
    token = login("person", browser=lambda url: requests.get(machines.provider.login(url), timeout=5))
    assert token.refresh_token
    from aventus_creds.oauth.client import OAuthClient
    from aventus_creds.profiles.file import read_profiles

    new = OAuthClient(read_profiles().profile("person")).refresh(token, retries=0)
    assert new.refresh_token != token.refresh_token
    assert logout("person").revoked
    used = [event["grant_type"] for event in machines.provider.log if event["event"] == "grant.success"]
    assert used[-2:] == ["authorization_code", "refresh_token"]


def test_an_exchange(machines: Machines, tmp_path: Path, write_profiles: WriteProfiles) -> None:
    """A person's token for one of a service, which authenticates with its key; and one that the server never gave."""
    person = machines.profile("person", tmp_path, callback="loopback", login_timeout=10)
    del person["grant"], person["token_params"]
    service = machines.profile("es256", tmp_path, grant="token_exchange", subject_token={"profile": "person"})
    del service["token_params"]
    write_profiles(
        {
            "person": {**person, "scope": "openid"},
            "prod": service,
            "odd": {**service, "requested_token_type": "urn:example:odd"},
            "wrong": {
                **service,
                "subject_token": {"command": ["echo", "not-a-token"]},
                "subject_token_type": "access_token",
            },
        }
    )
    login("person", browser=lambda url: requests.get(machines.provider.login(url), timeout=5))
    assert get_token("prod").access_token != get_token("person").access_token
    [last, *_] = [event for event in reversed(machines.provider.log) if event["event"] == "grant.success"]
    assert (last["client_id"], last["grant_type"], last["client_auth"]) == ("es256", EXCHANGE, "assertion")
    with pytest.raises(InvalidAnswer, match="urn:example:other"):
        get_token("odd")
    with pytest.raises(TokenRefused) as caught:
        get_token("wrong")
    assert caught.value.error == "invalid_grant"


# Certificates


@pytest.mark.parametrize("name", ["certificate", "alone"])
def test_a_certificate(name: str, machines: Machines, write_profiles: WriteProfiles) -> None:
    """RFC 8705: by an authority, or by itself; at the address for it. The token is bound to it."""
    path = machines.certificate if name == "certificate" else machines.alone
    write_profiles({"prod": machines.client(name, client_certificate=str(path))})
    bound = jwt_claims(get_token("prod").access_token)["cnf"]["x5t#S256"]
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    assert bound == thumbprint(certificate.public_bytes(serialization.Encoding.DER))


@pytest.mark.parametrize(("name", "file"), [("certificate", "alone"), ("alone", "certificate")])
def test_a_foreign_certificate(
    name: str, file: str, machines: Machines, write_profiles: WriteProfiles
) -> None:
    """Another certificate than the registered one is refused."""
    path = machines.certificate if file == "certificate" else machines.alone
    write_profiles({"prod": machines.client(name, client_certificate=str(path))})
    with pytest.raises(TokenRefused) as caught:
        get_token("prod")
    assert caught.value.error == "invalid_client"


def test_a_bound_token_at_the_api(machines: Machines, write_profiles: WriteProfiles) -> None:
    """The session presents the certificate to the API, and to no other origin, nor where the API redirects to."""
    context = machines.authority.context
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(machines.authority.bundle)
    shown: dict[str, bytes | None] = {}
    with machines.authority.web() as api, machines.authority.web() as other:

        def answer(seen: Seen) -> Sent:
            if seen.path == "/away":
                return Sent(302, headers={"Location": f"{other.url}/landed"})
            token = seen.headers.get("Authorization", "").removeprefix("Bearer ")
            cnf = jwt_claims(token).get("cnf", {}).get("x5t#S256")
            peer = seen.certificate
            shown[seen.path] = peer
            return Sent(200 if peer and thumbprint(peer) == cnf else 401)

        api.answer = other.answer = answer
        write_profiles(
            {
                "prod": machines.client(
                    "certificate", client_certificate=str(machines.certificate), api_url=f"{api.url}/"
                )
            }
        )
        session = get_session("prod")
        assert session.get("/me").status_code == 200
        session.get("/away")
        session.get(f"{other.url}/elsewhere")
    assert shown["/me"]
    assert {path: peer for path, peer in shown.items() if path != "/me"} == {
        "/landed": None,
        "/elsewhere": None,
    }
    context.verify_mode = ssl.CERT_NONE


def test_files_of_a_certificate(machines: Machines, tmp_path: Path, write_profiles: WriteProfiles) -> None:
    """The key may be a file of its own; one that is missing or encrypted is told, and no terminal is asked."""
    text = machines.certificate.read_text()
    at = text.index("-----BEGIN PRIVATE KEY")
    (tmp_path / "alone.crt").write_text(text[:at])
    (tmp_path / "key.pem").touch(0o600)
    (tmp_path / "key.pem").write_text(text[at:])
    private = serialization.load_pem_private_key(text[at:].encode(), None)
    (tmp_path / "locked.pem").touch(0o600)
    (tmp_path / "locked.pem").write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"passphrase"),
        )
    )
    table = machines.client(
        "certificate", client_certificate=str(tmp_path / "alone.crt"), client_auth="tls_client_auth"
    )
    write_profiles(
        {
            "good": {**table, "client_key": {"file": "key.pem"}},
            "none": table,
            "locked": {**table, "client_key": {"file": "locked.pem"}},
        }
    )
    assert get_token("good").access_token
    with pytest.raises(SecretError, match=r"the private key of the certificate .* is missing"):
        get_token("none")
    with pytest.raises(SecretError, match="is encrypted"):
        get_token("locked")


# What the discovery document says


def test_what_the_document_does_not_take(
    machines: Machines, tmp_path: Path, write_profiles: WriteProfiles
) -> None:
    """No client of this server signs by ES512: the error says what it takes."""
    key = SigningKey("P-521")
    table = machines.profile("es384", tmp_path)
    key.write(tmp_path / "es384.pem")
    write_profiles({"prod": table})
    with pytest.raises(
        ConfigError, match=r"takes signatures by .*ES384.*, and the client key signs by ES512"
    ):
        get_token("prod")
