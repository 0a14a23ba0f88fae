"""The command whoami: whose a login is, who says so, and a login as somebody else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import ROBOT, WriteProfiles, command, save
from oauth_values import jwt
from support import Seen, Sent, Web, free_port, make_token

from aventus_creds import login
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.people import GRACE
from aventus_creds.sandbox.robot import Robot

SAYS = {
    "id_token": "So says its ID token.",
    "userinfo": "So says the server's UserInfo endpoint.",
    "access_token": "So says its access token, whose signature only the API checks.",
}


@pytest.fixture
def sandbox(write_profiles: WriteProfiles) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback") as sandbox:
        profiles = sandbox.profiles()
        oidc = {**profiles["oidc"], "redirect_uri": f"http://127.0.0.1:{free_port()}/callback"}
        write_profiles(
            {
                "prod": {**oidc, "scope": "openid email offline_access"},
                "plain": {**oidc, "scope": "openid offline_access"},
                "service": {**profiles["backoffice"], "grant": "client_credentials"},
            }
        )
        yield sandbox


def test_by_the_id_token(sandbox: Sandbox) -> None:
    """Without a request, also when the access token has expired; a person reads one line, a program JSON."""
    sandbox.token_lifetime = 1
    login("prod", browser=Robot().browse)
    asked = len(sandbox.journal)
    done = command("whoami", "prod")
    assert (done.returncode, done.stdout) == (0, "ada@example.com\n")
    assert done.stderr.strip() == SAYS["id_token"]
    found = json.loads(command("whoami", "prod", "--json").stdout)
    assert found == {
        "profile": "prod",
        "account": "ada@example.com",
        "by": "id_token",
        "subject": "ada",
        "issuer": f"{sandbox.url}/oidc",
    }
    claims = json.loads(command("whoami", "prod", "--json", "--claims").stdout)["claims"]
    assert (claims["email"], claims["aud"]) == ("ada@example.com", "oidc-public")
    assert "nonce" not in claims
    assert "aud: oidc-public" in command("whoami", "prod", "--claims").stdout.splitlines()
    assert len(sandbox.journal) == asked


def test_by_userinfo(sandbox: Sandbox) -> None:
    """Where the ID token has but a number, the server is asked; of another person it is not believed."""
    login("plain", browser=Robot().browse)
    sandbox.userinfo_claims = {"name": "Ada Lovelace"}
    done = command("whoami", "plain")
    assert (done.stdout, done.stderr.strip()) == ("Ada Lovelace\n", SAYS["userinfo"])
    sandbox.userinfo_claims = {"name": "Eve", "sub": "eve"}
    done = command("whoami", "plain")
    assert (done.returncode, done.stdout) == (5, "")
    assert "of another person than the ID token" in done.stderr
    sandbox.userinfo_claims = {}
    sandbox.revoke_all("oidc-public")
    done = command("whoami", "plain")
    assert (done.returncode, done.stdout) == (0, "ada\n")
    assert done.stderr.splitlines()[-1] == SAYS["id_token"]


def test_by_the_access_token(sandbox: Sandbox) -> None:
    """A client's own login says who it is in its access token alone."""
    done = command("whoami", "service")
    assert (done.stdout, done.stderr.strip()) == ("aventus-confidential@clients\n", SAYS["access_token"])


def test_nobody_and_nothing(sandbox: Sandbox, write_profiles: Callable[..., Path]) -> None:
    """Without a login the exit code says so; where nothing says whose it is, that is said."""
    done = command("whoami", "prod")
    assert (done.returncode, done.stdout) == (3, "")
    save("plain", make_token("opaque"))
    write_profiles({"plain": {**sandbox.profiles()["oidc"], "scope": "openid offline_access"}})
    done = command("whoami", "plain")
    assert (done.returncode, done.stdout) == (4, "")
    assert "nobody says whose login plain has" in done.stderr


def test_an_injected_token(sandbox: Sandbox) -> None:
    """The token of the environment says whose it is."""
    done = command("whoami", "prod", AVENTUS_CREDS_TOKEN_PROD=jwt(sub="job-7", email="bot@example.com"))
    assert done.stdout == "bot@example.com\n"
    assert done.stderr.splitlines()[-1] == SAYS["access_token"]


@pytest.mark.parametrize("own", [True, False], ids=["its own", "another's"])
def test_the_access_token_goes_to_its_own_server(
    web: Web, write_profiles: Callable[..., Path], *, own: bool
) -> None:
    """A document that names somebody else's endpoint has no UserInfo."""
    with Web() as other:
        place = web if own else other

        def answer(request: Seen) -> Sent:
            if request.path == "/userinfo":
                return Sent(body={"sub": "1", "name": "Ada\x1b[31m"})
            here = {f"{name}_endpoint": f"{web.url}/{name}" for name in ("authorization", "token")}
            return Sent(body={"issuer": web.url, **here, "userinfo_endpoint": f"{place.url}/userinfo"})

        web.answer = other.answer = answer
        write_profiles({"prod": {"issuer": web.url, "client_id": "c", "scope": "openid"}})
        save("prod", make_token("the-secret-access-token", id_token=jwt(sub="1")))
        done = command("whoami", "prod", "--claims")
        assert done.stdout.splitlines()[0] == ("Ada [31m" if own else "1")
        sent = [seen.headers.get("Authorization") for seen in web.seen if seen.path == "/userinfo"]
        assert sent == (["Bearer the-secret-access-token"] if own else [])
        assert other.seen == []
        assert "the-secret-access-token" not in done.stdout + done.stderr


def test_a_login_as_somebody_else(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, robot: None) -> None:
    """It says so; a login of the same account does not. --account refuses another."""
    assert "another account" not in command("login", "prod").stderr
    assert "another account" not in command("login", "prod").stderr
    monkeypatch.setenv("BROWSER", ROBOT.replace("%s", f"--username {GRACE.username} %s"))
    done = command("login", "prod", "--account", "ada@example.com")
    assert done.returncode == 5
    assert "not of ada@example.com, but of grace@example.com: it was not stored" in done.stderr
    assert command("whoami", "prod").stdout == "ada@example.com\n"
    done = command("login", "prod")
    assert done.returncode == 0
    assert "Logged in to prod as grace@example.com" in done.stderr
    assert "This is another account than before, which was ada@example.com." in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("login", "prod", "--max-age", "soon"), "no time span"),
        (("login", "prod", "--refresh-token", "-", "--scope", "a"), "asked for nothing else"),
        (("logout", "--all", "--scope", "a"), "not both"),
        (("login", "prod", "--only"), "--only goes with --scope"),
    ],
)
def test_what_does_not_go_together(sandbox: Sandbox, words: tuple[str, ...], said: str) -> None:
    done = command(*words)
    assert done.returncode == 2
    assert said in done.stderr
