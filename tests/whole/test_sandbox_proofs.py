"""Pushed and bound logins at the sandbox, whose checks know nothing of the client."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from support import free_port

from aventus_creds import get_session, get_token, login
from aventus_creds.cli.commands import run
from aventus_creds.errors import LoginTimeout, SecretError, TokenRefused
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token, jwt_claims


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        yield sandbox


@pytest.fixture
def prod(sandbox: Sandbox, write_profiles: Callable[..., Path]) -> dict[str, Any]:
    table = sandbox.profiles()["oidc-bound"] | {"callback": "loopback", "login_timeout": 20, "retries": 0}
    write_profiles({"prod": table})
    return table


def expire() -> Token:
    store, key = default_store(), read_profiles().profile("prod").key
    token = store.load(key)
    assert token
    old = Token(
        token.access_token,
        obtained_at=time.time() - 7200,
        expires_at=time.time() - 3600,
        refresh_token=token.refresh_token,
        scope=token.scope,
        token_type=token.token_type,
        proof_key=token.proof_key,
    )
    with store.lock(key):
        store.save(key, old)
    return old


def endpoints(sandbox: Sandbox) -> list[tuple[str, int, str]]:
    return [
        (it.endpoint, it.status, it.error) for it in sandbox.journal if it.endpoint in {"par", "token", "api"}
    ]


@pytest.mark.usefixtures("prod")
def test_login_api_and_refresh(sandbox: Sandbox) -> None:
    """Pushed, bound, refreshed with the same key; a nonce is asked for once at each end."""
    sandbox.proof_nonce = "the-nonce"
    token = login("prod", browser=Robot())
    assert jwt_claims(token.access_token)["cnf"]["jkt"]
    session = get_session("prod")
    assert session.get("/v1/me").json()["sub"]
    assert session.post("/v1/contacts?x=1", json={"name": "Ada"}).status_code == 201
    assert expire().proof_key == get_token("prod").proof_key
    assert get_session("prod").get("/v1/me").ok
    assert endpoints(sandbox) == [
        ("par", 201, ""),
        ("token", 400, "use_dpop_nonce"),
        ("token", 200, ""),
        ("api", 401, "use_dpop_nonce"),
        ("api", 200, ""),
        ("api", 201, ""),
        ("token", 200, ""),
        ("api", 200, ""),
    ]


@pytest.mark.usefixtures("prod")
def test_what_was_seen_is_of_no_use(sandbox: Sandbox) -> None:
    """The token alone, as a bearer token, with a proof sent again, or with the proof of another request."""
    login("prod", browser=Robot())
    session = get_session("prod")
    sent = {name: str(value) for name, value in session.get("/v1/me").request.headers.items()}
    bearer = {"Authorization": sent["Authorization"].replace("DPoP", "Bearer")}
    for headers in (sent, bearer, {"Authorization": sent["Authorization"]}):
        assert requests.get(f"{sandbox.url}/v1/me", headers=headers, timeout=5).status_code == 401
    unused = session.prepare_request(requests.Request("GET", "/v1/me")).headers
    other = {name: str(unused[name]) for name in ("Authorization", "DPoP")}
    assert requests.post(f"{sandbox.url}/v1/contacts", headers=other, timeout=5).status_code == 401
    assert requests.get(f"{sandbox.url}/v1/me", headers=other, timeout=5).status_code == 200


def test_a_client_that_must_push_and_prove(
    sandbox: Sandbox, prod: dict[str, Any], write_profiles: Callable[..., Path]
) -> None:
    """Each without the other is refused."""
    write_profiles({"prod": prod | {"par": False, "login_timeout": 1}})
    with pytest.raises(LoginTimeout):
        login("prod", browser=Robot())
    write_profiles({"prod": {key: value for key, value in prod.items() if key != "dpop"}})
    with pytest.raises(TokenRefused, match="invalid_dpop_proof"):
        login("prod", browser=Robot())


@pytest.mark.usefixtures("prod")
def test_an_address_opened_too_late(
    sandbox: Sandbox, prod: dict[str, Any], write_profiles: Callable[..., Path]
) -> None:
    """Nothing comes back, and the error says why that may be."""
    write_profiles({"prod": prod | {"login_timeout": 1.5}})
    sandbox.pushed_lifetime = 1

    def late(url: str) -> object:
        sandbox._state.pushed.clear()  # as if it had expired
        return requests.get(url, timeout=5)

    with pytest.raises(LoginTimeout) as caught:
        login("prod", browser=late)
    assert "must be opened within 1 s" in str(caught.value)


REFRESH = """
import sys
from aventus_creds import get_session
print(get_session("prod", interactive=False).get("/v1/me").status_code)
"""


@pytest.mark.usefixtures("prod")
def test_sixteen_processes_refresh_once(sandbox: Sandbox) -> None:
    """One token request, and each process proves the same key at the API."""
    login("prod", browser=Robot())
    expire()
    before = len(sandbox.journal)
    running = [subprocess.Popen([sys.executable, "-c", REFRESH], stdout=subprocess.PIPE) for _ in range(16)]
    assert {process.communicate(timeout=60)[0].strip() for process in running} == {b"200"}
    asked = [it for it in sandbox.journal[before:] if it.endpoint == "token"]
    assert [(it.grant_type, it.status) for it in asked] == [("refresh_token", 200)]


@pytest.mark.usefixtures("prod")
def test_a_refresh_by_a_thief(sandbox: Sandbox) -> None:
    """The refresh token of a public client is bound to the key too."""
    token = login("prod", browser=Robot())
    body = {"grant_type": "refresh_token", "refresh_token": token.refresh_token, "client_id": "oidc-bound"}
    answer = requests.post(f"{sandbox.url}/oidc/token", data=body, timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    from aventus_creds.oauth.proofs import ProofKey

    proof = ProofKey.new().proof("POST", f"{sandbox.url}/oidc/token", now=time.time(), number=bytes(16))
    answer = requests.post(f"{sandbox.url}/oidc/token", data=body, headers={"DPoP": proof}, timeout=5)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.usefixtures("prod")
def test_the_file_has_the_key_and_nobody_else_reads_it(sandbox: Sandbox) -> None:
    """It is sealed as the token is: in the file store that is the file's mode."""
    token = login("prod", browser=Robot())
    assert token.proof_key
    from aventus_creds.basics.places import state_folder

    private = json.loads(token.proof_key)["d"]
    holding = [
        path
        for path in state_folder().rglob("*")
        if path.is_file() and private in path.read_text("utf-8", "replace")
    ]
    assert [path.parent.name for path in holding] == ["tokens"]
    if sys.platform != "win32":
        assert {path.stat().st_mode & 0o777 for path in holding} == {0o600}


@pytest.mark.usefixtures("prod")
def test_a_bound_token_is_not_given_out_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither printed, nor to a program, nor to another profile: without its proofs it would only be refused."""
    token = login("prod", browser=Robot())
    for arguments in (["token", "prod"], ["token", "prod", "--header"], ["exec", "prod", "--", "env"]):
        assert run(arguments) != 0
        shown = capsys.readouterr()
        assert "bound to a key" in shown.err
        assert token.access_token not in shown.out


def test_another_profile_does_not_get_it(prod: dict[str, Any], write_profiles: Callable[..., Path]) -> None:
    other = {"grant": "given", "token": {"profile": "prod"}, "api_url": prod["api_url"]}
    write_profiles({"prod": prod, "other": other})
    login("prod", browser=Robot())
    with pytest.raises(SecretError, match="is bound to a key"):
        get_token("other", interactive=False)


@pytest.mark.usefixtures("prod")
def test_a_doctor_looks_at_both(capsys: pytest.CaptureFixture[str]) -> None:
    """At the endpoint, and whether a key can be made."""
    login("prod", browser=Robot())
    assert run(["doctor", "prod"]) == 0
    shown = capsys.readouterr().out
    assert "✓ the par endpoint" in shown
    assert "signs with ES256" in shown
