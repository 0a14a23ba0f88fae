"""A hostile authorization server: what its refusals say, and which of them end a login."""

from __future__ import annotations

import json
from html import escape
from urllib.parse import parse_qs, quote

import pytest
from hostile_server import CLIENT_SECRET, DOORS, Profiles, document, log_in, open_door, refresh, refused
from support import Seen, Sent, Web

from aventus_creds.cli.failures import exit_code
from aventus_creds.errors import InvalidAnswer, LoginRefused, LoginRequired, TokenRefused

# Refusals


def echo(seen: Seen) -> str:
    """Say back everything that was sent, in each form that a server might use."""
    fields = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
    basic = seen.headers.get("Authorization", "")
    sent = [seen.body.decode(), basic, *fields.values(), CLIENT_SECRET]
    return " | ".join(
        form
        for text in sent
        for form in (text, quote(text), quote(text, safe="").lower(), escape(text), json.dumps(text))
    )


@pytest.mark.parametrize("door", [door for door in DOORS if door != "discovery"])
@pytest.mark.parametrize("method", ["basic", "post"])
def test_an_error_that_says_everything_back(
    method: str, door: str, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither as the code nor as the description, in JSON or as text, does a secret come to light."""
    call = open_door(door, web.url, profiles, client_auth=method)
    for answer in (
        lambda seen: Sent(400, {"error": "invalid_request", "error_description": echo(seen)}),
        lambda seen: Sent(400, {"error": echo(seen)}),
        lambda seen: Sent(200, {"error": {"code": echo(seen), "message": echo(seen)}}),
        lambda seen: Sent(403, echo(seen).encode(), {"Content-Type": "text/plain"}),
        lambda seen: Sent(500, {"detail": echo(seen)}),
        lambda seen: Sent(200, {"access_token": f"{echo(seen)}\n"}),
        lambda seen: Sent(302, headers={"Location": f"/?{quote(echo(seen))}"}),
    ):
        web.answer = answer
        refused(call, caplog)


def test_a_short_secret_said_back_as_it_was_sent(
    web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """The header of Basic is a secret too, though nobody would know it by its length."""
    profiles(web.url, client_secret="s3cr&t/7", client_auth="basic")
    web.answer = lambda seen: Sent(401, {"error": "invalid_client", "message": seen.headers["Authorization"]})
    assert "Basic …" in refused(refresh, caplog).message


HOSTILE_WORDS = [
    "\x1b[2J\x1b]0;title\x07\x1b[31mAll is well\x1b[0m",
    "\x9b31m\x90q\x9c",
    "line\r\nline\r\nerror: none\x00",
    "\u202eevil\u2066\u200b",
    "\ud800",
    "x " * 200_000,
    "é" * 60_000,
]


@pytest.mark.parametrize("door", ["refresh", "code", "device"])
@pytest.mark.parametrize("words", HOSTILE_WORDS, ids=lambda words: ascii(words[:12]))
def test_an_error_that_would_drive_the_terminal(
    words: str, door: str, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """Escape sequences, line breaks, turned text and a megabyte of words reach nobody's screen."""
    call = open_door(door, web.url, profiles)
    for body in (
        {"error": words, "error_description": words},
        {"errorCode": "E1", "errorSummary": words, "error_uri": words},
    ):
        web.answer = lambda _, body=body: Sent(400, body)  # type: ignore[misc]
        error = refused(call, caplog)
        if isinstance(error, TokenRefused):
            assert error.error.isprintable()
            assert error.error_description.isprintable()
        else:
            assert isinstance(error, LoginRequired)
            assert all(line.isprintable() for line in str(error).splitlines())


@pytest.mark.parametrize("words", HOSTILE_WORDS[:4], ids=ascii)
def test_a_redirect_that_would_drive_the_terminal(
    words: str, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """What the server's redirect says is shown as harmlessly; the code that came with it goes nowhere."""
    profiles(web.url)
    error = refused(lambda: log_in(error=words, error_description=words), caplog)
    assert isinstance(error, LoginRefused)
    assert web.seen == []


def test_a_redirect_of_another_issuer(web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture) -> None:
    """A mix-up (RFC 9207): the code of one server is not carried to another."""
    profiles(web.url, issuer=web.url)
    web.answer = lambda _: Sent(body=document(web.url))
    for issuer in ("https://evil.example", f"{web.url}/", f"{web.url}\x1b[2J", ""):
        assert isinstance(refused(lambda iss=issuer: log_in(iss=iss), caplog), InvalidAnswer)  # type: ignore[misc]
    assert {seen.method for seen in web.seen} == {"GET"}


# When a login is over


@pytest.mark.parametrize("status", [200, 400, 401])
@pytest.mark.parametrize(
    "error",
    ["invalid_grant", "bad_refresh_token", "interaction_required", "login_required", "consent_required"],
)
def test_errors_that_end_a_login(
    error: str, status: int, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """A person can mend these by logging in: it is said how, with the exit code for it. GitHub says it with 200."""
    web.answer = lambda _: Sent(status, {"error": error, "error_description": "log in again"})
    profiles(web.url)
    found = refused(refresh, caplog)
    assert isinstance(found, LoginRequired)
    assert "aventus-creds login prod" in found.hint
    assert exit_code(found) == 3
    assert len(web.seen) == 1


@pytest.mark.parametrize(
    "error",
    [
        "invalid_client",
        "temporarily_unavailable",
        "server_error",
    ],
)
def test_errors_that_end_no_login(
    error: str, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """Another login would not mend these."""
    web.answer = lambda _: Sent(400, {"error": error})
    profiles(web.url)
    assert isinstance(refused(refresh, caplog), TokenRefused)


@pytest.mark.parametrize("door", ["client credentials", "code"])
def test_without_a_login_they_are_refusals(
    door: str, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nothing is refreshed, the server's error is told as it is."""
    web.answer = lambda _: Sent(400, {"error": "interaction_required"})
    found = refused(open_door(door, web.url, profiles), caplog)
    assert isinstance(found, TokenRefused)
    assert found.error == "interaction_required"
