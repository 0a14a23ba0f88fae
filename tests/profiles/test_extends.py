"""``extends``: which table a profile really has, and where its mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import command
from profile_texts import SECRET, parsed, problem_lines, written

from aventus_creds.profiles.file import read_profiles

BASE = """\
[profiles.base]
issuer = "https://as.example.com"
scope = "openid"
timeout = 5
authorize_params = { prompt = "login", display = "page" }
"""
PROD = '[profiles.prod]\nextends = "base"\nclient_id = "p"\n'


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(tmp_path / "profiles.toml"))


def test_keys_are_taken_over_and_replaced(tmp_path: Path) -> None:
    """What the profile says itself counts; a table is replaced whole, like any other key."""
    own = 'scope = "a"\nauthorize_params = { max_age = "1" }\n'
    profile = parsed(tmp_path, PROD + own + BASE).profile("prod")  # the base may come later
    assert (profile.name, profile.client_id, profile.scope) == ("prod", "p", "a")
    assert (profile.issuer, profile.timeout) == ("https://as.example.com", 5)
    assert profile.authorize_params == {"max_age": "1"}


def test_it_is_the_same_profile_as_one_that_is_written_out(tmp_path: Path) -> None:
    """The token's name does not depend on how the profile is written, and the base has none of it."""
    file = parsed(tmp_path, BASE + PROD + BASE.replace("base", "whole") + 'client_id = "p"\n')
    inherited, whole = file.profile("prod"), file.profile("whole")
    assert inherited == whole._replace(name="prod")
    assert inherited.key != whole.key


def test_a_chain(tmp_path: Path) -> None:
    """The nearest one counts, and a base may extend another one."""
    text = 'extends = "base"\ntimeout = 6\nscope = "middle"\n'
    file = parsed(tmp_path, f'{BASE}[profiles.middle]\n{text}{PROD.replace("base", "middle")}scope = "own"\n')
    profile = file.profile("prod")
    assert (profile.scope, profile.timeout, profile.issuer) == ("own", 6, "https://as.example.com")


def test_a_secret_is_inherited_in_the_users_own_file(tmp_path: Path) -> None:
    """One secret for two APIs of the same client; nothing shows it."""
    text = f'{BASE}client_id = "b"\nclient_secret = "{SECRET}"\n{PROD}'
    profile = parsed(tmp_path, text).profile("prod")
    assert profile.grant == "confidential"
    assert profile.client_secret is not None
    assert profile.client_secret.read() == SECRET
    assert SECRET not in repr(profile)


def test_mistakes_are_told_where_they_are_written(tmp_path: Path) -> None:
    """Each has the line and the name of the profile that it stands in, and what is missing is the profile's own."""
    text = BASE.replace("5", '"5"') + "wrong = 1\n" + PROD.replace('client_id = "p"\n', "")
    assert problem_lines(parsed(tmp_path, text)) == [
        "profiles.toml:4: profiles.base.timeout: must be a number of seconds, more than 0 and at most 86400",
        problem_lines(parsed(tmp_path, text))[1],
        "profiles.toml:7: profiles.prod.client_id: missing; the identifier that the provider gave to this client",
    ]
    assert problem_lines(parsed(tmp_path, text))[1].startswith(
        "profiles.toml:6: profiles.base.wrong: unknown key"
    )


def test_an_entry_of_an_inherited_table(tmp_path: Path) -> None:
    """The line is that of the entry."""
    text = (
        "[profiles.base.authorize_params]\nx = 'y'\nstate = 'z'\n" + PROD + "issuer = 'https://a.example'\n"
    )
    (line,) = problem_lines(parsed(tmp_path, text))
    assert line.startswith("profiles.toml:3: profiles.base.authorize_params.state: is set by the protocol")


def test_a_value_that_is_right_but_does_not_go_with_the_others(tmp_path: Path) -> None:
    """It is told where it stands, and for whose sake."""
    text = BASE + 'grant = "pkce"\n' + PROD + 'client_secret = { env = "X" }\n'
    (line,) = problem_lines(parsed(tmp_path, text))
    assert line.startswith("profiles.toml:6: profiles.base.grant: pkce is for clients without a secret")
    assert line.endswith("(inherited by profiles.prod)")


@pytest.mark.parametrize(
    ("base", "what"),
    [
        ('"bsae"', "there is no profile 'bsae'; did you mean 'base'?"),
        ('"prod"', "goes round in a circle: prod → prod"),
        ('"middle"', "goes round in a circle: prod → middle → prod"),
        *((value, "must be the name of the profile") for value in ("5", '["base"]', "{ a = 1 }", "true")),
        ('""', "there is no profile ''"),
    ],
)
def test_what_cannot_be_extended(tmp_path: Path, base: str, what: str) -> None:
    """It is told once, at a line that says extends."""
    text = BASE + PROD.replace('"base"', base) + "issuer = 'https://a.example'\n"
    text += '[profiles.middle]\nextends = "prod"\n'
    (line,) = problem_lines(parsed(tmp_path, text))
    number, told = line.split(": ", 1)
    assert text.splitlines()[int(number.rpartition(":")[2]) - 1].startswith("extends")
    assert ".extends: " in told
    assert what in told


def test_a_base_that_is_no_table(tmp_path: Path) -> None:
    """Its own line says so."""
    text = "profiles.base = 5\n" + PROD + "issuer = 'https://a.example'\n"
    assert problem_lines(parsed(tmp_path, text)) == [
        "profiles.toml:1: profiles.base: must be a table: write [profiles.base]"
    ]


def test_a_long_chain(tmp_path: Path) -> None:
    """Its length is not limited by the depth of calls."""
    links = "".join(f'[profiles.p{n}]\nextends = "p{n - 1}"\n' for n in range(1, 1500))
    file = parsed(tmp_path, BASE.replace("base", "p0") + links + PROD.replace("base", "p1499"))
    assert file.profile("prod").scope == "openid"


def test_a_base_alone_is_no_mistake(tmp_path: Path) -> None:
    """It is listed as a base; nobody logs in to it, and it is a mistake only when it is named."""
    file = parsed(tmp_path, BASE + PROD)
    assert file.names == ("base", "prod")
    assert file.usable == ("prod",)
    done = command("profiles")
    assert done.returncode == 0, done.stderr
    assert "only a base of prod" in done.stdout
    assert "base" in next(line for line in done.stdout.splitlines() if line.startswith("prod"))
    assert "base" not in command("status").stdout
    assert "base" not in command("logout", "--all").stderr
    assert "client_id: missing" in command("login", "base").stderr
    written(tmp_path, BASE)
    assert command("profiles").returncode == 4  # nothing extends it


def test_a_base_that_is_complete_is_a_profile(tmp_path: Path) -> None:
    """It can be used as it is."""
    file = parsed(tmp_path, BASE + 'client_id = "b"\n' + PROD)
    assert file.usable == ("base", "prod")
    assert file.profile("base").client_id == "b"


def test_a_store_that_is_inherited(tmp_path: Path) -> None:
    """It serves, and whoever moves the login hears where it is set."""
    file = parsed(tmp_path, BASE + 'store = "memory"\n' + PROD)
    store = file.profile("prod").store
    assert store is not None
    assert store.type == "memory"
    assert file.store_key("prod") == ("profiles", "base", "store")
    done = command("store", "move", "prod", "--to", "keyring", "--from", "file")
    assert 'write store = "keyring" below [profiles.base]' in done.stderr


def test_an_edited_base_is_noticed(tmp_path: Path) -> None:
    """Nothing of an older text is kept in this process."""
    path = written(tmp_path, BASE + PROD)
    assert read_profiles(path).profile("prod").scope == "openid"
    written(tmp_path, BASE.replace("openid", "other") + PROD)
    assert read_profiles(path).profile("prod").scope == "other"


def test_profile_add_takes_a_base(tmp_path: Path) -> None:
    """Its own keys are enough then, and the variable stays a variable."""
    written(tmp_path, BASE)
    refused = command("profile", "add", "new", "--extends", "bsae", "--client-id", "x")
    assert refused.returncode == 4
    assert "did you mean 'base'" in refused.stderr
    done = command(
        "profile", "add", "new", "--extends", "base", "--client-id", '{ env = "ID" }', ID="from-env"
    )
    assert done.returncode == 0, done.stderr
    assert "from-env" not in (tmp_path / "profiles.toml").read_text()
    assert "from-env" in command("profiles", ID="from-env").stdout
