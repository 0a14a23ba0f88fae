"""What a profile means as a whole: the defaults of its provider, and mistakes between keys."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from profile_texts import ATHOC, AVENTUS, CIDAAS, ISSUER, LOOPBACK, PLAIN, SECRET, mistakes_of
from support import make_profile

from aventus_creds.profiles.checks import check_profile
from aventus_creds.profiles.providers import PROVIDERS

# --- defaults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param(
            AVENTUS,
            {
                "provider": PROVIDERS["aventus"],
                "grant": "pkce",
                "authorize_url": "https://auth.homelyfe.com/authorize",
                "token_url": "https://auth.homelyfe.com/oauth/token",
                "revoke_url": "https://auth.homelyfe.com/oauth/revoke",
                "device_url": "https://auth.homelyfe.com/oauth/device/code",
                "scope": "",
                "token_request": "json",
                "client_auth": "post",
            },
            id="aventus",
        ),
        pytest.param(
            CIDAAS,
            {
                "authorize_url": "https://me.cidaas.de/authz-srv/authz",
                "token_url": "https://me.cidaas.de/token-srv/token",
                "revoke_url": "https://me.cidaas.de/token-srv/revoke",
                "device_url": "https://me.cidaas.de/authz-srv/device/authz",
                "row_issuer": "https://me.cidaas.de",
                "par_url": "https://me.cidaas.de/authz-srv/par",
                "row_endpoints": ("authorize_url", "token_url", "revoke_url", "device_url", "par_url"),
                "scope": "openid",
                "token_request": "form",
            },
            id="cidaas",
        ),
        pytest.param(
            ATHOC,
            {
                "authorize_url": "https://athoc.example.com/AuthServices/Auth/connect/authorize",
                "token_url": "https://athoc.example.com/AuthServices/Auth/connect/token",
                "scope": "openid profile athoc.iws.web.api offline_access",
                "authorize_params": {"acr_values": "tenant:ACME"},
                "token_params": {},
                "token_request": "form",
            },
            id="athoc",
        ),
        pytest.param(
            ISSUER,
            {
                "provider": PROVIDERS["oidc"],
                "issuer": "https://as.example.com",
                "authorize_url": "",
                "token_url": "",
                "scope": "openid",
                "token_request": "form",
                "client_auth": None,
                "redirect_uris": ("http://127.0.0.1:0/callback",),
            },
            id="issuer",
        ),
        pytest.param(
            PLAIN,
            {
                "provider": PROVIDERS["oidc"],
                "issuer": "",
                "authorize_url": "https://as.example.com/authorize",
                "token_url": "https://as.example.com/token",
                "revoke_url": "",
                "scope": "",
                "client_auth": None,
                "redirect_uris": ("http://127.0.0.1:0/callback",),
            },
            id="endpoints",
        ),
    ],
)
def test_defaults_by_provider(keys: dict[str, Any], expected: dict[str, Any]) -> None:
    """What a profile leaves out is what its provider's row says."""
    profile = make_profile(**keys)
    assert {field: getattr(profile, field) for field in expected} == expected


def test_defaults_of_every_provider() -> None:
    """What does not depend on the provider."""
    profile = make_profile("prod", **AVENTUS)
    assert (profile.name, profile.client_id) == ("prod", "x")
    assert (profile.login_timeout, profile.timeout, profile.retries) == (300.0, 60.0, 3)
    assert (profile.callback, profile.listen, profile.ca_bundle, profile.pkce) == ("auto", "", "", True)
    assert (profile.audience, profile.api_url, profile.api_origins) == ("", "", ())
    assert profile.client_secret is None


def test_a_secret_makes_the_confidential_grant() -> None:
    """A secret means confidential with PKCE, unless pkce = false."""
    profile = make_profile(**AVENTUS, client_secret=SECRET)
    assert (profile.grant, profile.pkce) == ("confidential", True)
    assert make_profile(**AVENTUS, client_secret=SECRET, pkce=False).pkce is False
    assert make_profile(**AVENTUS, client_secret=SECRET, grant="confidential").grant == "confidential"


def test_the_provider_row_can_be_overruled() -> None:
    """The body's format, the client's authentication, endpoints and scope given in the profile count."""
    profile = make_profile(
        **AVENTUS, token_request="form", client_auth="basic", token_url="https://other.example/t", scope="a"
    )
    assert (profile.token_request, profile.client_auth, profile.scope) == ("form", "basic", "a")
    assert profile.token_url == "https://other.example/t"
    assert profile.authorize_url == "https://auth.homelyfe.com/authorize"
    assert make_profile(**CIDAAS, scope="").scope == ""


def test_api_url_is_the_audience_only_where_it_is_not_given() -> None:
    """A given api_url comes before the audience; its origin is the first that gets the token."""
    profile = make_profile(
        **AVENTUS,
        audience="https://api.example.com/",
        api_url="https://other.example:8443/v1",
        api_origins=["https://files.example"],
    )
    assert profile.api_url == "https://other.example:8443/v1"
    assert profile.api_origins == ("https://other.example:8443", "https://files.example")


# --- what several keys say together -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, {"client_id": "missing", "provider": f"missing; one of {', '.join(PROVIDERS)}"}),
        ({"client_id": "x"}, {"provider": "or give the issuer"}),
        (
            {"provider": "aventus"},
            {"client_id": "missing", "redirect_uri": "missing; the callback registered"},
        ),
        (
            {"provider": "cidaas", "client_id": "x"},
            {"base_url": "missing; cidaas needs the provider's server", "redirect_uri": "missing"},
        ),
        (
            {"provider": "athoc"},
            {"base_url": "missing", "redirect_uri": "missing", "client_id": "missing", "org_code": "missing"},
        ),
        (
            {"provider": "oidc", "client_id": "x"},
            {
                "authorize_url": "missing; give the issuer, or authorize_url and token_url",
                "token_url": "missing; give the issuer, or authorize_url and token_url",
            },
        ),
        ({"token_url": "https://a.example/t", "client_id": "x"}, {"authorize_url": "missing"}),
        ({"authorize_url": "https://a.example/t", "client_id": "x"}, {"token_url": "missing"}),
        (AVENTUS | {"issuer": "https://a.example"}, {"issuer": "is for oidc; Aventus Platform is found by"}),
        (
            ISSUER | {"base_url": "https://a.example"},
            {"base_url": "is for provider = aventus, cidaas or athoc, not"},
        ),
        (AVENTUS | {"org_code": "ACME"}, {"org_code": "is for provider = athoc, not for Aventus"}),
        *(
            (
                ATHOC | {"client_secret": SECRET, "grant": grant, "device_url": "https://a.example/d"},
                {
                    "grant": f"BlackBerry AtHoc does not document {grant}, but pkce, confidential and token_exchange"
                },
            )
            for grant in ("client_credentials", "device")
        ),
        (
            ATHOC | {"authorize_params": {"acr_values": "idp:x"}},
            {"authorize_params": "acr_values is made from org_code: leave it out"},
        ),
        (
            AVENTUS | {"client_secret": SECRET, "grant": "pkce"},
            {"grant": 'remove client_secret, or write grant = "confidential"'},
        ),
        (
            AVENTUS | {"client_secret": 5, "grant": "pkce"},
            {"grant": "pkce is for clients without a secret", "client_secret": "must be text, or one of"},
        ),
        (AVENTUS | {"grant": "confidential"}, {"client_secret": "missing; the confidential grant needs it"}),
        (AVENTUS | {"pkce": False}, {"pkce": "must not be false without a client_secret"}),
        (
            AVENTUS | {"callback": "loopback", "redirect_uri": "https://web.example/x"},
            {"redirect_uri": "cannot be listened on: use http://127.0.0.1:PORT/PATH, set listen"},
        ),
        (
            AVENTUS | {"callback": "loopback", "redirect_uri": [LOOPBACK, "https://web.example/x"]},
            {"redirect_uri": "https://web.example/x cannot be listened on"},
        ),
        (
            {"callback": "loopback", "redirect_uri": "https://web.example/x", "provider": "avents"},
            {"redirect_uri": "cannot be listened on", "provider": "must be", "client_id": "missing"},
        ),
        (
            ISSUER | {"listen": "127.0.0.1:80", "redirect_uri": "http://127.0.0.1:0/x"},
            {"redirect_uri": "port 0 means any free port, and listen names a fixed one"},
        ),
        (ISSUER | {"listen": "127.0.0.1:80"}, {"redirect_uri": "missing; listen is for a public address"}),
        (ISSUER | {"listen": "127.0.0.1:80", "redirect_uri": 5}, {"redirect_uri": "must be text"}),
    ],
)
def test_mistakes_between_keys(keys: dict[str, Any], expected: dict[str, str]) -> None:
    """What keys say together is checked, each mistake is told once, and at the key that is to be changed."""
    _, mistakes = check_profile("prod", keys)
    found = {".".join(key): what for key, what in mistakes}
    assert len(found) == len(mistakes)
    assert found.keys() == expected.keys()
    for key, what in expected.items():
        assert what in found[key]


@pytest.mark.parametrize("callback", ["auto", "paste", "widget"])
def test_a_public_redirect_uri_is_fine_where_it_can_be_pasted(callback: str) -> None:
    """Only callback = "loopback" insists on an address that can be listened on."""
    assert not mistakes_of(**AVENTUS | {"redirect_uri": "https://web.example/x", "callback": callback})


def test_a_public_redirect_uri_that_is_forwarded_here_can_be_listened_on() -> None:
    """With listen, callback = "loopback" takes any redirect URI."""
    keys = AVENTUS | {"redirect_uri": "https://hub.example/x", "callback": "loopback"}
    for listen in ("127.0.0.1:8765", "localhost:1", "[::1]:65535", "10.0.0.7:80", "my_host.lan:80"):
        assert make_profile(**keys, listen=listen).listen == listen


@pytest.mark.parametrize("table", ["text", 1, True, [], [{}], dt.date(2024, 1, 1)])
def test_a_profile_that_is_no_table(table: Any) -> None:
    """profiles.prod = 1 is told how it should be written."""
    assert check_profile("prod", table) == ({}, [((), "must be a table: write [profiles.prod]")])


@pytest.mark.parametrize("name", ["", "a/b", "..\\x", "a b", "ü", "a\n", "a\0", "x" * 65, "a:b", "$HOME"])
def test_bad_names(name: str) -> None:
    """A name is part of a file's name, so it holds harmless characters only."""
    _, mistakes = check_profile(name, ISSUER)
    assert [key for key, _ in mistakes] == [()]
    assert "letters, digits, '.', '_' and '-'" in mistakes[0][1]


def test_nothing_comes_out_of_a_profile_with_mistakes() -> None:
    """No half-checked values."""
    assert check_profile("prod", AVENTUS | {"scoep": 1})[0] == {}
    assert check_profile("prod", AVENTUS | {"retries": -1})[0] == {}
