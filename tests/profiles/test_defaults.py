"""``[defaults]``: keys of every profile in the file that has none of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from profile_texts import TWO, parsed, problem_lines, written

from aventus_creds.profiles.file import read_profiles


def test_every_profile_has_them_where_it_says_nothing_else(tmp_path: Path) -> None:
    """A base counts more than the defaults, and the profile's own key most."""
    text = "[defaults]\ntimeout = 5\nretries = 1\nscope = 'd'\nlogin_timeout = 9\n"
    text += TWO + "timeout = 6\n[profiles.more]\nextends = 'test'\nretries = 2\n"
    file = parsed(tmp_path, text)
    more = file.profile("more")
    assert (more.timeout, more.retries, more.scope, more.login_timeout) == (6, 2, "d", 9)
    assert file.profile("prod").timeout == 5


def test_they_may_complete_a_profile(tmp_path: Path) -> None:
    """A profile may be three lines, or none."""
    text = "[defaults]\nissuer = 'https://a.example'\nclient_id = 'd'\n[profiles.prod]\n"
    assert parsed(tmp_path, text).profile("prod").client_id == "d"


def test_they_count_for_the_token(tmp_path: Path) -> None:
    """An edited default never gets the token of the old one."""
    path = written(tmp_path, "defaults.scope = 'a'\n" + TWO)
    before = read_profiles(path).profile("prod")
    written(tmp_path, "defaults.scope = 'b'\n" + TWO)
    assert read_profiles(path).profile("prod").key != before.key


@pytest.mark.parametrize(
    ("defaults", "told"),
    [
        ("scop = 'a'", "2: defaults.scop: unknown key; did you mean 'scope'?"),
        ("timeout = '5'", "2: defaults.timeout: must be a number of seconds, more than 0 and at most 86400"),
        ("extends = 'test'", "2: defaults.extends: a profile extends another one; [defaults] do not"),
        ("scope = { env = 'NO_SUCH' }", "2: defaults.scope: the environment variable NO_SUCH is not set"),
        ("scope = '${NO_SUCH}'", "2: defaults.scope: the environment variable NO_SUCH is not set"),
    ],
)
def test_a_mistake_is_told_for_every_profile_and_for_the_file(
    tmp_path: Path, defaults: str, told: str
) -> None:
    """With the line of the default; also where every profile replaces the key."""
    file = parsed(tmp_path, f"[defaults]\n{defaults}\n{TWO}")
    assert problem_lines(file) == [f"profiles.toml:{told}"]
    assert list(map(str, file.problems())) == [f"profiles.toml:{told}"]


def test_a_replaced_mistake_is_one_of_the_file_only(tmp_path: Path) -> None:
    """The profile works."""
    file = parsed(tmp_path, f"[defaults]\ntimeout = 'x'\n{TWO}timeout = 5\n")
    assert file.profile("test").timeout == 5
    assert len(file.problems()) == 1


@pytest.mark.parametrize("text", ["defaults = 5\n", "[[defaults]]\n"])
def test_they_must_be_a_table(tmp_path: Path, text: str) -> None:
    """No profile is served without the defaults that its author meant."""
    file = parsed(tmp_path, text + TWO)
    told = ["profiles.toml:1: defaults: must be a table: write [defaults]"]
    assert problem_lines(file) == list(map(str, file.problems())) == told


def test_a_default_that_does_not_suit_a_profile(tmp_path: Path) -> None:
    """It is told with the line of the default and the name of the profile."""
    (line,) = problem_lines(parsed(tmp_path, "[defaults]\nbase_url = 'https://b.example'\n" + TWO))
    assert line.startswith("profiles.toml:2: defaults.base_url: is for provider = aventus")
    assert line.endswith("(inherited by profiles.prod)")
