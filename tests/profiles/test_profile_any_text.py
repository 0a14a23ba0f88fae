"""The example, the template, and any text at all as profiles.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profile_texts import ATHOC, ISSUER, parsed, uncommented, written
from strategies import tries
from support import REPOSITORY

from aventus_creds.errors import ProfilesFileError
from aventus_creds.profiles.checks import check_profile
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.keys import all_keys
from aventus_creds.profiles.profile import Profile
from aventus_creds.profiles.providers import PROVIDERS

# --- the example, and any text at all ---------------------------------------------------------------------


def test_the_example_loads() -> None:
    """profiles.example.toml has a profile for each system, all of them without mistakes."""
    file = read_profiles(REPOSITORY / "profiles.example.toml")
    assert file.problems() == ()
    profiles = [file.profile(name) for name in file.names]
    assert {profile.provider.name for profile in profiles} == {
        row.name for row in PROVIDERS.values() if row.in_example
    }
    assert {profile.grant for profile in profiles} == set(GRANTS)
    assert file.profile().name == "prod"


def test_the_template_loads(tmp_path: Path) -> None:
    """The file that aventus-creds init writes has no profiles, and has good ones once it is uncommented."""
    text = (REPOSITORY / "aventus_creds" / "profiles" / "template.toml").read_text("utf-8")
    file = parsed(tmp_path, text)
    assert (file.names, file.problems()) == ((), ())
    file = parsed(tmp_path, uncommented(text))
    assert file.problems() == ()
    assert [file.profile(name).name for name in file.names] == ["prod", "other"]


WORDS = [
    *(
        "https://",
        "http://[::1",
        "https://user:pw@host",
        "HTTPS://HOST",
        "https://host:99999",
        "https://h\u00f4st",
    ),
    *(
        "http://localhost.",
        "https://host:\u0661",
        "http://127.0.0.1:0/x",
        "https://a.example",
        "127.0.0.1:80",
    ),
    *(
        "aventus",
        "cidaas",
        "athoc",
        "oidc",
        "pkce",
        "confidential",
        "loopback",
        "paste",
        "~x",
        "{}",
        "%s",
        "",
    ),
    *(0, 1, -1, 1.5, float("nan"), float("-inf"), 10**400, True, False),
]
ANY = st.recursive(
    st.one_of(
        st.sampled_from(WORDS),
        st.text(max_size=20),
        st.integers(),
        st.floats(),
        st.dates(),
        st.datetimes(),
        st.times(),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["env", "file", "command", "keyring", "username", "state", "prompt"])
            | st.text(max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
TABLES = st.dictionaries(st.sampled_from(list(all_keys())) | st.text(max_size=10), ANY, max_size=8)


@tries(200)
@given(
    st.sampled_from(["prod", "", "a/b"]) | st.text(max_size=5),
    TABLES.map(lambda table: {**ISSUER, **table})
    | TABLES
    | TABLES.map(lambda table: {**ATHOC, **table})
    | ANY,
)
def test_the_checker_only_reports(name: str, table: Any) -> None:
    """Whatever a profile holds, the checker raises nothing: it gives either a profile or mistakes."""
    values, mistakes = check_profile(name, table, folder=Path(__file__).parent)
    assert bool(values) != bool(mistakes)
    for key, what in mistakes:
        assert isinstance(key, tuple)
        assert what
    if values:
        profile = Profile(**values)
        assert repr(profile)
        assert len(profile.fingerprint) == 64


@tries(60)
@given(st.text(st.sampled_from("abp=.\"'[]{}\n\r# ,1-\\\ufeff"), max_size=40))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Any text is a file with problems at existing lines, or no TOML."""
    path = written(tmp_path_factory.mktemp("any"), text)
    try:
        file = read_profiles(path)
    except ProfilesFileError:
        return
    for problem in file.problems():
        assert 1 <= problem.line <= text.count("\n") + 1
    assert tomllib.loads(text.removeprefix("\ufeff")) is not None
