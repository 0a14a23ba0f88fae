"""No secret of a machine shows: keys, assertions, tokens of a hub and a CI, and the keys by which those are asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from leaks import Wire, hits
from signing_keys import SigningKey
from support import Seen, Sent, Web
from token_places import API_TOKEN, REQUEST_TOKEN, Ci, Hub

from aventus_creds.sandbox import Sandbox

if sys.platform == "win32":
    pytest.skip("what is looked into here are /proc and pseudo-terminals", allow_module_level=True)

from leak_run import EvilServer, Run, new_secret

SECRET = "sandbox secret that is long enough to sign"


def learn_key(wire: Wire, key: SigningKey) -> None:
    """Look for each line of the PEM, and for the private number."""
    for line in key.pem.splitlines()[1:-1]:
        wire.values[line] = "client_key"
    wire.values[key.jwk["d"]] = "client_key"


@pytest.fixture
def machine_run(
    sandbox: Sandbox,
    web: Web,
    wire: Wire,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_profiles: Callable[..., Path],
) -> Run:
    """Profiles of each grant and method, good ones, ones at a server that quotes, and damaged ones."""
    given, work, temporary = tmp_path / "given", tmp_path / "work", tmp_path / "tmp"
    for folder in (given, work, temporary):
        folder.mkdir()
    key, issuer = SigningKey("P-256", kid="mine"), SigningKey("P-256", kid="ci")
    rsa = SigningKey("RSA")
    for each in (key, issuer, rsa):
        learn_key(wire, each)
    sandbox.trust(key.public, client_id="oidc-key")
    sandbox.trust(issuer.public, workload="repo:ada/engine:ref:refs/heads/main")
    place = {"oidc": f"{sandbox.url}/oidc"}
    for name, text in {
        "key": key.pem,
        "damaged": key.pem.replace("MIG", "QIG"),
        "public": json.dumps(key.public | {"note": key.pem}),
        "account": json.dumps(
            {
                "private_key": rsa.pem,
                "client_email": "machine@example.com",
                "token_uri": f"{web.url}/token",
            }
        ),
        "no-account": json.dumps({"private_key": rsa.pem}),
        "token": issuer.sign(sub="x", aud="api"),
    }.items():
        (given / name).touch(0o600)
        (given / name).write_text(text)
    with_hub = Hub(web, monkeypatch)
    with_ci = Ci(web, monkeypatch, sign=issuer.sign)
    hub_answer, ci_answer = with_hub.answer, with_ci.answer
    evil = EvilServer(web, wire)
    evil_answer = web.answer
    tapped = wire.tap_web(lambda seen: hub_answer(seen) if "/hub/" in seen.path else ci_answer(seen))

    def answer(seen: Seen) -> Sent:
        return tapped(seen) if seen.path.startswith(("/hub/", "/ci/")) else evil_answer(seen)

    web.answer = answer
    kept = issuer.sign(sub="ada", aud=f"{sandbox.url}/oidc")
    with_hub.auth_state = {"access_token": kept, "refresh_token": new_secret(), "scope": ["openid"]}
    for name, value in {
        "access_token": kept,
        "refresh_token": with_hub.auth_state["refresh_token"],
        "client_secret": SECRET,
        "token": (given / "token").read_text(),
    }.items():
        wire.learn(name, value)
    wire.learn("token", API_TOKEN)
    wire.learn("token", REQUEST_TOKEN)
    expired = issuer.sign(sub="x", exp=5)
    wire.learn("token", expired)
    at_sandbox: dict[str, Any] = {
        "issuer": f"{sandbox.url}/oidc",
        "api_url": f"{sandbox.url}/",
        "scope": "read:contacts",
        "retries": 0,
    }
    at_evil: dict[str, Any] = {
        "token_url": f"{web.url}/token",
        "api_url": web.url,
        "retries": 0,
        "timeout": 5,
    }
    file = {"client_key": {"file": str(given / "key")}, "client_id": "oidc-key"}
    hub = {"jupyterhub": "access_token"}
    exchange = {"grant": "token_exchange", "subject_token": hub, "subject_token_type": "jwt"}
    shell = {"command": ["sh", "-c", f"cat '{given / 'token'}'"]}
    own = {"grant": "client_credentials"}
    good = {
        "given-hub": {"grant": "given", "token": hub, "api_url": f"{sandbox.url}/"},
        "given-command": {"grant": "given", "token": shell, "api_url": f"{sandbox.url}/"},
        "exchange": {**at_sandbox, **file, **exchange},
        "signed": {**at_sandbox, **file, **own},
        "signs-by-secret": {
            **at_sandbox,
            **own,
            "client_id": "oidc-secret-key",
            "client_secret": SECRET,
            "client_auth": "client_secret_jwt",
        },
        "workload": {**at_sandbox, **own, "client_id": "oidc-workload", "client_assertion": place},
        "bearer": {**at_sandbox, **file, "grant": "jwt_bearer"},
        "given-profile": {"grant": "given", "token": {"profile": "signed"}, "api_url": f"{sandbox.url}/"},
    }
    at_quoting = {
        "evil-exchange": {**at_evil, **file, **exchange, "actor_token": place},
        "evil-signed": {**at_evil, **file, **own},
        "evil-bearer": {**at_evil, **file, "grant": "jwt_bearer"},
        "evil-account": {
            **at_evil,
            "grant": "jwt_bearer",
            "service_account": {"file": str(given / "account")},
        },
        "evil-workload": {**at_evil, **own, "client_id": "w", "client_assertion": place},
    }
    bad = {
        f"bad-{name}": {
            **at_sandbox,
            **own,
            "client_id": "oidc-key",
            "client_key": {"file": str(given / file)},
        }
        for name, file in {"key": "damaged", "public-key": "public", "token-for-key": "token"}.items()
    } | {
        "bad-account": {
            **at_evil,
            "grant": "jwt_bearer",
            "service_account": {"file": str(given / "no-account")},
        },
        "bad-algorithm": {**at_sandbox, **own, **file, "client_key_algorithm": "RS256"},
        "bad-field": {"grant": "given", "token": {"jupyterhub": "id_token"}},
        "bad-json": {"grant": "given", "token": {"file": str(given / "account")}},
        "bad-end": {"grant": "given", "token": {"env": "EXPIRED"}},
    }
    write_profiles({**good, **at_quoting, **bad})
    for name, text in {
        "TMPDIR": str(temporary),
        "EXPIRED": expired,
        "GOOD": " ".join(good),
        "EVIL": " ".join(at_quoting),
        "BAD": " ".join(bad),
        "COLUMNS": "300",
    }.items():
        monkeypatch.setenv(name, text)
    return Run(sandbox, evil, wire, tmp_path)


@pytest.mark.heavy
def test_keys_and_tokens_of_a_machine(machine_run: Run, wire: Wire) -> None:
    """Every grant and method, refusals that quote it all, and everything damaged."""
    machine_run.witness("machine")
    found = set(wire.values.values())
    # the tokens that are exchanged have the names by which they were learnt before: access_token, value
    assert found >= {"client_key", "client_assertion", "assertion", "access_token", "value", "token"}
    told = machine_run.texts["stdout"].decode()
    assert told.count("failed as expected") >= 4 * 5 + 8
    assert hits(wire.values, machine_run.texts | machine_run.files()) == []
