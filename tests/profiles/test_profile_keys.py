"""Each key of a profile: the values it takes, and how every other is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from profile_texts import ATHOC, AVENTUS, ISSUER, LOOPBACK, SECRET, mistakes_of, several
from support import make_profile

from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.keys import KEYS
from aventus_creds.profiles.kinds import RESERVED_PARAMETERS
from aventus_creds.profiles.providers import PROVIDERS

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
    *(("provider", value, f"must be one of {', '.join(PROVIDERS)}") for value in several(1, [], {}, True)),
    ("provider", "Aventus", f"must be one of {', '.join(PROVIDERS)}, not 'Aventus'"),
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
    assert {"state", "redirect_uri", "client_secret", "refresh_token"} <= RESERVED_PARAMETERS
    assert {"code_verifier", "code_challenge", "code_challenge_method"} <= RESERVED_PARAMETERS
