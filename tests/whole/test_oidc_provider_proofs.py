"""Pushed requests (RFC 9126) and bound tokens (RFC 9449) against oidc-provider: a server that nobody here wrote.

It wants a nonce in each proof. Its userinfo endpoint is an API that checks proofs; another one is in proof_guard.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from oidc_provider.provider import OidcProvider, why_unavailable
from proof_guard import ProofGuard, thumbprint_in
from support import Web, unavailable

from aventus_creds import LoginRequired, get_session, get_token, login, logout
from aventus_creds.basics.hidden import Hidden
from aventus_creds.errors import InvalidAnswer, TokenRefused
from aventus_creds.oauth.proofs import SERVERS, ProofKey
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token

WriteProfiles = Callable[..., Path]

NATIVE: dict[str, Any] = {
    "application_type": "native",
    "redirect_uris": ["http://127.0.0.1/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_method": "none",
}
CLIENTS: list[dict[str, Any]] = [
    {**NATIVE, "client_id": "pushed", "require_pushed_authorization_requests": True},
    {**NATIVE, "client_id": "bound", "dpop_bound_access_tokens": True},
    {
        **NATIVE,
        "client_id": "pushed-bound",
        "dpop_bound_access_tokens": True,
        "require_pushed_authorization_requests": True,
        "token_endpoint_auth_method": "client_secret_basic",
        "client_secret": "pushed-bound-secret",
    },
    {
        "client_id": "bound-service",
        "client_secret": "bound-service-secret",
        "grant_types": ["client_credentials"],
        "dpop_bound_access_tokens": True,
    },
    {
        **NATIVE,
        "client_id": "bound-device",
        "redirect_uris": [],
        "response_types": [],
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
        "dpop_bound_access_tokens": True,
    },
]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    if reason := why_unavailable():
        unavailable(reason)
    folder = tmp_path_factory.mktemp("oidc-provider-of-proofs")
    with OidcProvider(folder, access_token_ttl=3600, machine={"clients": CLIENTS}) as provider:
        yield provider


@pytest.fixture
def write(provider: OidcProvider, write_profiles: WriteProfiles) -> Callable[..., None]:
    """Write the profile prod; its API is the server's userinfo endpoint."""

    def written(client_id: str, **keys: Any) -> None:
        common = {
            "issuer": provider.issuer,
            "client_id": client_id,
            "scope": "openid offline_access",
            "authorize_params": {"prompt": "consent"},
            "callback": "loopback",
            "login_timeout": 20,
            "retries": 0,
            "api_url": provider.issuer,
        }
        table = {name: value for name, value in (common | keys).items() if value is not None}
        write_profiles({"prod": table})

    return written


@pytest.fixture
def for_api(provider: OidcProvider) -> dict[str, Any]:
    """The keys for JWTs of an API, which tell what they are bound to."""
    resource = {"resource": provider.resource}
    return {
        "scope": "openid offline_access read",
        "authorize_params": {"prompt": "consent", **resource},
        "token_params": resource,
    }


@pytest.fixture
def browser(provider: OidcProvider) -> Callable[[str], object]:
    return lambda url: requests.get(provider.login(url), timeout=10)


def replace(**changes: Any) -> Token:
    """Change the stored token of prod, and return it."""
    store, key = default_store(), read_profiles().profile("prod").key
    old = store.load(key)
    assert old
    fields = {
        name: getattr(old, name)
        for name in (
            "token_type",
            "obtained_at",
            "expires_at",
            "refresh_token",
            "scope",
            "id_token",
            "proof_key",
        )
    }
    new = Token(old.access_token, **(fields | changes))
    with store.lock(key):
        store.save(key, new)
    return new


def expire() -> Token:
    return replace(obtained_at=time.time() - 7200, expires_at=time.time() - 3600)


def test_a_pushed_login(
    provider: OidcProvider, write: Callable[..., None], browser: Callable[[str], object]
) -> None:
    """The address has two parameters; the login goes on as any other."""
    write("pushed", par=True)
    urls: list[str] = []

    def browse(url: str) -> object:
        urls.append(url)
        return browser(url)

    token = login("prod", browser=browse)
    assert token.refresh_token
    assert token.token_type == "Bearer"
    shown = parse_qs(urlsplit(urls[0]).query)
    assert shown.keys() == {"client_id", "request_uri"}
    assert get_session("prod").get("/me").json()["sub"] == "alice"


def test_a_client_that_must_push(
    provider: OidcProvider, write: Callable[..., None], browser: Callable[[str], object]
) -> None:
    """Without par the server refuses the login: so it is the push that makes the one above work."""
    write("pushed", login_timeout=2)
    with pytest.raises(Exception, match="Pushed Authorization Request must be used"):
        login("prod", browser=browser)
    assert provider.log[-1]["error"] == "invalid_request"


def test_a_push_that_is_refused(write: Callable[..., None], no_browser: Callable[[str], object]) -> None:
    """The error comes before any browser is opened."""
    write("pushed", par=True, authorize_params={"prompt": "nonsense"})
    with pytest.raises(TokenRefused, match="/request refused the request of profile prod: invalid_request"):
        login("prod", browser=no_browser)


def test_the_request_uri_of_another_client(provider: OidcProvider, write: Callable[..., None]) -> None:
    """The server keeps them apart, and the client names itself beside it."""
    write("pushed", par=True, login_timeout=2)

    def browse(url: str) -> object:
        answer = requests.get(url.replace("client_id=pushed", "client_id=bound"), timeout=5)
        assert answer.status_code == 400
        return None

    with pytest.raises(Exception, match="nobody finished the login"):
        login("prod", browser=browse)


def test_a_bound_login(
    provider: OidcProvider, write: Callable[..., None], browser: Callable[[str], object]
) -> None:
    """Login, API, refresh and logout: each with proofs, each nonce asked for once, at both ends."""
    SERVERS._known.clear()
    before = len(provider.log)
    write("bound", dpop=True)
    token = login("prod", browser=browser)
    assert token.token_type == "DPoP"
    assert token.proof_key
    session = get_session("prod")
    for _ in range(3):
        assert session.get("/me").json()["sub"] == "alice"
    old = expire()
    new = get_token("prod", interactive=False)
    assert new.access_token != old.access_token
    assert new.proof_key == old.proof_key
    assert get_session("prod").get("/me?x=1#y").json()["sub"] == "alice"
    assert logout("prod").revoked
    refused = [event["error"] for event in provider.log[before:] if event["event"] == "grant.error"]
    assert refused == ["use_dpop_nonce"]


def test_a_token_alone_is_of_no_use(
    provider: OidcProvider, write: Callable[..., None], browser: Callable[[str], object]
) -> None:
    """Whoever has stolen it, or the refresh token, and not the key."""
    write("bound", dpop=True)
    token = login("prod", browser=browser)
    me = f"{provider.issuer}/me"
    for scheme in ("Bearer", "DPoP"):
        assert requests.get(
            me, headers={"Authorization": f"{scheme} {token.access_token}"}, timeout=5
        ).status_code in {
            400,
            401,
        }
    thief = ProofKey.new()
    replace(proof_key=thief.text)
    with pytest.raises(LoginRequired, match="refused to renew it"):
        get_session("prod").get("/me")
    replace(proof_key=thief.text, obtained_at=1.0, expires_at=2.0)
    with pytest.raises(LoginRequired, match="the server refused to renew it"):
        get_token("prod", interactive=False)


def test_a_code_is_bound_too(
    provider: OidcProvider,
    write: Callable[..., None],
    browser: Callable[[str], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RFC 9449 section 10: whoever has the code and the verifier needs the key."""
    write("bound", dpop=True)
    other = ProofKey.new()
    monkeypatch.setattr(
        "aventus_creds.oauth.proofs.ProofKey.proof",
        lambda _, *args, __real=ProofKey.proof, **more: __real(other, *args, **more),
    )
    with pytest.raises(TokenRefused, match="invalid_grant"):
        login("prod", browser=browser)


def test_pushed_and_bound_with_a_secret(
    provider: OidcProvider, write: Callable[..., None], browser: Callable[[str], object]
) -> None:
    write("pushed-bound", dpop=True, par=True, client_secret="pushed-bound-secret")
    login("prod", browser=browser)
    expire()
    assert get_session("prod").get("/me").json()["sub"] == "alice"


def test_a_machine(write: Callable[..., None], for_api: dict[str, Any], web: Web) -> None:
    """client_credentials, at an API that checks the proofs: its nonce is asked for once, and changes at any answer."""
    guard = ProofGuard(web.url)
    guard.nonce = "the-first-nonce"
    web.answer = guard
    write(
        "bound-service",
        **(for_api | {"scope": "read", "authorize_params": None}),
        grant="client_credentials",
        client_secret="bound-service-secret",
        dpop=True,
        callback=None,
        api_url=web.url,
    )
    session = get_session("prod")
    assert session.post("/v1/contacts?page=2", json={"a": 1}).json() == {"ok": True}
    assert guard.refusals == ["nonce"]
    guard.nonce = "the-second-nonce"
    assert session.get("/v1/contacts").json() == {"ok": True}
    assert session.get("/v1/contacts").json() == {"ok": True}
    assert guard.refusals == ["nonce"] * 2
    assert len({proof["jti"] for proof in guard.proofs}) == 3


def test_a_device(
    provider: OidcProvider, write: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A login on another device is bound as well."""
    write("bound-device", grant="device", dpop=True, callback=None, authorize_params=None)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(login, "prod")
        address = ""
        until = time.monotonic() + 20
        while not address and time.monotonic() < until:
            shown = capsys.readouterr().err
            address = next((word for word in shown.split() if "user_code=" in word), "")
            time.sleep(0.05)
        provider.approve_device(address)
        token = coming.result(30)
    assert token.proof_key
    assert get_session("prod").get("/me").json()["sub"] == "alice"


def test_what_a_token_is_bound_to(
    write: Callable[..., None], browser: Callable[[str], object], for_api: dict[str, Any]
) -> None:
    """An API's token says it, and the server gives this client no other."""
    write("bound", dpop=True, **for_api)
    token = login("prod", browser=browser)
    assert token.proof_key
    assert thumbprint_in(token.access_token) == ProofKey.read(Hidden(token.proof_key)).thumbprint
    write("bound")
    with pytest.raises(TokenRefused, match="invalid_grant"):
        login("prod", browser=browser)


def test_sixteen_threads_refresh_once(
    provider: OidcProvider, write: Callable[..., None], browser: Callable[[str], object]
) -> None:
    """One refresh, under the lock, with the nonce asked for inside it."""
    write("bound", dpop=True)
    login("prod", browser=browser)
    expire()
    before = len([e for e in provider.log if e["event"] == "grant.success"])
    with ThreadPoolExecutor(16) as pool:
        tokens = {token.access_token for token in pool.map(lambda _: get_token("prod"), range(16))}
    assert len(tokens) == 1
    assert len([e for e in provider.log if e["event"] == "grant.success"]) == before + 1


def test_the_key_is_stored_with_the_token_and_shown_nowhere(
    write: Callable[..., None], browser: Callable[[str], object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    write("bound", dpop=True)
    token = login("prod", browser=browser)
    session = get_session("prod")
    answer = session.get("/me")
    assert token.proof_key
    private = json.loads(token.proof_key)["d"]
    proof = str(answer.request.headers["DPoP"])
    shown = (
        f"{token!r}{session!r}{session.auth!r}{vars(session)}{caplog.text}{answer.request.headers['DPoP']!r}"
    )
    assert private not in shown
    assert proof not in shown
    with pytest.raises(TypeError, match="not pickled"):
        answer.request.headers["DPoP"].__reduce_ex__(2)


def test_a_downgrade(
    monkeypatch: pytest.MonkeyPatch, write: Callable[..., None], browser: Callable[[str], object]
) -> None:
    """The downgrade, by a server that says Bearer for the same token."""
    from aventus_creds.oauth import answer as answers

    real = answers.json_object
    monkeypatch.setattr(
        answers,
        "json_object",
        lambda it: real(it) | ({"token_type": "Bearer"} if "access_token" in real(it) else {}),
    )
    write("bound", dpop=True)
    with pytest.raises(InvalidAnswer, match="not bound to the key"):
        login("prod", browser=browser)
