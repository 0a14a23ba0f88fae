"""What ``token --format`` prints, read by the programs that it is for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click.testing
import pytest
from environments import environment_beside
from oauth_values import jwt
from sockets import Authority
from support import REPOSITORY, Sent, Web, make_token, unavailable

from aventus_creds.cli.commands import app, run
from aventus_creds.cli.formats import FORMATS
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.opening import default_store

KEYS: Final = {"issuer": "https://as.example.com", "client_id": "c", "api_url": "https://api.example.com"}
LATE: Final = int(time.time()) + 3600

Login = Callable[..., None]


@pytest.fixture
def login(write_profiles: Callable[..., Path]) -> Login:
    """Store a token for the profile ``prod``."""

    def login(text: str = "an-access-token", keys: dict[str, Any] | None = None, **fields: Any) -> None:
        write_profiles({"prod": keys or KEYS})
        key, store = read_profiles().profile("prod").key, default_store()
        with store.lock(key):
            store.save(key, make_token(text, **fields))

    return login


def printed(*arguments: str, code: int = 0) -> str:
    """Return what ``aventus-creds token prod`` prints, run in this process."""
    done = click.testing.CliRunner().invoke(app, ["token", "prod", *arguments])
    assert done.exit_code == code, done.output + repr(done.exception)
    return done.stdout


def test_each_format(login: Login) -> None:
    """The token alone, as a header, and with what is known of it."""
    login(scope="read write", id_token=jwt(email="ada@example.com", exp=LATE))
    assert printed() == printed("--format", "text") == "an-access-token\n"
    assert printed("--header") == printed("--format", "header") == "Authorization: Bearer an-access-token\n"
    told = json.loads(printed("--format", "json"))
    assert told.pop("expires_at").endswith("Z")
    assert told == {
        "token": "an-access-token",
        "type": "Bearer",
        "scope": "read write",
        "account": "ada@example.com",
    }
    assert run(["token", "prod", "--header", "--format", "json"]) == 2
    assert {*FORMATS} == {"text", "header", "json", "env", "curl", "kubernetes", "executable"}


def test_the_id_token(login: Login) -> None:
    """Where it is asked for, in each format; and an error that says how to get one."""
    token = jwt(email="ada@example.com", exp=LATE)
    login(id_token=token)
    for form in FORMATS:
        assert token in printed("--format", form, "--id-token")
    login()
    done = click.testing.CliRunner().invoke(app, ["token", "prod", "--id-token"])
    assert "add openid to scope" in str(getattr(done.exception, "hint", ""))


def test_an_id_token_that_ends_before_its_access_token(login: Login, web: Web) -> None:
    """It is refreshed: whoever reads it could do nothing with the old one."""
    new = jwt(sub="ada", aud="c", exp=LATE)
    web.answer = lambda _: Sent(
        body={"access_token": "new", "id_token": new, "token_type": "Bearer", "expires_in": 3600}
    )
    keys = {"authorize_url": f"{web.url}/authorize", "token_url": f"{web.url}/token", "client_id": "c"}
    login(id_token=jwt(exp=1), refresh_token="r", keys=keys)
    assert printed("--id-token") == f"{new}\n"
    assert len(web.seen) == 1


@pytest.mark.skipif(os.name != "posix", reason="the shell is POSIX's")
def test_a_shell_evaluates_it(login: Login) -> None:
    """Whatever is in it; and get_token takes it from there."""
    login('it\'s-"quoted"$HOME`x`')
    asked = f'eval "$1"; exec "{sys.executable}" -m aventus_creds token prod'
    done = subprocess.run(
        ["sh", "-c", asked, "sh", printed("--format", "env")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == 'it\'s-"quoted"$HOME`x`\n'


def test_curl_reads_it(login: Login, web: Web) -> None:
    """As its configuration, whatever is in the token."""
    if not shutil.which("curl"):
        unavailable("curl is not installed")
    login('a\\b"c')
    subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "-K", "-", f"{web.url}/v1/me"],
        input=printed("--format", "curl"),
        text=True,
        check=True,
        timeout=60,
    )
    assert [seen.headers.get("Authorization") for seen in web.seen] == ['Bearer a\\b"c']


# kubectl


def test_an_exec_credential(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the version that kubectl names; it says when it must ask again."""
    login()
    [at] = [
        token.expires_at for token in [default_store().load(read_profiles().profile("prod").key)] if token
    ]
    credential = json.loads(printed("--format", "kubernetes"))
    assert credential == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {
            "token": "an-access-token",
            "expirationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
        },
    }
    info = {"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential"}
    monkeypatch.setenv("KUBERNETES_EXEC_INFO", json.dumps(info))
    assert json.loads(printed("--format", "kubernetes"))["apiVersion"] == info["apiVersion"]
    for damaged in ("[", "[]", '{"spec": 1}'):
        monkeypatch.setenv("KUBERNETES_EXEC_INFO", damaged)
        assert json.loads(printed("--format", "kubernetes"))["apiVersion"] == credential["apiVersion"]


def test_kubectl_says_whether_a_person_may_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """For it may have the terminal for itself."""
    for spec, asked in (({"interactive": True}, True), ({"interactive": False}, False), ({}, None)):
        monkeypatch.setenv("KUBERNETES_EXEC_INFO", json.dumps({"spec": spec}))
        assert FORMATS["kubernetes"].may_ask() is asked


KUBECTL: Final = """\
apiVersion: v1
kind: Config
current-context: it
contexts: [{{name: it, context: {{cluster: it, user: prod}}}}]
clusters: [{{name: it, cluster: {{server: "{url}", certificate-authority: "{authority}"}}}}]
"""


@pytest.mark.heavy
def test_kubectl_uses_it(login: Login, tmp_path: Path) -> None:
    """The real one, with a server of the tests."""
    if not shutil.which("kubectl"):
        unavailable("kubectl is not installed")
    login(id_token="the-id-token")
    authority = Authority(tmp_path)
    with authority.web() as cluster:
        cluster.answer = lambda _: Sent(body={"major": "1", "minor": "32", "gitVersion": "v1.32.0"})
        config = tmp_path / "config"
        url = f"https://localhost:{cluster.port}"
        page = (REPOSITORY / "aventus_creds" / "docs" / "recipes.md").read_text("utf-8")
        [users] = re.findall(r"^```yaml\n(users:.*?)^```$", page, re.MULTILINE | re.DOTALL)
        text = KUBECTL.format(url=url, authority=authority.bundle) + users
        config.write_text(text, "utf-8")
        (tmp_path / "bin").mkdir()
        program = tmp_path / "bin" / "aventus-creds"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m aventus_creds "$@"\n')
        program.chmod(0o755)
        done = subprocess.run(
            ["kubectl", "--kubeconfig", str(config), "get", "--raw", "/version"],
            env=os.environ | {"NO_PROXY": "localhost", "PATH": f"{program.parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert {seen.headers.get("Authorization") for seen in cluster.seen} == {"Bearer the-id-token"}


# Google's clients


def test_an_executable_that_fails(login: Login, web: Web) -> None:
    """It prints an answer that says so, and the exit code is that of the error."""
    login(age=7200)
    done = click.testing.CliRunner().invoke(app, ["token", "prod", "--format", "executable"])
    answer = json.loads(done.stdout)
    assert (answer["success"], answer["code"]) == (False, "LoginRequired")
    assert done.exit_code != 0


GOOGLE: Final = """
import sys, google.auth.pluggable, google.auth.transport.requests
url, command, kind = sys.argv[1:]
credentials = google.auth.pluggable.Credentials.from_info({
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
    "subject_token_type": kind,
    "token_url": "https://sts.googleapis.com/v1/token",
    "credential_source": {"executable": {"command": command, "timeout_millis": 30000}},
})
print(credentials.retrieve_subject_token(google.auth.transport.requests.Request()))
"""


@pytest.mark.heavy
@pytest.mark.parametrize("by_id", [True, False])
def test_googles_client_uses_it(login: Login, tmp_path: Path, by_id: bool) -> None:  # noqa: FBT001
    """Its own class runs the command, and takes the token from what it prints."""
    try:
        python = environment_beside(tmp_path / "google", "google-auth[requests]>=2.40")
    except RuntimeError as fault:
        unavailable(f"google-auth cannot be installed: {str(fault)[-300:]}")
    token = jwt(sub="ada", exp=LATE)
    login("an-access-token", id_token=token)
    kind = f"urn:ietf:params:oauth:token-type:{'id_token' if by_id else 'jwt'}"
    command = f"{sys.executable} -m aventus_creds token prod --format executable{' --id-token' * by_id}"
    done = subprocess.run(
        [str(python), "-c", GOOGLE, "", command, kind],
        env=os.environ | {"GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout.strip() == (token if by_id else "an-access-token"), done.stderr
