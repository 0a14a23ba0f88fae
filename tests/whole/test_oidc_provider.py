"""Against oidc-provider, a certified server that nobody here wrote."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from oidc_provider.provider import OidcProvider

from aventus_creds import LoginRequired, get_token, login, logout
from aventus_creds.cli.commands import run
from aventus_creds.errors import LoginRefused, LoginTimeout, TokenRefused
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token, jwt_claims

WriteProfiles = Callable[..., Path]


@pytest.fixture
def keys(provider: OidcProvider, write_profiles: WriteProfiles) -> dict[str, dict[str, Any]]:
    """A profile for each kind of client, written."""
    common: dict[str, Any] = {
        "issuer": provider.issuer,
        "scope": "openid offline_access read",
        "authorize_params": {"prompt": "consent", "resource": provider.resource},
        "token_params": {"resource": provider.resource},
        "callback": "loopback",
        "login_timeout": 10,
        "api_url": "https://api.example.com/",
    }
    profiles = {
        "native": {**common, "client_id": "native"},
        "basic": {**common, "client_id": "web:basic", "client_secret": provider.secrets["web:basic"]},
        "post": {
            **common,
            "client_id": "web-post",
            "client_secret": provider.secrets["web-post"],
            "client_auth": "post",
        },
    }
    write_profiles(profiles)
    return profiles


@pytest.fixture
def browser(provider: OidcProvider) -> Callable[[str], object]:
    """A browser that logs in at the provider's own pages and follows the redirect."""
    return lambda url: requests.get(provider.login(url), timeout=5)


def expire(name: str) -> Token:
    """Let the stored token of ``name`` be an hour past its expiry, its refresh token as it was."""
    store, key = default_store(), read_profiles().profile(name).key
    token = store.load(key)
    assert token
    old = Token(
        token.access_token,
        obtained_at=time.time() - 7200,
        expires_at=time.time() - 3600,
        refresh_token=token.refresh_token,
        scope=token.scope,
    )
    with store.lock(key):
        store.save(key, old)
    return old


@pytest.mark.parametrize(("name", "client_auth"), [("native", ""), ("basic", "basic"), ("post", "post")])
@pytest.mark.usefixtures("keys")
def test_login(
    name: str,
    client_auth: str,
    provider: OidcProvider,
    browser: Callable[[str], object],
    no_browser: Callable[[str], object],
) -> None:
    """Discovery, PKCE, the client's authentication as registered, a JWT for the API, and no second login."""
    token = login(name, browser=browser)
    assert jwt_claims(token.access_token)["aud"] == provider.resource
    assert token.refresh_token
    assert get_token(name, interactive=True, browser=no_browser) == token
    assert [event["client_auth"] for event in provider.log if event["event"] == "grant.success"][
        -1
    ] == client_auth


@pytest.mark.usefixtures("keys")
def test_refresh_with_rotation(browser: Callable[[str], object], no_browser: Callable[[str], object]) -> None:
    """Each refresh brings a new refresh token, which the next one uses."""
    login("native", browser=browser)
    seen = set()
    for _ in range(3):
        old = expire("native")
        token = get_token("native", interactive=True, browser=no_browser)
        assert token.access_token != old.access_token
        assert jwt_claims(token.access_token)["aud"] == "https://api.example.com/"
        seen.add(token.refresh_token)
    assert len(seen) == 3


@pytest.mark.usefixtures("keys")
def test_a_refresh_token_used_twice_ends_the_login(
    browser: Callable[[str], object], no_browser: Callable[[str], object]
) -> None:
    """The server revokes the family on reuse: an unattended program hears that a login is needed."""
    login("native", browser=browser)
    first = expire("native")
    get_token("native", browser=no_browser)
    store, key = default_store(), read_profiles().profile("native").key
    with store.lock(key):
        store.save(key, first)
    with pytest.raises(LoginRequired, match="the server refused to renew it"):
        get_token("native", interactive=False, browser=no_browser)


@pytest.mark.usefixtures("keys")
def test_logout_revokes_the_refresh_token(browser: Callable[[str], object]) -> None:
    """After a logout the old refresh token is dead at the server."""
    login("native", browser=browser)
    old = expire("native")
    assert logout("native").revoked
    store, key = default_store(), read_profiles().profile("native").key
    with store.lock(key):
        store.save(key, old)
    with pytest.raises(LoginRequired):
        get_token("native", interactive=False)


@pytest.mark.usefixtures("keys")
def test_a_person_who_refuses(provider: OidcProvider) -> None:
    """access_denied, with iss as the server announces it, ends the login."""
    with pytest.raises(LoginRefused, match="access_denied"):
        login("native", browser=lambda url: requests.get(provider.login(url, refuse=True), timeout=5))


@pytest.mark.usefixtures("keys")
def test_another_issuer_in_the_redirect(provider: OidcProvider) -> None:
    """RFC 9207: the redirect with a foreign iss is not trusted, and one without it neither."""
    for change in (lambda a: a.replace("&iss=http", "&iss=https"), lambda a: a.split("&iss=")[0]):
        with pytest.raises(Exception, match="the redirect") as caught:
            login("native", browser=lambda url, c=change: requests.get(c(provider.login(url)), timeout=5))  # type: ignore[misc]
        assert type(caught.value).__name__ == "InvalidAnswer"


def test_a_wrong_secret(
    keys: dict[str, Any], write_profiles: WriteProfiles, browser: Callable[[str], object]
) -> None:
    """invalid_client, with what to check."""
    keys["basic"]["client_secret"] = "wrong-secret-value"
    write_profiles(keys)
    with pytest.raises(TokenRefused, match="client_auth") as caught:
        login("basic", browser=browser)
    assert caught.value.error == "invalid_client"


def test_a_redirect_uri_that_is_not_registered(
    keys: dict[str, Any], write_profiles: WriteProfiles, provider: OidcProvider
) -> None:
    """The server shows a page and nothing comes back: the time limit ends it, and says what to check."""
    keys["native"] |= {"redirect_uri": "http://127.0.0.1:0/other", "login_timeout": 1}
    write_profiles(keys)

    def browse(url: str) -> object:
        with pytest.raises(AssertionError):
            provider.login(url)
        return None

    with pytest.raises(LoginTimeout, match="redirect_uri"):
        login("native", browser=browse)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("name", ["native", "basic", "post"])
def test_a_doctor_finds_it_healthy(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It answers 404 to a GET of what takes POST only."""
    assert run(["doctor", name]) == 0
    shown = capsys.readouterr().out
    assert "✗" not in shown
    assert "✓ the token endpoint" in shown
    assert "✓ the revoke endpoint" in shown
