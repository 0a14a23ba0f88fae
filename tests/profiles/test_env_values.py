"""Environment variables in a profile: ``{ env = "NAME" }`` and ``${NAME}``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomli_w
from command_line import command
from profile_texts import ATHOC, AVENTUS, ISSUER, LOOPBACK, SECRET, parsed, problem_lines, several, written
from support import variables_shown

from aventus_creds.errors import ProfileError
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.keys import KEYS, PLACEHOLDERS
from aventus_creds.profiles.profile import Profile

TEXTS = [
    *(
        ("provider", "oidc"),
        ("base_url", "https://own.example.com/"),
        ("issuer", "https://as.example.com/tenant"),
    ),
    *(("authorize_url", "https://a.example/a?x=1"), ("token_url", "http://localhost:1/t")),
    *(("revoke_url", "https://a.example/r"), ("device_url", "https://a.example/d"), ("client_id", "a b-ü")),
    ("par_url", "https://a.example/p"),
    *(("grant", "device"), ("scope", "read:a write:b"), ("audience", "https://api.example.com/v1")),
    *(("api_url", "https://api.example.com/v1/"), ("org_code", "OTHER"), ("redirect_uri", "http://[::1]:1/")),
    *(
        ("listen", "127.0.0.1:8766"),
        ("callback", "paste"),
        ("token_request", "json"),
        ("client_auth", "post"),
    ),
    *(("store", "memory"), ("ca_bundle", __file__), ("bearer", "id_token"), ("token_path", "user.token")),
    *(
        ("discovery_url", "https://as.example.com/d"),
        ("api_auth", "X-Token: {token}"),
        ("token_types", "bot"),
    ),
    *(("scope_separator", ","), ("swap_url", "https://a.example/s"), ("swap_path", "data.token")),
]
"""Every key that takes a text, with one."""


def base_for(key: str) -> dict[str, Any]:
    """Return a good profile that may have this key."""
    if key in {"base_url", "org_code"}:
        return {**(ATHOC if key == "org_code" else AVENTUS)}
    return {**ISSUER, "device_url": "https://a.example/d", "redirect_uri": LOOPBACK}


def read(tmp_path: Path, table: dict[str, Any]) -> ProfilesFile:
    return parsed(tmp_path, tomli_w.dumps({"profiles": {"prod": table}}))


def profile(tmp_path: Path, table: dict[str, Any]) -> Profile:
    return read(tmp_path, table).profile("prod")


@pytest.mark.parametrize("write", [{"env": "THE_VALUE"}, "${THE_VALUE}"], ids=["table", "text"])
@pytest.mark.parametrize(("key", "value"), TEXTS)
def test_every_text_may_be_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str, write: Any
) -> None:
    """The profile is the same as if its value were written, and so is the name of its token."""
    table = base_for(key)
    expected = profile(tmp_path, table | {key: value})
    monkeypatch.setenv("THE_VALUE", value)
    found = profile(tmp_path, table | {key: write})
    assert found == expected
    assert found.key == expected.key


def test_there_is_a_text_for_every_key() -> None:
    """Those without one take lists or tables only: see below. A base is found before anything is read."""
    texts = {key for key in KEYS if KEYS[key].kind.holds == "text"} - PLACEHOLDERS.keys() | {
        "base_url",
        "org_code",
    }
    tables = {"api_origins", "api_hosts", "authorize_params", "token_params", "api_headers", "token_headers"}
    of_some_grants = {"grant_type"}
    assert {key for key, _ in TEXTS} == texts - tables - of_some_grants - {"extends"}


def test_inside_texts_lists_and_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several in one text, items of a list, values of a table; $${ is a plain ${, and other dollars are dollars."""
    for name, value in {"HOST": "api", "TENANT": "acme", "MAIL": "a@b.example", "EMPTY": ""}.items():
        monkeypatch.setenv(name, value)
    table = {
        **ISSUER,
        "api_url": "https://${HOST}.${TENANT}.example/v1/",
        "scope": ["openid", {"env": "TENANT"}, "x:${HOST}${EMPTY}"],
        "redirect_uri": ["http://127.0.0.1:8765/${HOST}", "http://127.0.0.1:8766/"],
        "authorize_params": {
            "login_hint": {"env": "MAIL"},
            "a": ["${HOST}", "$${HOST}", "$HOST$"],
            "b": "$$",
        },
        "audience": "$$${HOST}{$}",
    }
    found = profile(tmp_path, table)
    assert found.api_url == "https://api.acme.example/v1/"
    assert found.scope == "openid acme x:api"
    assert found.redirect_uris[0] == "http://127.0.0.1:8765/api"
    assert found.authorize_params == {
        "login_hint": "a@b.example",
        "a": ["api", "${HOST}", "$HOST$"],
        "b": "$$",
    }
    assert found.audience == "$${HOST}{$}"


def test_a_parameter_that_is_called_env(tmp_path: Path) -> None:
    """Of the tables of parameters, the items are texts, and not the table itself."""
    assert profile(tmp_path, {**ISSUER, "token_params": {"env": "X"}}).token_params == {"env": "X"}


def test_another_value_in_the_same_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before is not kept, and another client gets another token."""
    path = written(
        tmp_path, tomli_w.dumps({"profiles": {"prod": {**ISSUER, "client_id": {"env": "THE_ID"}}}})
    )
    keys = []
    for value in ("one", "two"):
        monkeypatch.setenv("THE_ID", value)
        found = read_profiles(path).profile("prod")
        assert found.client_id == value
        keys.append(found.key)
    assert keys[0] != keys[1]
    monkeypatch.delenv("THE_ID")
    assert "THE_ID is not set" in problem_lines(read_profiles(path))[0]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"env": "NO_SUCH"}, "the environment variable NO_SUCH is not set"),
        ("a${NO_SUCH}", "the environment variable NO_SUCH is not set"),
        ("a${", "has ${ without a }"),
        ("a${b", "has ${ without a }"),
        ("${}", "the environment variable without a name is not set"),
        ({"env": ""}, "the environment variable without a name is not set"),
        ({"env": "a\nb"}, "the environment variable 'a\\nb' is not set"),
        ({"env": "LINES"}, "the environment variable LINES holds more than one line of text"),
        ({"env": "BYTES"}, "the environment variable BYTES holds more than one line of text"),
        ({"env": "EMPTY"}, "must not be empty (from the environment variable EMPTY)"),
        ({"env": 5}, "must be text, not a table"),
        ({"env": "EMPTY", "x": 1}, "must be text, not a table"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any, what: str) -> None:
    """The mistake names the key, its line and the variable, once."""
    monkeypatch.setenv("LINES", f"{SECRET}\nx")
    monkeypatch.setenv("BYTES", "\udcff")
    monkeypatch.setenv("EMPTY", "")
    (line,) = problem_lines(read(tmp_path, {"issuer": ISSUER["issuer"], "client_id": value}))
    assert "profiles.prod.client_id: " in line
    assert what in line


@pytest.mark.parametrize("key", ["timeout", "retries", "pkce", "par", "dpop"])
def test_numbers_and_flags_are_no_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """They are written."""
    monkeypatch.setenv("THE_VALUE", "5")
    (line,) = problem_lines(read(tmp_path, {**ISSUER, key: {"env": "THE_VALUE"}}))
    assert f"profiles.prod.{key}: must be" in line


def test_an_entry_of_a_table_has_its_own_line(tmp_path: Path) -> None:
    """As any other mistake in it."""
    text = tomli_w.dumps({"profiles": {"prod": {**ISSUER, "token_params": {"a": "b", "c": "${NO_SUCH}"}}}})
    (line,) = problem_lines(parsed(tmp_path, text))
    number = int(line.split(":")[1])
    assert text.splitlines()[number - 1] == 'c = "${NO_SUCH}"'
    assert "profiles.prod.token_params.c: " in line


@pytest.mark.parametrize(
    "value", [SECRET, f"https://{SECRET}/x", f"http://{SECRET}", f"app://127.0.0.1/{SECRET}"]
)
@pytest.mark.parametrize("write", several({"env": "WRONG"}, "${WRONG}", ["${WRONG}"]))
@pytest.mark.parametrize("key", [key for key in KEYS if KEYS[key].kind.holds == "text" and key != "extends"])
def test_the_wrong_variable_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str, write: Any
) -> None:
    """A name mistaken for that of a secret brings no message with the secret, wherever it is put."""
    monkeypatch.setenv("WRONG", value)
    table = {
        **base_for(key),
        key: write,
        "listen": 5,
        "callback": "loopback",
    }
    with pytest.raises(ProfileError) as caught:
        profile(tmp_path, table)
    assert SECRET not in str(caught.value)
    assert SECRET not in variables_shown(caught.value)


def test_a_client_secret_has_its_own_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its { env } is read when it is needed; and a ${ in a secret that is written is a part of it."""
    monkeypatch.setenv("PART", "x")
    table = {**ISSUER, "client_secret": "a${PART}"}
    secret = profile(tmp_path, table).client_secret
    assert secret is not None
    assert secret.read() == "a${PART}"
    assert profile(tmp_path, {**ISSUER, "client_secret": {"env": "NO_SUCH"}}).client_secret is not None


def test_profiles_with_a_missing_variable_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line tells the mistake, and goes on with the others."""
    path = written(
        tmp_path, tomli_w.dumps({"profiles": {"a": {**ISSUER, "scope": {"env": "NO_SUCH"}}, "b": {**ISSUER}}})
    )
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(path))
    done = command("profiles")
    assert done.returncode == 4
    assert "profiles.a.scope: the environment variable NO_SUCH is not set" in done.stderr
    assert "b " in done.stdout
