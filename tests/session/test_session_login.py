"""What a session knows of its login, and an API's address that only a login says."""

from __future__ import annotations

import math
from typing import Any

import pytest
from oauth_values import jwt
from session_source import Source
from support import make_profile, make_token

from aventus_creds.errors import InvalidAnswer
from aventus_creds.session.address import is_one_of, with_address
from aventus_creds.session.session import ApiSession

INSTANCE = {"api_url": "{instance_url}/services/", "api_hosts": ["*.salesforce.com", "api.example.com"]}
COMPANY = {"api_url": "https://quickbooks.api.intuit.com/v3/company/{realmId}/"}


def address(keys: dict[str, Any], **facts: str) -> tuple[str, tuple[str, ...]]:
    profile = with_address(make_profile(**keys), make_token(extra=facts))
    return profile.api_url, profile.api_origins


def test_an_instance() -> None:
    """Its host is one of those that the profile names; only its origin gets the token."""
    for value in ("https://na1.my.salesforce.com", "https://na1.my.salesforce.com/"):
        assert address(INSTANCE, instance_url=value) == (
            "https://na1.my.salesforce.com/services/",
            ("https://na1.my.salesforce.com",),
        )
    assert (
        address(INSTANCE, instance_url="https://API.example.com/eu")[0]
        == "https://API.example.com/eu/services/"
    )
    assert address(INSTANCE, instance_url="https://API.example.com")[1] == ("https://api.example.com",)


@pytest.mark.parametrize(
    "value",
    [
        *("https://evil.example", "https://evil.example/na1.my.salesforce.com", "https://salesforce.com"),
        *("https://salesforce.com.evil.example", "https://evilsalesforce.com", "http://na1.salesforce.com"),
        *(
            "https://na1.salesforce.com@evil.example",
            "https://evil.example\\.salesforce.com",
            "//na1.salesforce.com",
        ),
        *("https://na1.salesforce.com:8443", "https://na1.salesforce.com?x", "https://na1.salesforce.com#x"),
        *(
            "https://evil.example#.salesforce.com",
            "https://evil.example?.salesforce.com",
            "https://.salesforce.com",
        ),
        *(
            "https://evil.example%2f.salesforce.com",
            "javascript:alert(1)",
            "na1.salesforce.com",
            "",
            "https://",
        ),
        *("https://[::1].salesforce.com", "https://evil.example/.salesforce.com", "ftp://na1.salesforce.com"),
        *(
            "https://127.0.0.1",
            "https://na1.salesforce.com.",
            "https://\u0455alesforce.com",
            "https://api.example.com:1",
        ),
        "https://b.api.example.com",
    ],
)
def test_an_instance_elsewhere(value: str) -> None:
    """A server's answer does not lead the token anywhere else, and the error says what to do."""
    with pytest.raises(InvalidAnswer, match="the token is not sent where the server says") as caught:
        address(INSTANCE, instance_url=value)
    assert "api_hosts" in caught.value.hint


def test_a_company() -> None:
    """The origin is the profile's; what is filled in is one part of the path."""
    assert address(COMPANY, realmId="4620816365") == (
        "https://quickbooks.api.intuit.com/v3/company/4620816365/",
        ("https://quickbooks.api.intuit.com",),
    )


@pytest.mark.parametrize(
    "value",
    ["", ".", "..", "../../x", "a/b", "a?b", "a#b", "a%2fb", "a b", "@evil.example", "a\\b", "\u0661", "{x}"],
)
def test_a_company_that_is_no_part_of_a_path(value: str) -> None:
    """Neither another path nor another server."""
    with pytest.raises(InvalidAnswer, match="is no single part of a path"):
        address(COMPANY, realmId=value)


@pytest.mark.parametrize("keys", [INSTANCE, COMPANY])
def test_a_fact_that_the_server_did_not_say(keys: dict[str, Any]) -> None:
    """Says which, and what is known."""
    with pytest.raises(InvalidAnswer, match="which the server did not say at the login") as caught:
        address(keys, tenant="x")
    assert "It said tenant." in caught.value.hint


def test_an_address_is_not_filled_twice() -> None:
    """A value that looks like a placeholder is none."""
    two = {"api_url": "https://api.example.com/{a}/{b}/"}
    with pytest.raises(InvalidAnswer):
        address(two, a="{b}", b="x")
    assert address(two, a="b", b="a")[0] == "https://api.example.com/b/a/"


def test_hosts() -> None:
    """A star stands for subdomains, and not for the domain itself."""
    assert is_one_of("a.b.example.com", ["*.example.com"])
    assert not is_one_of("example.com", ["*.example.com"])
    assert not is_one_of("xexample.com", ["*.example.com", "x.com"])


def test_what_is_known_of_a_login() -> None:
    """Account, scopes, end and facts; nothing of it is a token."""
    token = make_token("opaque", scope="a b", id_token=jwt(email="ada@example.com"), extra={"realmId": "4"})
    session = ApiSession(make_profile(api_url="https://api.example.com"), Source(token))
    login = session.login
    assert tuple(login) == ("ada@example.com", ("a", "b"), token.expires_at, {"realmId": "4"})
    assert session.login.extra["realmId"] == "4"
    assert "opaque" not in repr(login)
    with pytest.raises(TypeError):
        login.extra["realmId"] = "5"  # type: ignore[index]
    bare = ApiSession(make_profile(api_url="https://api.example.com"), Source(make_token(lifetime=math.inf)))
    assert tuple(bare.login) == ("", (), math.inf, {})


@pytest.mark.parametrize(
    ("access", "identity", "account"),
    [
        ({"sub": "1"}, {"email": "ada@example.com"}, "ada@example.com"),
        ({"email": "ada@example.com"}, {"name": "Ada"}, "ada@example.com"),
        ({"sub": "ada"}, {"name": "Ada"}, "ada"),
        ({}, {"name": "Ada"}, "Ada"),
        ({}, {}, ""),
        ({"email": "a\x1b[31m@b"}, {"email": "\n@"}, ""),
    ],
)
def test_the_account(access: dict[str, str], identity: dict[str, str], account: str) -> None:
    """An address, if one of the tokens has one."""
    assert make_token(jwt(**access), id_token=jwt(**identity)).account == account
