"""A hostile authorization server: logins on another device."""

from __future__ import annotations

from typing import Any

import pytest
from hostile_server import DEVICE_CODE, MEGABYTE, Profiles, log_in_elsewhere, refused, token_answer
from support import Sent, Web

from aventus_creds.errors import InvalidAnswer, LoginTimeout

# Logins on another device


def begin(web: Web, *, then: Sent, **change: Any) -> None:
    """Let ``web`` begin a device login, with ``change`` in its answer, and answer all questions by ``then``."""
    good = {
        "device_code": DEVICE_CODE,
        "user_code": "ABCD-EFGH",
        "verification_uri": f"{web.url}/d",
        "interval": 0.1,
        "expires_in": 600,
    }
    web.answer = lambda seen: Sent(body=good | change) if seen.path == "/device" else then


PENDING = Sent(400, {"error": "authorization_pending"})


@pytest.mark.parametrize(
    "change",
    [
        {"user_code": "x" * MEGABYTE},
        {"user_code": "x" * 101},
        {"user_code": "AB\x1b[2J"},
        {"user_code": "AB\u202eCD"},
        {"device_code": "\ud800"},
        {"verification_uri": "https://as.example/" + "x" * 2000},
        {"verification_uri": "https://as.example/\x1b[2J"},
        {"verification_uri": ["https://as.example/"]},
        {"verification_uri": "data:text/html,x"},
        {"verification_uri_complete": "https://as.example/" + "x" * 500_000},
        {"verification_uri_complete": "javascript:alert(1)"},
        {"verification_uri_complete": 7},
    ],
    ids=lambda change: ascii(change)[:50],
)
def test_a_device_login_that_would_mislead(
    change: dict[str, Any],
    web: Web,
    profiles: Profiles,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing of it is shown, and the server is not asked again."""
    begin(web, then=Sent(body=token_answer()), **change)
    profiles(web.url)
    assert isinstance(refused(log_in_elsewhere, caplog), InvalidAnswer)
    assert capsys.readouterr().err == ""
    assert len(web.seen) == 1


@pytest.mark.parametrize("interval", [0, 1e-9, "0", 0.05])
def test_a_server_that_wants_to_be_overrun(
    interval: Any, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """However short the interval that it names, there is a pause between two questions."""
    begin(web, then=PENDING, interval=interval)
    profiles(web.url, login_timeout=0.5)
    assert isinstance(refused(log_in_elsewhere, caplog), LoginTimeout)
    assert 2 <= len(web.seen) < 9


@pytest.mark.parametrize("interval", [-1, 1e9, "abc", None, [], "1e400", 10**400])
def test_a_server_that_names_no_interval(
    interval: Any, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """The time of the login is the end of it, and a long interval is cut to that."""
    begin(web, then=PENDING, interval=interval)
    profiles(web.url, login_timeout=0.3)
    assert isinstance(refused(log_in_elsewhere, caplog), LoginTimeout)
    assert len(web.seen) == 2


@pytest.mark.parametrize("expires_in", [-1, 0, "abc", None, [], float("nan"), "1e400", 10**400, "-inf"])
def test_a_device_code_of_an_odd_lifetime(
    expires_in: Any, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts as none; the login's own time holds."""
    begin(web, then=PENDING, expires_in=expires_in)
    profiles(web.url, login_timeout=0.3)
    error = refused(log_in_elsewhere, caplog)
    assert isinstance(error, LoginTimeout)
    assert "within 0.3 s" in error.message


@pytest.mark.parametrize(
    "then",
    [
        Sent(400, {"error": "slow_down"}),
        Sent(429),
        Sent(503),
        Sent(drop=True),
    ],
    ids=["slow_down", "429", "503", "drop"],
)
def test_a_server_that_puts_off_for_ever(
    then: Sent, web: Web, profiles: Profiles, caplog: pytest.LogCaptureFixture
) -> None:
    begin(web, then=then)
    profiles(web.url, login_timeout=0.6)
    assert isinstance(refused(log_in_elsewhere, caplog), LoginTimeout)
