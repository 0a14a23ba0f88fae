"""The page on logins without secrets: each of its profiles is run as it is written, but for the addresses."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import ssl
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, JWKRegistry
from signing_keys import SigningKey
from sockets import Authority
from support import Seen, Sent, Web, free_port
from token_places import Ci, Hub

import aventus_creds
from aventus_creds import get_session, login
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot

PAGE = (Path(aventus_creds.__file__).parent / "docs" / "machines.md").read_text("utf-8")
SECTIONS = {
    title: {
        language: re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for language in ("toml", "yaml", "console")
    }
    for title, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}


def block(title: str, language: str = "toml", number: int = 0) -> str:
    return str(SECTIONS[title][language][number])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        yield sandbox


@pytest.fixture
def use(tmp_path: Path, sandbox: Sandbox) -> Callable[..., Path]:
    """Write a block as profiles.toml, with the addresses of the test's servers."""

    def write(text: str, **places: str) -> Path:
        known = {
            "https://login.example.com": f"{sandbox.url}/oidc",
            "https://api.example.com/": f"{sandbox.url}/",
            **places,
        }
        for name, place in known.items():
            text = text.replace(name, place)
        path = tmp_path / "profiles.toml"
        path.touch(0o600)
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.fixture
def issuer(sandbox: Sandbox) -> SigningKey:
    """The key of the CI, or of the cluster, which the server trusts."""
    issuer = SigningKey(kid="issuer")
    sandbox.trust(issuer.public, workload="repo:ada/engine:ref:refs/heads/main")
    return issuer


@pytest.mark.parametrize("number", [0, 1])
def test_a_ci_job(
    number: int,
    use: Callable[..., Path],
    issuer: SigningKey,
    web: Web,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the two variables that the permission brings, and not without it."""
    use(block("A CI job", number=number))
    assert "id-token: write" in block("A CI job", "yaml")
    ci = Ci(web, monkeypatch, sign=issuer.sign)
    web.answer = ci.answer
    assert get_session("ci").get("/v1/me").status_code == 200
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL")
    with pytest.raises(aventus_creds.AventusCredsError, match="id-token: write"):
        get_session("ci")


@pytest.mark.skipif(os.name != "posix", reason="Kubernetes mounts by symbolic links")
def test_a_pod(use: Callable[..., Path], issuer: SigningKey, sandbox: Sandbox, tmp_path: Path) -> None:
    """The mounted token is renewed between two requests, by swapping a link."""
    mount = tmp_path / "login"
    assert "path: token" in block("A pod in Kubernetes", "yaml")

    def renew(folder: str, **claims: Any) -> None:
        (mount / folder).mkdir(parents=True)
        token = mount / folder / "token"
        token.touch(0o600)
        token.write_text(
            issuer.sign(sub="repo:ada/engine:ref:refs/heads/main", aud=f"{sandbox.url}/oidc", **claims)
        )
        (mount / "..tmp").symlink_to(folder)
        (mount / "..tmp").replace(mount / "..data")

    renew("..1", exp=5)  # it ended long ago
    (mount / "token").symlink_to("..data/token")
    use(block("A pod in Kubernetes"), **{"/var/run/secrets/login": str(mount)})
    with pytest.raises(aventus_creds.AventusCredsError, match="invalid_client"):
        get_session("pod")
    renew("..2")
    assert get_session("pod").get("/v1/me").status_code == 200


def test_a_service_account(use: Callable[..., Path], web: Web, tmp_path: Path) -> None:
    """A file like Google's, and a server that checks what Google documents."""
    key = SigningKey("RSA")
    account = tmp_path / "service-account.json"
    account.touch(0o600)
    import json

    account.write_text(
        json.dumps(
            {
                "type": "service_account",
                "private_key_id": "abc",
                "private_key": key.pem,
                "client_email": "machine@engine.iam.gserviceaccount.com",
                "token_uri": f"{web.url}/token",
            }
        )
    )

    def answer(seen: Seen) -> Sent:
        if seen.path == "/token":
            form = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
            known = JWKRegistry.import_key(key.public)
            found = jwt.decode(form["assertion"], known, algorithms=["RS256"])
            assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
            assert found.header["kid"] == "abc"
            assert found.claims["aud"] == f"{web.url}/token"
            assert found.claims["iss"] == "machine@engine.iam.gserviceaccount.com"
            assert found.claims["scope"] == "https://www.googleapis.com/auth/drive.readonly"
            assert found.claims["sub"] == "ada@example.com"
            return Sent(200, {"access_token": "ya29", "token_type": "Bearer", "expires_in": 3599})
        return Sent(200, {"answer": seen.headers["Authorization"]})

    web.answer = answer
    places = {
        "https://oauth2.googleapis.com": web.url,
        'api_url          = "https://www.googleapis.com/': f'api_url          = "{web.url}/',
    }
    use(block("A Google service account"), **places)
    assert get_session("google").get("/drive/v3/files").json() == {"answer": "Bearer ya29"}


@pytest.mark.parametrize("number", [0, 1])
def test_a_hub(
    number: int,
    use: Callable[..., Path],
    sandbox: Sandbox,
    web: Web,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_profiles: Callable[..., Path],
) -> None:
    """The hub's token as it is, and exchanged."""
    write_profiles({"person": {**sandbox.profiles()["oidc"], "callback": "loopback"}})
    hub = Hub(web, monkeypatch)
    hub.auth_state = {"access_token": login("person", browser=Robot()).access_token}
    sandbox.trust(SigningKey().public, client_id="oidc-key")
    key = SigningKey()
    key.write(tmp_path / "client.pem")
    sandbox.trust(key.public, client_id="oidc-key")
    use(block("The login to a JupyterHub", number=number))
    assert get_session("hub").get("/v1/me").json()["sub"] == "ada"
    assert hub.asked == 1


def test_somebody_elses(
    use: Callable[..., Path], web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, a program on the PATH that prints JSON, and another profile."""
    web.answer = lambda seen: Sent(200, {"path": seen.path, "answer": seen.headers["Authorization"]})
    program = tmp_path / "bin" / ("print-token.bat" if os.name == "nt" else "print-token")
    program.parent.mkdir()
    text = '{"access_token": "from-the-program", "expires_in": 60}'
    program.write_text(
        f"@echo {text}\n" if os.name == "nt" else f"#!/bin/sh\necho '{text}'\n", encoding="utf-8"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "token").touch(0o600)
    (tmp_path / "token").write_text("from-the-agent\n")
    use(
        block("A token of somebody else"),
        **{"/run/agent": tmp_path.as_posix(), "https://api.example.com/": f"{web.url}/"},
    )
    for name, path, token in (
        ("agent", "/x", "from-the-agent"),
        ("program", "/x", "from-the-program"),
        ("same-login", "/v2/x", "from-the-agent"),
    ):
        assert get_session(name).get("x").json() == {"path": path, "answer": f"Bearer {token}"}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_a_key(use: Callable[..., Path], sandbox: Sandbox, tmp_path: Path) -> None:
    """The two commands, and the profile that uses what they made."""
    for line in block("A key instead of a secret", "console").splitlines():
        subprocess.run(shlex.split(line.removeprefix("$ ")), cwd=tmp_path, check=True, capture_output=True)
    public = ECKey.import_key((tmp_path / "client.pub").read_bytes())
    sandbox.trust(public.as_dict(private=False), client_id="oidc-key")
    use(block("A key instead of a secret"))
    assert get_session("signed").get("/v1/me").status_code == 200


def test_a_certificate(use: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server and an API that talk to nobody without it."""
    authority = Authority(tmp_path)
    authority.client(tmp_path, "machine")
    authority.context.verify_mode = ssl.CERT_REQUIRED
    authority.context.load_verify_locations(authority.bundle)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    with authority.web() as web:
        web.answer = lambda seen: (
            Sent(200, {"access_token": "bound", "token_type": "Bearer", "expires_in": 60})
            if seen.path == "/token"
            else Sent(200, {"answer": seen.headers["Authorization"]})
        )
        places = {"https://login.example.com": web.url, "https://api.example.com/": f"{web.url}/"}
        use(block("A certificate"), **places)
        assert get_session("certified").get("/me").json() == {"answer": "Bearer bound"}
        assert all(seen.certificate for seen in web.seen)


def test_every_block_is_run_here() -> None:
    """A recipe that is added needs a test: by its section and number, in the text of this file."""
    calls = re.findall(
        r'block\("([^"]+)"(?:, "(\w+)")?(?:, number=(\w+))?\)', Path(__file__).read_text("utf-8")
    )
    run = {
        (title, language or "toml", each)
        for title, language, number in calls
        for each in (range(2) if number else [0])
    }
    written = {
        (title, language, number)
        for title, languages in SECTIONS.items()
        for language, blocks in languages.items()
        for number in range(len(blocks))
    }
    assert run == written


def test_every_profile_is_without_mistakes(tmp_path: Path) -> None:
    """As they are written, with their own addresses."""
    (tmp_path / "machine.pem").touch()
    for languages in SECTIONS.values():
        for number, text in enumerate(languages["toml"]):
            path = tmp_path / f"{number}.toml"
            path.write_text(textwrap.dedent(text), "utf-8")
            file = read_profiles(path)
            assert [file.profile(name).name for name in file.names] == list(file.names)


def test_a_bound_token(use: Callable[..., Path], sandbox: Sandbox) -> None:
    """The recipe is run as it is; another client of the server gets bearer tokens, which are refused."""
    text = block("A token that is of no use to others")
    use(text)
    assert login("bound", browser=Robot()).proof_key
    assert get_session("bound").get("/v1/contacts").json()
    assert [it.status for it in sandbox.journal if it.endpoint == "par"] == [201]
    use(text.replace("dpop      = true\n", ""))
    with pytest.raises(aventus_creds.AventusCredsError, match="invalid_dpop_proof"):
        login("bound", browser=Robot())
