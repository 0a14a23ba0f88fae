"""``include``: profiles of a file that a team shares. Attacks by such a file: tests/hostile/test_team_file.py."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest
from command_line import command, save
from profile_texts import ISSUER, parsed, problem_lines, written
from support import make_token

from aventus_creds.errors import ConfigError, InsecureFileWarning, ProfileNotFound
from aventus_creds.profiles.file import read_profiles
from aventus_creds.profiles.included import OF_THE_USER, TOP_KEYS, why_not
from aventus_creds.profiles.keys import PLACEHOLDERS, all_keys
from aventus_creds.profiles.profile import Profile, addresses

TOP = 'include = ["team/profiles.toml"]\ninclude_origins = ["https://as.example.com"]\n'
OWN = f"{TOP}[profiles.own]\nissuer = '{ISSUER['issuer']}'\nclient_id = 'o'\n"
TEAM = f"# ours\n[profiles.shared]\nissuer = '{ISSUER['issuer']}'\nclient_id = 't'\n"


@pytest.fixture(autouse=True)
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file that a team shares."""
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(tmp_path / "profiles.toml"))
    (tmp_path / "team").mkdir(mode=0o755)
    path = tmp_path / "team" / "profiles.toml"
    path.write_text(TEAM)
    return path


def test_a_shared_profile_is_a_profile(tmp_path: Path) -> None:
    """It is found by its name, and is as good as one's own."""
    file = parsed(tmp_path, OWN)
    assert file.names == file.usable == ("own", "shared")
    assert file.problems() == ()
    profile = file.profile("shared")
    assert (profile.client_id, profile.included) == ("t", "team/profiles.toml")
    assert profile.path == str(tmp_path / "profiles.toml")
    assert file.profile("own").included == ""


@pytest.mark.parametrize("place", ["~/team.toml", "team/../team/profiles.toml", "{}/team/profiles.toml"])
def test_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Relative to the user's own file and not to the current folder, or absolute, or in the home folder."""
    (tmp_path / "home" / "team.toml").write_text(TEAM)
    monkeypatch.chdir("/")
    text = OWN.replace("team/profiles.toml", place.format(tmp_path.as_posix()))
    assert parsed(tmp_path, text).profile("shared").client_id == "t"


def test_ones_own_profile_may_extend_it(tmp_path: Path, team: Path) -> None:
    """With what is personal, from the environment too. The team's defaults come with what it extends."""
    team.write_text("[defaults]\ntimeout = 7\nretries = 1\n" + TEAM + "retries = 2\n")
    text = (
        OWN + "[profiles.mine]\nextends = 'shared'\nscope = 'mine'\nca_bundle = 'ca.pem'\nstore = 'memory'\n"
    )
    (tmp_path / "ca.pem").write_text("")
    profile = parsed(
        tmp_path, text.replace("[profiles.own]", "[defaults]\ntimeout = 1\n[profiles.own]")
    ).profile("mine")
    assert (profile.client_id, profile.scope, profile.timeout, profile.retries) == ("t", "mine", 7, 2)
    assert profile.ca_bundle == str(tmp_path / "ca.pem")
    assert profile.included == "team/profiles.toml"


def test_defaults_are_for_the_profiles_of_their_own_file(tmp_path: Path, team: Path) -> None:
    """The user's do not change what the team shares, nor the team's what the user has written."""
    team.write_text("[defaults]\nretries = 1\n" + TEAM)
    file = parsed(tmp_path, OWN.replace("[profiles.own]", "[defaults]\ntimeout = 5\n[profiles.own]"))
    assert (file.profile("shared").timeout, file.profile("shared").retries) == (60, 1)
    assert (file.profile("own").timeout, file.profile("own").retries) == (5, 3)


def test_a_mistake_names_the_file_that_it_is_in(tmp_path: Path, team: Path) -> None:
    """Both may be called profiles.toml: the included one is called as the user wrote it."""
    team.write_text(TEAM + "timeout = 'x'\n")
    expected = "team/profiles.toml:5: profiles.shared.timeout: must be a number of seconds"
    file = parsed(tmp_path, OWN + "[profiles.mine]\nextends = 'shared'\n")
    for name in ("shared", "mine"):
        (line,) = problem_lines(file, name)
        assert line.startswith(expected)
    assert expected in command("profiles").stderr


def test_a_name_that_both_have(tmp_path: Path, team: Path) -> None:
    """Neither is used, and both lines are named."""
    text = (
        OWN
        + "[profiles.shared]\nissuer = 'https://b.example'\nclient_id = 'b'\n[profiles.mine]\nextends = 'shared'\n"
    )
    file = parsed(tmp_path, text)
    assert problem_lines(file, "shared") == [
        "profiles.toml:6: profiles.shared: there is another one at team/profiles.toml:2: rename one of them"
    ]
    (line,) = problem_lines(file, "mine")
    assert line.endswith("there are several profiles 'shared': profiles.toml:6 and team/profiles.toml:2")
    assert file.profile("own").client_id == "o"
    done = command("profiles")
    assert done.returncode == 4
    assert "team/profiles.toml:2" in done.stderr


def test_a_name_that_two_included_files_have(tmp_path: Path) -> None:
    """The same."""
    (tmp_path / "team" / "more.toml").write_text(TEAM.replace("# ours\n", ""))
    file = parsed(tmp_path, OWN.replace('toml"]', 'toml", "team/more.toml"]', 1))
    assert problem_lines(file, "shared") == [
        "team/profiles.toml:2: profiles.shared: there is another one at team/more.toml:1: rename one of them"
    ]


@pytest.mark.parametrize(
    ("include", "what"),
    [
        ('["none.toml"]', "there is no file {}/none.toml"),
        ('["team"]', "{}/team cannot be read: it is a folder"),
        ('["broken.toml"]', "broken.toml: this is not valid TOML: "),
        ('["latin.toml"]', "{}/latin.toml is not UTF-8 text (byte 2)"),
        ('["profiles.toml"]', "'profiles.toml' is this file, or is included twice"),
        *(
            (value, "must be a list of files such as")
            for value in ('"team/profiles.toml"', "[5]", '[""]', "{}", "1", '["a\\u0000"]', '["\\u001b"]')
        ),
    ],
)
def test_what_cannot_be_included(tmp_path: Path, include: str, what: str) -> None:
    """It is told with the line of include; the user's own profiles work, and whoever misses one hears of it."""
    (tmp_path / "broken.toml").write_text("a =")
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    file = parsed(tmp_path, OWN.replace('["team/profiles.toml"]', include))
    (problem,) = file.problems()
    assert str(problem).startswith("profiles.toml:1: include: ")
    assert what.replace("{}/", f"{tmp_path}{os.sep}", 1) in str(problem)
    assert file.profile("own").client_id == "o"
    with pytest.raises(ProfileNotFound, match="its mistakes: aventus-creds profiles"):
        file.profile("shared")


@pytest.mark.skipif(os.name != "posix", reason="links need rights on Windows")
def test_a_file_that_is_included_twice(tmp_path: Path) -> None:
    """Under another name too."""
    (tmp_path / "again.toml").symlink_to(tmp_path / "team" / "profiles.toml")
    file = parsed(tmp_path, OWN.replace('toml"]', 'toml", "again.toml"]', 1))
    assert "'again.toml' is this file, or is included twice" in str(file.problems()[0])
    assert file.profile("shared").client_id == "t"


@pytest.mark.parametrize(
    "top", ["include = ['x.toml']", "default = 'shared'", "include_origins = []", "x = 1"]
)
def test_what_an_included_file_has_besides_profiles(tmp_path: Path, team: Path, top: str) -> None:
    """It is ignored, and told."""
    team.write_text(f"{top}\n{TEAM}")
    (tmp_path / "team" / "x.toml").write_text(TEAM.replace("shared", "deeper"))
    file = parsed(tmp_path, OWN)
    key = top.partition(" ")[0]
    assert list(map(str, file.problems())) == [
        f"team/profiles.toml:1: {key}: an included file holds only defaults and profiles; this is ignored"
    ]
    assert file.names == ("own", "shared")
    assert file.default is None


@pytest.mark.parametrize("value", ["5", '"https://a.example"', '["a.example"]', '["https://a.example/x"]'])
def test_origins_with_a_mistake(tmp_path: Path, value: str) -> None:
    """They are told, and no shared profile is served."""
    file = parsed(tmp_path, OWN.replace('["https://as.example.com"]', value))
    (problem,) = file.problems()
    assert str(problem).startswith("profiles.toml:2: include_origins: ")
    assert problem_lines(file, "shared") == [str(problem)]


def test_the_line_to_write_is_told(tmp_path: Path) -> None:
    """With it, the profile works: one line, once for each file."""
    text = OWN.replace('["https://as.example.com"]', "[]")
    (line,) = problem_lines(parsed(tmp_path, text), "shared")
    assert "would send requests to https://as.example.com, as team/profiles.toml says" in line
    to_write = line.partition("write ")[2].partition(" at the top of ")[0]
    text = text.replace("include_origins = []", to_write)
    assert parsed(tmp_path, text).profile("shared").client_id == "t"


def test_a_redirect_to_this_machine_needs_no_origin(tmp_path: Path, team: Path) -> None:
    """To another place it does."""
    team.write_text(TEAM + "redirect_uri = 'http://127.0.0.1:8765/callback'\n")
    assert parsed(tmp_path, OWN).profile("shared").redirect_uris == ("http://127.0.0.1:8765/callback",)
    team.write_text(TEAM + "redirect_uri = 'https://web.example/callback'\n")
    (line,) = problem_lines(parsed(tmp_path, OWN), "shared")
    assert "would send requests to https://web.example" in line


def test_every_key_is_judged() -> None:
    """Whoever adds a key decides here whether a file that others write may hold it."""
    refused = {key for key in all_keys() if why_not(key, "x")}
    secrets = set(
        "client_secret refresh_token client_key client_assertion token subject_token actor_token"
        " service_account".split()
    )
    assert refused == secrets | {*OF_THE_USER}
    assert set(all_keys()) - refused - PLACEHOLDERS.keys() == set(
        "provider issuer discovery_url authorize_url token_url revoke_url device_url client_id grant grant_type scope"
        " audience api_url api_origins api_auth api_headers bearer redirect_uri listen callback authorize_params"
        " token_params token_headers token_types token_path scope_separator refresh_scope swap_url swap_path"
        " token_request client_auth client_key_id client_key_algorithm assertion_audience subject_token_type"
        " actor_token_type resource requested_token_type assertion_claims par par_url dpop"
        " pkce login_timeout timeout retries extends id_token_algorithm".split()
    )
    assert set(TOP_KEYS) == {"defaults", "profiles"}


def test_every_address_of_a_profile_is_known() -> None:
    """Whoever adds a field decides here whether something is sent to the address in it."""
    fields = dict.fromkeys(Profile._fields, "https://a.example")
    assert {name for name, _ in addresses(fields)} == set(
        "authorize_url token_url revoke_url device_url par_url swap_url discovery_url api_url api_origins"
        " redirect_uris issuer row_issuer".split()
    )
    assert set(Profile._fields) - {name for name, _ in addresses(fields)} == set(
        "name provider client_id grant client_secret scope authorize_params token_request client_auth pkce ca_bundle"
        " row_endpoints audience listen callback token_params login_timeout timeout retries path store included"
        " refresh_token machine scope_separator token_types token_path bearer api_auth api_headers api_hosts"
        " token_headers par dpop grant_type refresh_scope empty_secret swap_path scope_apart".split()
    )


@pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")
def test_a_file_that_others_may_change(tmp_path: Path, team: Path) -> None:
    """Whoever uses its profiles is warned, as for profiles.toml; whoever does not is not."""
    team.chmod(0o666)
    file = parsed(tmp_path, OWN)
    with pytest.warns(InsecureFileWarning, match="can be changed by everybody"):
        file.profile("shared")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        file.profile("own")


def test_everything_that_lists_profiles_knows_it(tmp_path: Path, team: Path) -> None:
    """With the file that it is from; and default may name it."""
    written(tmp_path, f"default = 'shared'\n{OWN}[profiles.mine]\nextends = 'shared'\n")
    save("shared", make_token())
    listed = command("profiles")
    assert listed.returncode == 0, listed.stderr
    rows = {line.split()[0]: line for line in listed.stdout.splitlines()}
    assert str(team) in rows["shared"]
    assert "(default)" in rows["shared"]
    assert rows["mine"].rstrip().endswith("shared")
    assert "in 59 min" in next(line for line in command("status").stdout.splitlines() if "shared" in line)
    assert command("token").stdout.strip() == "an-access-token"
    assert "\nshared\n" in command("doctor").stdout
    completed = command(
        _AVENTUS_CREDS_COMPLETE="bash_complete", COMP_WORDS="aventus-creds login sh", COMP_CWORD="2"
    )
    assert "shared" in completed.stdout


def test_two_names_for_one_variable(tmp_path: Path, team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token of the environment that is meant for one's own profile serves no shared one."""
    team.write_text(TEAM.replace("shared", "o-wn") + TEAM.replace("# ours\n", "").replace("shared", "o_wn"))
    monkeypatch.setenv("AVENTUS_CREDS_TOKEN_O_WN", "x")
    with pytest.raises(ConfigError, match="would serve o-wn and o_wn alike"):
        parsed(tmp_path, OWN).profile("o-wn")


def test_profile_add_writes_into_the_users_file_only(tmp_path: Path, team: Path) -> None:
    """A name of the team's is taken, and what is shared can be extended."""
    path = written(tmp_path, OWN)
    before = team.read_bytes()
    taken = command("profile", "add", "shared", "--issuer", "https://a.example", "--client-id", "c")
    assert taken.returncode == 4
    assert f"Edit it in {team}" in taken.stderr
    assert command("profile", "add", "mine", "--extends", "shared", "--scope", "a").returncode == 0
    secret = command("profile", "add", "bad", "--extends", "shared", "--client-secret", '{ env = "X" }')
    assert secret.returncode == 4
    assert "so it may have no secret" in secret.stderr
    assert team.read_bytes() == before
    assert read_profiles(path).profile("mine").scope == "a"
    assert "bad" not in path.read_text()


def test_an_edited_shared_file_is_noticed(tmp_path: Path, team: Path) -> None:
    """In the same process, too."""
    path = written(tmp_path, OWN)
    assert read_profiles(path).profile("shared").client_id == "t"
    team.write_text(TEAM.replace("'t'", "'u'"))
    assert read_profiles(path).profile("shared").client_id == "u"
