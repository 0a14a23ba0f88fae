"""A provider of the table that has a discovery document: a whole login with the document, and without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import free_port

from aventus_creds import get_session, logout
from aventus_creds.errors import TokenRefused
from aventus_creds.oauth.client import OAuthClient
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox, discovery
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import default_store


@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_with_and_without_its_document(
    whose: str, write_profiles: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Login, API, refresh and revocation: by the document at base_url, or else by the row's endpoints."""
    told = discovery.document
    if whose == "another's":
        monkeypatch.setattr(discovery, "document", lambda *of: told(*of) | {"issuer": "https://evil.example"})
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        write_profiles({"cidaas": {**sandbox.profiles()["cidaas"], "callback": "loopback"}})
        profile = read_profiles().profile("cidaas")
        client = OAuthClient(profile)
        assert client.endpoints.issuer == (f"{sandbox.url}/cidaas" if whose == "its own" else "")
        session = get_session("cidaas", interactive=True, browser=Robot())
        assert session.get("/v1/me").json()["sub"] == "ada"
        token = default_store().load(profile.key)
        assert token
        assert client.refresh(token, retries=0).access_token != token.access_token
        assert logout("cidaas") == (True, True, "")
        with pytest.raises(TokenRefused):
            client.refresh(token, retries=0)
