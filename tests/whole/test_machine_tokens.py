"""Tokens for what the machine has, over the sandbox: exchanges, assertions, and clients with a key."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from signing_keys import SigningKey
from support import Seen, Sent, Web, free_port
from token_places import Ci, Hub

from aventus_creds import LoginRequired, get_session, get_token, login, logout
from aventus_creds.errors import ConfigError, InvalidAnswer, SecretError, TokenRefused
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.tokens import jwt_claims

WriteProfiles = Callable[..., Path]
WORKERS = 16


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback", device_interval=0.1) as sandbox:
        yield sandbox


@pytest.fixture
def key() -> SigningKey:
    return SigningKey("P-256", kid="the-key")


def client(sandbox: Sandbox, key: SigningKey, tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Return a profile of the client that signs with ``key``, which the server knows."""
    sandbox.trust(key.public, client_id="oidc-key")
    return {
        "issuer": f"{sandbox.url}/oidc",
        "api_url": f"{sandbox.url}/",
        "client_id": "oidc-key",
        "client_key": {"file": str(key.write(tmp_path / "client.pem"))},
        "scope": "read:contacts",
        "retries": 0,
        **more,
    }


def workload(sandbox: Sandbox, issuer: SigningKey, **more: Any) -> dict[str, Any]:
    """Return a profile of the client that authenticates with somebody else's token."""
    sandbox.trust(issuer.public, workload="repo:ada/engine:ref:refs/heads/main")
    return {
        "issuer": f"{sandbox.url}/oidc",
        "api_url": f"{sandbox.url}/",
        "client_id": "oidc-workload",
        "scope": "read:contacts",
        "grant": "client_credentials",
        "retries": 0,
        **more,
    }


def grants(sandbox: Sandbox) -> list[str]:
    return [record.grant_type.rpartition(":")[2] for record in sandbox.journal if record.endpoint == "token"]


# Clients with a key


def test_a_client_with_a_key(
    sandbox: Sandbox, key: SigningKey, tmp_path: Path, write_profiles: WriteProfiles
) -> None:
    """private_key_jwt, which nothing but the key asks for: client credentials, and a call to the API."""
    write_profiles({"prod": client(sandbox, key, tmp_path, grant="client_credentials")})
    assert get_session("prod").get("/v1/me").status_code == 200
    assert grants(sandbox) == ["client_credentials"]


def test_a_person_at_a_client_with_a_key(
    sandbox: Sandbox, key: SigningKey, tmp_path: Path, write_profiles: WriteProfiles
) -> None:
    """The code, the refresh, the logout and the device: each with an assertion of its own."""
    table = client(sandbox, key, tmp_path, scope="openid offline_access read:contacts", callback="loopback")
    write_profiles({"prod": table, "device": {**table, "grant": "device"}})
    login("prod", browser=Robot())
    get_token("prod", interactive=False, min_ttl=0)
    from aventus_creds.oauth.client import OAuthClient
    from aventus_creds.profiles.file import read_profiles
    from aventus_creds.stores.opening import default_store

    profile = read_profiles().profile("prod")
    assert profile.grant == "confidential"
    token = default_store().load(profile.key)
    assert token
    assert OAuthClient(profile).refresh(token, retries=0).access_token != token.access_token
    assert logout("prod").revoked
    found = OAuthClient(read_profiles().profile("device"))
    device = found.begin_device_login()
    Robot().approve(f"{sandbox.url}/oidc/device", device.user_code)
    from aventus_creds.basics.hidden import Hidden

    assert found.device_token(Hidden(device.device_code)).access_token
    assert grants(sandbox) == ["authorization_code", "refresh_token", "device_code"]


@pytest.mark.parametrize("shape", ["env", "command", "jwk", "crlf"])
def test_where_a_key_may_be(
    shape: str,
    sandbox: Sandbox,
    key: SigningKey,
    tmp_path: Path,
    write_profiles: WriteProfiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Several lines in a variable or from a command are a key; so is a JWK, and a file with Windows' line ends."""
    import json

    place: dict[str, Any] = {"env": "THE_KEY"}
    monkeypatch.setenv("THE_KEY", json.dumps(key.jwk) if shape == "jwk" else key.pem)
    if shape == "command":
        place = {"command": [sys.executable, "-c", f"print({key.pem!r})"]}
    if shape == "crlf":
        monkeypatch.setenv("THE_KEY", key.pem.replace("\n", "\r\n"))
    table = client(sandbox, key, tmp_path, grant="client_credentials", client_key=place)
    write_profiles({"prod": table})
    assert get_token("prod").access_token


def test_a_secret_that_signs(sandbox: Sandbox, write_profiles: WriteProfiles) -> None:
    """client_secret_jwt: the secret itself is not sent."""
    table = {
        "issuer": f"{sandbox.url}/oidc",
        "client_id": "oidc-secret-key",
        "client_secret": "sandbox secret that is long enough to sign",
        "client_auth": "client_secret_jwt",
        "grant": "client_credentials",
        "scope": "read:contacts",
        "retries": 0,
    }
    write_profiles({"prod": table, "basic": {**table, "client_auth": "basic"}})
    assert get_token("prod").access_token
    with pytest.raises(TokenRefused, match="invalid_client"):
        get_token("basic")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"assertion_audience": "token_url"}, "invalid_client"),
        ({"assertion_audience": "https://another.example.com"}, "invalid_client"),
        ({"client_id": "oidc-confidential"}, "invalid_client"),
    ],
)
def test_an_assertion_for_another(
    change: dict[str, Any],
    error: str,
    sandbox: Sandbox,
    key: SigningKey,
    tmp_path: Path,
    write_profiles: WriteProfiles,
) -> None:
    """A server as strict as the new draft takes its issuer only; and each key belongs to one client."""
    write_profiles({"prod": client(sandbox, key, tmp_path, grant="client_credentials", **change)})
    with pytest.raises(TokenRefused) as caught:
        get_token("prod")
    assert caught.value.error == error


def test_a_foreign_key(
    sandbox: Sandbox, key: SigningKey, tmp_path: Path, write_profiles: WriteProfiles
) -> None:
    """A key that the server does not know is refused."""
    write_profiles({"prod": client(sandbox, key, tmp_path, grant="client_credentials")})
    SigningKey("P-256", kid="the-key").write(tmp_path / "client.pem")
    with pytest.raises(TokenRefused) as caught:
        get_token("prod")
    assert caught.value.error == "invalid_client"


def test_each_try_has_an_assertion_of_its_own(
    sandbox: Sandbox,
    key: SigningKey,
    tmp_path: Path,
    write_profiles: WriteProfiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server takes an assertion once: a request whose answer was lost is repeated with a new one."""
    monkeypatch.setattr("aventus_creds.basics.waits.BACKOFF", 0.001)
    write_profiles({"prod": client(sandbox, key, tmp_path, grant="client_credentials", retries=1)})
    sandbox.fail_next_token(status="lose")
    assert get_token("prod").access_token


def test_a_replayed_assertion(
    sandbox: Sandbox, key: SigningKey, tmp_path: Path, write_profiles: WriteProfiles
) -> None:
    """The control: the very same request a second time is refused."""
    from aventus_creds.oauth.client import OAuthClient
    from aventus_creds.oauth.request import client_credentials_request
    from aventus_creds.profiles.file import read_profiles

    write_profiles({"prod": client(sandbox, key, tmp_path, grant="client_credentials")})
    profile = read_profiles().profile("prod")
    found = OAuthClient(profile)
    request = client_credentials_request(profile, found.endpoints, found._credential())
    statuses = [
        requests.post(request.url, request.body, headers=dict(request.headers), timeout=5).status_code
        for _ in range(2)
    ]
    assert statuses == [200, 400]


# Assertions of one's own


def test_jwt_bearer(sandbox: Sandbox, key: SigningKey, tmp_path: Path, write_profiles: WriteProfiles) -> None:
    """RFC 7523 section 2.1: for the client itself, and for somebody whom it names."""
    table = client(sandbox, key, tmp_path, grant="jwt_bearer")
    write_profiles({"self": table, "ada": {**table, "assertion_claims": {"sub": "ada"}}})
    assert jwt_claims(get_token("self").access_token)["sub"] == "oidc-key"
    assert jwt_claims(get_token("ada").access_token)["sub"] == "ada"
    assert grants(sandbox) == ["jwt-bearer", "jwt-bearer"]


# Exchanges


@pytest.mark.usefixtures("no_browser")
def test_the_exchange_of_another_profiles_token(
    sandbox: Sandbox, key: SigningKey, tmp_path: Path, write_profiles: WriteProfiles
) -> None:
    """RFC 8693: a person's token becomes one of another client; a login is asked for where that profile needs one."""
    person = {**sandbox.profiles()["oidc"], "callback": "loopback"}
    exchange = client(sandbox, key, tmp_path, grant="token_exchange", subject_token={"profile": "person"})
    write_profiles({"person": person, "prod": exchange})
    with pytest.raises(LoginRequired, match="profile person needs a login"):
        get_token("prod", interactive=False)
    login("person", browser=Robot())
    claims = jwt_claims(get_token("prod").access_token)
    assert (claims["sub"], claims["client_id"]) == ("ada", "oidc-key")
    assert get_session("prod").get("/v1/me").status_code == 200
    assert grants(sandbox) == ["authorization_code", "token-exchange"]


def test_the_exchange_of_an_id_token_that_was_not_kept(
    sandbox: Sandbox, key: SigningKey, tmp_path: Path, write_profiles: WriteProfiles
) -> None:
    """The access token is not passed off as one."""
    person = {"grant": "given", "token": {"command": [sys.executable, "-c", "print('t')"]}}
    table = client(sandbox, key, tmp_path, grant="token_exchange", subject_token={"profile": "person"})
    write_profiles({"person": person, "prod": {**table, "subject_token_type": "id_token"}})
    with pytest.raises(SecretError, match="the login of profile person has no ID token"):
        get_token("prod")


def test_the_doctor(
    sandbox: Sandbox,
    key: SigningKey,
    tmp_path: Path,
    write_profiles: WriteProfiles,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It reads each token and each key from its place, and names the one that is missing."""
    from aventus_creds.cli.commands import run

    table = client(sandbox, key, tmp_path, grant="token_exchange", subject_token={"env": "T"})
    write_profiles({"prod": {**table, "subject_token_type": "jwt"}})
    assert run(["doctor", "prod"]) != 0
    shown = capsys.readouterr().out
    assert "✗ the subject token: the subject token is missing: the environment variable T is not set" in shown
    assert f"✓ the client key: found in the file {tmp_path / 'client.pem'}" in shown.replace("\n", "")
    assert "✓ the token endpoint" in shown


def test_the_exchange_of_a_hubs_token(
    sandbox: Sandbox,
    key: SigningKey,
    tmp_path: Path,
    write_profiles: WriteProfiles,
    web: Web,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the hub keeps of its user is exchanged; it is asked for anew for each exchange, and for nothing else."""
    hub = Hub(web, monkeypatch)
    write_profiles({"person": {**sandbox.profiles()["oidc"], "callback": "loopback"}})
    hub.auth_state = {"access_token": login("person", browser=Robot()).access_token}
    exchange = client(
        sandbox, key, tmp_path, grant="token_exchange", subject_token={"jupyterhub": "access_token"}
    )
    write_profiles({"prod": exchange})
    assert jwt_claims(get_token("prod").access_token)["sub"] == "ada"
    get_session("prod").get("/v1/me")
    assert hub.asked == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"subject_token_type": "saml2"}, "invalid_request"),
        ({"requested_token_type": "id_token"}, "invalid_request"),
        ({"subject_token": {"env": "WRONG"}, "subject_token_type": "jwt"}, "invalid_grant"),
        ({"actor_token": {"env": "WRONG"}, "actor_token_type": "access_token"}, "invalid_grant"),
    ],
)
def test_an_exchange_that_is_refused(
    change: dict[str, Any],
    error: str,
    sandbox: Sandbox,
    key: SigningKey,
    tmp_path: Path,
    write_profiles: WriteProfiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server's reason arrives, without the tokens."""
    wrong = SigningKey(kid="nobodys").sign(sub="x", aud=f"{sandbox.url}/oidc")
    monkeypatch.setenv("WRONG", wrong)
    issuer = SigningKey(kid="ci")
    sandbox.trust(issuer.public)
    monkeypatch.setenv("RIGHT", issuer.sign(sub="x", aud=f"{sandbox.url}/oidc"))
    table = {"subject_token": {"env": "RIGHT"}, "subject_token_type": "jwt", **change}
    write_profiles({"prod": client(sandbox, key, tmp_path, grant="token_exchange", **table)})
    with pytest.raises(TokenRefused) as caught:
        get_token("prod")
    assert caught.value.error == error
    assert wrong[-40:] not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "asked", "said"),
    [
        ({"issued_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "", "refresh_token"),
        ({"issued_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "", "id_token"),
        ({"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}, "jwt", "access_token"),
        ({"issued_token_type": ["x"]}, "", r"\?"),
        ({"token_type": "N_A"}, "", "not of the type Bearer"),
    ],
)
def test_an_exchange_answered_with_another_type(
    answer: dict[str, Any], asked: str, said: str, web: Web, write_profiles: WriteProfiles
) -> None:
    """RFC 8693 section 2.2.1: a refresh token or an ID token is not sent to an API in place of an access token."""
    web.answer = lambda _: Sent(
        200, {"access_token": "not-for-an-api", "token_type": "Bearer", "expires_in": 60, **answer}
    )
    write_profiles(
        {
            "prod": {
                "token_url": f"{web.url}/token",
                "grant": "token_exchange",
                "subject_token": {"command": [sys.executable, "-c", "print('the-subject')"]},
                "subject_token_type": "jwt",
                **({"requested_token_type": asked} if asked else {}),
            }
        }
    )
    with pytest.raises(InvalidAnswer, match=said) as caught:
        get_token("prod")
    assert "not-for-an-api" not in str(caught.value)


def test_what_an_exchange_asks_for(web: Web, write_profiles: WriteProfiles) -> None:
    """On the wire: both tokens with their types, several resources, and no client where there is none (Google's)."""
    from urllib.parse import parse_qs

    web.answer = lambda _: Sent(200, {"access_token": "t", "token_type": "Bearer", "expires_in": 60})
    place = {"command": [sys.executable, "-c", "print('the-token')"]}
    write_profiles(
        {
            "prod": {
                "token_url": f"{web.url}/token",
                "grant": "token_exchange",
                "subject_token": place,
                "subject_token_type": "jwt",
                "actor_token": place,
                "actor_token_type": "urn:example:odd",
                "resource": ["https://a.example/", "https://b.example/"],
                "audience": "//iam.googleapis.com/x",
                "scope": "a b",
                "requested_token_type": "access_token",
                "token_params": {"options": "{}"},
            }
        }
    )
    get_token("prod")
    [seen] = web.seen
    prefix = "urn:ietf:params:oauth"
    assert parse_qs(seen.body.decode()) == {
        "grant_type": [f"{prefix}:grant-type:token-exchange"],
        "subject_token": ["the-token"],
        "subject_token_type": [f"{prefix}:token-type:jwt"],
        "actor_token": ["the-token"],
        "actor_token_type": ["urn:example:odd"],
        "resource": ["https://a.example/", "https://b.example/"],
        "audience": ["//iam.googleapis.com/x"],
        "scope": ["a b"],
        "requested_token_type": [f"{prefix}:token-type:access_token"],
        "options": ["{}"],
    }


def test_an_expired_token_is_not_exchanged(
    web: Web, write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked: who keeps it must act."""
    monkeypatch.setenv("OLD", SigningKey().sign(sub="x", exp=int(time.time()) - 5))
    write_profiles(
        {
            "prod": {
                "token_url": f"{web.url}/token",
                "grant": "token_exchange",
                "subject_token": {"env": "OLD"},
                "subject_token_type": "jwt",
            }
        }
    )
    with pytest.raises(LoginRequired, match=r"the subject token of profile prod, in .* OLD, has expired"):
        get_token("prod")
    assert web.seen == []


# Workloads


def test_a_ci_job(
    sandbox: Sandbox, write_profiles: WriteProfiles, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job's own token authenticates the client: no secret, and asked for anew for each request."""
    issuer = SigningKey(kid="ci")
    ci = Ci(web, monkeypatch, sign=issuer.sign)
    web.answer = ci.answer
    audience = f"{sandbox.url}/oidc"
    write_profiles({"prod": workload(sandbox, issuer, client_assertion={"oidc": audience})})
    assert get_session("prod").get("/v1/me").status_code == 200
    assert ci.asked == [audience]


def test_a_ci_job_for_another_audience(
    sandbox: Sandbox, write_profiles: WriteProfiles, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server refuses a token that was made for somebody else."""
    issuer = SigningKey(kid="ci")
    web.answer = Ci(web, monkeypatch, sign=issuer.sign).answer
    write_profiles({"prod": workload(sandbox, issuer, client_assertion={"oidc": "https://other.example"})})
    with pytest.raises(TokenRefused) as caught:
        get_token("prod")
    assert caught.value.error == "invalid_client"


@pytest.mark.skipif(os.name != "posix", reason="Kubernetes mounts by symbolic links")
def test_a_mounted_token_that_changes(
    sandbox: Sandbox, write_profiles: WriteProfiles, tmp_path: Path
) -> None:
    """Kubernetes swaps a link to a folder: the assertion of each request is what is there then."""
    first, second = SigningKey(kid="first"), SigningKey(kid="second")
    mount = tmp_path / "serviceaccount"
    mount.mkdir()
    claims = {"sub": "repo:ada/engine:ref:refs/heads/main", "aud": f"{sandbox.url}/oidc"}

    def swap(name: str, token: str) -> None:
        (mount / name).mkdir()
        (mount / name / "token").touch(0o600)
        (mount / name / "token").write_text(token)
        (mount / "..tmp").symlink_to(name)
        (mount / "..tmp").replace(mount / "..data")

    swap("..2026_1", first.sign(**claims))
    (mount / "token").symlink_to("..data/token")
    write_profiles({"prod": workload(sandbox, second, client_assertion={"file": str(mount / "token")})})
    with pytest.raises(TokenRefused):  # the server knows the second key only
        get_token("prod")
    swap("..2026_2", second.sign(**claims))
    assert get_token("prod").access_token


def test_a_place_that_is_empty(sandbox: Sandbox, write_profiles: WriteProfiles, tmp_path: Path) -> None:
    """The client assertion is named, and where it should be."""
    place = {"file": str(tmp_path / "absent")}
    write_profiles({"prod": workload(sandbox, SigningKey(kid="x"), client_assertion=place)})
    with pytest.raises(SecretError, match=r"the client assertion's file .*absent cannot be read"):
        get_token("prod")


# Many at once

WORKER = """
import sys
from aventus_creds import get_token
from aventus_creds.errors import AventusCredsError
print("ready", flush=True)
sys.stdin.readline()
try:
    print("token", get_token(sys.argv[1], interactive=False).access_token[-12:], flush=True)
except AventusCredsError as error:
    print("error", type(error).__name__, str(error).replace("\\n", " "), flush=True)
"""


def ask_at_once(name: str) -> set[str]:
    """Let sixteen processes ask for a token at the same time, and return their answers."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(WORKERS)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    return {process.communicate(timeout=60)[0].strip() for process in processes}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("grant", ["token_exchange", "jwt_bearer", "private_key_jwt", "client_assertion"])
def test_sixteen_processes_make_one_request(
    grant: str,
    sandbox: Sandbox,
    key: SigningKey,
    tmp_path: Path,
    write_profiles: WriteProfiles,
    web: Web,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of them asks, under the lock; who has the subject token or the assertion is asked once, too."""
    issuer = SigningKey(kid="ci")
    ci = Ci(web, monkeypatch, sign=issuer.sign)
    web.answer = ci.answer
    place = {"oidc": f"{sandbox.url}/oidc"}
    if grant == "client_assertion":
        table = workload(sandbox, issuer, client_assertion=place)
    else:
        sandbox.trust(issuer.public)
        of_each: dict[str, dict[str, Any]] = {
            "token_exchange": {"grant": grant, "subject_token": place},
            "jwt_bearer": {"grant": grant},
            "private_key_jwt": {"grant": "client_credentials", "client_auth": grant},
        }
        table = client(sandbox, key, tmp_path, **of_each[grant])
    write_profiles({"prod": table})
    [answer] = ask_at_once("prod")
    assert answer.startswith("token ")
    assert len(grants(sandbox)) == 1
    assert len(ci.asked) == (grant in {"token_exchange", "client_assertion"})


@pytest.mark.timeout(300)
def test_sixteen_processes_with_another_profiles_token(web: Web, write_profiles: WriteProfiles) -> None:
    """``given`` by another profile: that one's cache is everybody's, so its token is asked for once."""
    made: list[Seen] = []

    def answer(seen: Seen) -> Sent:
        made.append(seen)
        return Sent(
            200, {"access_token": f"a-made-token-{len(made)}", "token_type": "Bearer", "expires_in": 600}
        )

    web.answer = answer
    client = {"client_id": "c", "client_secret": "s", "token_url": f"{web.url}/token"}
    write_profiles(
        {
            "client": {**client, "grant": "client_credentials"},
            "prod": {"grant": "given", "token": {"profile": "client"}},
        }
    )
    assert ask_at_once("prod") == {"token made-token-1"}
    assert len(made) == 1


def test_without_the_extra(
    sandbox: Sandbox,
    key: SigningKey,
    tmp_path: Path,
    write_profiles: WriteProfiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only what signs needs joserfc: the error says what to install."""
    write_profiles({"prod": client(sandbox, key, tmp_path, grant="client_credentials")})
    monkeypatch.setitem(sys.modules, "joserfc.jwt", None)
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(ConfigError, match=r"pip install 'aventus-creds\[keys\]'"):
        get_token("prod")


# From one organisation of AtHoc to another


def organisations(sandbox: Sandbox, **other: Any) -> dict[str, dict[str, Any]]:
    """Return a profile for a person's login to one organisation, and one that takes it to another."""
    at_home = {
        **sandbox.profiles()["athoc"],
        "client_id": "athoc-orgs",
        "client_secret": "the-secret-of-athoc-orgs",
        "callback": "loopback",
    }
    away = {**at_home, "org_code": "BABBAGE", "grant": "token_exchange", "subject_token": {"profile": "home"}}
    for key in ("redirect_uri", "callback"):
        away.pop(key)
    return {"home": at_home, "away": {**away, **other}}


def test_another_organisation(sandbox: Sandbox, write_profiles: WriteProfiles) -> None:
    """AtHoc's change_org: the login to one gives a token for the other, which has an entry of its own."""
    write_profiles(organisations(sandbox))
    home = login("home", browser=Robot())
    away = get_session("away", interactive=False)
    assert away.get("/v1/me").json()["sub"] == "ada"
    assert get_token("away").access_token != home.access_token
    assert grants(sandbox) == ["authorization_code", "change_org"]
    logout("home")
    with pytest.raises(LoginRequired, match="home"):
        get_token("away", min_ttl=90_000)


def test_an_organisation_that_may_not_be_changed_to(sandbox: Sandbox, write_profiles: WriteProfiles) -> None:
    """The refusal says who switches it on."""
    write_profiles(organisations(sandbox, org_code="DIFFERENCE"))
    login("home", browser=Robot())
    with pytest.raises(TokenRefused) as refusal:
        get_token("away")
    assert refusal.value.status == 401
    assert "AtHoc's support switches the grant change_org on" in refusal.value.hint


def test_what_change_org_does_not_take(sandbox: Sandbox, write_profiles: WriteProfiles) -> None:
    """It is refused, and not dropped without a word."""
    write_profiles(organisations(sandbox, resource="https://api.example.com", audience="x"))
    with pytest.raises(ConfigError) as mistake:
        get_token("away")
    assert "away.resource: BlackBerry AtHoc does not take it" in str(mistake.value)
    assert "away.audience: BlackBerry AtHoc does not take it" in str(mistake.value)
