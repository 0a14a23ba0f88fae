"""Each key of a profile: the values it takes, and how every other is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from machine_profiles import MACHINE_NAMES
from profile_texts import ATHOC, AVENTUS, ISSUER, LOOPBACK, SECRET, mistakes_of, several
from support import make_profile

from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.keys import KEYS, PLACEHOLDERS
from aventus_creds.profiles.kinds import RESERVED_PARAMETERS
from aventus_creds.profiles.providers import PROVIDERS
from aventus_creds.profiles.rule_kinds import REFUSED_HEADERS

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
    ("par_url", "https://as.example.com/p", "par_url", "https://as.example.com/p"),
    ("par", True, "par", True),
    ("par", False, "par", False),
    ("dpop", True, "dpop", True),
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
    ("org_code", "ACME-{x}", "authorize_params", {"acr_values": "tenant:ACME-{x}"}),
    ("ca_bundle", str(Path(__file__)), "ca_bundle", str(Path(__file__))),
    ("discovery_url", "https://as.example/p?p=x", "discovery_url", "https://as.example/p?p=x"),
    ("refresh_token", {"env": "NAME"}, "grant", "pkce"),
    ("grant_type", "urn:own:grant", "grant_type", "urn:own:grant"),
    ("api_url", "https://api.example.com/{realmId}/x", "api_origins", ("https://api.example.com",)),
    ("api_hosts", "*.Example.com", "api_hosts", ("*.example.com",)),
    ("api_hosts", ["a.example.com", "*.b.example"], "api_hosts", ("a.example.com", "*.b.example")),
    ("api_auth", "X-Own: {token}", "api_auth", "X-Own: {token}"),
    ("api_auth", "Authorization: Own-scheme {token}", "api_auth", "Authorization: Own-scheme {token}"),
    ("api_headers", {"X-Version": "2 b"}, "api_headers", {"X-Version": "2 b"}),
    ("token_headers", {"User-Agent": "me/1"}, "token_headers", {"User-Agent": "me/1"}),
    ("bearer", "id_token", "bearer", "id_token"),
    ("token_types", "User Access Token", "token_types", ("User Access Token",)),
    ("token_types", ["Bearer", "bot"], "token_types", ("Bearer", "bot")),
    ("token_path", "a.b[c=d.e].f", "token_path", "a.b[c=d.e].f"),
    ("scope_separator", ",", "scope_separator", ","),
    ("scope_separator", " ", "scope_separator", " "),
    ("refresh_scope", True, "refresh_scope", True),
    ("swap_url", "https://api.example.com/start", "swap_url", "https://api.example.com/start"),
    ("swap_path", "data.token", "swap_path", "data.token"),
]
TEXT_MISTAKES: list[tuple[Any, str]] = [
    ("", "must not be empty"),
    (" ", "must not be empty"),
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
    ("", "must not be empty"),
    *((value, "must be text") for value in several(1, {})),
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
    ("client_secret", "", "must not be empty"),
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
        ("client_secret", value, "must not be empty")
        for value in several({"env": ""}, {"file": " "}, {"command": [""]}, {"keyring": "", "username": "u"})
    ),
    ("grant", "implicit", f"must be one of {', '.join(GRANTS)}, not"),
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
    (
        "redirect_uri",
        [LOOPBACK, 5, LOOPBACK, ""],
        "item 2 must be text, not a number; item 4 must not be empty",
    ),
    ("redirect_uri", "My_Co-MyApp-PRD-abc", "is a name and no address: set listen"),
    ("redirect_uri", [LOOPBACK, "jupyte"], "jupyte is a name and no address"),
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
        ("callback", value, "must be one of auto, loopback, paste, jupyter, widget")
        for value in several("browser", "", 1)
    ),
    *(
        (key, value, "must be a table of texts")
        for key in ("authorize_params", "token_params")
        for value in several("a=b", [], 1, True)
    ),
    *(("token_request", value, "must be form or json") for value in several("JSON", "xml", 1, [])),
    *(
        ("client_auth", value, "must be one of client_assertion, private_key_jwt, basic, post,")
        for value in several("none", "", False)
    ),
    *(
        (key, value, "must be true or false, not")
        for key in ("pkce", "par", "dpop")
        for value in several("true", 1, 0, [], {})
    ),
    *(
        (key, value, "must be a number of seconds, more than 0 and at most 86400")
        for key in ("timeout", "login_timeout")
        for value in several(0, -1, 86400.5, float("inf"), float("nan"), "60", True, [], 10**400)
    ),
    *(
        ("retries", value, "must be a whole number from 0 to 20")
        for value in several(-1, 21, 3.0, "3", True, [])
    ),
    ("extends", "", "must not be empty"),
    *(("extends", value, "must be text") for value in several(1, [], {})),
    *(("store", value, "must be one of file, keyring, redis") for value in several("disk", "", 1)),
    ("refresh_token", "", "must not be empty"),
    ("refresh_token", 1, f"must be text, or {SECRET_PLACES}"),
    *(
        ("grant_type", value, "of the server's own")
        for value in several("password", "authorization_code", "refresh_token", "a b", "ü", "x" * 300)
    ),
    *(("grant_type", value, what) for value, what in TEXT_MISTAKES),
    *(
        ("api_url", value, "may hold a fact of the login in its path")
        for value in several(
            *(
                "https://{host}/",
                "https://a.example{x}/",
                "https://{x}.example.com/",
                "{a}{b}/",
                "{a}.example.com",
            ),
            *(
                "https://api.example/{x",
                "https://api.example/{}",
                "https://api.example/{a b}",
                "{x}/?y",
                "{x}@evil/",
            ),
            *(
                "x{a}/",
                "http://api.example.com/{x}",
                "https://api.example/{x}?y",
                "{x}:443/",
                "{x}//{y}",
                "{1}/",
            ),
        )
    ),
    ("api_url", "https://me@api.example/{x}", "must not hold a user name"),
    *(
        ("api_hosts", value, "must be a list of hosts")
        for value in several(
            *(
                "*",
                "*.com",
                "com",
                "https://a.example",
                "a.example/x",
                "a.example:80",
                "*a.example",
                "a.*.example",
            ),
            *(
                "*.*.example",
                "127.0.0.2",
                "[::1]",
                "local",
                "a..example",
                ".example.com",
                "",
                [],
                1,
                ["a.b.c", 1],
            ),
            *("a.example\n", "-a.example", "a_b.example"),
        )
    ),
    *(
        ("api_auth", value, "must be a header and what is in it")
        for value in several(
            *(
                "X-Own {token}",
                "X-Own: x",
                "X-Own: {token} {token}",
                "X Own: {token}",
                "X-Own:{token}",
                ": {token}",
            ),
            *(
                "Cookie: {token}",
                "cookie: a={token}",
                "Host: {token}",
                "Content-Length: {token}",
                "X-Own: {secret}",
            ),
            *(
                "Proxy-Authorization: {token}",
                "X-Own: a b {token}",
                "X-Own: {token} b",
                "X-Ü: {token}",
                "X: ü{token}",
            ),
            *("{token}", "X-Own: {token", "Transfer-Encoding: {token}", "X-Own:   {token}"),
        )
    ),
    ("api_auth", "X-Own: a\r\nX-Evil: {token}", "one line, without control characters"),
    *(
        (key, value, "must be a table of texts")
        for key in ("api_headers", "token_headers")
        for value in several("a: b", [], 1, True)
    ),
    *(
        ("token_types", value, "must be text in printable ASCII")
        for value in several("", [], 1, ["a", 1], "ü", "a\nb")
    ),
    *(
        (key, value, "must be a path in the answer")
        for key in ("token_path", "swap_path")
        for value in several(
            *(
                "a..b",
                ".a",
                "a.",
                "a[b]",
                "a[b=]",
                "a[=b]",
                "[a=b]",
                "a[b=c]d",
                "a b",
                "a[b=c d]",
                "a.b.c.d.e.f.g.h.i",
            ),
            *("a" * 100, "ü", "a[b=[c]]"),
        )
    ),
    *(("bearer", value, "must be access_token or id_token") for value in several("refresh_token", "", 1)),
    *(("scope_separator", value, "must be a space") for value in several("+", ", ", "x")),
    *(("scope_separator", value, "must be a space") for value in several("", 1, [" "])),
    *(("refresh_scope", value, "must be true or false, not") for value in several("true", 1)),
    ("ca_bundle", "/no/such/file.pem", f"{Path('/no/such/file.pem')}, which cannot be read: "),
    ("ca_bundle", "x" * 5000, "which cannot be read: "),
    ("ca_bundle", "~nobody-of-that-name/x", f"{Path('~nobody-of-that-name/x')}, which cannot be read: "),
]


def base_for(key: str) -> dict[str, Any]:
    """Return a good profile that may have this key."""
    if key == "base_url":
        return dict(AVENTUS)
    if key == "org_code":
        return dict(ATHOC)
    own = {"grant": "custom"} if key == "grant_type" else {}
    return {**ISSUER, "redirect_uri": LOOPBACK, **own}


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
    # listen alone makes no sense; store and extends are about the file: test_choosing_a_store, test_extends
    # those that fill addresses have a file of their own: test_placeholders.py; what the machine has: test_machine_keys
    elsewhere = PLACEHOLDERS.keys() - {"base_url", "org_code"}
    assert {row[0] for row in GOOD} == set(KEYS) - elsewhere - {"listen", "store", "extends"}
    assert {row[0] for row in BAD} == set(KEYS) - elsewhere


def test_the_keys_are_those_promised() -> None:
    """The names of the keys, of the grants and of the providers are part of the interface."""
    assert set(KEYS) - PLACEHOLDERS.keys() == set(
        "provider issuer authorize_url token_url revoke_url device_url client_id client_secret grant scope"
        " audience api_url api_origins redirect_uri listen callback authorize_params token_params"
        " token_request client_auth pkce store login_timeout timeout retries ca_bundle extends"
        " discovery_url refresh_token grant_type api_hosts api_auth api_headers bearer token_headers token_types"
        " token_path scope_separator refresh_scope swap_url swap_path par_url par dpop".split()
    )
    assert set(PLACEHOLDERS) == set(
        "base_url org_code host domain tenant subdomain region account realm policy authorization_server".split()
    )
    people = ("pkce", "confidential", "client_credentials", "custom", "device")
    assert tuple(GRANTS) == (*people, "token_exchange", "jwt_bearer", "given")
    assert list(PROVIDERS)[:4] == ["aventus", "cidaas", "athoc", "oidc"]
    assert set(PROVIDERS) == set(
        "aventus cidaas athoc oidc google github gitlab entra entra_b2c okta auth0 keycloak cognito databricks"
        " snowflake salesforce atlassian slack spotify strava dropbox zoom notion hubspot x xero reddit orcid globus"
        " earthdata copernicus sentinelhub planet linkedin servicenow sap".split()
    )
    assert (
        set(
            "client_key client_key_id client_key_algorithm client_certificate client_assertion assertion_audience token"
            " subject_token subject_token_type actor_token actor_token_type resource requested_token_type"
            " service_account assertion_claims id_token_algorithm".split()
        )
        == MACHINE_NAMES
    )


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


@pytest.mark.parametrize("key", ["api_headers", "token_headers"])
def test_no_header_authorises_or_frames_a_message(key: str) -> None:
    """A profile's headers are constant ones: none that a login or the HTTP library sets, none with two lines."""
    refused = [*REFUSED_HEADERS, *(name.title() for name in REFUSED_HEADERS)]
    for name in refused:
        assert mistakes_of(**ISSUER, **{key: {name: "x", "Good": "x"}}) == {
            f"{key}.{name}": "is not constant: it cannot be set here"
        }
    for name in ("", "a b", "a:b", "a\r\nX", "ü", "a" * 65):
        assert mistakes_of(**ISSUER, **{key: {name: SECRET}}) == {f"{key}.{name}": "is no header's name"}
    for value in ("", " a", "a ", "a\r\nX-Evil: 1", "a\nb", "ü", "\x7f", "a\tb", 1, ["a"], {"env": "X"}):
        assert "must be text in printable ASCII" in str(mistakes_of(**ISSUER, **{key: {"Good": value}}))
    assert "twice" in str(mistakes_of(**ISSUER, **{key: {"X-A": "1", "x-a": "2"}}))


def test_a_redirect_uri_that_is_a_name() -> None:
    """EBay's RuName: it is sent as it is; where its redirects arrive, listen or the person says."""
    for keys in ({"listen": "127.0.0.1:8765"}, {"callback": "paste"}):
        profile = make_profile(**ISSUER, **keys, redirect_uri="My_Co-MyApp-PRD-abc")
        assert profile.redirect_uris == ("My_Co-MyApp-PRD-abc",)
    assert "redirect_uri" in mistakes_of(**ISSUER, callback="loopback", redirect_uri="My_Co-MyApp-PRD-abc")


def test_keys_that_need_another() -> None:
    """What contradicts is told by its name, with what to do."""
    custom = {**ISSUER, "grant": "custom"}
    assert "missing; the server's name for the grant" in mistakes_of(**custom)["grant_type"]
    assert 'grant = "custom"' in mistakes_of(**ISSUER, grant_type="own")["grant_type"]
    assert (
        "needs none" in mistakes_of(**custom, grant_type="own", refresh_token={"env": "X"})["refresh_token"]
    )
    assert "Aventus" in mistakes_of(**AVENTUS, discovery_url="https://a.example/d")["discovery_url"]
    assert "name the hosts" in mistakes_of(**ISSUER, api_url="{instance_url}/x")["api_hosts"]
    assert not mistakes_of(**ISSUER, api_url="{instance_url}/x", api_hosts="*.example.com")
    assert not mistakes_of(client_id="x", discovery_url="https://as.example/d")


def test_a_client_without_a_secret_sends_an_empty_one_if_it_says_so() -> None:
    """client_auth = "basic" without a client_secret says it; the default of a server or its document does not."""
    assert make_profile(**ISSUER, client_auth="basic").empty_secret
    assert not make_profile(**ISSUER).empty_secret
    assert not make_profile(**ISSUER, client_auth="post").empty_secret
    assert not make_profile(**ISSUER, client_auth="basic", client_secret="x").empty_secret
