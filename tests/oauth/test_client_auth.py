"""How a client authenticates: by what it has and what the server's document takes; and what of it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from oauth_values import ISSUER, endpoints, form
from support import make_profile

from aventus_creds.errors import ConfigError
from aventus_creds.oauth.client_auth import JWT_BEARER, chosen_method
from aventus_creds.oauth.endpoints import from_document
from aventus_creds.oauth.request import server_request
from aventus_creds.profiles.client_auths import METHODS
from aventus_creds.profiles.profile import Profile

SECRET: dict[str, Any] = {"client_secret": "s3cret"}
KEY: dict[str, Any] = {"client_key": {"env": "K"}}
ASSERTION: dict[str, Any] = {"client_assertion": {"env": "A"}}
CERTIFICATE: dict[str, Any] = {"client_certificate": __file__}
ALL = ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "tls_client_auth"]


def of_issuer(**keys: Any) -> Profile:
    return make_profile(issuer=ISSUER, **keys)


@pytest.mark.parametrize(
    ("keys", "listed", "method"),
    [
        # what the document leaves one way for
        (SECRET, None, "basic"),
        (SECRET, ["client_secret_post"], "post"),
        (SECRET, ["client_secret_jwt"], "client_secret_jwt"),
        (SECRET, ["client_secret_jwt", "client_secret_post"], "post"),
        (SECRET, ALL, "basic"),
        (KEY, None, "private_key_jwt"),
        (KEY, ALL, "private_key_jwt"),
        (CERTIFICATE, ["self_signed_tls_client_auth"], "tls_client_auth"),
        (ASSERTION, ["client_secret_basic"], "client_assertion"),  # it has no name that could be listed
        # several
        ({**SECRET, **KEY}, ALL, "private_key_jwt"),
        ({**SECRET, **KEY}, ["client_secret_post"], "post"),
        ({**KEY, **CERTIFICATE}, ["tls_client_auth"], "tls_client_auth"),
        ({**KEY, **CERTIFICATE}, ALL, "private_key_jwt"),
        # what the profile says
        ({**SECRET, "client_auth": "post"}, ["client_secret_basic"], "post"),
        ({**SECRET, "client_auth": "client_secret_jwt"}, ALL, "client_secret_jwt"),
        # a public client
        ({}, ["private_key_jwt"], "basic"),
        # the key signs the grant's own assertion, and no authentication
        ({**KEY, **SECRET, "grant": "jwt_bearer"}, ALL, "basic"),
        ({**KEY, "grant": "jwt_bearer"}, ["private_key_jwt"], "basic"),
        ({**KEY, "grant": "jwt_bearer", "client_auth": "private_key_jwt"}, ALL, "private_key_jwt"),
    ],
)
def test_the_method(keys: dict[str, Any], listed: list[str] | None, method: str) -> None:
    """The best that both have, unless the profile names one."""
    document = {} if listed is None else {"token_endpoint_auth_methods_supported": listed}
    assert chosen_method(of_issuer(**keys), document) == method


@pytest.mark.parametrize(
    ("keys", "listed"),
    [
        (KEY, ["client_secret_basic"]),
        (CERTIFICATE, ["private_key_jwt"]),
        ({**SECRET, "client_auth": "client_secret_jwt"}, ["client_secret_basic"]),
        (KEY, []),
        ({**KEY, **CERTIFICATE}, ["none", "\x1b[31mclient_secret_basic"]),
    ],
)
def test_a_server_that_takes_none_of_them(keys: dict[str, Any], listed: list[str]) -> None:
    """The error names what the server takes and what would do."""
    with pytest.raises(ConfigError, match="does not take") as caught:
        chosen_method(of_issuer(**keys), {"token_endpoint_auth_methods_supported": listed})
    assert all(line.isprintable() for line in str(caught.value).split("\n"))
    assert "client_secret" in caught.value.hint


def test_a_list_that_names_no_way_to_send_a_secret() -> None:
    """Servers take secrets in ways that their documents leave out: absence is no refusal."""
    found = chosen_method(of_issuer(**SECRET), {"token_endpoint_auth_methods_supported": ["private_key_jwt"]})
    assert found == "basic"


@pytest.mark.parametrize("listed", ["private_key_jwt", 4, {"a": 1}, [4, None, ["x"]]])
def test_a_list_that_is_none(listed: Any) -> None:
    """Anything else in the document breaks nothing."""
    found = chosen_method(of_issuer(**SECRET), {"token_endpoint_auth_methods_supported": listed})
    assert found == "basic"


@pytest.mark.parametrize("method", METHODS)
def test_what_is_sent(method: str) -> None:
    """The secret in one place; an assertion with its type; of a certificate only whose it is. The name always."""
    profile = make_profile(client_id="the client")
    request = server_request(
        profile, endpoints(profile, client_auth=method), {"a": "b"}, "the-credential-1", secrets=()
    )
    sends = METHODS[method].sends  # type: ignore[index]
    fields = form(request)
    assert fields.pop("a") == "b"
    assert "the-credential-1" in request.secrets
    if method == "basic":
        assert fields == {}
        assert request.headers["Authorization"].startswith("Basic ")
        return
    assert "Authorization" not in request.headers
    assert fields.pop("client_id") == "the client"
    if sends == "assertion":
        assert fields == {"client_assertion_type": JWT_BEARER, "client_assertion": "the-credential-1"}
    elif sends == "secret":
        assert fields == {"client_secret": "the-credential-1"}


@pytest.mark.parametrize("method", METHODS)
def test_a_client_that_sends_nothing_names_itself(method: str) -> None:
    """RFC 6749 section 3.2.1 and RFC 8705 section 2; without a name, not even that."""
    profile = make_profile(client_id="c")
    request = server_request(profile, endpoints(profile, client_auth=method), {}, None, secrets=())
    assert form(request) == {"client_id": "c"}
    nameless = profile._replace(client_id="")
    request = server_request(nameless, endpoints(profile, client_auth=method), {"a": "b"}, None, secrets=())
    assert form(request) == {"a": "b"}


def test_without_an_issuer_what_the_profile_has_decides() -> None:
    """There is no document: a key signs, a secret is sent as the provider's row says."""
    assert chosen_method(make_profile(**KEY), {}) == "private_key_jwt"
    assert chosen_method(make_profile(**SECRET), {}) == "basic"
    assert chosen_method(make_profile(**CERTIFICATE), {}) == "tls_client_auth"
    cidaas = {"provider": "cidaas", "base_url": "https://a.example", "redirect_uri": "http://127.0.0.1:1/"}
    assert chosen_method(make_profile(**cidaas, **KEY), {}) == "private_key_jwt"
    assert chosen_method(make_profile(**cidaas, **SECRET), {}) == "post"
    assert chosen_method(make_profile(), {}) == "basic"


def test_addresses_for_certificates(tmp_path: Path) -> None:
    """RFC 8705 section 5: only clients with a certificate use them, and the browser never does."""
    document = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/a",
        "token_endpoint": f"{ISSUER}/t",
        "revocation_endpoint": f"{ISSUER}/r",
        "mtls_endpoint_aliases": {
            "authorization_endpoint": "https://mtls.example/a",
            "token_endpoint": "https://mtls.example/t",
        },
    }
    found = from_document(of_issuer(**CERTIFICATE), document)
    assert (found.token_url, found.revoke_url) == ("https://mtls.example/t", f"{ISSUER}/r")
    assert found.authorize_url == f"{ISSUER}/a"
    assert from_document(of_issuer(**SECRET), document).token_url == f"{ISSUER}/t"
    document["mtls_endpoint_aliases"] = {"token_endpoint": "http://mtls.example/t"}
    with pytest.raises(Exception, match="must begin with https"):
        from_document(of_issuer(**CERTIFICATE), document)
    document["mtls_endpoint_aliases"] = "odd"
    assert from_document(of_issuer(**CERTIFICATE), document).token_url == f"{ISSUER}/t"
