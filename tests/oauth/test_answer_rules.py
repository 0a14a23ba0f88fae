"""Where servers put the token, what they call it, and what they say beside it. Tested with values."""

from __future__ import annotations

import json
import math
import sys
import time
from typing import Any

import pytest
from oauth_values import CODE, SECRET, STATE, VERIFIER, answer, attempt, endpoints, jwt
from support import make_profile, make_token

from aventus_creds.errors import InvalidAnswer, TokenRefused
from aventus_creds.oauth.answer import LONGEST_ID_TOKEN, Answer, inside, read_token
from aventus_creds.oauth.facts import LONGEST, MOST, facts
from aventus_creds.oauth.request import refresh_request
from aventus_creds.oauth.scopes import not_granted
from aventus_creds.tokens import Token

NOW = 1_000_000.0


def read(given: Answer, previous: Token | None = None, **keys: Any) -> Token:
    profile = make_profile(**keys)
    request = refresh_request(profile, endpoints(profile), "a-refresh-token", None)
    return read_token(profile, given, request, now=NOW, previous=previous)


# Token types


@pytest.mark.parametrize("token_type", ["bot", "BOT", "User Access Token", "Bearer", None])
def test_the_profile_names_the_token_types(token_type: str | None) -> None:
    """Compared without case (RFC 6749 section 5.1); one that is left out is none of another type."""
    types = ["Bearer", "bot", "user access token"]
    assert read(answer(access_token="tok", token_type=token_type), token_types=types).access_token == "tok"


def test_bearer_is_no_type_where_the_profile_does_not_name_it() -> None:
    """A list takes the place of the usual one."""
    with pytest.raises(InvalidAnswer, match="of the type Bearer, and not of the type bot"):
        read(answer(access_token="tok", token_type="Bearer"), token_types="bot")


def test_another_type_is_named_and_what_to_write() -> None:
    """The hint can be followed."""
    with pytest.raises(InvalidAnswer) as caught:
        read(answer(access_token="tok", token_type="BearerToken"))
    assert "of the type BearerToken, and not of the type Bearer" in caught.value.message
    assert caught.value.hint.endswith('token_types = ["BearerToken"]')
    read(answer(access_token="tok", token_type="BearerToken"), token_types=["BearerToken"])


@pytest.mark.parametrize(
    "token_type", ['a"b', "a\\b", "a-refresh-token", "x\x1b[31m", "y" * 400, 5, ["x"], {}, ""]
)
def test_a_type_that_cannot_be_shown_is_not_offered(token_type: Any) -> None:
    """What a server says is no TOML, and no secret."""
    with pytest.raises(InvalidAnswer) as caught:
        read(answer(access_token="tok", token_type=token_type))
    assert "token_types" not in caught.value.hint
    assert "a-refresh-token" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


# Where the token is

SLACK: dict[str, Any] = {
    "ok": True,
    "access_token": "of-the-bot",
    "token_type": "bot",
    "scope": "chat:write",
    "refresh_token": "bot-refresh",
    "authed_user": {
        "id": "U1",
        "scope": "search:read,users:read",
        "access_token": "of-the-user",
        "token_type": "user",
    },
}


def test_the_token_inside_an_object() -> None:
    """All that belongs to it comes from there, and nothing from beside it: that is another token's."""
    token = read(answer(**SLACK), token_path="authed_user", token_types=["user"])
    assert (token.access_token, token.refresh_token, token.scope) == (
        "of-the-user",
        None,
        "search:read users:read",
    )
    assert token.expires_at == math.inf


def test_the_token_inside_a_list_of_objects() -> None:
    """The first where the key has the value."""
    others = [
        1,
        {"resource_server": "groups", "access_token": "g"},
        {"resource_server": "a.b", "access_token": "t"},
    ]
    given = answer(
        access_token="top", other_tokens=[*others, {"resource_server": "a.b", "access_token": "late"}]
    )
    assert read(given, token_path="other_tokens[resource_server=a.b]").access_token == "t"


def test_a_refresh_answers_for_the_one_token() -> None:
    """Where the object is not in the answer of a refresh, the answer itself is read; at a login it is not."""
    given = answer(access_token="of-the-bot", token_type="bearer")
    assert read(given, make_token(refresh_token="r"), token_path="authed_user").access_token == "of-the-bot"
    with pytest.raises(InvalidAnswer, match="no usable access token at authed_user") as caught:
        read(given, token_path="authed_user")
    assert "token_path" in caught.value.hint


@pytest.mark.parametrize(
    "found",
    [
        *(
            {},
            {"a": None},
            {"a": 5},
            {"a": "x"},
            {"a": []},
            {"a": [{}]},
            {"a": {"b": []}},
            {"a": {"b": [{"c": "e"}]}},
        ),
        *({"a": {"b": [{"c": ["d"]}]}}, {"a": {"b": {"c": "d"}}}, {"a": {"b": [["c", "d"]] * 100_000}}),
    ],
)
def test_a_path_that_leads_nowhere(found: Any) -> None:
    """Gives nothing, whatever is in its way."""
    assert inside(found, "a.b[c=d]") is None
    with pytest.raises(InvalidAnswer, match="no usable access token"):
        read(answer(**found), token_path="a.b[c=d]")


def test_a_deep_answer_is_no_crash() -> None:
    """Neither as deep as a parser goes, nor deeper."""
    for depth in (500, 100_000):
        body = b'{"a":' * depth + b'{"access_token": "t"}' + b"}" * depth
        with pytest.raises(InvalidAnswer):
            read(Answer(200, "application/json", body), token_path="a.a.a.a.a.a.a.a")


# The ID token


def test_the_id_token_is_kept() -> None:
    """A refresh that brings none leaves the one of the login."""
    token = read(answer(access_token="tok", id_token=jwt(sub="ada")))
    assert token.id_token == jwt(sub="ada")
    assert read(answer(access_token="new"), token).id_token == jwt(sub="ada")
    assert jwt(sub="ada") not in repr(token)
    for odd in (5, "", "a b", "a\r\nb", "x" * (LONGEST_ID_TOKEN + 1)):
        assert read(answer(access_token="tok", id_token=odd)).id_token is None


def test_the_id_token_that_an_api_wants() -> None:
    """It says itself how long it lives; expires_in is the access token's."""
    given = answer(access_token="tok", expires_in=9999, id_token=jwt(exp=NOW + 300, iat=NOW))
    assert read(given, bearer="id_token").expires_at == NOW + 300
    assert read(given).expires_at == NOW + 9999
    old = read(given, bearer="id_token")
    for odd in (None, 5, "a\nb"):
        with pytest.raises(InvalidAnswer, match="no usable ID token, which the API wants"):
            read(answer(access_token="tok", id_token=odd), old, bearer="id_token")


# Errors


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (answer(200, ok=False, error="invalid_auth"), "invalid_auth"),  # Slack
        (answer(400, errors=["Bad things happened", "x"]), "Bad things happened"),
        (
            answer(400, errors=[{"errorType": "invalid_token", "message": "Used up"}]),
            "invalid_token: Used up",
        ),  # Fitbit
        (answer(400, message="Bad Request", errors=[{"code": "invalid"}]), "invalid: Bad Request"),  # Strava
        (
            answer(401, fault={"faultstring": "Invalid key", "detail": {"errorcode": "x"}}),
            "Invalid key",
        ),  # Apigee
        (
            answer(400, reason="Invalid Token!", error="invalid_request"),
            "invalid_request: Invalid Token!",
        ),  # Zoom
        (
            Answer(400, "application/json", b'{"status": "BAD_REFRESH_TOKEN", "message": "gone"}'),
            ": gone ",  # HubSpot
        ),
        (answer(200, errors=[{"message": "Down"}]), "Down"),
        (answer(200, fault={"faultstring": "Down"}), "Down"),
        (answer(400, fault="Down"), "Down"),
    ],
)
def test_the_servers_words_are_found(given: Answer, said: str) -> None:
    """Never "no reason given" where there is one, also with HTTP 200."""
    with pytest.raises(TokenRefused, match=said):
        read(given)


@pytest.mark.parametrize("errors", [[], [[]], [None], {}, "", 0, [{}], [5], {"a": []}])
def test_errors_of_every_odd_kind(errors: Any) -> None:
    """One refusal, whatever is in it."""
    with pytest.raises(TokenRefused):
        read(answer(400, errors=errors))


def test_a_warning_beside_a_token_is_no_error() -> None:
    """GraphQL-like servers name an empty or partial list of errors in each answer."""
    assert read(answer(access_token="tok", errors=["deprecated"])).access_token == "tok"


# Scopes


@pytest.mark.parametrize(
    ("asked", "granted", "refreshes", "missing"),
    [
        ("gist repo", "gist repo", False, []),
        ("gist repo", "gist", False, ["repo"]),
        ("email openid", "https://www.googleapis.com/auth/userinfo.email openid", False, []),
        ("profile", "https://www.googleapis.com/auth/userinfo.profile", False, []),
        ("https://graph.microsoft.com/User.Read", "User.Read", False, []),
        ("user.read", "User.Read", False, []),
        ("openid offline_access", "openid", True, []),
        ("openid offline_access", "openid", False, ["offline_access"]),
        ("https://a.example/read", "https://b.example/read", False, ["https://a.example/read"]),
        ("email", "https://www.googleapis.com/auth/userinfo.profile", False, ["email"]),
        ("read", "https://a.example/xread", False, ["read"]),
        ("read", None, False, ["read"]),
        ("", None, False, []),
    ],
)
def test_scopes_asked_for_in_vain(
    asked: str, granted: str | None, refreshes: Any, missing: list[str]
) -> None:
    """Longer and shorter names of the same are the same; what is not there is told."""
    assert not_granted(asked, granted, refreshes=refreshes) == missing


def test_commas_between_scopes() -> None:
    """GitHub is asked with spaces and answers with commas. A comma within a scope that was asked for stays."""
    assert read(answer(access_token="t", scope="gist,repo"), scope="gist repo").scope == "gist repo"
    assert read(answer(access_token="t", scope="gist, repo"), scope="gist repo").scope == "gist repo"
    assert read(answer(access_token="t", scope="a,b c"), scope="a,b c").scope == "a,b c"
    assert read(answer(access_token="t", scope="a,b"), scope="a b", scope_separator=",").scope == "a b"


# Facts


def test_facts_of_the_answer_are_kept() -> None:
    """Also through a refresh, which may change them."""
    told: dict[str, Any] = {
        "instance_url": "https://my--sandbox1.sandbox.my.salesforce.com",
        "shard": 3,
        "id": "U1",
    }
    token = read(answer(access_token="tok", **told))
    assert token.extra == {**told, "shard": "3"}
    assert read(answer(access_token="new", id="U2"), token).extra == {**token.extra, "id": "U2"}


def test_facts_of_the_redirect_are_kept() -> None:
    """QuickBooks' realmId; what the protocol itself sends is none of them."""
    login = attempt()
    login.accept(
        f"code={CODE}&state={STATE}&realmId=4620816365&session_state=abc&scope=x&iss=https://as.example.com"
    )
    token = login.read_token(answer(access_token="tok", id="U1"), login.exchange(CODE, SECRET), now=NOW)
    assert token.extra == {"realmId": "4620816365", "id": "U1"}


SECRETS: tuple[dict[str, Any], ...] = (
    *(
        {"my_token": "x"},
        {"apiKey": "x"},
        {"clientSecret": "x"},
        {"user_password": "x"},
        {"code": "x"},
        {"jwt": "x"},
    ),
    *(
        {"signature": "x"},
        {"session_id": "x"},
        {"x": "a1" * 16},
        {"x": jwt(sub="a")},
        {"x": "a-refresh-token"},
    ),
    *(
        {"x": "see a-refresh-token!"},
        {"x": "tok-of-the-api-itself"},
        {"x": "https://a.example/?t=1"},
        {"x": "a\nb"},
    ),
    *(
        {"x": "https://user:pw@a.example/"},
        {"x": f"https://a.example/{'a1' * 16}"},
        {"x": "\x1b[31mred"},
        {"x": ""},
    ),
    *(
        {"x": " "},
        {"x": True},
        {"x": None},
        {"x": 1.5},
        {"x": []},
        {"x": {"y": "z"}},
        {"x y": "z"},
        {"": "z"},
    ),
    *(
        {"x" * 65: "z"},
        {"x": "y" * (LONGEST + 1)},
        {"x": 10**30},
        {"ü": "z"},
        {"x": "https://[::1"},
        {"x": "\ud800"},
    ),
)


@pytest.mark.parametrize("odd", SECRETS)
def test_what_may_be_a_secret_is_no_fact(odd: dict[str, Any]) -> None:
    """By its name, by its look, or because it repeats one; nor what is no short printable text."""
    assert read(answer(access_token="tok-of-the-api-itself", **odd)).extra == {}


def test_facts_have_a_limit() -> None:
    """A megabyte of them is read in no time, and few are kept, also over many refreshes."""
    begin = time.process_time()
    found = {f"name{number}": f"{VERIFIER} {number}" for number in range(40_000)}
    assert facts(found, (VERIFIER, SECRET)) == {}
    assert time.process_time() - begin < 20
    token = make_token(refresh_token="r")
    for round_ in range(4):
        told: dict[str, Any] = {f"name{round_}-{number}": "y" for number in range(100)}
        token = read(answer(access_token="tok", **told), token)
        assert len(token.extra) == MOST
        assert all(name.startswith(f"name{round_}-") for name in token.extra)


def test_a_huge_answer_is_no_fact() -> None:
    """Nor is one field that is as large as an answer may be."""
    body = json.dumps({"access_token": "tok", "x": "y" * 1_000_000}).encode()
    assert read(Answer(200, "application/json", body)).extra == {}


def test_a_token_counts_where_its_facts_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token before it is used up: no module that is missing by now may lose the new one."""
    before = make_token(refresh_token="old", extra={"shard": "3"})
    monkeypatch.setitem(sys.modules, "aventus_creds.oauth.facts", None)
    token = read(answer(access_token="new", refresh_token="newer", shard="4"), before)
    assert (token.access_token, token.refresh_token, token.extra) == ("new", "newer", {"shard": "3"})
