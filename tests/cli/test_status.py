"""status: when a login ends, and whether a person is needed soon."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Sent, Web, make_token

from aventus_creds import get_token
from aventus_creds.cli.commands import run
from aventus_creds.errors import LoginRequired
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.opening import default_store

WriteProfiles = Callable[..., Path]
Prints = pytest.CaptureFixture[str]


def keep(write_profiles: WriteProfiles, url: str = "https://as.example.com", **fields: Any) -> None:
    endpoints = {"authorize_url": f"{url}/authorize", "token_url": f"{url}/token"}
    write_profiles({"prod": {**endpoints, "client_id": "c", "api_url": url, "retries": 0}})
    store, key = default_store(), read_profiles().profile("prod").key
    with store.lock(key):
        store.save(key, make_token(**fields))


def standing(prints: Prints, *options: str) -> dict[str, Any]:
    run(["status", "--json", *options])
    (found,) = json.loads(prints.readouterr().out)
    return dict(found)


def test_a_login_that_ends_within_the_span(write_profiles: WriteProfiles, capsys: Prints) -> None:
    """The refresh token's own end is shown, and monitoring hears of it in time."""
    keep(write_profiles, refresh_token="r", refresh_expires_at=time.time() + 1800)
    assert run(["status", "--min-ttl", "20h"]) == 3
    assert run(["status", "--min-ttl", "5m"]) == 0
    assert "ends in 29 min" in capsys.readouterr().out
    run(["status", "--times"])
    assert re.search(r"until 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d \w+", capsys.readouterr().out)
    assert standing(capsys)["login_ends_at"].endswith("Z")
    keep(write_profiles, refresh_token="r")
    assert run(["status", "--min-ttl", "20h"]) == 0


def test_a_refused_refresh_is_no_login_that_renews_itself(
    web: Web, write_profiles: WriteProfiles, capsys: Prints
) -> None:
    """Until somebody logs in anew; the stored login stays where it is."""
    keep(write_profiles, web.url, age=7200, refresh_token="r")
    assert run(["status"]) == 0
    web.answer = lambda _: Sent(403, {"error": "unauthorized_client", "error_description": "ask your admin"})
    with pytest.raises(LoginRequired, match="ask your admin"):
        get_token("prod", interactive=False)
    assert run(["status"]) == 3
    capsys.readouterr()
    found = standing(capsys, "prod")
    assert found["refreshable"] is False
    assert "ask your admin" in found["refused"]
    assert found["state"] == "expired"
    web.answer = lambda _: Sent(body={"access_token": "new", "token_type": "Bearer", "expires_in": 3600})
    assert get_token("prod", interactive=False).access_token == "new"
    assert standing(capsys)["refused"] is None


def test_a_token_without_a_known_end(write_profiles: WriteProfiles, capsys: Prints) -> None:
    """It is used until the API refuses it; no span is too long for it."""
    keep(write_profiles, lifetime=math.inf)
    assert run(["status", "--min-ttl", "30d"]) == 0
    assert "when the API refuses it" in capsys.readouterr().out
    assert standing(capsys)["expires_at"] is None
    assert get_token("prod", min_ttl=10**9).access_token == "an-access-token"
    assert "inf" not in repr(get_token("prod"))


def test_client_credentials_renew_themselves_everywhere(
    write_profiles: WriteProfiles, capsys: Prints
) -> None:
    """status and doctor say the same."""
    keys = {
        "issuer": "https://127.0.0.1:9",
        "client_id": "c",
        "client_secret": "s",
        "grant": "client_credentials",
    }
    write_profiles({"prod": {**keys, "api_url": "https://127.0.0.1:9", "timeout": 1}})
    store, key = default_store(), read_profiles().profile("prod").key
    with store.lock(key):
        store.save(key, make_token())
    assert standing(capsys)["refreshable"] is True
    run(["doctor", "prod"])
    assert "refreshes automatically" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({"refresh_expires_in": 1800}, 1800),
        ({"refresh_token_expires_in": "1800"}, 1800),
        ({"x_refresh_token_expires_in": 1800}, 1800),
        ({"refresh_expires_in": 0}, None),
        ({"refresh_token_expires_at": 1800}, 1800),
        ({"refresh_token_expires_at": "soon"}, None),
        ({}, None),
    ],
)
def test_the_refresh_tokens_own_end(
    fields: dict[str, Any], ends: int | None, web: Web, write_profiles: WriteProfiles
) -> None:
    """As Keycloak, GitHub and Entra, QuickBooks and others write it; 0 is no end."""
    asked = time.time()
    if "refresh_token_expires_at" in fields and fields["refresh_token_expires_at"] != "soon":
        fields = {"refresh_token_expires_at": asked + 1800}
    keep(write_profiles, web.url, age=7200, refresh_token="r")
    body = {"access_token": "new", "token_type": "Bearer", "expires_in": 60, "refresh_token": "s", **fields}
    web.answer = lambda _: Sent(body=body)
    found = get_token("prod", interactive=False).refresh_expires_at
    if ends is None:
        assert found is None
    else:
        assert found is not None
        assert asked + ends - 1 <= found <= time.time() + ends
    assert default_store().load(read_profiles().profile("prod").key) == get_token("prod")


def test_the_end_of_a_refresh_token_that_is_kept(web: Web, write_profiles: WriteProfiles) -> None:
    """An answer without a refresh token changes nothing of the old one's end."""
    ends = time.time() + 5000
    keep(write_profiles, web.url, age=7200, refresh_token="r", refresh_expires_at=ends)
    web.answer = lambda _: Sent(body={"access_token": "new", "token_type": "Bearer", "expires_in": 60})
    assert get_token("prod", interactive=False).refresh_expires_at == ends


def test_a_login_whose_end_only_the_documentation_says(write_profiles: WriteProfiles, capsys: Prints) -> None:
    """AtHoc's refresh tokens live 15 days after each use, and 30 at most: monitoring hears of it in time."""
    keys = {"provider": "athoc", "base_url": "https://as.example.com", "org_code": "ACME", "client_id": "c"}
    write_profiles({"prod": {**keys, "redirect_uri": "http://127.0.0.1:1/c"}})
    store, key, day = default_store(), read_profiles().profile("prod").key, 86400

    def keep(**fields: Any) -> None:
        with store.lock(key):
            store.save(key, make_token(**fields))

    keep(age=14 * day, refresh_token="r")
    assert run(["status"]) == 0
    shown = capsys.readouterr()
    assert "ends in 24 h" in shown.out or "ends in 23 h" in shown.out
    assert "BlackBerry AtHoc: a login refreshes automatically for 30 days at most" in shown.err
    assert run(["status", "--min-ttl", "48h"]) == 3
    keep(age=16 * day, refresh_token="r")
    assert run(["status"]) == 3
    keep(age=16 * day, refresh_token="r", refresh_expires_at=time.time() + day)
    assert run(["status"]) == 0  # what the server says goes before
    keep(age=1)
    capsys.readouterr()
    assert standing(capsys)["login_ends_at"] is None
    assert capsys.readouterr().err == ""


def test_who_needs_a_login_is_said_in_a_pipe_too(write_profiles: WriteProfiles, capsys: Prints) -> None:
    """The exit code 3 never comes without a word, and the word is a command."""
    keep(write_profiles)
    assert run(["status", "--min-ttl", "20h"]) == 3
    assert "prod needs a login soon: aventus-creds login prod" in capsys.readouterr().err
    keep(write_profiles, age=7200)
    assert run(["status"]) == 3
    assert "prod needs a login: aventus-creds login prod" in capsys.readouterr().err


def test_no_name_and_no_time_is_split(
    write_profiles: WriteProfiles, capsys: Prints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 80 columns, what one copies stays in one piece."""
    name = "a-rather-long-name-of-a-profile.eu-central-1"
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    write_profiles(
        {name: {"issuer": "https://login.acme.com", "client_id": "c" * 40, "api_url": "https://api.acme.com"}}
    )
    store, key = default_store(), read_profiles().profile(name).key
    with store.lock(key):
        store.save(key, make_token())
    for command in (["status"], ["profiles"]):
        assert run(command) == 0
        assert name in capsys.readouterr().out


@pytest.mark.parametrize("command", ["status", "profiles", "doctor"])
def test_a_file_without_profiles(command: str, write_profiles: WriteProfiles, capsys: Prints) -> None:
    """No empty table, but what to do next."""
    write_profiles({})
    assert run([command]) == 0
    shown = capsys.readouterr()
    assert "has no profiles yet" in shown.out + shown.err
    assert "aventus-creds profile add" in shown.out + shown.err
    assert "refreshes" not in shown.out
