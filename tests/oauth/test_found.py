"""What a place holds: a token alone, or the JSON of the programs that print credentials."""

from __future__ import annotations

import json
import math
import traceback
from typing import Any

import pytest
from token_places import made_jwt

from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import SecretError
from aventus_creds.oauth.found import Found, token_in

NOW = 1_700_000_000.0
LATER = NOW + 3600


def found(content: Any, wants: str = "") -> Found:
    """Return what is found in a text, or in JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    return token_in(Hidden(text), "the token in the file x", now=NOW, wants=wants)


@pytest.mark.parametrize(
    ("content", "token", "end"),
    [
        ("a-token\n", "a-token", math.inf),
        # Google's executable-sourced credentials
        (
            {
                "version": 1,
                "success": True,
                "token_type": "urn:ietf:params:oauth:token-type:id_token",
                "id_token": "google",
                "expiration_time": LATER,
            },
            "google",
            LATER,
        ),
        ({"version": 1, "success": True, "saml_response": "PHNhbWw+"}, "PHNhbWw+", math.inf),
        # kubectl's ExecCredential
        (
            {
                "apiVersion": "client.authentication.k8s.io/v1",
                "kind": "ExecCredential",
                "status": {"token": "kubectl", "expirationTimestamp": "2023-11-14T23:13:20Z"},
            },
            "kubectl",
            LATER,
        ),
        # the answer of a token endpoint
        ({"access_token": "oauth", "token_type": "Bearer", "expires_in": "60"}, "oauth", NOW + 60),
        # az account get-access-token: expiresOn is local time, without saying so
        ({"accessToken": "az", "expiresOn": "2023-11-14 23:13:20.000000", "expires_on": LATER}, "az", LATER),
        ({"accessToken": "az", "expiresOn": "2023-11-14 23:13:20.000000"}, "az", math.inf),
        # AWS's cache of single sign-on
        ({"accessToken": "aws", "expiresAt": "2023-11-14T23:13:20+00:00"}, "aws", LATER),
        # gcloud --format=json
        ({"token": "gcloud", "expiry": "2023-11-15T00:13:20+01:00"}, "gcloud", LATER),
        ({"access_token": "odd", "expires_at": "soon"}, "odd", math.inf),
    ],
)
def test_what_programs_print(content: Any, token: str, end: float) -> None:
    """Each format that is understood, with its end."""
    assert (found(content).text, found(content).expires_at) == (token, end)


def test_it_is_not_shown() -> None:
    """Neither by repr nor in a pickle."""
    import pickle

    assert "a-token" not in repr(found("a-token"))
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(found("a-token"))


def test_a_jwt_says_when_it_ends() -> None:
    """Where it ends sooner than is said beside it, that counts."""
    token = made_jwt(exp=NOW + 30)
    assert found(token).expires_at == NOW + 30
    assert found({"access_token": token, "expires_in": 3600}).expires_at == NOW + 30
    assert found(made_jwt(exp="never")).expires_at == math.inf


def test_of_several_tokens_the_wanted_one() -> None:
    """An access token, unless the ID token is asked for."""
    both = {"id_token": "the-id", "access_token": "the-access"}
    assert found(both).text == "the-access"
    assert found(both, "id_token").text == "the-id"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("two words", "is no token"),
        ("", "is no token"),
        ("naïve", "is no token"),
        ("{broken", "begins like JSON"),
        ("{" * 5000, "begins like JSON"),
        ({}, "is no token"),
        ({"access_token": 4}, "is no token"),
        ({"access_token": "two words"}, "is no token"),
        (
            {"version": 1, "success": False, "code": "401", "message": "Caller not\n authorized."},
            "401: Caller not",
        ),
        ({"success": False}, "no reason given"),
        ({"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "B", "SessionToken": "C"}, "keys that sign"),
    ],
)
def test_what_is_no_token(content: Any, said: str) -> None:
    """It is refused, with what is wrong, and never shown."""
    with pytest.raises(SecretError, match=said) as caught:
        found(content)
    assert "the token in the file x" in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value))
    assert "two words" not in shown
    assert all(line.isprintable() for line in str(caught.value).split("\n"))
