"""A profile's secrets, which nothing shows, and its fingerprint: what decides which token it gets."""

from __future__ import annotations

import os
import string
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profile_texts import ATHOC, AVENTUS, ISSUER, SECRET, TWO, parsed, problem_lines, written
from strategies import tries
from support import make_profile

from aventus_creds.errors import InsecureFileWarning
from aventus_creds.profiles.file import read_profiles

POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")


# --- secrets ----------------------------------------------------------------------------------------------


LITERAL = f"[profiles.prod]\nissuer='https://a.example'\nclient_id='p'\nclient_secret = '{SECRET}'\n"


@POSIX
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_literal_secret_that_others_can_read(tmp_path: Path, mode: int) -> None:
    """The profile is served, with a warning that names the file and the fix."""
    folder = tmp_path / "Application Support"
    folder.mkdir()
    path = written(folder, LITERAL, mode)
    with pytest.warns(InsecureFileWarning) as caught:
        assert read_profiles(path).profile("prod").client_id == "p"
    assert len(caught) == 1
    said = str(caught[0].message)
    assert said == f"{path} holds a client secret and can be read by others; fix: chmod 600 '{path}'"


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (LITERAL, 0o600),
        (LITERAL, 0o400),
        (TWO, 0o644),
        (LITERAL.replace(f"'{SECRET}'", "{ env = 'NAME' }"), 0o644),
    ],
)
def test_no_warning_where_nothing_is_open(tmp_path: Path, text: str, mode: int) -> None:
    """A file of one's own, and one without a secret in it, bring no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_profiles(written(tmp_path, text, mode)).profile("prod")


def test_a_profile_shows_no_secret(tmp_path: Path) -> None:
    """Neither a profile nor the file shows the secret, and the profile can read it."""
    file = parsed(tmp_path, LITERAL)
    profile = file.profile("prod")
    for shown in (repr(profile), str(profile), repr(file), profile.key, profile.fingerprint):
        assert SECRET not in shown
    assert profile.client_secret is not None
    assert profile.client_secret.read() == SECRET


def test_a_secret_in_a_faulty_profile_is_not_told(tmp_path: Path) -> None:
    """Every kind of mistake around a secret leaves it out of the message."""
    secrets = [f"'{SECRET}'", f"['{SECRET}']", f"{{ evn = '{SECRET}' }}", f"'''\n{SECRET}\n'''"]
    for secret in [*secrets, f"{{ command = 'echo {SECRET}' }}", f"{{ file = ['{SECRET}'] }}"]:
        text = (
            LITERAL.replace(f"'{SECRET}'", secret)
            + f"grant = 'pkce'\ntoken_params.client_secret = '{SECRET}'"
        )
        assert len(problem_lines(parsed(tmp_path, text))) >= 2


# --- identity ---------------------------------------------------------------------------------------------


CONFIDENTIAL = {**AVENTUS, "client_secret": SECRET, "audience": "https://api.example.com/", "scope": "a"}


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "y"},
        {"scope": "a b"},
        {"scope": ""},
        {"audience": "https://api.example.com/v2"},
        {"base_url": "https://other.example.com"},
        {"authorize_url": "https://other.example.com/authorize"},
        {"token_url": "https://other.example.com/token"},
        {"authorize_params": {"prompt": "login"}},
        {"token_params": {"resource": "x"}},
        {"authorize_params": {"resource": ["a", "b"]}},
    ],
)
def test_what_decides_the_token_changes_the_fingerprint(change: dict[str, Any]) -> None:
    """An edited profile never gets the old token."""
    before, after = make_profile(**CONFIDENTIAL), make_profile(**CONFIDENTIAL | change)
    assert before.fingerprint != after.fingerprint
    assert before.key != after.key


def test_more_that_changes_the_fingerprint() -> None:
    """The name, the grant, the issuer, the organisation, and whose parameter it is, count as well."""
    prints = [
        make_profile(**CONFIDENTIAL),
        make_profile("test", **CONFIDENTIAL),
        make_profile(**{key: value for key, value in CONFIDENTIAL.items() if key != "client_secret"}),
        make_profile(**ISSUER),
        make_profile(**ISSUER | {"issuer": "https://as.example.com/"}),
        make_profile(**ATHOC),
        make_profile(**ATHOC | {"org_code": "OTHER"}),
        make_profile(**CONFIDENTIAL, authorize_params={"resource": "x"}),
        make_profile(**CONFIDENTIAL, token_params={"resource": "x"}),
    ]
    assert len({profile.fingerprint for profile in prints}) == len(prints)


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "http://127.0.0.1:9999/other"},
        {"redirect_uri": "https://hub.example/x", "listen": "127.0.0.1:80"},
        {"client_secret": {"env": "NAME"}},
        {"client_secret": "another"},
        {"callback": "paste"},
        {"timeout": 5, "login_timeout": 6, "retries": 0},
        {"ca_bundle": __file__},
        {"api_url": "https://api.example.com/v2", "api_origins": ["https://files.example"]},
        {"token_request": "form", "client_auth": "basic", "pkce": False},
        {"revoke_url": "https://other.example/r", "device_url": "https://other.example/d"},
        {"scope": ["a"], "base_url": "https://auth.homelyfe.com/", "grant": "confidential"},
    ],
)
def test_what_does_not_decide_the_token_keeps_the_fingerprint(change: dict[str, Any]) -> None:
    """Nobody must log in again after changing how a login is done, or writing a value differently."""
    assert make_profile(**CONFIDENTIAL).key == make_profile(**CONFIDENTIAL | change).key


def test_the_order_of_parameters_does_not_count() -> None:
    """Tables have no order."""
    one = make_profile(**ISSUER, authorize_params={"a": "1", "b": "2"})
    other = make_profile(**ISSUER, authorize_params={"b": "2", "a": "1"})
    assert one.fingerprint == other.fingerprint


@given(st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=64))
@tries(50)
def test_the_key_is_a_safe_file_name(name: str) -> None:
    """The name under which a token is stored leads out of no folder, on no system."""
    key = make_profile(name, **ISSUER).key
    assert key.startswith(f"{name}-")
    assert set(key) <= set(string.ascii_letters + string.digits + "._-")
    assert key not in {".", ".."}
    assert Path(key).name == key
    assert len(key) <= 64 + 1 + 16
    assert key[-1] in string.hexdigits
