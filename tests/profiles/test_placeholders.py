"""The keys that fill the addresses of a provider's row: a value stays in its place, whatever it is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from profile_texts import LOOPBACK, mistakes_of, several
from support import make_profile

from aventus_creds.profiles.checks import ENDPOINTS
from aventus_creds.profiles.keys import KEYS, PLACEHOLDERS, explained
from aventus_creds.profiles.kinds import HOST_ALONE, PART, SERVER_URL
from aventus_creds.profiles.providers import PROVIDERS, Provider
from aventus_creds.profiles.schema import schema

VALIDATOR = jsonschema.Draft7Validator(schema())
FILLED = [
    (row, key)
    for row in PROVIDERS.values()
    for key in row.placeholders
    if PLACEHOLDERS[key].kind is not SERVER_URL
]
PARTS = [name for name, key in PLACEHOLDERS.items() if key.kind is PART]
HOSTS = [name for name, key in PLACEHOLDERS.items() if key.kind is HOST_ALONE]

LEAVING = (
    *(
        "a/b",
        "/",
        "a/../b",
        "..",
        ".",
        "a?b",
        "?",
        "a#b",
        "a%2Fb",
        "%2e%2e",
        "a\\b",
        "a b",
        "a\tb",
        "ü",
        "a@b",
    ),
    *("a:b", "a;b", "a&b", "{client_id}", "{0}", "", " ", "evil.example/", "evil.example#", "@evil.example"),
    *("user@evil.example", "https://evil.example", "//evil.example", "a\nb", "a\r\nHost: evil"),
)


def keys_of(row: Provider, **keys: Any) -> dict[str, Any]:
    """Return a profile for ``row`` with a good value for each key that it needs."""
    host = row.redirect_rule.hosts[0] if row.redirect_rule else "127.0.0.1"
    good = {
        key: "https://as.example" if PLACEHOLDERS[key].kind is SERVER_URL else "good"
        for key in row.placeholders
    }
    grant = (row.grants or ("pkce",))[0]
    offered = {
        "pkce": {"redirect_uri": f"http://{host}:8765/callback"},
        "confidential": {"redirect_uri": f"http://{host}:8765/callback", "client_secret": "s"},
        "client_credentials": {"grant": grant, "client_secret": "s"},
    }[grant]
    issuer = {"issuer": "https://as.example"} if row.generic else {}
    return {"provider": row.name, "client_id": "c", **issuer, **good, **offered, **keys}


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_a_row_makes_a_profile(row: Provider) -> None:
    """With what a row needs, and nothing else, the profile is whole: all its templates are filled."""
    profile = make_profile(**keys_of(row))
    texts = [
        *(getattr(profile, key) for key in ENDPOINTS),
        profile.row_issuer,
        profile.scope,
        profile.audience,
    ]
    texts += [text for text in profile.authorize_params.values() if isinstance(text, str)]
    assert all("{" not in text for text in texts), texts
    assert profile.token_url.startswith("https://") or row.generic
    VALIDATOR.validate({"profiles": {"it": keys_of(row)}})


@pytest.mark.parametrize(("row", "key"), FILLED, ids=lambda each: getattr(each, "name", each))
def test_what_a_row_needs_is_missed(row: Provider, key: str) -> None:
    """A key without a default must be there; one with a default need not."""
    keys = keys_of(row)
    del keys[key]
    found = mistakes_of(**keys)
    if row.placeholders[key]:
        assert found == {}
    else:
        assert found[key].startswith(f"missing; {row.title} needs")
    assert VALIDATOR.is_valid({"profiles": {"it": keys}}) == (not found)


@pytest.mark.parametrize("value", several(*LEAVING, 1, [], True))
@pytest.mark.parametrize("key", [*PARTS, *HOSTS])
def test_no_value_leaves_its_place(key: str, value: Any) -> None:
    """What could change the server, the path or the query is refused, in the program and in an editor."""
    if (key, value) == ("host", "a:b"):
        value = "a:99999999"
    row = next(row for row, needed in FILLED if needed == key)
    found = mistakes_of(**keys_of(row, **{key: value}))
    assert set(found) == {key}
    assert not VALIDATOR.is_valid({"profiles": {"it": keys_of(row, **{key: value})}})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("host", value) for value in ("a", "sso.example.com", "10.0.0.7:8443", "[::1]:8443", "localhost")),
        *(("tenant", value) for value in ("common", "contoso.onmicrosoft.com", "a_b-c.d", "A" * 36)),
    ],
)
def test_good_values(key: str, value: str) -> None:
    """A host may have a port; a tenant may be a domain."""
    row = next(row for row, needed in FILLED if needed == key)
    assert value in make_profile(**keys_of(row, **{key: value})).token_url


@pytest.mark.parametrize(
    ("row", "key"),
    [pair for pair in FILLED if pair[1] in {*PARTS, *HOSTS}],
    ids=lambda each: getattr(each, "name", each),
)
@given(value=st.text(st.characters(max_codepoint=0x17F), min_size=1, max_size=12))
def test_whatever_is_taken_stays_in_its_place(row: Provider, key: str, value: str) -> None:
    """An address with a value has the parts of the address with another value, and only the value differs."""
    if mistakes_of(**keys_of(row, **{key: value})):
        return
    good, other = make_profile(**keys_of(row)), make_profile(**keys_of(row, **{key: value}))
    for endpoint in ENDPOINTS:
        if not (template := getattr(row, endpoint)):
            continue
        ours, theirs = urlsplit(getattr(good, endpoint)), urlsplit(getattr(other, endpoint))
        assert (theirs.scheme, theirs.query, theirs.fragment) == ("https", "", "")
        assert theirs.path.count("/") == ours.path.count("/")
        assert "@" not in theirs.netloc
        assert ".." not in theirs.path.split("/")
        if f"{{{key}}}" not in template.split("/")[2]:
            assert theirs.netloc == ours.netloc
        assert theirs.netloc.endswith(template.split("/")[2].rpartition("}")[2])


@pytest.mark.parametrize("key", PLACEHOLDERS)
def test_a_key_of_another_provider_is_a_mistake(key: str) -> None:
    """It says whose key it is, and no editor takes it."""
    row = next(row for row in PROVIDERS.values() if key not in row.placeholders)
    found = mistakes_of(**keys_of(row, **{key: "https://as.example"}))
    users = [each.name for each in PROVIDERS.values() if key in each.placeholders]
    assert users
    assert all(user in found[key] for user in users) or "must be" in found[key]
    assert not VALIDATOR.is_valid({"profiles": {"it": keys_of(row, **{key: "good"})}})


def test_the_help_names_the_rows() -> None:
    """Which rows need a key is worked out from the rows."""
    assert explained(KEYS["realm"]).doc == "the realm; required for keycloak"
    assert explained(KEYS["host"]).default == "gitlab: gitlab.com, salesforce: login.salesforce.com"
    assert KEYS["realm"].doc == "the realm"


@pytest.mark.parametrize(
    ("name", "uri", "what"),
    [
        ("spotify", "http://localhost:8765/callback", "takes this machine only as 127.0.0.1 or [::1]"),
        ("cognito", LOOPBACK, "takes this machine only as localhost"),
        ("okta", "http://127.0.0.1:0/callback", "compares the port too"),
        ("x", "http://[::1]:8765/callback", "takes this machine only as 127.0.0.1"),
    ],
)
def test_the_rule_for_redirects_is_checked(name: str, uri: str, what: str) -> None:
    """What the server would refuse is told before the login."""
    found = mistakes_of(**keys_of(PROVIDERS[name], redirect_uri=uri))
    assert set(found) == {"redirect_uri"}
    assert what in found["redirect_uri"]


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("spotify", "http://[::1]:0/callback"),
        ("spotify", "https://web.example/callback"),
        ("entra", "http://127.0.0.1:0/x"),
        ("keycloak", "http://127.0.0.1:0/x"),  # no page says what its rule is
    ],
)
def test_other_redirects_are_taken(name: str, uri: str) -> None:
    """The rule is for addresses of this machine, and where no page says one, there is none."""
    keys = keys_of(PROVIDERS[name], redirect_uri=uri)
    if uri.startswith("https"):
        keys["callback"] = "paste"
    assert mistakes_of(**keys) == {}


def test_a_rows_parameters_and_the_profiles_own() -> None:
    """The profile's go first, except where the row makes one from a key."""
    google = make_profile(
        **keys_of(PROVIDERS["google"], authorize_params={"prompt": "none", "hd": "a.example"})
    )
    assert google.authorize_params == {"access_type": "offline", "prompt": "none", "hd": "a.example"}
    slack = make_profile(**keys_of(PROVIDERS["slack"], scope="search:read"))
    assert slack.authorize_params == {"scope": "", "user_scope": "search:read"}
    found = mistakes_of(**keys_of(PROVIDERS["slack"], authorize_params={"user_scope": "x"}))
    assert found == {"authorize_params": "user_scope is made from scope: leave it out"}
