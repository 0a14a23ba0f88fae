"""Pushed authorization requests (RFC 9126), as values and over a socket: what is sent, and which answers are taken."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from attempts import client_of
from oauth_values import REDIRECT_URI, SECRET, STATE, VERIFIER, answer, attempt, endpoints, form, sent
from support import make_profile

from aventus_creds.errors import ConfigError, InvalidAnswer, NetworkError, TokenRefused
from aventus_creds.logins.attempt import LoginAttempt
from aventus_creds.oauth.answer import Answer
from aventus_creds.oauth.code_grant import Authorization
from aventus_creds.oauth.request import ServerRequest

PAR_URL = "https://as.example.com/par"
REQUEST_URI = "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"


class Server:
    """A server as a function, and the attempts at it."""

    def __init__(self, *answers: Answer | Exception, **profile: Any) -> None:
        self.seen: list[ServerRequest] = []
        self.answers = list(answers)
        self.profile = make_profile(scope="openid api", **profile)
        self.known = endpoints(self.profile, par_url=PAR_URL)

    def __call__(self, request: ServerRequest) -> Answer:
        self.seen.append(request)
        given = self.answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    def push(self, **known: Any) -> Authorization:
        self.known = self.known._replace(**known)
        authorization = attempt(self.profile, **self.known._asdict())
        client_of(self.profile, self, self.known).push(authorization)
        return authorization


def pushed(status: int = 201, **body: Any) -> Answer:
    given: dict[str, Any] = {"request_uri": REQUEST_URI, "expires_in": 60}
    return answer(status, **(given | body))


def test_the_browser_gets_no_parameters() -> None:
    """RFC 9126 sections 2.1 and 4: all of them are in the body, and the address holds two others."""
    server = Server(pushed(), par=True, authorize_params={"prompt": "login"})
    plain = sent(attempt(server.profile))
    authorization = server.push()
    (request,) = server.seen
    assert request.url == PAR_URL
    assert form(request) == plain
    assert plain["prompt"] == "login"
    assert plain["state"] == STATE
    address = urlsplit(authorization.url)
    assert f"{address.scheme}://{address.netloc}{address.path}" == server.profile.authorize_url
    assert parse_qs(address.query) == {"client_id": ["the-client"], "request_uri": [REQUEST_URI]}
    assert authorization.accept(f"code=the-code&state={STATE}") == "the-code"


def test_the_client_authenticates_as_at_the_token_endpoint() -> None:
    """RFC 9126 section 2: by the same method; the body is a form even where the token endpoint wants JSON."""
    for method in ("basic", "post"):
        server = Server(pushed(), par=True, client_secret=SECRET, client_auth=method, token_request="json")
        server.push()
        (request,) = server.seen
        assert ("Authorization" in request.headers) is (method == "basic")
        assert form(request).get("client_secret") == (SECRET if method == "post" else None)
        assert {SECRET, VERIFIER, STATE} <= set(request.secrets)


@pytest.mark.parametrize(
    ("par", "requires", "pushes"),
    [(None, False, False), (None, True, True), (True, False, True), (False, True, False)],
)
def test_when_it_is_used(par: Any, requires: Any, pushes: Any) -> None:
    """Where the server requires it; the profile's word goes first."""
    server = Server(pushed(), **({} if par is None else {"par": par}))
    assert ("request_uri" in server.push(requires_par=requires).url) is pushes
    assert bool(server.seen) is pushes


def test_without_an_endpoint() -> None:
    """The error says what is missing, and nothing is sent."""
    server = Server(par=True)
    with pytest.raises(ConfigError, match="names no pushed authorization request endpoint") as caught:
        server.push(par_url="")
    assert "par_url" in caught.value.hint


def test_only_for_logins_in_a_browser() -> None:
    with pytest.raises(AssertionError, match="is for logins in a browser"):
        make_profile(par=True, grant="client_credentials", client_secret="x")


@pytest.mark.parametrize(
    "request_uri",
    [
        *(None, "", 5, [REQUEST_URI], {"a": 1}, True),
        *("no-uri", "urn:", ":x", "urn:a b", "urn:a\r\nLocation: https://evil.example", "urn:a\x00", "urn:ä"),
        "urn:" + "x" * 1001,
    ],
)
def test_an_evil_request_uri(request_uri: Any) -> None:
    """It is text of the server's that goes into an address: checked, and not repeated."""
    with pytest.raises(InvalidAnswer, match="holds no usable request_uri") as caught:
        Server(pushed(request_uri=request_uri), par=True).push()
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    "request_uri", ["https://evil.example/x?a=1&client_id=other#f", "urn:x&client_id=other&redirect_uri=y"]
)
def test_a_request_uri_adds_no_parameter(request_uri: str) -> None:
    """Whatever is in it is one value of one parameter, at the authorization endpoint."""
    authorization = Server(pushed(request_uri=request_uri, client_id="another"), par=True).push()
    address = urlsplit(authorization.url)
    assert address.netloc == "as.example.com"
    assert not address.fragment
    assert parse_qs(address.query) == {"client_id": ["the-client"], "request_uri": [request_uri]}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"{"])
def test_no_answer_of_the_protocol(body: bytes) -> None:
    with pytest.raises(InvalidAnswer):
        Server(Answer(201, "application/json", body), par=True).push()


def test_a_refusal() -> None:
    """In the server's words, without what was sent to it, and with what to do."""
    refused = answer(400, error="invalid_request", error_description=f"state {STATE} verifier {VERIFIER} bad")
    with pytest.raises(TokenRefused, match="invalid_request") as caught:
        Server(refused, par=True).push()
    assert STATE not in str(caught.value)
    assert VERIFIER not in str(caught.value)
    assert "authorize_params" in caught.value.hint


def test_temporary_failures_are_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each try pushes anew: nothing of an earlier one is used."""
    monkeypatch.setattr("aventus_creds.oauth.failures.pause", lambda _: True)
    server = Server(NetworkError("away"), answer(503), pushed(), par=True)
    assert "request_uri" in server.push().url
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("expires_in", "said"),
    [(60, "within 60 s"), ("90", "within 90 s"), (300, ""), (None, ""), (0, ""), (-5, ""), ("x", "")],
)
def test_an_address_that_is_good_for_a_shorter_time_than_the_login(expires_in: Any, said: str) -> None:
    """The person is told, beside the address and when nobody came."""
    server = Server(pushed(expires_in=expires_in), par=True, redirect_uri=REDIRECT_URI)
    made = LoginAttempt(server.profile, client_of(server.profile, server), server.push(), save=lambda _: None)
    assert made.title == f"Log in to prod (as.example.com){', ' if said else ''}{said}"
    made._deadline = 0
    with pytest.raises(Exception, match="nobody finished") as caught:
        made.result()
    assert ("must be opened within" in str(caught.value)) is bool(said)


def test_the_attempt_shows_nothing_of_it() -> None:
    server = Server(pushed(), par=True)
    authorization = server.push()
    shown = f"{authorization!r}{server.seen[0]!r}"
    assert not [value for value in (STATE, VERIFIER, REQUEST_URI) if value in shown]
    assert json.dumps(shown)
