"""The guide: init and profile add at a real terminal, with a person who types."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from command_line import KEYS, WriteProfiles, command
from support import REPOSITORY

from aventus_creds.cli.guide import _Guide
from aventus_creds.cli.prompts import LONGEST
from aventus_creds.profiles.grants import GRANTS
from aventus_creds.profiles.providers import PROVIDERS
from aventus_creds.sandbox import Sandbox

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal is needed", allow_module_level=True)

from seated import at_terminal

SECRET = "hush-do-not-tell"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(tmp_path / "profiles.toml"))
    return tmp_path / "profiles.toml"


def written(path: Path) -> Any:
    return tomllib.loads(path.read_text("utf-8"))["profiles"]


@pytest.mark.usefixtures("robot")
def test_from_nothing_to_a_login(path: Path) -> None:
    """init asks, shows, writes and logs in: the first ten minutes in one command."""
    with Sandbox() as sandbox, at_terminal("init") as person:
        keys = sandbox.profiles()["oidc"]
        person.answers(
            ("Name of the profile [prod]: ", ""),
            ("Any other server: oidc", ""),
            ("issuer: ", keys["issuer"]),
            ("grant [pkce]: ", ""),
            ("redirect_uri [http://127.0.0.1:0/callback]: ", ""),
            ("client_id: ", keys["client_id"]),
            ("scope [openid]: ", "openid profile offline_access"),
            ("audience (Enter: none): ", ""),
            ("api_url (Enter: none): ", keys["api_url"]),
        )
        shown = person.sees("Write it to ")
        assert keys["issuer"] in shown
        assert not path.exists()
        person.answers(("[Y/n]: ", "y"), ("Log in now? [Y/n]: ", ""))
        code, shown = person.ends()
    assert code == 0, shown
    assert "Logged in to prod" in shown
    assert path.read_text("utf-8").startswith("#:schema ./profiles.schema.json")
    assert path.with_name("profiles.schema.json").exists()
    assert written(path)["prod"] == {
        "provider": "oidc",
        "issuer": keys["issuer"],
        "grant": "pkce",
        "client_id": keys["client_id"],
        "scope": "openid profile offline_access",
        "api_url": keys["api_url"],
    }


def test_each_answer_is_checked_as_profiles_are(path: Path) -> None:
    """What is wrong is said, with the words of the checks, and asked again; the row's rule for redirects too."""
    with at_terminal("profile", "add") as person:
        person.answers(
            ("[prod]: ", "no name"),
            ("the name may hold", "two"),
            ("provider [oidc]: ", "okat"),
            ("did you mean 'okta'?", "okta"),
            ("domain: ", "https://x.okta.com/"),
            ("without https:// and without a path", "x.okta.com"),
            ("authorization_server [default]: ", ""),
            ("grant [pkce]: ", "pkc"),
            ("did you mean 'pkce'?", ""),
            ("redirect_uri [http://127.0.0.1:8765/callback]: ", "http://127.0.0.1:0/cb"),
            ("compares the port too", ""),
        )
        person.sees("Register a client: https://x.okta.com/admin/apps")
        person.answers(
            ("http://127.0.0.1:8765/callback, exactly so", ""),
            ("must not be empty", "\x1b[D"),
            ("without control characters", "x" * (LONGEST + 1)),
            (f"may have {LONGEST} characters", "abc"),
            ("scope [openid offline_access]: ", 'a"b'),
            ("no scope may have", ""),
            ("audience (Enter: none): ", "https://api.example.org/"),
            ("Write it to ", "what"),
            ("answer y or n", "y"),
            ("Log in now? [Y/n]: ", "n"),
        )
        code, shown = person.ends()
    assert code == 0, shown
    assert "Run: aventus-creds login two" in shown
    assert written(path)["two"] == {
        "provider": "okta",
        "domain": "x.okta.com",
        "grant": "pkce",
        "redirect_uri": "http://127.0.0.1:8765/callback",
        "client_id": "abc",
        "audience": "https://api.example.org/",
    }


ANSWERS = (
    ("provider [oidc]: ", "orcid"),
    ("grant [confidential]: ", "client_credentials"),
    ("client_id: ", "abc"),
)


def test_a_secret_is_asked_for_by_its_place_only(path: Path) -> None:
    """A secret typed in the wrong place is refused, repeated nowhere, and not written."""
    with at_terminal("profile", "add", "job") as person:
        person.answers(
            *ANSWERS,
            ("client_secret [env]: ", SECRET),
            ("not the secret itself", ""),
            ("name of the variable [ORCID_CLIENT_SECRET]: ", SECRET),
            ("must be the name of a variable", "THE_SECRET"),
            ("scope (Enter: none): ", ""),
            ("Write it to ", ""),
        )
        code, shown = person.ends()
    assert code == 0, shown
    assert shown.count(SECRET) == 2  # what the terminal itself echoed
    assert "THE_SECRET is not set" in shown
    assert "Then run: aventus-creds token job" in shown
    assert written(path)["job"]["client_secret"] == {"env": "THE_SECRET"}


KEYRING = """
import os
from keyring.backend import KeyringBackend
class InAFile(KeyringBackend):
    priority = 9
    def get_password(self, service, username):
        place = f"{os.environ['KEPT']}/{service}-{username}"
        return open(place).read() if os.path.exists(place) else None
    def set_password(self, service, username, password):
        with open(f"{os.environ['KEPT']}/{service}-{username}", "w") as file:
            file.write(password)
"""


def test_a_secret_goes_into_the_keyring_unseen(path: Path, tmp_path: Path) -> None:
    """With hidden input: the screen, the file and the arguments never have it."""
    (tmp_path / "of_test.py").write_text(KEYRING)
    environment = {
        "PYTHON_KEYRING_BACKEND": "of_test.InAFile",
        "KEPT": str(tmp_path),
        "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{tmp_path}",
    }
    with at_terminal("profile", "add", "job", **environment) as person:
        person.answers(
            *ANSWERS,
            ("client_secret [env]: ", "keyring"),
            ("[aventus-creds job]: ", ""),
            ("scope (Enter: none): ", ""),
            ("Write it to ", ""),
            ("is not shown [Y/n]: ", ""),
            ("Client secret: ", SECRET),
        )
        code, shown = person.ends()
    assert code == 0, shown
    assert SECRET not in shown
    assert SECRET not in path.read_text("utf-8")
    assert (tmp_path / "aventus-creds job-abc").read_text() == SECRET
    assert "Run: aventus-creds token job" in shown


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
@pytest.mark.parametrize("arguments", [["init"], ["profile", "add", "prod"]])
def test_an_interrupted_guide_writes_nothing(arguments: list[str], key: str, path: Path) -> None:
    """Neither the file nor its schema, up to the last question."""
    with at_terminal(*arguments) as person:
        if arguments == ["init"]:
            person.answers(("[prod]: ", ""))
        person.answers(*ANSWERS, ("client_secret [env]: ", ""), ("[ORCID_CLIENT_SECRET]: ", ""))
        person.answers(("scope (Enter: none): ", ""))
        person.sees("[Y/n]: ")
        person.types(key)
        code, shown = person.ends()
    assert code == 130, shown
    assert "Nothing was written." in shown
    assert not [*path.parent.glob("profiles*")]


def test_a_no_writes_nothing(path: Path) -> None:
    """The profile was shown, and is not what was meant."""
    with at_terminal("profile", "add", "prod") as person:
        person.answers(*ANSWERS, ("client_secret [env]: ", ""), ("[ORCID_CLIENT_SECRET]: ", ""))
        person.answers(("scope (Enter: none): ", ""), ("[Y/n]: ", "no"))
        assert person.ends()[0] == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "environment", "code"),
    [
        (["profile", "add", "prod", "--provider", "orcid"], {}, 4),
        (["profile", "add", "prod"], {"CI": "true"}, 4),
        (["profile", "add", "-q", "prod"], {}, 4),
        (["profile", "add"], {"CI": "true"}, 2),
        (["init", "--no-input"], {}, 0),
        (["init"], {"CI": "true"}, 0),
    ],
)
def test_with_options_or_without_a_person_nothing_is_asked(
    arguments: list[str], environment: dict[str, str], code: int, path: Path
) -> None:
    """Also at a terminal: a key given, CI, -q or --no-input."""
    with at_terminal(*arguments, **environment) as person:
        ended, shown = person.ends()
    assert ended == code, shown
    assert "[prod]" not in shown
    assert "provider [" not in shown
    assert path.exists() is (arguments[0] == "init")


def test_without_a_terminal_nothing_is_asked(path: Path) -> None:
    """Pipes and cron: the errors of before."""
    assert "Missing argument 'NAME'" in command("profile", "add").stderr
    done = command("profile", "add", "prod")
    assert (done.returncode, done.stdout) == (4, "")
    assert "provider: missing" in done.stderr
    assert not path.exists()


def test_a_taken_name_or_a_broken_file_is_told_first(write_profiles: WriteProfiles) -> None:
    """Nobody answers ten questions in vain."""
    path = write_profiles({"old": KEYS})
    with at_terminal("profile", "add", "old") as person:
        code, shown = person.ends()
    assert (code, "there is a profile old already" in shown) == (4, True)
    path.write_text("[profiles.old\n")
    with at_terminal("profile", "add", "new") as person:
        code, shown = person.ends()
    assert (code, "not valid TOML" in shown) == (4, True)


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_row_can_be_asked_for(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With plain answers, the questions of each provider and grant lead to a profile without mistakes."""
    from aventus_creds.basics.hidden import Hidden

    plain = {"host": "h.example.org", "domain": "d.example.org", "base_url": "https://b.example.org"}
    plain |= {"issuer": "https://i.example.org", "provider": name, "client_secret": "env"}
    for grant in [*GRANTS, ""]:
        given = {**plain, "grant": grant}
        offered: list[str] = []

        def answer(
            prompt: str, default: str = "", given: dict[str, str] = given, offered: list[str] = offered
        ) -> str:
            if prompt == "grant" and given["grant"] not in offered:
                return default
            return given.get(prompt) or default or ("" if "none" in prompt else "word")

        monkeypatch.setattr("aventus_creds.cli.guide.ask_line", answer)
        monkeypatch.setattr("aventus_creds.cli.guide.refuse", pytest.fail)
        guide = _Guide(tmp_path / "profiles.toml", Hidden(b""), "it")
        from aventus_creds.cli.providers import grants

        offered += [
            each for each in grants(PROVIDERS[name]) if not GRANTS[each].needs and not GRANTS[each].needs_one
        ]
        guide.ask()
        assert guide.show().provider.name == name
