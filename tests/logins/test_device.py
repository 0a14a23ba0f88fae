"""Logins on another device (RFC 8628), and the client's own token, over two servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from oidc_provider.provider import OidcProvider
from support import Sent, Web, free_port, make_profile, make_token

from aventus_creds import get_session, get_token, login
from aventus_creds.errors import (
    AventusCredsError,
    ConfigError,
    InvalidAnswer,
    LoginRefused,
    LoginRequired,
    LoginTimeout,
    TokenRefused,
)
from aventus_creds.logins.login import log_in
from aventus_creds.oauth.answer import Answer
from aventus_creds.oauth.device_answer import read_device_authorization
from aventus_creds.oauth.request import Endpoints, device_request
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import jwt_claims

WriteProfiles = Callable[..., Path]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback", device_interval=0) as sandbox:
        yield sandbox


def approve_when_shown(
    capsys: pytest.CaptureFixture[str], approve: Callable[[str], object]
) -> threading.Thread:
    """Be the person: read the address that has the code in it off the terminal, and go there."""

    def person() -> None:
        shown = ""
        deadline = time.monotonic() + 10
        while "Or open this" not in shown and time.monotonic() < deadline:
            shown += capsys.readouterr().err
            time.sleep(0.05)
        approve(shown.partition("Or open this")[2].split("\n\n")[1].strip())

    thread = threading.Thread(target=person)
    thread.start()
    return thread


# Over the sandbox


@pytest.mark.parametrize(
    ("name", "keys"), [(name, {"grant": "device"}) for name in ("aventus", "cidaas", "oidc")]
)
def test_login_on_another_device(
    name: str,
    keys: dict[str, Any],
    sandbox: Sandbox,
    write_profiles: WriteProfiles,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Address and code are shown, the person approves elsewhere, and the session works; no callback is opened."""
    table = {**sandbox.profiles()[name], **keys}
    table.pop("redirect_uri", None)
    write_profiles({"prod": table})
    thread = approve_when_shown(capsys, lambda address: Robot().approve(address))
    session = get_session("prod", interactive=True)
    thread.join(10)
    assert session.get("/v1/me").json()["sub"] == "ada"
    assert get_session("prod", interactive=False).get("/v1/me").status_code == 200


def test_device_login_of_a_pkce_profile(
    sandbox: Sandbox, write_profiles: WriteProfiles, capsys: pytest.CaptureFixture[str]
) -> None:
    """login(device=True) serves the profile that people elsewhere log in to by browser."""
    write_profiles({"prod": sandbox.profiles()["aventus"]})
    thread = approve_when_shown(capsys, lambda address: Robot().approve(address))
    token = login("prod", device=True)
    thread.join(10)
    assert get_token("prod", interactive=False) == token


def test_a_person_who_denies(
    sandbox: Sandbox, write_profiles: WriteProfiles, capsys: pytest.CaptureFixture[str]
) -> None:
    """access_denied ends the wait."""
    write_profiles({"prod": sandbox.profiles()["oidc"]})
    thread = approve_when_shown(capsys, lambda address: Robot(allow=False).approve(address))
    with pytest.raises(LoginRefused, match="denied"):
        login("prod", device=True)
    thread.join(10)


def test_without_a_person_no_device_login_begins(sandbox: Sandbox, write_profiles: WriteProfiles) -> None:
    """Not interactive: LoginRequired, and the server hears nothing."""
    write_profiles({"prod": {**sandbox.profiles()["oidc"], "grant": "device"}})
    with pytest.raises(LoginRequired, match="aventus-creds login prod"):
        get_token("prod", interactive=False)
    assert sandbox.journal == []


def test_client_credentials_need_nobody(
    sandbox: Sandbox, write_profiles: WriteProfiles, no_browser: Callable[[str], object]
) -> None:
    """JSON with the secret in the body, and a form with Basic; the token is cached and renewed by itself."""
    for name in ("backoffice", "oidc-confidential"):
        table = {**sandbox.profiles()[name], "grant": "client_credentials"}
        table.pop("scope", None)
        write_profiles({"prod": table})
        session = get_session("prod", interactive=False, browser=no_browser)
        assert session.get("/v1/me").status_code == 200
        get_session("prod", interactive=False)
        sandbox.revoke_all(table["client_id"])
        assert session.get("/v1/me").status_code == 200
        grants = [
            r.grant_type
            for r in sandbox.journal
            if r.endpoint == "token" and r.client_id == table["client_id"]
        ]
        assert grants == ["client_credentials"] * 2


# Over oidc-provider


@pytest.fixture
def service(provider: OidcProvider, write_profiles: WriteProfiles) -> None:
    common = {
        "issuer": provider.issuer,
        "api_url": provider.resource,
        "token_params": {"resource": provider.resource},
    }
    write_profiles(
        {
            "service": {
                **common,
                "grant": "client_credentials",
                "client_id": "service",
                "client_secret": provider.secrets["service"],
                "scope": "read",
            },
            "device": {
                **common,
                "grant": "device",
                "client_id": "device",
                "scope": "openid offline_access read",
                "authorize_params": {"resource": provider.resource},
                "login_timeout": 30,
            },
        }
    )


@pytest.mark.usefixtures("service")
def test_client_credentials_at_a_certified_server(provider: OidcProvider) -> None:
    """A JWT for the API named by resource; the second call is served by the cache."""
    token = get_token("service", interactive=False)
    assert jwt_claims(token.access_token)["aud"] == provider.resource
    assert get_token("service", interactive=False) == token


@pytest.mark.usefixtures("service")
def test_device_at_a_certified_server(
    provider: OidcProvider, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer names no interval; the login brings a refresh token, which works."""
    monkeypatch.setattr("aventus_creds.logins.device._wait", lambda seconds, _: time.sleep(min(seconds, 0.2)))
    thread = approve_when_shown(capsys, provider.approve_device)
    token = login("device")
    thread.join(10)
    assert token.refresh_token
    store, key = default_store(), read_profiles().profile("device").key
    with store.lock(key):
        store.save(key, make_token(age=7200, refresh_token=token.refresh_token))
    assert get_token("device", interactive=False).access_token != token.access_token


# What servers answer while it waits


def wait_with(
    web: Web, monkeypatch: pytest.MonkeyPatch, answers: list[Sent], **device: Any
) -> tuple[Any, list[float]]:
    """Run a device login against canned answers; return its outcome and the pauses it made."""
    pauses: list[float] = []
    monkeypatch.setattr("aventus_creds.logins.device._wait", lambda seconds, _: pauses.append(seconds))
    begin = {"device_code": "the-device-code", "user_code": "ABCD-EFGH", "verification_uri": f"{web.url}/d"}
    left = [Sent(body={**begin, "expires_in": 600, **device}), *answers]
    web.answer = lambda _: left.pop(0)
    profile = make_profile(
        grant="device", token_url=f"{web.url}/token", device_url=f"{web.url}/device", timeout=2
    )
    try:
        outcome: Any = log_in(profile, lambda _: None, device=True)
    except AventusCredsError as error:
        outcome = error
    return outcome, pauses


DONE = Sent(body={"access_token": "tok", "token_type": "Bearer"})


def pending(status: int = 400, error: str = "authorization_pending") -> Sent:
    return Sent(status, {"error": error})


def test_interval(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five seconds where the server names none, and five more each time it asks to slow down."""
    token, pauses = wait_with(web, monkeypatch, [pending(), pending(400, "slow_down"), pending(429), DONE])
    assert token.access_token == "tok"
    assert pauses == [5, 5, 10, 10]
    _, pauses = wait_with(web, monkeypatch, [pending(403), DONE], interval=2)
    assert pauses == [2, 2]


def test_faults_of_the_network_are_waited_out(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person may be in the middle of it: ask less often, and go on."""
    token, pauses = wait_with(web, monkeypatch, [Sent(drop=True), Sent(503), DONE], interval=1)
    assert token.access_token == "tok"
    assert pauses == [1, 2, 2]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (pending(400, "access_denied"), LoginRefused),
        (pending(400, "expired_token"), LoginTimeout),
        (pending(401, "invalid_client"), TokenRefused),
        (Sent(body=b"<html>"), InvalidAnswer),
    ],
)
def test_what_ends_the_wait(
    answer: Sent, error: type[Exception], web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A denial, the code's end, a refusal of the client, an answer that is none."""
    outcome, _ = wait_with(web, monkeypatch, [pending(), answer])
    assert type(outcome) is error
    assert "the-device-code" not in str(outcome)


def test_the_code_lives_no_longer_than_the_server_says(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """After expires_in, nothing more is asked."""
    outcome, _ = wait_with(web, monkeypatch, [], expires_in=0.000001)
    assert isinstance(outcome, LoginTimeout)


@pytest.mark.parametrize("keys", [{}, {"device_url": "https://as.example.com/device"}])
def test_a_provider_that_does_not_document_it(web: Web, keys: dict[str, str]) -> None:
    """It is not tried, and what is documented is named."""
    profile = make_profile(
        provider="athoc", base_url=web.url, org_code="ACME", redirect_uri="http://127.0.0.1:1/c", **keys
    )
    with pytest.raises(ConfigError, match="another device, but pkce, confidential and token_exchange"):
        log_in(profile, lambda _: None, device=True)
    assert web.seen == []


def test_a_server_without_the_endpoint(web: Web) -> None:
    """It is said which key to give."""
    web.answer = lambda _: Sent(
        body={"issuer": web.url, "authorization_endpoint": f"{web.url}/a", "token_endpoint": f"{web.url}/t"}
    )
    profile = make_profile(issuer=web.url, grant="device")
    with pytest.raises(ConfigError, match="device_url"):
        log_in(profile, lambda _: None, device=True)


@pytest.mark.parametrize(
    "change",
    [
        {"device_code": None},
        {"user_code": ""},
        {"user_code": "\x1b[2J"},
        {"device_code": 5},
        {"verification_uri": None},
        {"verification_uri": "http://evil.example/"},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri_complete": "file:///etc/passwd"},
        {"verification_uri_complete": "https://a b/"},
    ],
)
def test_an_answer_that_would_mislead_a_person(change: dict[str, Any]) -> None:
    """No codes, or an address that is not safe to open."""
    profile = make_profile(grant="device", device_url="https://as.example.com/device")
    endpoints = Endpoints(
        "", profile.token_url, "", profile.device_url, "", announces_iss=False, client_auth="post"
    )
    request = device_request(profile, endpoints, None)
    import json

    good = {
        "device_code": "d",
        "user_code": "u",
        "verification_uri": "https://as.example.com/d",
        "interval": "x",
    }
    body = json.dumps(good | change).encode()
    with pytest.raises(InvalidAnswer):
        read_device_authorization(profile, Answer(200, "", body), request)
    device = read_device_authorization(profile, Answer(200, "", json.dumps(good).encode()), request)
    assert (device.interval, device.expires_in) == (5, 600)
    assert "'d'" not in repr(device)
