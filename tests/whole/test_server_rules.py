"""Servers that differ, each with a login, calls of the API and a refresh; and what happens without the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support import Web, free_port

from aventus_creds import ApiSession, get_session
from aventus_creds.errors import AventusCredsError, InvalidAnswer
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.dialects import ACCOUNT_CREDENTIALS, DIALECTS, Dialect
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import default_store

CIDAAS = next(dialect for dialect in DIALECTS if dialect.name == "cidaas")
WriteProfiles = Callable[..., Path]


@contextmanager
def server(write: WriteProfiles, dialect: Dialect, **keys: Any) -> Iterator[Sandbox]:
    """Run a sandbox of one dialect; its profile is ``cidaas``, with further ``keys``."""
    address = f"http://127.0.0.1:{free_port()}/callback"
    with Sandbox(redirect_uri=address, dialects=(dialect,)) as sandbox:
        filled = {key: _filled(value, sandbox.url) for key, value in keys.items()}
        profile = {**sandbox.profiles()["cidaas"], "callback": "loopback", "retries": 0, **filled}
        write({"cidaas": {key: value for key, value in profile.items() if value is not None}})
        yield sandbox


def _filled(value: Any, url: str) -> Any:
    return value.replace("URL", url) if isinstance(value, str) else value


def log_in() -> ApiSession:
    return get_session("cidaas", interactive=True, browser=Robot())


def refreshed() -> None:
    profile = read_profiles().profile("cidaas")
    token = default_store().load(profile.key)
    assert token is not None
    assert OAuthClient(profile).refresh(token, retries=0).access_token != token.access_token


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"scope_separator": ","}, {"scope_separator": ","}),
        ({"token_type": "bot"}, {"token_types": ["Bearer", "bot"]}),
        ({"inside": "authed_user"}, {"token_path": "authed_user"}),
    ],
    ids=["separator", "type", "inside"],
)
def test_answers_that_differ(write_profiles: WriteProfiles, changes: Any, keys: Any) -> None:
    """With its rule the login works and renews itself, without it the login fails."""
    dialect = CIDAAS._replace(**changes)
    with server(write_profiles, dialect, **keys):
        session = log_in()
        assert session.get("/v1/me").json()["sub"] == "ada"
        assert session.login.scopes == ("openid", "profile", "offline_access")
        refreshed()
    with server(write_profiles, dialect), pytest.raises(AventusCredsError):
        log_in()


@pytest.mark.parametrize(
    "header", [("X-Own-Token", ""), ("Authorization", "Own-scheme")], ids=["header", "scheme"]
)
def test_an_api_with_a_header_of_its_own(write_profiles: WriteProfiles, header: tuple[str, str]) -> None:
    """The token is there, and after its revocation the new one is."""
    api_auth = ": ".join((header[0], f"{header[1]} {{token}}".strip()))
    with server(write_profiles, CIDAAS, api_auth=api_auth) as sandbox:
        sandbox.api_header = header
        session = log_in()
        assert session.get("/v1/me").json()["sub"] == "ada"
        sandbox.revoke_all("cidaas-pkce", refresh_tokens=False)
        assert session.get("/v1/me").json()["sub"] == "ada"
    with server(write_profiles, CIDAAS) as sandbox:
        sandbox.api_header = header
        assert log_in().get("/v1/me").status_code == 401


def test_facts_of_redirect_and_answer(write_profiles: WriteProfiles) -> None:
    """They are kept with the login, through a refresh, and fill the API's address."""
    dialect = CIDAAS._replace(more={"shard": "s1"})
    with server(write_profiles, dialect, api_url="{instance}/v1/", api_hosts="127.0.0.1") as sandbox:
        facts = {"realmId": "4620816365", "instance": sandbox.url}
        sandbox.redirect_facts = facts
        session = log_in()
        assert dict(session.login.extra) == {**facts, "shard": "s1"}
        assert session.get("me").json()["sub"] == "ada"
        assert session.profile.api_origins == (sandbox.url,)
        sandbox.token_lifetime = 5000
        again = get_session("cidaas", interactive=False, min_ttl=4000)
        assert dict(again.login.extra) == {**facts, "shard": "s1"}


def test_an_instance_that_is_not_allowed_gets_nothing(web: Web, write_profiles: WriteProfiles) -> None:
    """The login is kept, and no request is made."""
    with server(write_profiles, CIDAAS, api_url="{instance}/v1/", api_hosts="*.example.com") as sandbox:
        for address in (web.url, "https://evil.example", "https://example.com.evil.example"):
            sandbox.redirect_facts = {"instance": address}
            with pytest.raises(InvalidAnswer, match="the token is not sent where the server says"):
                log_in()
            profile = read_profiles().profile("cidaas")
            default_store().delete(profile.key)
        assert web.seen == []


def test_an_empty_secret(write_profiles: WriteProfiles) -> None:
    """Where the server wants it and the profile says so."""
    with server(write_profiles, CIDAAS, client_auth="basic") as sandbox:
        sandbox.empty_secrets = True
        assert log_in().get("/v1/me").json()["sub"] == "ada"
        refreshed()
    with server(write_profiles, CIDAAS) as sandbox:
        sandbox.empty_secrets = True
        with pytest.raises(AventusCredsError):
            log_in()


def test_a_grant_of_the_servers_own(write_profiles: WriteProfiles) -> None:
    """Without a person. What the grant wants is a parameter of the profile's."""
    row = CIDAAS.clients[0]._replace(
        grants=(ACCOUNT_CREDENTIALS,), auth="client_secret_post", secret="the-own-secret"
    )
    dialect = CIDAAS._replace(clients=(row,), scopes=(*CIDAAS.scopes, "read:contacts"))
    own = {
        "grant": "custom",
        "grant_type": ACCOUNT_CREDENTIALS,
        "scope": "read:contacts",
        "redirect_uri": None,
    }
    with server(write_profiles, dialect, **own, token_params={"account_id": "A1"}):
        session = get_session("cidaas", interactive=False)
        assert session.get("/v1/me").json()["client_id"] == "cidaas-pkce"
    with (
        server(write_profiles, dialect, **own),
        pytest.raises(AventusCredsError, match="account_id is missing"),
    ):
        get_session("cidaas", interactive=False)


def test_an_api_that_swaps(write_profiles: WriteProfiles) -> None:
    """The login's token is exchanged once more, also after it was revoked."""
    swap = {"swap_url": "URL/v1/session/start", "swap_path": "data.token"}
    with server(write_profiles, CIDAAS, **swap) as sandbox:
        sandbox.api_swaps = True
        session = log_in()
        assert session.get("/v1/me").json()["sub"] == "ada"
        sandbox.revoke_all("cidaas-pkce", refresh_tokens=False)
        assert session.get("/v1/me").json()["sub"] == "ada"
    with server(write_profiles, CIDAAS) as sandbox:
        sandbox.api_swaps = True
        assert log_in().get("/v1/me").status_code == 401
