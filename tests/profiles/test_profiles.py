from __future__ import annotations

import datetime as dt
import os
import string
import tomllib
import traceback
import warnings
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import tries
from support import REPOSITORY, make_profile

from aventus_creds.basics.places import profiles_path
from aventus_creds.errors import (
    ConfigError,
    InsecureFileWarning,
    ProfileError,
    ProfileNotFound,
    ProfilesFileError,
)
from aventus_creds.profiles.checks import check_profile
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.keys import KEYS
from aventus_creds.profiles.kinds import RESERVED_PARAMETERS
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.providers import PROVIDERS

SECRET = "hunter2-is-the-secret"
LOOPBACK = "http://127.0.0.1:8765/callback"
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")

AVENTUS = {"provider": "aventus", "client_id": "x", "redirect_uri": LOOPBACK}
CIDAAS = {**AVENTUS, "provider": "cidaas", "base_url": "https://me.cidaas.de/"}
ATHOC = {**AVENTUS, "provider": "athoc", "base_url": "https://athoc.example.com", "org_code": "ACME"}
ISSUER = {"issuer": "https://as.example.com", "client_id": "x"}
PLAIN = {
    "authorize_url": "https://as.example.com/authorize",
    "token_url": "https://as.example.com/token",
    "client_id": "x",
}


def written(tmp_path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    """Write profiles.toml and return its path."""
    path = tmp_path / "profiles.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def parsed(tmp_path: Path, text: str | bytes) -> ProfilesFile:
    """Return a profiles.toml of this text."""
    return read_profiles(written(tmp_path, text))


def problem_lines(file: ProfilesFile, name: str = "prod") -> list[str]:
    """Return the lines of the error that a profile with mistakes brings."""
    with pytest.raises(ProfileError) as caught:
        file.profile(name)
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert list(map(str, caught.value.problems)) == str(caught.value).split("\n")
    return str(caught.value).split("\n")


def mistakes_of(**keys: Any) -> dict[str, str]:
    """Return what is wrong with a profile, by key."""
    _, mistakes = check_profile("prod", keys)
    return {".".join(key): what for key, what in mistakes}


def several(*values: Any) -> tuple[Any, ...]:
    """Return values of any types."""
    return values


# --- each key ---------------------------------------------------------------------------------------------

GOOD: list[tuple[str, Any, str, Any]] = [
    ("provider", "oidc", "provider", PROVIDERS["oidc"]),
    ("base_url", "https://own.example.com/", "token_url", "https://own.example.com/oauth/token"),
    ("base_url", "http://127.0.0.1:5000", "authorize_url", "http://127.0.0.1:5000/authorize"),
    ("issuer", "https://as.example.com/tenant", "issuer", "https://as.example.com/tenant"),
    ("authorize_url", "https://as.example.com/a?x=1", "authorize_url", "https://as.example.com/a?x=1"),
    ("token_url", "http://localhost:1/t", "token_url", "http://localhost:1/t"),
    ("revoke_url", "https://as.example.com/r", "revoke_url", "https://as.example.com/r"),
    ("device_url", "https://as.example.com/d", "device_url", "https://as.example.com/d"),
    ("client_id", "a b-ü", "client_id", "a b-ü"),
    ("client_secret", "text", "grant", "confidential"),
    ("client_secret", {"env": "NAME"}, "grant", "confidential"),
    ("grant", "pkce", "grant", "pkce"),
    ("scope", " read:a  write:b ", "scope", "read:a write:b"),
    ("scope", ["read:a", "write:b"], "scope", "read:a write:b"),
    ("scope", [], "scope", ""),
    ("scope", "", "scope", ""),
    ("audience", "opus-prod-api", "audience", "opus-prod-api"),
    ("audience", "opus-prod-api", "api_url", ""),
    ("audience", "https://api.example.com/v1", "api_url", "https://api.example.com/v1"),
    ("audience", "http://api.example.com/v1", "api_url", ""),
    ("api_url", "https://api.example.com/v1", "api_origins", ("https://api.example.com",)),
    ("api_origins", [], "api_origins", ()),
    (
        "api_origins",
        ["https://a.example:443/", "https://B.example:8443", "https://a.example"],
        "api_origins",
        ("https://a.example", "https://b.example:8443"),
    ),
    ("redirect_uri", LOOPBACK, "redirect_uris", (LOOPBACK,)),
    ("redirect_uri", "http://127.0.0.1:0/callback", "redirect_uris", ("http://127.0.0.1:0/callback",)),
    (
        "redirect_uri",
        ["http://[::1]:1/x", "https://web.example/y?z=1"],
        "redirect_uris",
        ("http://[::1]:1/x", "https://web.example/y?z=1"),
    ),
    ("callback", "auto", "callback", "auto"),
    ("callback", "loopback", "callback", "loopback"),
    ("callback", "paste", "callback", "paste"),
    ("callback", "widget", "callback", "widget"),
    ("authorize_params", {"prompt": "consent"}, "authorize_params", {"prompt": "consent"}),
    ("authorize_params", {"resource": ["a", "b"]}, "authorize_params", {"resource": ["a", "b"]}),
    ("token_params", {"resource": "a"}, "token_params", {"resource": "a"}),
    ("token_request", "json", "token_request", "json"),
    ("token_request", "form", "token_request", "form"),
    ("client_auth", "post", "client_auth", "post"),
    ("client_auth", "basic", "client_auth", "basic"),
    ("pkce", True, "pkce", True),
    ("login_timeout", 5, "login_timeout", 5.0),
    ("login_timeout", 86400, "login_timeout", 86400.0),
    ("timeout", 0.5, "timeout", 0.5),
    ("retries", 0, "retries", 0),
    ("retries", 20, "retries", 20),
    ("org_code", "ACME {x}", "authorize_params", {"acr_values": "tenant:ACME {x}"}),
    ("ca_bundle", str(Path(__file__)), "ca_bundle", str(Path(__file__))),
]

TEXT_MISTAKES: list[tuple[Any, str]] = [
    ("", "must be text, not nothing"),
    (" ", "must be text, not blanks"),
    (1, "must be text, not a number"),
    (1.5, "must be text, not a number"),
    (True, "must be text, not true or false"),
    ([], "must be text, not a list"),
    ({}, "must be text, not a table"),
    (dt.date(2024, 1, 1), "must be text, not a date"),
    ("a\nb", "one line, without control characters"),
    ("a\x1b[31m", "one line, without control characters"),
]
URL_MISTAKES: list[tuple[Any, str]] = [
    *((value, "must be text") for value in several("", 1, {})),
    ("example.com", "begins with https://"),
    ("https://", "begins with https://"),
    ("ftp://example.com", "begins with https://"),
    ("http://example.com/x", "plain http is for this machine only"),
    ("http://127.0.0.1.evil.com", "plain http is for this machine only"),
    ("https://user:pw@example.com", "must not hold a user name or password"),
    ("https://example.com/#x", "must not hold a fragment"),
    ("https://example.com/#", "must not hold a fragment"),
    ("https://example.com:99999", "no valid address"),
    ("http://[::1", "no valid address"),
    ("https://a b", "without spaces"),
    ("https://h\u00f4st", "punycode"),
]
SECRET_PLACES = 'one of { env = "…" }, { file = "…" }, { command = ["…"] } or { keyring = "service"'
BAD: list[tuple[str, Any, str]] = [
    *(
        ("provider", value, "must be one of aventus, cidaas, athoc, oidc")
        for value in several(1, [], {}, True)
    ),
    ("provider", "Aventus", "must be one of aventus, cidaas, athoc, oidc, not 'Aventus'"),
    *((key, value, what) for key in KEYS if key.endswith("_url") for value, what in URL_MISTAKES),
    *(("issuer", value, what) for value, what in URL_MISTAKES),
    ("issuer", "https://as.example.com?tenant=1", "must not hold a query"),
    ("base_url", "https://as.example.com/?", "must not hold a query"),
    *(
        (key, value, what)
        for key in ("client_id", "audience", "org_code", "ca_bundle")
        for value, what in TEXT_MISTAKES
    ),
    ("client_secret", "", "must be text, not nothing"),
    ("client_secret", f"{SECRET}\n", "must be text in one line"),
    ("client_secret", 12345, f"must be text, or {SECRET_PLACES}"),
    ("client_secret", [SECRET], f"must be text, or {SECRET_PLACES}"),
    *(
        ("client_secret", value, f"must be exactly {SECRET_PLACES}")
        for value in several(
            *({}, {"env": 1}, {"env": "A", "file": "b"}, {"evn": "A"}, {"env": "A", "extra": 1}),
            *({"command": "pass show x"}, {"command": []}, {"command": [1]}, {"command": ["a", 1]}),
            *({"command": ["a", "\0"]}, {"keyring": "s"}, {"username": "u"}, {"keyring": "s", "username": 1}),
        )
    ),
    *(
        ("client_secret", value, "must be text, not")
        for value in several({"env": ""}, {"file": " "}, {"command": [""]}, {"keyring": "", "username": "u"})
    ),
    ("grant", "implicit", "must be one of pkce, confidential, client_credentials, device, not 'implicit'"),
    ("grant", 1, "must be one of pkce, confidential"),
    ("grant", "confidential", ""),  # client_secret is missing, see below
    ("scope", 1, "must be text with spaces between the scopes, or a list of texts"),
    ("scope", ["a", 1], "must be text with spaces between the scopes, or a list of texts"),
    ("scope", {"a": 1}, "must be text with spaces between the scopes, or a list of texts"),
    *(("scope", value, "RFC 6749 section 3.3") for value in several("ü", 'a"b', "a\\b", "a\x01", ["a\x7f"])),
    *(
        ("api_origins", value, "must be a list of origins")
        for value in several("https://a.example", 1, {}, "")
    ),
    ("api_origins", ["https://a.example", "https://b.example/v1"], "item 2 is more than an origin: write"),
    ("api_origins", ["https://a.example?x"], "is more than an origin: write https://a.example"),
    ("api_origins", ["https://a.example/#"], "is more than an origin"),
    ("api_origins", ["http://a.example", 1], "; item 2 must be text, not a number"),
    *(("redirect_uri", value, what) for value, what in URL_MISTAKES if value != {}),
    *(("redirect_uri", [LOOPBACK, value], what) for value, what in URL_MISTAKES),
    ("redirect_uri", [LOOPBACK, 5, LOOPBACK, ""], "item 2 must be text, not a number; item 4 must be text"),
    ("redirect_uri", [], "must be the callback registered"),
    ("redirect_uri", "com.example.app:/callback", "begins with https://"),
    ("redirect_uri", "urn:ietf:wg:oauth:2.0:oob", "begins with https://"),
    ("redirect_uri", "https://web.example:0/x", "port 0 means any free port of this machine"),
    *(
        ("listen", value, 'must be "host:port"')
        for value in several(
            *("127.0.0.1", "8765", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:http"),
            *("http://127.0.0.1:8765", "127.0.0.1:8765/", "a b:80", "::1:80", "127.0.0.1:\u0661"),
            *("127.0.0.1: 80", "127.0.0.1:+80", "127.0.0.1:" + "9" * 5000),
        )
    ),
    *(
        ("listen", value, "never all interfaces")
        for value in several(
            *(
                ":80",
                "*:80",
                "0.0.0.0:80",
                "0:80",
                "0x0:80",
                "000.0:80",
                "[::]:80",
                "[0::0]:80",
                "[::0.0.0.0]:80",
            ),
            *("[::ffff:0.0.0.0]:80",),
        )
    ),
    ("listen", 80, "must be text, not a number"),
    *(
        ("callback", value, "must be one of auto, loopback, paste, widget")
        for value in several("browser", "", 1)
    ),
    *(
        (key, value, "must be a table of texts")
        for key in ("authorize_params", "token_params")
        for value in several("a=b", [], 1, True)
    ),
    *(("token_request", value, "must be form or json") for value in several("JSON", "xml", 1, [])),
    *(("client_auth", value, "must be post or basic") for value in several("none", "", False)),
    *(("pkce", value, "must be true or false, not") for value in several("true", 1, 0, [], {})),
    *(
        (key, value, "must be a number of seconds, more than 0 and at most 86400")
        for key in ("timeout", "login_timeout")
        for value in several(0, -1, 86400.5, float("inf"), float("nan"), "60", True, [], 10**400)
    ),
    *(
        ("retries", value, "must be a whole number from 0 to 20")
        for value in several(-1, 21, 3.0, "3", True, [])
    ),
    *(("store", value, "must be one of file, keyring, redis") for value in several("disk", "", 1)),
    ("ca_bundle", "/no/such/file.pem", "/no/such/file.pem, which cannot be read: No such file or directory"),
    ("ca_bundle", "x" * 5000, "which cannot be read: File name too long"),
    ("ca_bundle", "~nobody-of-that-name/x", "~nobody-of-that-name/x, which cannot be read"),
]


def base_for(key: str) -> dict[str, Any]:
    """Return a good profile that may have this key."""
    if key == "base_url":
        return dict(AVENTUS)
    if key == "org_code":
        return dict(ATHOC)
    return {**ISSUER, "redirect_uri": LOOPBACK}


@pytest.mark.parametrize(("key", "value", "field", "expected"), GOOD)
def test_good_values(key: str, value: Any, field: str, expected: Any) -> None:
    """Each key takes its good values, and they arrive in the profile."""
    profile = make_profile(**base_for(key) | {key: value})
    assert getattr(profile, field) == expected


@pytest.mark.parametrize(("key", "value", "what"), BAD)
def test_bad_values(key: str, value: Any, what: str) -> None:
    """Each key refuses its bad values, and the text says what is allowed, without a secret."""
    found = mistakes_of(**base_for(key) | {key: value})
    blamed = "client_secret" if (key, value) == ("grant", "confidential") else key
    assert set(found) == {blamed}
    assert what in found[blamed]
    assert SECRET not in found[blamed]
    assert "\n" not in found[blamed]


def test_every_key_has_good_and_bad_values_here() -> None:
    """A key added to the table needs rows in both tables above."""
    # listen alone makes no sense, see below; store is for the file's [store], see test_choosing_a_store
    assert {row[0] for row in GOOD} == set(KEYS) - {"listen", "store"}
    assert {row[0] for row in BAD} == set(KEYS)


def test_the_keys_are_those_promised() -> None:
    """The names of the keys, of the grants and of the providers are part of the interface."""
    assert set(KEYS) == set(
        "provider base_url issuer authorize_url token_url revoke_url device_url client_id client_secret grant scope"
        " audience api_url api_origins org_code redirect_uri listen callback authorize_params token_params"
        " token_request client_auth pkce store login_timeout timeout retries ca_bundle".split()
    )
    assert tuple(GRANTS) == ("pkce", "confidential", "client_credentials", "device")
    assert list(PROVIDERS) == ["aventus", "cidaas", "athoc", "oidc"]


@pytest.mark.parametrize("key", ["authorize_params", "token_params"])
def test_every_wrong_parameter_is_told_by_its_name(key: str) -> None:
    """Extra parameters are texts or lists of texts, and none that the protocol sets itself."""
    bad: dict[str, Any] = {"max_age": 1, "list": ["a", 1], "table": {"a": "b"}, "date": dt.date(2024, 1, 1)}
    reserved = dict.fromkeys(RESERVED_PARAMETERS, SECRET)
    found = mistakes_of(**ISSUER, **{key: {"good": "x", **bad, **reserved}})
    assert set(found) == {f"{key}.{name}" for name in (*bad, *reserved)}
    assert all("must be text, or a list of texts" in found[f"{key}.{name}"] for name in bad)
    assert all("set by the protocol" in found[f"{key}.{name}"] for name in reserved)
    assert SECRET not in str(found)
    assert {"state", "redirect_uri", "client_secret", "code_verifier", "refresh_token"} <= RESERVED_PARAMETERS


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
                "revoke_url": "https://me.cidaas.de/authz-srv/revoke",
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
                "client_auth": "basic",
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
        ({}, {"client_id": "missing", "provider": "missing; one of aventus, cidaas, athoc, oidc"}),
        ({"client_id": "x"}, {"provider": "or give the issuer"}),
        (
            {"provider": "aventus"},
            {"client_id": "missing", "redirect_uri": "missing; the callback registered"},
        ),
        (
            {"provider": "cidaas", "client_id": "x"},
            {"base_url": "missing; the address of your cidaas server", "redirect_uri": "missing"},
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
        (ISSUER | {"base_url": "https://a.example"}, {"base_url": "is for aventus, cidaas and athoc"}),
        (AVENTUS | {"org_code": "ACME"}, {"org_code": 'is for BlackBerry AtHoc only (provider = "athoc")'}),
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


# --- problems and their lines -----------------------------------------------------------------------------

FAULTY = f'''\
default = "prod"

[profiles.prod]   # the header
provider = "aventus"
client_idd = "x"
"client_secret" = "{SECRET}"
grant = "pkce"
scope = [
  "a",
  1,
]
authorize_params.state = "x"
authorize_params . "max age" = 5
audience = """
two
lines"""
'redirect_uri' = "http://example.com/callback"
token_params = {{ code = "x", good = "y" }}
timeout = "60"

[profiles.other]
issuer = "https://as.example.com"
client_id = "x"
'''


@pytest.mark.parametrize("encode", ["{}", "\ufeff{}", "crlf"], ids=["plain", "byte order mark", "CRLF"])
def test_all_problems_at_once_in_the_order_of_lines(tmp_path: Path, encode: str) -> None:
    """Each mistake is one line with its file, its line and its key, whatever way the key is written."""
    text = FAULTY.replace("\n", "\r\n") if encode == "crlf" else encode.format(FAULTY)
    lines = problem_lines(parsed(tmp_path, text))
    assert [line[: line.index(": ", line.index(": ") + 1)] for line in lines] == [
        "profiles.toml:3: profiles.prod.client_id",
        "profiles.toml:5: profiles.prod.client_idd",
        "profiles.toml:7: profiles.prod.grant",
        "profiles.toml:8: profiles.prod.scope",
        "profiles.toml:12: profiles.prod.authorize_params.state",
        "profiles.toml:13: profiles.prod.authorize_params.max age",
        "profiles.toml:14: profiles.prod.audience",
        "profiles.toml:17: profiles.prod.redirect_uri",
        "profiles.toml:18: profiles.prod.token_params.code",
        "profiles.toml:19: profiles.prod.timeout",
    ]
    assert lines[0].endswith("client_id: missing; the identifier that the provider gave to this client")
    assert lines[1].endswith("client_idd: unknown key; did you mean 'client_id'?")
    assert "plain http is for this machine only" in lines[7]


def test_one_faulty_profile_does_not_stop_the_others(tmp_path: Path) -> None:
    """The profile beside a faulty one is served."""
    assert parsed(tmp_path, FAULTY).profile("other").client_id == "x"


def test_problems_in_a_sub_table_and_in_an_inline_profile(tmp_path: Path) -> None:
    """Lines are right in sub-tables, before their parent too, and in a profile written on one line."""
    file = parsed(
        tmp_path,
        "[profiles.prod.authorize_params]\n\nmax_age = 1\n[profiles.prod.wrong]\na = 1\n"
        '[profiles.prod]\nissuer = "https://a.example"\n\n'
        '[profiles]\ninline = { issuer = "x", client_id = 1 }\nnumber = 5\n',
    )
    assert [line.split(": ")[0:2] for line in problem_lines(file)] == [
        ["profiles.toml:1", "profiles.prod.client_id"],
        ["profiles.toml:3", "profiles.prod.authorize_params.max_age"],
        ["profiles.toml:4", "profiles.prod.wrong"],
    ]
    assert [line.split(": ")[0:2] for line in problem_lines(file, "inline")] == [
        ["profiles.toml:10", "profiles.inline.client_id"],
        ["profiles.toml:10", "profiles.inline.issuer"],
    ]
    assert problem_lines(file, "number") == [
        "profiles.toml:11: profiles.number: must be a table: write [profiles.number]"
    ]


def test_an_unknown_key_near_to_none_lists_the_keys(tmp_path: Path) -> None:
    """Where nothing similar exists, the allowed keys are listed."""
    (line,) = problem_lines(
        parsed(tmp_path, '[profiles.prod]\nissuer="https://a.example"\nclient_id="x"\nzzz=1')
    )
    assert line.startswith(
        "profiles.toml:4: profiles.prod.zzz: unknown key; allowed: provider, base_url, issuer"
    )
    assert all(key in line for key in KEYS)


def test_control_characters_in_keys_and_names_do_not_break_the_line(tmp_path: Path) -> None:
    """A problem stays one line without escape sequences."""
    text = '[profiles."a\\nb"]\nissuer = "https://a.example"\nclient_id = "x"\n"k\\u001b[31m\\n" = 1\n'
    lines = problem_lines(parsed(tmp_path, text), "a\nb")
    assert [line.split(": ")[0:2] for line in lines] == [
        ["profiles.toml:1", "profiles.'a\\nb'"],
        ["profiles.toml:4", "profiles.'a\\nb'.'k\\x1b[31m\\n'"],
    ]
    assert all(line.isprintable() for line in lines)


def test_the_file_is_called_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where AVENTUS_CREDS_PROFILES names another file, the problems do as well."""
    path = tmp_path / "mine.toml"
    path.write_text("[profiles.prod]\nissuer = 1\n")
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(path))
    assert problem_lines(read_profiles())[-1].startswith("mine.toml:2: profiles.prod.issuer: must be text")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[prod]\nclient_id = 1", ["1: prod: unknown key; did you mean [profiles.prod]?"]),
        ("\n[profile.prod]\na = 1", ["2: profile: unknown key; did you mean 'profiles'?"]),
        ('defualt = "prod"', ["1: defualt: unknown key; did you mean 'default'?"]),
        ("zzz = 1", ["1: zzz: unknown key; allowed: default, store, profiles"]),
        ("profiles = 1", ["1: profiles: must be a table: write [profiles.NAME]"]),
        ("[[profiles]]\na = 1", ["1: profiles: must be a table: write [profiles.NAME]"]),
        (
            '\ndefault = "prdo"\n[profiles.prod]',
            ["2: default: must be the name of a profile (the file has: prod)"],
        ),
        *(
            (f"default = {value}", ["1: default: must be the name of a profile (the file has no profiles)"])
            for value in ("1", '["prod"]', '{ name = "prod" }', '""', "true")
        ),
        ('default = "prod"\n[profiles.prod]', []),
        ("", []),
    ],
)
def test_problems_outside_the_profiles(tmp_path: Path, text: str, expected: list[str]) -> None:
    """What stands beside the profiles is checked too."""
    found = [str(problem) for problem in parsed(tmp_path, text).problems()]
    assert found == [f"profiles.toml:{line}" for line in expected]


# --- which profile ----------------------------------------------------------------------------------------

TWO = "[profiles.prod]\nissuer='https://a.example'\nclient_id='p'\n[profiles.test]\nissuer='https://a.example'\nclient_id='t'\n"


def test_default_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name comes before AVENTUS_CREDS_PROFILE, which comes before the file's default."""
    file = parsed(tmp_path, "default = 'prod'\n" + TWO)
    assert file.default == "prod"
    assert file.names == ("prod", "test")
    assert file.profile().client_id == "p"
    monkeypatch.setenv("AVENTUS_CREDS_PROFILE", "test")
    assert file.profile().client_id == "t"
    assert file.profile("prod").client_id == "p"
    monkeypatch.setenv("AVENTUS_CREDS_PROFILE", "")
    assert file.profile().client_id == "p"


def not_found(file: ProfilesFile, name: str | None = None) -> str:
    """Return what is said when there is no such profile."""
    with pytest.raises(ProfileNotFound) as caught:
        file.profile(name)
    assert isinstance(caught.value, ConfigError)
    return str(caught.value)


def test_no_name_and_no_default(tmp_path: Path) -> None:
    """Without any name, the message lists the profiles and the three ways to name one."""
    said = not_found(parsed(tmp_path, TWO))
    assert "no profile is named, and profiles.toml has no default (the file has: prod, test)" in said
    assert "AVENTUS_CREDS_PROFILE" in said
    assert f'write default = "NAME" atop {tmp_path / "profiles.toml"}' in said


def test_an_unknown_profile_lists_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message lists the profiles, the nearest one and the file, wherever the name came from."""
    file = parsed(tmp_path, "default = 'nope'\n" + TWO)
    said = not_found(file, "prdo")
    assert "there is no profile 'prdo'; did you mean 'prod'? (the file has: prod, test)" in said
    assert str(tmp_path / "profiles.toml") in said
    assert "there is no profile 'nope' (the file has: prod, test)" in not_found(file)
    monkeypatch.setenv("AVENTUS_CREDS_PROFILE", "from-env")
    assert "there is no profile 'from-env'" in not_found(file)
    assert "there is no profile 'x' (the file has no profiles)" in not_found(parsed(tmp_path, ""), "x")


def test_a_profile_without_the_word_profiles(tmp_path: Path) -> None:
    """[prod] is told to be [profiles.prod]."""
    file = parsed(tmp_path, "[prod]\nprovider = 'aventus'\n" + TWO.replace("profiles.prod", "profiles.p"))
    assert "there is no profile 'prod'; [prod] must be written [profiles.prod]" in not_found(file, "prod")


@pytest.mark.parametrize("name", ["default", "profiles"])
def test_the_file_s_own_words_are_no_misplaced_profiles(tmp_path: Path, name: str) -> None:
    """Asking for a profile called like a key of the file brings no wrong advice."""
    said = not_found(parsed(tmp_path, "default = 'prod'\n" + TWO), name)
    assert f"there is no profile {name!r} (the file has: prod, test)" in said


def test_a_file_with_mistakes_around_the_profiles_says_where_they_are_shown(tmp_path: Path) -> None:
    """Where no profile is found because of a typing error beside it, the command that shows it is named."""
    assert "its mistakes: aventus-creds profiles" in not_found(parsed(tmp_path, "[profile.prod]"), "prod")
    assert "its mistakes" not in not_found(parsed(tmp_path, TWO), "x")


# --- the file ---------------------------------------------------------------------------------------------


def unreadable(path: Path | str | None = None) -> str:
    """Return what is said when the file cannot be used."""
    with pytest.raises(ProfilesFileError) as caught:
        read_profiles(path)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def test_the_path_is_that_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AVENTUS_CREDS_PROFILES names the file, ~ is the home folder."""
    assert profiles_path() == tmp_path / "profiles.toml"
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", "~/mine.toml")
    assert profiles_path() == tmp_path / "home" / "mine.toml"
    (tmp_path / "home" / "mine.toml").write_text(TWO)
    assert read_profiles().names == ("prod", "test")
    assert read_profiles("~/mine.toml").names == ("prod", "test")


@pytest.mark.parametrize("value", [None, ""])
def test_the_path_is_otherwise_in_the_user_config_folder(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """Without AVENTUS_CREDS_PROFILES, the file is in platformdirs' config folder."""
    monkeypatch.delenv("AVENTUS_CREDS_PROFILES")
    if value is not None:
        monkeypatch.setenv("AVENTUS_CREDS_PROFILES", value)
    folder = Path(platformdirs.user_config_dir("aventus-creds", appauthor=False))
    assert folder.name == "aventus-creds"
    assert profiles_path() == folder / "profiles.toml"


def test_without_a_home_folder_the_file_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that the system does not know, as in a container, hears what to set."""
    monkeypatch.setattr(os.path, "expanduser", str)
    for name in ("AVENTUS_CREDS_PROFILES", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    assert "AVENTUS_CREDS_PROFILES" in unreadable()


def test_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file: where it belongs, and the command that makes one."""
    said = unreadable()
    assert f"there is no profiles file: it belongs at {tmp_path / 'profiles.toml'}" in said
    assert "aventus-creds init" in said
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", "~nobody-of-that-name/profiles.toml")
    assert "it belongs at ~nobody-of-that-name" in unreadable()


def test_a_folder_or_a_device_is_no_file(tmp_path: Path) -> None:
    """A folder, a device and a path below a file are refused by name."""
    assert f"{tmp_path} is no regular file" in unreadable(tmp_path)
    below = written(tmp_path, "") / "x"
    assert str(below) in unreadable(below)
    if os.name == "posix":
        assert "/dev/null is no regular file" in unreadable("/dev/null")


def test_a_fault_of_the_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any fault of the system is told with the file's name and the system's reason."""

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path, TWO)
    monkeypatch.setattr(os, "open", denied)
    assert f"{path} cannot be read: Permission denied" in unreadable(path)


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    """Text that is not UTF-8 is refused with the place of the first bad byte."""
    path = written(tmp_path, b"# caf\xe9\n")
    assert f"{path} is not UTF-8 text (byte 5)" in unreadable(path)
    assert "is not UTF-8 text" in unreadable(written(tmp_path, TWO.encode("utf-16")))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = 1\nb = \n", "(at line 2, column 5)"),
        (f"a = 1\r\nclient_secret = {SECRET}\r\n", "(at line 2, column 17)"),
        (f"\ufeffclient_secret {SECRET}", "(at line 1, column 15)"),
        ("[profiles.prod\n", "(at line 1, column 15)"),
        ("[a]\n[a]\n", "(at line 2, column 3)"),
        ("a = 1\n\na = 2", "line 3, column 6"),
        (f'a = 1\nclient_secret = "{SECRET}', "(at line 2, column 39, the end of the file)"),
        ("a = [\n1,\n", "(at line 3, column 1, the end of the file)"),
        ("[profiles.prod", "(at line 1, column 15, the end of the file)"),
    ],
)
def test_syntax_errors_have_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    """A file that is no TOML is refused with the place, without its contents."""
    said = unreadable(written(tmp_path, text))
    assert said.startswith("profiles.toml: this is not valid TOML: ")
    assert place in said
    assert str(tmp_path / "profiles.toml") in said


@pytest.mark.parametrize(
    "text", ["a = " + "9" * 5000, "a = " + "[" * 5000 + "]" * 5000], ids=["number", "depth"]
)
def test_what_the_parser_itself_cannot_bear(tmp_path: Path, text: str) -> None:
    """A huge number and deep nesting are an error of the file, not of the program."""
    assert "this is not valid TOML" in unreadable(written(tmp_path, text))


def test_relative_files_start_at_the_profiles_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret's file and a CA bundle stand beside profiles.toml, wherever the program runs."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secret").chmod(0o600)
    ca = tmp_path / "ca.pem"
    ca.touch()
    text = TWO.partition("[profiles.test]")[0] + "client_secret = { file = 'secret' }\nca_bundle = 'ca.pem'\n"
    profile = parsed(tmp_path, text).profile("prod")
    assert profile.ca_bundle == str(ca)
    assert profile.client_secret is not None
    assert profile.client_secret.read() == SECRET
    ca.unlink()
    assert problem_lines(parsed(tmp_path, text)) == [
        f"profiles.toml:5: profiles.prod.ca_bundle: names {ca}, which cannot be read: No such file or directory"
    ]


# --- secrets ----------------------------------------------------------------------------------------------

LITERAL = f"[profiles.prod]\nissuer='https://a.example'\nclient_id='p'\nclient_secret = '{SECRET}'\n"


@POSIX
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_literal_secret_that_others_can_read(tmp_path: Path, mode: int) -> None:
    """The profile is served, with a warning that names the file and the fix."""
    folder = tmp_path / "Application Support"
    folder.mkdir()
    path = written(folder, LITERAL, mode)
    with pytest.warns(InsecureFileWarning) as caught:
        assert read_profiles(path).profile("prod").client_id == "p"
    assert len(caught) == 1
    said = str(caught[0].message)
    assert said == f"{path} holds a client secret and can be read by others; fix: chmod 600 '{path}'"


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (LITERAL, 0o600),
        (LITERAL, 0o400),
        (TWO, 0o644),
        (LITERAL.replace(f"'{SECRET}'", "{ env = 'NAME' }"), 0o644),
    ],
)
def test_no_warning_where_nothing_is_open(tmp_path: Path, text: str, mode: int) -> None:
    """A file of one's own, and one without a secret in it, bring no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_profiles(written(tmp_path, text, mode)).profile("prod")


def test_a_profile_shows_no_secret(tmp_path: Path) -> None:
    """Neither a profile nor the file shows the secret, and the profile can read it."""
    file = parsed(tmp_path, LITERAL)
    profile = file.profile("prod")
    for shown in (repr(profile), str(profile), repr(file), profile.key, profile.fingerprint):
        assert SECRET not in shown
    assert profile.client_secret is not None
    assert profile.client_secret.read() == SECRET


def test_a_secret_in_a_faulty_profile_is_not_told(tmp_path: Path) -> None:
    """Every kind of mistake around a secret leaves it out of the message."""
    secrets = [f"'{SECRET}'", f"['{SECRET}']", f"{{ evn = '{SECRET}' }}", f"'''\n{SECRET}\n'''"]
    for secret in [*secrets, f"{{ command = 'echo {SECRET}' }}", f"{{ file = ['{SECRET}'] }}"]:
        text = (
            LITERAL.replace(f"'{SECRET}'", secret)
            + f"grant = 'pkce'\ntoken_params.client_secret = '{SECRET}'"
        )
        assert len(problem_lines(parsed(tmp_path, text))) >= 2


# --- identity ---------------------------------------------------------------------------------------------

CONFIDENTIAL = {**AVENTUS, "client_secret": SECRET, "audience": "https://api.example.com/", "scope": "a"}


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "y"},
        {"scope": "a b"},
        {"scope": ""},
        {"audience": "https://api.example.com/v2"},
        {"base_url": "https://other.example.com"},
        {"authorize_url": "https://other.example.com/authorize"},
        {"token_url": "https://other.example.com/token"},
        {"authorize_params": {"prompt": "login"}},
        {"token_params": {"resource": "x"}},
        {"authorize_params": {"resource": ["a", "b"]}},
    ],
)
def test_what_decides_the_token_changes_the_fingerprint(change: dict[str, Any]) -> None:
    """An edited profile never gets the old token."""
    before, after = make_profile(**CONFIDENTIAL), make_profile(**CONFIDENTIAL | change)
    assert before.fingerprint != after.fingerprint
    assert before.key != after.key


def test_more_that_changes_the_fingerprint() -> None:
    """The name, the grant, the issuer, the organisation, and whose parameter it is, count as well."""
    prints = [
        make_profile(**CONFIDENTIAL),
        make_profile("test", **CONFIDENTIAL),
        make_profile(**{key: value for key, value in CONFIDENTIAL.items() if key != "client_secret"}),
        make_profile(**ISSUER),
        make_profile(**ISSUER | {"issuer": "https://as.example.com/"}),
        make_profile(**ATHOC),
        make_profile(**ATHOC | {"org_code": "OTHER"}),
        make_profile(**CONFIDENTIAL, authorize_params={"resource": "x"}),
        make_profile(**CONFIDENTIAL, token_params={"resource": "x"}),
    ]
    assert len({profile.fingerprint for profile in prints}) == len(prints)


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "http://127.0.0.1:9999/other"},
        {"redirect_uri": "https://hub.example/x", "listen": "127.0.0.1:80"},
        {"client_secret": {"env": "NAME"}},
        {"client_secret": "another"},
        {"callback": "paste"},
        {"timeout": 5, "login_timeout": 6, "retries": 0},
        {"ca_bundle": __file__},
        {"api_url": "https://api.example.com/v2", "api_origins": ["https://files.example"]},
        {"token_request": "form", "client_auth": "basic", "pkce": False},
        {"revoke_url": "https://other.example/r", "device_url": "https://other.example/d"},
        {"scope": ["a"], "base_url": "https://auth.homelyfe.com/", "grant": "confidential"},
    ],
)
def test_what_does_not_decide_the_token_keeps_the_fingerprint(change: dict[str, Any]) -> None:
    """Nobody must log in again after changing how a login is done, or writing a value differently."""
    assert make_profile(**CONFIDENTIAL).key == make_profile(**CONFIDENTIAL | change).key


def test_the_order_of_parameters_does_not_count() -> None:
    """Tables have no order."""
    one = make_profile(**ISSUER, authorize_params={"a": "1", "b": "2"})
    other = make_profile(**ISSUER, authorize_params={"b": "2", "a": "1"})
    assert one.fingerprint == other.fingerprint


@given(st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=64))
@tries(50)
def test_the_key_is_a_safe_file_name(name: str) -> None:
    """The name under which a token is stored leads out of no folder, on no system."""
    key = make_profile(name, **ISSUER).key
    assert key.startswith(f"{name}-")
    assert set(key) <= set(string.ascii_letters + string.digits + "._-")
    assert key not in {".", ".."}
    assert Path(key).name == key
    assert len(key) <= 64 + 1 + 16
    assert key[-1] in string.hexdigits


# --- the example, and any text at all ---------------------------------------------------------------------


def test_the_example_loads() -> None:
    """profiles.example.toml has a profile for each system, all of them without mistakes."""
    file = read_profiles(REPOSITORY / "profiles.example.toml")
    assert file.problems() == ()
    profiles = [file.profile(name) for name in file.names]
    assert {profile.provider.name for profile in profiles} == set(PROVIDERS)
    assert {profile.grant for profile in profiles} == set(GRANTS)
    assert file.profile().name == "prod"


def test_the_template_loads(tmp_path: Path) -> None:
    """The file that aventus-creds init writes has no profiles, and has good ones once it is uncommented."""
    text = (REPOSITORY / "aventus_creds" / "profiles" / "template.toml").read_text("utf-8")
    file = parsed(tmp_path, text)
    assert (file.names, file.problems()) == ((), ())
    file = parsed(tmp_path, uncommented(text))
    assert file.problems() == ()
    assert [file.profile(name).name for name in file.names] == ["prod", "other"]


def uncommented(template: str) -> str:
    """Return the template after a person has removed the # before its keys and headers."""
    lines = [
        line.removeprefix("# ") for line in template.splitlines() if "=" in line or line.startswith("# [")
    ]
    return "\n".join(lines)


WORDS = [
    *(
        "https://",
        "http://[::1",
        "https://user:pw@host",
        "HTTPS://HOST",
        "https://host:99999",
        "https://h\u00f4st",
    ),
    *(
        "http://localhost.",
        "https://host:\u0661",
        "http://127.0.0.1:0/x",
        "https://a.example",
        "127.0.0.1:80",
    ),
    *(
        "aventus",
        "cidaas",
        "athoc",
        "oidc",
        "pkce",
        "confidential",
        "loopback",
        "paste",
        "~x",
        "{}",
        "%s",
        "",
    ),
    *(0, 1, -1, 1.5, float("nan"), float("-inf"), 10**400, True, False),
]
ANY = st.recursive(
    st.one_of(
        st.sampled_from(WORDS),
        st.text(max_size=20),
        st.integers(),
        st.floats(),
        st.dates(),
        st.datetimes(),
        st.times(),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["env", "file", "command", "keyring", "username", "state", "prompt"])
            | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
TABLES = st.dictionaries(st.sampled_from(list(KEYS)) | st.text(max_size=10), ANY, max_size=8)


@tries(200)
@given(
    st.sampled_from(["prod", "", "a/b"]) | st.text(max_size=5),
    TABLES.map(lambda table: {**ISSUER, **table})
    | TABLES
    | TABLES.map(lambda table: {**ATHOC, **table})
    | ANY,
)
def test_the_checker_only_reports(name: str, table: Any) -> None:
    """Whatever a profile holds, the checker raises nothing: it gives either a profile or mistakes."""
    values, mistakes = check_profile(name, table, folder=Path(__file__).parent)
    assert bool(values) != bool(mistakes)
    for key, what in mistakes:
        assert isinstance(key, tuple)
        assert what
    if values:
        profile = Profile(**values)
        assert repr(profile)
        assert len(profile.fingerprint) == 64


@tries(60)
@given(st.text(st.sampled_from("abp=.\"'[]{}\n\r# ,1-\\\ufeff"), max_size=40))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Any text is a file with problems at existing lines, or no TOML."""
    path = written(tmp_path_factory.mktemp("any"), text)
    try:
        file = read_profiles(path)
    except ProfilesFileError:
        return
    for problem in file.problems():
        assert 1 <= problem.line <= text.count("\n") + 1
    assert tomllib.loads(text.removeprefix("\ufeff")) is not None
