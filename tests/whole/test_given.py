"""``grant = "given"``: a token that somebody else keeps fresh serves as it is, and is read again when it must be."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Seen, Sent, Web
from token_places import Hub, made_jwt

from aventus_creds import LoginRequired, get_session, get_token, login, logout
from aventus_creds.cli.commands import run
from aventus_creds.errors import LifetimeTooShort, ProfileError, SecretError
from aventus_creds.profiles.file import read_profiles

WriteProfiles = Callable[..., Path]


@pytest.fixture
def hub(web: Web, monkeypatch: pytest.MonkeyPatch, write_profiles: WriteProfiles) -> Hub:
    """A hub, whose address also has an API that says which token it got."""
    write_profiles({"prod": {"grant": "given", "token": {"jupyterhub": "access_token"}, "api_url": web.url}})
    return Hub(web, monkeypatch)


def test_the_hubs_own_login(hub: Hub, no_browser: Callable[[str], object]) -> None:
    """No login, no client, no server: the hub's token goes to the API. It is asked for once, and kept in memory."""
    session = get_session("prod", interactive=True, browser=no_browser)
    for _ in range(3):
        assert session.get("/me").json() == {"answer": "Bearer a-token-of-the-hub"}
    get_session("prod")
    assert hub.asked == 1


@pytest.mark.usefixtures("hub")
def test_nothing_of_it_is_stored(tmp_path: Path) -> None:
    """It has a place already: no file has it, whatever was asked for."""
    get_session("prod").get("/me")
    get_token("prod", min_ttl=1)
    found = [path for path in tmp_path.rglob("*") if path.is_file() and b"a-token" in path.read_bytes()]
    assert found == []


def test_it_is_read_again_after_a_refusal(hub: Hub) -> None:
    """The API answers 401: the hub has renewed it meanwhile, and the request is sent once more."""
    good = ["a-token-of-the-hub"]
    answer = hub.answer

    def api(seen: Seen) -> Sent:
        if seen.path == "/me" and seen.headers["Authorization"] != f"Bearer {good[0]}":
            return Sent(401)
        return answer(seen)

    hub.web.answer = api
    session = get_session("prod")
    assert session.get("/me").status_code == 200
    good[0] = hub.auth_state["access_token"] = "another-token-of-the-hub"
    assert session.get("/me").json() == {"answer": "Bearer another-token-of-the-hub"}
    assert hub.asked == 2


def test_a_refused_token_that_is_still_there(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """Then the caller gets the refusal, and the log says who must act. The token is not sent again and again."""
    answer = hub.answer
    hub.web.answer = lambda seen: Sent(401) if seen.path == "/me" else answer(seen)
    assert get_session("prod").get("/me").status_code == 401
    assert "whoever keeps it" in caplog.text
    assert [seen.path for seen in hub.web.seen].count("/me") == 1
    with pytest.raises(LoginRequired, match="was refused"):
        _refuse()


def _refuse() -> object:
    from aventus_creds.sources.chain import unattended_source

    source = unattended_source(read_profiles().profile("prod"))
    return source.token(stale=source.token())


def test_it_is_read_again_near_its_end(write_profiles: WriteProfiles, web: Web, tmp_path: Path) -> None:
    """The file of an agent: what is there counts as soon as the old token is about to expire."""
    path = tmp_path / "token"
    web.answer = lambda seen: Sent(200, {"answer": seen.headers["Authorization"]})
    write_profiles({"prod": {"grant": "given", "token": {"file": str(path)}, "api_url": web.url}})
    first, second = made_jwt(exp=time.time() + 1.5), made_jwt(exp=time.time() + 3600)
    path.touch(0o600)
    path.write_text(first)
    session = get_session("prod")
    assert session.get("/me").json() == {"answer": f"Bearer {first}"}
    path.write_text(second)
    give_up = time.monotonic() + 10
    while session.get("/me").json() != {"answer": f"Bearer {second}"}:
        assert time.monotonic() < give_up
        time.sleep(0.1)
    assert time.time() < json_end(first) + 1


def json_end(token: str) -> float:
    from aventus_creds.tokens import jwt_claims

    return float(jwt_claims(token)["exp"])


def test_an_end_in_json(write_profiles: WriteProfiles, tmp_path: Path) -> None:
    """A command that prints JSON says when it expires: it is run again then, and not before."""
    count = tmp_path / "count"
    code = (
        "import json, pathlib, sys, time; f = pathlib.Path(sys.argv[1]); f.open('a').write('x')\n"
        "print(json.dumps({'access_token': f't{len(f.read_text())}', 'expires_in': float(sys.argv[2])}))"
    )
    command = [sys.executable, "-c", code, str(count)]
    write_profiles(
        {
            "long": {"grant": "given", "token": {"command": [*command, "3600"]}},
            "short": {"grant": "given", "token": {"command": [*command, "0.2"]}},
        }
    )
    assert {get_token("long").access_token for _ in range(3)} == {"t1"}
    first = get_token("short").access_token
    time.sleep(0.3)
    assert get_token("short").access_token != first
    with pytest.raises(LifetimeTooShort):
        get_token("long", min_ttl=7200)


def test_an_expired_token(write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not sent: who keeps it must act."""
    monkeypatch.setenv("THE_TOKEN", made_jwt(exp=time.time() - 60))
    write_profiles({"prod": {"grant": "given", "token": {"env": "THE_TOKEN"}}})
    with pytest.raises(LoginRequired, match=r"in the environment variable THE_TOKEN, has expired, at 20"):
        get_token("prod")


def test_another_variable_is_another_token(
    write_profiles: WriteProfiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed variable counts at once: another job, or another user, never gets what was kept for this one."""
    write_profiles({"prod": {"grant": "given", "token": {"env": "THE_TOKEN"}}})
    for token in ("first", "second"):
        monkeypatch.setenv("THE_TOKEN", token)
        assert get_token("prod").access_token == token


def test_another_user_of_the_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token of one is not served to the other."""
    get_token("prod")
    monkeypatch.setenv("JUPYTERHUB_USER", "bob")
    with pytest.raises(Exception, match="HTTP 404"):
        get_token("prod")


# Another profile's token


@pytest.fixture
def chain(write_profiles: WriteProfiles, web: Web) -> Callable[[], int]:
    """A client with a token of its own, and a profile that uses it for another API."""
    made: list[str] = []

    def answer(seen: Seen) -> Sent:
        if seen.path == "/token":
            made.append(f"token-{len(made) + 1}")
            return Sent(200, {"access_token": made[-1], "token_type": "Bearer", "expires_in": 3600})
        known = seen.headers.get("Authorization") == f"Bearer {made[-1]}"
        return Sent(200 if known else 401, {"answer": seen.headers["Authorization"]})

    web.answer = answer
    client = {"client_id": "c", "client_secret": "s", "token_url": f"{web.url}/token"}
    write_profiles(
        {
            "client": {**client, "grant": "client_credentials", "authorize_url": f"{web.url}/a"},
            "prod": {"grant": "given", "token": {"profile": "client"}, "api_url": web.url},
        }
    )
    return lambda: len(made)


def test_another_profiles_token(chain: Callable[[], int]) -> None:
    """It comes from that profile's cache; with its end; and is made once."""
    assert get_token("client").access_token == "token-1"
    assert get_session("prod").get("/me").json() == {"answer": "Bearer token-1"}
    assert get_token("prod").expires_at == get_token("client").expires_at
    assert chain() == 1


def test_an_edited_profile_is_another_token(
    chain: Callable[[], int], write_profiles: WriteProfiles, web: Web
) -> None:
    """What is changed in the other profile counts for the one that refers to it."""
    get_token("prod")
    client = {"client_id": "other", "client_secret": "s", "token_url": f"{web.url}/token"}
    write_profiles(
        {
            "client": {**client, "grant": "client_credentials", "authorize_url": f"{web.url}/a"},
            "prod": {"grant": "given", "token": {"profile": "client"}, "api_url": web.url},
        }
    )
    assert get_token("prod").access_token == "token-2"
    assert chain() == 2


def test_another_profiles_token_is_refused(chain: Callable[[], int], web: Web) -> None:
    """Then that profile makes a new one: it is the one who can."""
    session = get_session("prod")
    assert session.get("/me").status_code == 200
    old = web.answer
    calls = [0]

    def revoked(seen: Seen) -> Sent:
        calls[0] += seen.path == "/me"
        return Sent(401) if seen.path == "/me" and calls[0] == 1 else old(seen)

    web.answer = revoked
    assert session.get("/me").json() == {"answer": "Bearer token-2"}
    assert chain() == 2


def problems(path: Path) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        read_profiles(path).profile("a")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"b": "a"}, "goes round in a circle: a → b → a"),
        ({"b": "c", "c": "b"}, "goes round in a circle: a → b → c → b"),
        ({}, "there is no profile 'b'"),
        ({"bb": "a"}, "there is no profile 'b'; did you mean 'bb'?"),
    ],
)
def test_profiles_that_lead_nowhere(others: dict[str, str], said: str, write_profiles: WriteProfiles) -> None:
    """A circle, and a profile that does not exist, are mistakes with their line."""
    tables = {name: {"grant": "given", "token": {"profile": to}} for name, to in {"a": "b", **others}.items()}
    [problem] = problems(write_profiles(tables))
    assert problem.startswith("profiles.toml:")
    assert "profiles.a.token" in problem
    assert said in problem


def test_a_profile_that_uses_itself(write_profiles: WriteProfiles) -> None:
    """The shortest circle."""
    [problem] = problems(write_profiles({"a": {"grant": "given", "token": {"profile": "a"}}}))
    assert "a → a" in problem


# The commands


@pytest.mark.usefixtures("hub")
def test_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """doctor reads the token, status says that it is somebody else's, and a logout revokes nothing."""
    assert run(["doctor", "prod"]) == 0
    shown = capsys.readouterr().out
    assert "✓ the token: found in the hub's auth_state (access_token)" in shown
    assert "endpoint" not in shown
    assert run(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "given"
    assert login("prod").access_token == "a-token-of-the-hub"
    done = logout("prod")
    assert (done.found, done.revoked) == (True, False)
    assert "somebody else" in done.why_not
    assert run(["token", "prod"]) == 0
    assert capsys.readouterr().out == "a-token-of-the-hub\n"


@pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")
def test_a_file_that_others_can_read(write_profiles: WriteProfiles, tmp_path: Path) -> None:
    """As for any secret, there is a warning."""
    path = tmp_path / "token"
    path.write_text("a-token")
    path.chmod(0o644)
    write_profiles({"prod": {"grant": "given", "token": {"file": str(path)}}})
    with pytest.warns(UserWarning, match="holds a token and can be read by others"):
        get_token("prod")


@pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")
def test_a_command_in_a_file_that_others_may_change(write_profiles: WriteProfiles, tmp_path: Path) -> None:
    """It is not run: somebody else may have written it. So for every key that takes a command."""
    ran = tmp_path / "ran"
    command = {"command": [sys.executable, "-c", f"open({str(ran)!r}, 'w'); print('x')"]}
    path = write_profiles(
        {
            "prod": {"grant": "given", "token": command},
            "signed": {
                "token_url": "https://as.example.com/token",
                "grant": "client_credentials",
                "client_id": "c",
                "client_key": command,
            },
        }
    )
    path.chmod(0o666)
    for name in ("prod", "signed"):
        with pytest.warns(UserWarning, match="chmod"), pytest.raises(SecretError, match="is not run"):
            get_token(name)
    assert not ran.exists()


def test_given_is_imported_lightly(write_profiles: WriteProfiles, tmp_path: Path) -> None:
    """A token in a file needs neither logins nor callbacks."""
    import subprocess

    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text("a-token")
    write_profiles({"prod": {"grant": "given", "token": {"file": str(path)}}})
    code = "import sys, aventus_creds; aventus_creds.get_token('prod'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded: Any = set(done.stdout.split())
    assert not {f"aventus_creds.{name}" for name in ("logins", "callbacks", "notebook", "cli")} & loaded
