"""Token: the rule for expiry, and that it shows nothing."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from typing import Any

import pytest

from aventus_creds.tokens import Token, jwt_claims, utc

SECRETS = ("an-access-token", "a-refresh-token")


def token(lifetime: float = 3600, obtained_at: float = 1000) -> Token:
    return Token(
        SECRETS[0], obtained_at=obtained_at, expires_at=obtained_at + lifetime, refresh_token=SECRETS[1]
    )


@pytest.mark.parametrize(
    ("lifetime", "age", "at_least", "fresh"),
    [
        (3600, 0, 0, True),
        (3600, 3539, 0, True),  # the margin is 60 s …
        (3600, 3540, 0, False),
        (100, 89, 0, True),  # … but at most a tenth of the lifetime
        (100, 90, 0, False),
        (2, 1.7, 0, True),
        (2, 1.9, 0, False),
        (3600, 0, 3599, True),
        (3600, 0, 3600, False),
        (3600, 1800, 1700, True),
        (3600, 1800, 1800, False),
        (0, 0, 0, False),
        (-5, 0, 0, False),
    ],
)
def test_fresh(lifetime: Any, age: Any, at_least: Any, fresh: Any) -> None:
    """A token is replaced 60 s early, at most a tenth of its lifetime, or as early as is asked."""
    assert token(lifetime).fresh(1000 + age, at_least) is fresh


def test_a_clock_that_was_set_back_makes_no_token_live_longer() -> None:
    """A day before it was obtained, a token of an hour is not good for 25 hours."""
    assert token(3600).fresh(1000 - 86400)
    assert not token(3600).fresh(1000 - 86400, at_least=7200)


def test_expired_has_no_margin() -> None:
    """Between the early refresh and the expiry a token is neither fresh nor expired."""
    assert not token().fresh(4550)
    assert not token().expired(4599)
    assert token().expired(4600)


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, lambda t: f"{t!r}", lambda t: repr([t]), lambda t: repr(vars)]
)
def test_nothing_secret_is_shown(show: Any) -> None:
    """No way to turn a token into text shows what it holds."""
    text = show(token())
    assert not any(secret in text for secret in SECRETS)


def test_repr_tells_what_a_person_wants_to_know() -> None:
    """Until when, and whether it can be refreshed."""
    assert repr(token()) == "<Token until 1970-01-01 01:16:40 UTC, refreshable>"
    assert utc(0) == "1970-01-01 00:00:00 UTC"


def test_immutable() -> None:
    """A token is replaced, never changed."""
    with pytest.raises(AttributeError):
        token().access_token = "other"
    with pytest.raises(AttributeError):
        del token().access_token
    assert copy.copy(a := token()) is a
    assert copy.deepcopy(a) is a


def test_no_pickle() -> None:
    """A pickle would be a copy of the secret in a place that nobody watches."""
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(token())


def test_equality_is_of_every_field() -> None:
    """Two tokens that differ in anything are two tokens."""
    assert token() == token()
    assert hash(token()) == hash(token())
    assert token() != token(60)
    assert token() != SECRETS[0]


def jwt(payload: bytes) -> str:
    return "e30." + base64.urlsafe_b64encode(payload).rstrip(b"=").decode() + ".c2ln"


def test_claims_of_a_jwt() -> None:
    """The payload is read, whatever padding it lacks."""
    for name in ("a", "ab", "abc", "abcd"):
        assert jwt_claims(jwt(json.dumps({"sub": name}).encode())) == {"sub": name}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "opaque",
        "a.b",
        "a.b.c",
        "a.!!!.c",
        "a.é.c",
        jwt(b"[]"),
        jwt(b"\xff"),
        jwt(b"[" * 100_000),
        "a.b.c.d.e",
    ],
)
def test_what_is_no_jwt_has_no_claims(text: Any) -> None:
    """Opaque tokens are as good as any: they just tell nothing."""
    assert jwt_claims(text) == {}
