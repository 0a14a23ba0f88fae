"""The key of a bound login, and its proofs, show nowhere; nor what is pushed beforehand."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from leaks import Wire, hits
from support import Web

from aventus_creds import login
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot

if sys.platform == "win32":
    pytest.skip("what is looked into here are /proc and pseudo-terminals", allow_module_level=True)

from leak_run import EvilServer, Run


@pytest.fixture
def bound_run(
    sandbox: Sandbox,
    web: Web,
    wire: Wire,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_profiles: Callable[..., Path],
) -> Run:
    """A bound login that is there already, and a server that quotes the proofs that it gets."""
    for name in ("given", "work", "tmp"):
        (tmp_path / name).mkdir()
    evil = EvilServer(web, wire)
    sandbox.proof_nonce = "a-nonce-of-the-sandbox"
    table = sandbox.profiles()["oidc-bound"]
    bound = {**table, "callback": "loopback", "login_timeout": 20, "retries": 0, "api_origins": [web.url]}
    at_evil = {
        "token_url": f"{web.url}/token",
        "api_url": web.url,
        "grant": "client_credentials",
        "client_id": "the-client",
        "client_secret": {"env": "QUOTED"},
        "client_auth": "post",
        "dpop": True,
        "retries": 0,
    }
    write_profiles({"bound": bound, "evil-bound": at_evil})
    for name, value in {
        "TMPDIR": str(tmp_path / "tmp"),
        "QUOTED": "a-secret-that-is-quoted-back",
        "EVIL_API": web.url,
        "COLUMNS": "300",
    }.items():
        monkeypatch.setenv(name, value)
    token = login("bound", browser=Robot())
    wire.values[json.loads(token.proof_key or "")["d"]] = "proof_key"
    return Run(sandbox, evil, wire, tmp_path)


def test_a_bound_login(bound_run: Run, wire: Wire) -> None:
    """Used, refreshed, refused by servers that quote all of it, and damaged."""
    bound_run.witness("proofs")
    found = list(wire.values.values())
    assert found.count("proof") >= 8
    assert "proof_key" in found
    assert bound_run.texts["stdout"].decode().count("failed as expected") >= 13
    assert hits(wire.values, bound_run.texts | bound_run.files()) == []
