"""Who logs in, against oidc-provider: ID tokens with their signatures, UserInfo, and how strong a login is."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from command_line import command
from oidc_provider.provider import OidcProvider
from support import free_port

from aventus_creds import get_session, get_token, login
from aventus_creds.errors import InvalidAnswer, NotGrantedWarning
from aventus_creds.oauth import id_signature
from aventus_creds.tokens import jwt_claims

WriteProfiles = Callable[..., Path]


def keys(provider: OidcProvider, **more: Any) -> dict[str, Any]:
    return {
        "issuer": provider.issuer,
        "client_id": "native",
        "scope": "openid offline_access profile",
        "authorize_params": {"prompt": "consent"},
        "callback": "loopback",
        "login_timeout": 10,
        "api_url": f"{provider.issuer}/",
        **more,
    }


@pytest.fixture
def browser(provider: OidcProvider) -> Callable[[str], object]:
    return lambda url: requests.get(provider.login(url), timeout=5)


def test_its_id_token(
    provider: OidcProvider,
    write_profiles: WriteProfiles,
    browser: Callable[[str], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The signature is right by the published key, at a login; with another key it is refused."""
    write_profiles({"prod": keys(provider)})
    token = login("prod", browser=browser)
    claims = jwt_claims(token.id_token or "")
    assert (claims["iss"], claims["aud"], claims["sub"]) == (provider.issuer, "native", "alice")
    assert get_token("prod").id_token == token.id_token
    assert get_session("prod").login.account == "alice"
    fetched = id_signature._fetched

    def others(*arguments: Any) -> Any:
        return [{**key, "n": key["n"][:-4] + "AAAA"} for key in fetched(*arguments)]

    monkeypatch.setattr(id_signature, "_fetched", others)
    with pytest.raises(InvalidAnswer, match="a signature that is wrong"):
        login("prod", browser=browser)


def test_whoami(
    provider: OidcProvider, write_profiles: WriteProfiles, browser: Callable[[str], object]
) -> None:
    """In the code flow its ID token has but the subject: the name is at the UserInfo endpoint."""
    write_profiles({"prod": keys(provider)})
    login("prod", browser=browser)
    found = json.loads(command("whoami", "prod", "--json").stdout)
    assert (found["account"], found["by"], found["subject"]) == ("alice", "userinfo", "alice")


def test_a_stronger_login(
    provider: OidcProvider, write_profiles: WriteProfiles, browser: Callable[[str], object]
) -> None:
    """acr and auth_time come when they are asked for; a class that the server has not, does not."""
    write_profiles({"prod": keys(provider)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        token = login("prod", acr_values="gold", max_age=60, browser=browser)
    assert jwt_claims(token.id_token or "")["acr"] == "gold"
    with pytest.warns(NotGrantedWarning, match="platinum"):
        login("prod", acr_values="platinum", browser=browser)


def test_keys_that_are_exchanged(
    provider: OidcProvider, write_profiles: WriteProfiles, tmp_path: Path
) -> None:
    """The same server with another key of the same name: the next login is checked with that one."""
    installed = provider._directory
    (tmp_path / "node_modules").symlink_to(installed / "node_modules")
    shutil.copyfile(installed / "package-lock.json", tmp_path / "package-lock.json")
    port, seen = free_port(), set()
    for _ in range(2):
        with OidcProvider(tmp_path, port=port) as again:
            write_profiles({"prod": keys(again)})
            token = login("prod", browser=lambda url, p=again: requests.get(p.login(url), timeout=5))  # type: ignore[misc]
            seen.add(requests.get(f"{again.issuer}/jwks", timeout=5).text)
            assert token.id_token
    assert len(seen) == 2
