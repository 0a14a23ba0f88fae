"""Sandbox.use: profiles to try things on, in the place of the process' own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aventus_creds import get_session, login
from aventus_creds.errors import ProfileNotFound
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot


def test_the_process_has_other_profiles_for_a_while(write_profiles: Callable[..., Path]) -> None:
    """A login and a call; afterwards the process has its own profiles and no login more, and the folder is gone."""
    own = write_profiles({"mine": {"issuer": "https://as.example.com", "client_id": "c"}})
    with Sandbox().use(prod="oidc") as sandbox:
        path = read_profiles().path
        assert path != own
        login("prod", browser=Robot())
        assert get_session("prod").get("/v1/me").json()["sub"] == "ada"
        if os.name == "posix":
            assert path.stat().st_mode & 0o077 == 0
    assert os.environ["AVENTUS_CREDS_PROFILES"] == str(own)
    assert not path.parent.exists()
    with pytest.raises(ProfileNotFound):
        get_session("prod")
    sandbox.close()  # it may be called twice
    assert os.environ["AVENTUS_CREDS_PROFILES"] == str(own)


def test_variables_that_were_not_set_are_not_set_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """And keys of a profile can be given."""
    monkeypatch.delenv("AVENTUS_CREDS_PROFILES")
    sandbox = Sandbox()
    service = {**sandbox.profiles()["backoffice"], "grant": "client_credentials"}
    service = {key: value for key, value in service.items() if key not in {"scope", "redirect_uri"}}
    sandbox.use(service=service)
    assert get_session("service").get("/v1/me").status_code == 200
    sandbox.close()
    assert "AVENTUS_CREDS_PROFILES" not in os.environ


def test_a_name_that_the_sandbox_does_not_have() -> None:
    """It is an error, and nothing is changed."""
    own = os.environ["AVENTUS_CREDS_PROFILES"]
    with Sandbox() as sandbox, pytest.raises(KeyError):
        sandbox.use(prod="no-such-client")
    assert os.environ["AVENTUS_CREDS_PROFILES"] == own
