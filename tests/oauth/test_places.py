"""Tokens that take a request: those that a JupyterHub keeps of its users, and the CI job's own. Over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from support import Sent, Web, free_port, make_profile, variables_shown
from token_places import API_TOKEN, REQUEST_TOKEN, Ci, Hub, made_jwt

from aventus_creds.errors import NetworkError, SecretError
from aventus_creds.oauth.places import read_place
from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import jwt_claims


def given(place: dict[str, Any], **keys: Any) -> Profile:
    """Return a profile whose token is in this place."""
    return make_profile(
        grant="given", token=place, api_url="https://api.example.com", retries=0, timeout=5, **keys
    )


def read(place: dict[str, Any], **keys: Any) -> str:
    profile = given(place, **keys)
    assert profile.machine
    assert profile.machine.token
    return read_place(profile.machine.token, profile).text


def refused(place: dict[str, Any], *secrets: str) -> str:
    """Return what is said when it cannot be read, after a look for the secrets in all that is shown."""
    with pytest.raises(SecretError) as caught:
        read(place)
    for secret in (API_TOKEN, REQUEST_TOKEN, *secrets):
        assert secret not in str(caught.value) + variables_shown(caught.value)
    return str(caught.value)


@pytest.fixture
def hub(web: Web, monkeypatch: pytest.MonkeyPatch) -> Hub:
    return Hub(web, monkeypatch)


@pytest.fixture
def ci(web: Web, monkeypatch: pytest.MonkeyPatch) -> Ci:
    ci = Ci(web, monkeypatch)
    web.answer = ci.answer
    return ci


# A hub


def test_a_field_of_auth_state(hub: Hub) -> None:
    """It is asked for at the user's own address, in one piece, and each time anew."""
    assert read({"jupyterhub": "access_token"}) == "a-token-of-the-hub"
    hub.auth_state = {"token": {"access_token": "a-nested-one"}}
    assert read({"jupyterhub": "token.access_token"}) == "a-nested-one"
    assert hub.asked == 2
    assert {seen.path for seen in hub.web.seen} == {"/hub/api/users/ada%2Flovelace%40example.com"}


def test_a_server_without_the_scope(hub: Hub) -> None:
    """The hub then leaves the key out: the administrator is told which scope is missing."""
    hub.model = lambda: {"name": "ada"}
    assert "admin:auth_state!user" in refused({"jupyterhub": "access_token"})


def test_a_hub_that_keeps_nothing(hub: Hub) -> None:
    """``null``: enable_auth_state is off, or the person has not logged in since."""
    hub.auth_state = None
    assert "enable_auth_state" in refused({"jupyterhub": "access_token"})


@pytest.mark.parametrize(
    "state", [{}, {"id_token": "other-secret"}, {"access_token": 4}, {"access_token": ""}]
)
def test_a_field_that_is_not_there(hub: Hub, state: dict[str, Any]) -> None:
    """The names of what is there are told, and nothing of what is in them."""
    hub.auth_state = state
    said = refused({"jupyterhub": "access_token"}, "other-secret")
    assert "has no access_token" in said
    assert ("It has: id_token" in said) == ("id_token" in state)


def test_a_refusal_of_the_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are told, without the token even where it quotes it."""
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "a-wrong-api-token-1")
    said = refused({"jupyterhub": "access_token"}, "a-wrong-api-token-1")
    assert "refused the request: Missing or invalid credentials. (HTTP 403)" in said
    hub.web.answer = lambda seen: Sent(403, {"message": seen.headers["Authorization"]})
    refused({"jupyterhub": "access_token"}, "a-wrong-api-token-1")


@pytest.mark.parametrize("name", ["JUPYTERHUB_API_URL", "JUPYTERHUB_USER", "JUPYTERHUB_API_TOKEN"])
def test_not_on_a_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The variable that is missing is named; nothing is asked."""
    monkeypatch.delenv(name)
    assert f"{name} is not set" in refused({"jupyterhub": "access_token"})
    assert hub.asked == 0


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{", b"4"])
def test_an_answer_that_is_none(hub: Hub, body: bytes) -> None:
    """A page, or JSON of another kind, is not taken for the hub's."""
    hub.web.answer = lambda _: Sent(200, body)
    refused({"jupyterhub": "access_token"})


def test_a_redirect_takes_the_key_nowhere(hub: Hub) -> None:
    """The API token goes to the hub's address only."""
    with Web() as other:
        hub.web.answer = lambda _: Sent(302, headers={"Location": f"{other.url}/"})
        with pytest.raises(Exception, match="redirects to another address"):
            read({"jupyterhub": "access_token"})
        assert other.seen == []


# A CI job


def test_the_token_of_a_job(ci: Ci) -> None:
    """GitHub's variables: the audience is added to the address, the key goes in the header."""
    token = read({"oidc": "https://api.example.com/?a=b&c"})
    assert jwt_claims(token)["aud"] == "https://api.example.com/?a=b&c"
    assert ci.asked == ["https://api.example.com/?a=b&c"]


def test_a_job_without_the_permission(ci: Ci, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables are then missing: the hint says what to write into the workflow, or where others put theirs."""
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    said = refused({"oidc": "a"})
    assert "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set" in said
    assert "id-token: write" in said


def test_the_key_of_a_job_is_not_sent_in_the_clear(ci: Ci, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address with plain http to another machine is refused before anything is sent."""
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "http://ci.example.com/token")
    assert "ACTIONS_ID_TOKEN_REQUEST_URL must" in refused({"oidc": "a"})


def test_an_answer_without_a_token(ci: Ci) -> None:
    """It is told; another field is not taken for it."""
    ci.web.answer = lambda _: Sent(200, {"token": made_jwt(sub="x")})
    assert "has no value" in refused({"oidc": "a"})


# Both


def test_passing_faults_are_retried(ci: Ci, monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as the profile says; then the fault is raised as what it is."""
    monkeypatch.setattr("aventus_creds.basics.waits.BACKOFF", 0.001)
    faults = [Sent(503), Sent(429)]
    ci.web.answer = lambda seen: faults.pop() if faults else ci.answer(seen)
    profile = given({"oidc": "a"})._replace(retries=2)
    assert profile.machine
    assert profile.machine.token
    assert read_place(profile.machine.token, profile).text
    ci.web.answer = lambda _: Sent(503)
    with pytest.raises(NetworkError, match="HTTP 503"):
        read_place(profile.machine.token, profile)


def test_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network fault, and not a mistake of the profile."""
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"http://127.0.0.1:{free_port()}/x")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN)
    with pytest.raises(NetworkError, match="cannot be reached"):
        read({"oidc": "a"})


@pytest.mark.parametrize("kind", ["env", "file", "command"])
def test_the_places_of_any_secret(kind: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read as secrets are, but JSON of several lines is understood."""
    content = '{\n\t"access_token": "the-token"\n}'
    (tmp_path / "token.json").write_text(content)
    (tmp_path / "token.json").chmod(0o600)
    monkeypatch.setenv("THE_TOKEN", content)
    place: Any = {"env": "THE_TOKEN", "file": str(tmp_path / "token.json")}.get(kind)
    if kind == "command":
        import sys

        place = [sys.executable, "-c", f"print({content!r})"]
    assert read({kind: place}) == "the-token"
