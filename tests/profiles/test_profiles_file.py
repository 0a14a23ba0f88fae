"""profiles.toml: problems and their lines, which profile is meant, and the file itself."""

from __future__ import annotations

import os
import re
import traceback
from importlib import resources
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from profile_texts import SECRET, TWO, parsed, problem_lines, written

from aventus_creds.basics.places import profiles_path
from aventus_creds.errors import ConfigError, ProfileNotFound, ProfilesFileError
from aventus_creds.profiles.file import ProfilesFile, read_profiles
from aventus_creds.profiles.keys import KEYS

# --- problems and their lines -----------------------------------------------------------------------------


FAULTY = f'''\
default = "prod"

[profiles.prod]   # the header
provider = "aventus"
client_idd = "x"
"client_secret" = "{SECRET}"
grant = "pkce"
scope = [
  "a",
  1,
]
authorize_params.state = "x"
authorize_params . "max age" = 5
audience = """
two
lines"""
'redirect_uri' = "http://example.com/callback"
token_params = {{ code = "x", good = "y" }}
timeout = "60"

[profiles.other]
issuer = "https://as.example.com"
client_id = "x"
'''


@pytest.mark.parametrize("encode", ["{}", "\ufeff{}", "crlf"], ids=["plain", "byte order mark", "CRLF"])
def test_all_problems_at_once_in_the_order_of_lines(tmp_path: Path, encode: str) -> None:
    """Each mistake is one line with its file, its line and its key, whatever way the key is written."""
    text = FAULTY.replace("\n", "\r\n") if encode == "crlf" else encode.format(FAULTY)
    lines = problem_lines(parsed(tmp_path, text))
    assert [line[: line.index(": ", line.index(": ") + 1)] for line in lines] == [
        "profiles.toml:3: profiles.prod.client_id",
        "profiles.toml:5: profiles.prod.client_idd",
        "profiles.toml:7: profiles.prod.grant",
        "profiles.toml:8: profiles.prod.scope",
        "profiles.toml:12: profiles.prod.authorize_params.state",
        "profiles.toml:13: profiles.prod.authorize_params.max age",
        "profiles.toml:14: profiles.prod.audience",
        "profiles.toml:17: profiles.prod.redirect_uri",
        "profiles.toml:18: profiles.prod.token_params.code",
        "profiles.toml:19: profiles.prod.timeout",
    ]
    assert lines[0].endswith("client_id: missing; the identifier that the provider gave to this client")
    assert lines[1].endswith("client_idd: unknown key; did you mean 'client_id'?")
    assert "plain http is for this machine only" in lines[7]


def test_one_faulty_profile_does_not_stop_the_others(tmp_path: Path) -> None:
    """The profile beside a faulty one is served."""
    assert parsed(tmp_path, FAULTY).profile("other").client_id == "x"


def test_problems_in_a_sub_table_and_in_an_inline_profile(tmp_path: Path) -> None:
    """Lines are right in sub-tables, before their parent too, and in a profile written on one line."""
    file = parsed(
        tmp_path,
        "[profiles.prod.authorize_params]\n\nmax_age = 1\n[profiles.prod.wrong]\na = 1\n"
        '[profiles.prod]\nissuer = "https://a.example"\n\n'
        '[profiles]\ninline = { issuer = "x", client_id = 1 }\nnumber = 5\n',
    )
    assert [line.split(": ")[0:2] for line in problem_lines(file)] == [
        ["profiles.toml:1", "profiles.prod.client_id"],
        ["profiles.toml:3", "profiles.prod.authorize_params.max_age"],
        ["profiles.toml:4", "profiles.prod.wrong"],
    ]
    assert [line.split(": ")[0:2] for line in problem_lines(file, "inline")] == [
        ["profiles.toml:10", "profiles.inline.client_id"],
        ["profiles.toml:10", "profiles.inline.issuer"],
    ]
    assert problem_lines(file, "number") == [
        "profiles.toml:11: profiles.number: must be a table: write [profiles.number]"
    ]


def test_an_unknown_key_near_to_none_names_the_page_of_all(tmp_path: Path) -> None:
    """Where nothing similar exists: they are too many for a message."""
    (line,) = problem_lines(
        parsed(tmp_path, '[profiles.prod]\nissuer="https://a.example"\nclient_id="x"\nzzz=1')
    )
    assert line == "profiles.toml:4: profiles.prod.zzz: unknown key; all of them: aventus-creds docs profiles"
    page = resources.files("aventus_creds").joinpath("docs", "profiles.md").read_text("utf-8")
    assert all(f"| `{key}` |" in page for key in KEYS)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('default = "prod"', "default: unknown key; it belongs above the first [table]"),
        ("[profiles.prod.eu]", 'eu: unknown key; a name with a dot needs quotes: [profiles."prod.eu"]'),
    ],
)
def test_a_key_that_belongs_elsewhere(tmp_path: Path, text: str, what: str) -> None:
    (line,) = problem_lines(
        parsed(tmp_path, f'[profiles.prod]\nissuer="https://a.example"\nclient_id="x"\n{text}')
    )
    assert line == f"profiles.toml:4: profiles.prod.{what}"


def test_what_is_no_toml_is_told_with_what_to_write(tmp_path: Path) -> None:
    """In a notebook and in a log too, where no frame is drawn."""
    (tmp_path / "profiles.toml").write_text("[profiles.prod]\nclient_id = abc\n")
    said = unreadable(tmp_path / "profiles.toml")
    assert '(at line 2, column 13); text needs quotes: "…"\nThe file is ' in said
    (tmp_path / "profiles.toml").write_text("[profiles.prod]\n" * 2)
    assert "(at line 2, column 15)\nThe file is " in unreadable(tmp_path / "profiles.toml")


def test_control_characters_in_keys_and_names_do_not_break_the_line(tmp_path: Path) -> None:
    """A problem stays one line without escape sequences."""
    text = '[profiles."a\\nb"]\nissuer = "https://a.example"\nclient_id = "x"\n"k\\u001b[31m\\n" = 1\n'
    lines = problem_lines(parsed(tmp_path, text), "a\nb")
    assert [line.split(": ")[0:2] for line in lines] == [
        ["profiles.toml:1", "profiles.'a\\nb'"],
        ["profiles.toml:4", "profiles.'a\\nb'.'k\\x1b[31m\\n'"],
    ]
    assert all(line.isprintable() for line in lines)


def test_the_file_is_called_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where AVENTUS_CREDS_PROFILES names another file, the problems do as well."""
    path = tmp_path / "mine.toml"
    path.write_text("[profiles.prod]\nissuer = 1\n")
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(path))
    assert problem_lines(read_profiles())[-1].startswith("mine.toml:2: profiles.prod.issuer: must be text")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[prod]\nclient_id = 1", ["1: prod: unknown key; did you mean [profiles.prod]?"]),
        ("\n[profile.prod]\na = 1", ["2: profile: unknown key; did you mean 'profiles'?"]),
        ('defualt = "prod"', ["1: defualt: unknown key; did you mean 'default'?"]),
        (
            "zzz = 1",
            ["1: zzz: unknown key; allowed: default, include, include_origins, defaults, store, profiles"],
        ),
        ("profiles = 1", ["1: profiles: must be a table: write [profiles.NAME]"]),
        ("[[profiles]]\na = 1", ["1: profiles: must be a table: write [profiles.NAME]"]),
        (
            '\ndefault = "prdo"\n[profiles.prod]',
            ["2: default: must be the name of a profile (the file has: prod)"],
        ),
        *(
            (f"default = {value}", ["1: default: must be the name of a profile (the file has no profiles)"])
            for value in ("1", '["prod"]', '{ name = "prod" }', '""', "true")
        ),
        ('default = "prod"\n[profiles.prod]', []),
        ("", []),
    ],
)
def test_problems_outside_the_profiles(tmp_path: Path, text: str, expected: list[str]) -> None:
    """What stands beside the profiles is checked too."""
    found = [str(problem) for problem in parsed(tmp_path, text).problems()]
    assert found == [f"profiles.toml:{line}" for line in expected]


# --- which profile ----------------------------------------------------------------------------------------


def test_default_and_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name comes before AVENTUS_CREDS_PROFILE, which comes before the file's default."""
    file = parsed(tmp_path, "default = 'prod'\n" + TWO)
    assert file.default == "prod"
    assert file.names == ("prod", "test")
    assert file.profile().client_id == "p"
    monkeypatch.setenv("AVENTUS_CREDS_PROFILE", "test")
    assert file.profile().client_id == "t"
    assert file.profile("prod").client_id == "p"
    monkeypatch.setenv("AVENTUS_CREDS_PROFILE", "")
    assert file.profile().client_id == "p"


def not_found(file: ProfilesFile, name: str | None = None) -> str:
    """Return what is said when there is no such profile."""
    with pytest.raises(ProfileNotFound) as caught:
        file.profile(name)
    assert isinstance(caught.value, ConfigError)
    return str(caught.value)


def test_no_name_and_no_default(tmp_path: Path) -> None:
    """Without any name, the message lists the profiles and the three ways to name one."""
    said = not_found(parsed(tmp_path, TWO))
    assert "no profile is named, and profiles.toml has no default (the file has: prod, test)" in said
    assert "AVENTUS_CREDS_PROFILE" in said
    assert f'write default = "NAME" at the top of {tmp_path / "profiles.toml"}' in said


def test_an_unknown_profile_lists_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message lists the profiles, the nearest one and the file, wherever the name came from."""
    file = parsed(tmp_path, "default = 'nope'\n" + TWO)
    said = not_found(file, "prdo")
    assert "there is no profile 'prdo'; did you mean 'prod'? (the file has: prod, test)" in said
    assert str(tmp_path / "profiles.toml") in said
    assert "there is no profile 'nope' (the file has: prod, test)" in not_found(file)
    monkeypatch.setenv("AVENTUS_CREDS_PROFILE", "from-env")
    assert "there is no profile 'from-env'" in not_found(file)
    assert "there is no profile 'x' (the file has no profiles)" in not_found(parsed(tmp_path, ""), "x")


def test_a_profile_without_the_word_profiles(tmp_path: Path) -> None:
    """[prod] is told to be [profiles.prod]."""
    file = parsed(tmp_path, "[prod]\nprovider = 'aventus'\n" + TWO.replace("profiles.prod", "profiles.p"))
    assert "there is no profile 'prod'; [prod] must be written [profiles.prod]" in not_found(file, "prod")


@pytest.mark.parametrize("name", ["default", "profiles"])
def test_the_file_s_own_words_are_no_misplaced_profiles(tmp_path: Path, name: str) -> None:
    """Asking for a profile called like a key of the file brings no wrong advice."""
    said = not_found(parsed(tmp_path, "default = 'prod'\n" + TWO), name)
    assert f"there is no profile {name!r} (the file has: prod, test)" in said


def test_a_file_with_mistakes_around_the_profiles_says_where_they_are_shown(tmp_path: Path) -> None:
    """Where no profile is found because of a typing error beside it, the command that shows it is named."""
    assert "its mistakes: aventus-creds profiles" in not_found(parsed(tmp_path, "[profile.prod]"), "prod")
    assert "its mistakes" not in not_found(parsed(tmp_path, TWO), "x")


# --- the file ---------------------------------------------------------------------------------------------


def unreadable(path: Path | str | None = None) -> str:
    """Return what is said when the file cannot be used."""
    with pytest.raises(ProfilesFileError) as caught:
        read_profiles(path)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def test_the_path_is_that_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AVENTUS_CREDS_PROFILES names the file, ~ is the home folder."""
    assert profiles_path() == tmp_path / "profiles.toml"
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", "~/mine.toml")
    assert profiles_path() == tmp_path / "home" / "mine.toml"
    (tmp_path / "home" / "mine.toml").write_text(TWO)
    assert read_profiles().names == ("prod", "test")
    assert read_profiles("~/mine.toml").names == ("prod", "test")


@pytest.mark.parametrize("value", [None, ""])
def test_the_path_is_otherwise_in_the_user_config_folder(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """Without AVENTUS_CREDS_PROFILES, the file is in platformdirs' config folder."""
    monkeypatch.delenv("AVENTUS_CREDS_PROFILES")
    if value is not None:
        monkeypatch.setenv("AVENTUS_CREDS_PROFILES", value)
    folder = Path(platformdirs.user_config_dir("aventus-creds", appauthor=False))
    assert folder.name == "aventus-creds"
    assert profiles_path() == folder / "profiles.toml"


@pytest.mark.skipif(os.name == "nt", reason="Windows itself says where the folders of a user are")
def test_without_a_home_folder_the_file_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that the system does not know, as in a container, hears what to set."""
    monkeypatch.setattr(os.path, "expanduser", str)
    for name in ("AVENTUS_CREDS_PROFILES", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    assert "AVENTUS_CREDS_PROFILES" in unreadable()


def test_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file: where it belongs, and the command that makes one."""
    said = unreadable()
    assert f"there is no profiles file: it belongs at {tmp_path / 'profiles.toml'}" in said
    assert "aventus-creds init" in said
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", "~nobody-of-that-name/profiles.toml")
    assert "it belongs at ~nobody-of-that-name" in unreadable()


def test_a_folder_or_a_device_is_no_file(tmp_path: Path) -> None:
    """A folder, a device and a path below a file are refused by name."""
    assert re.search("it is a folder", said := unreadable(tmp_path))
    assert said.startswith(str(tmp_path))
    below = written(tmp_path, "") / "x"
    assert str(below) in unreadable(below)
    if os.name == "posix":
        assert "/dev/null cannot be read: it is no regular file" in unreadable("/dev/null")


def test_a_fault_of_the_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any fault of the system is told with the file's name and the system's reason."""

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path, TWO)
    monkeypatch.setattr(os, "open", denied)
    assert f"{path} cannot be read: Permission denied" in unreadable(path)


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    """Text that is not UTF-8 is refused with the place of the first bad byte."""
    path = written(tmp_path, b"# caf\xe9\n")
    assert f"{path} is not UTF-8 text (byte 5)" in unreadable(path)
    for utf_16 in ("utf-16-le", "utf-16-be"):  # PowerShell's > writes it
        said = unreadable(written(tmp_path, f"\ufeff{TWO}".encode(utf_16)))
        assert "is UTF-16 text" in said
        assert "Save it as UTF-8" in said


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = 1\nb = \n", "(at line 2, column 5)"),
        (f"a = 1\r\nclient_secret = {SECRET}\r\n", "(at line 2, column 17)"),
        (f"\ufeffclient_secret {SECRET}", "(at line 1, column 15)"),
        ("[profiles.prod\n", "(at line 1, column 15)"),
        ("[a]\n[a]\n", "(at line 2, column 3)"),
        ("a = 1\n\na = 2", "line 3, column 6"),
        (f'a = 1\nclient_secret = "{SECRET}', "(at line 2, column 39, the end of the file)"),
        ("a = [\n1,\n", "(at line 3, column 1, the end of the file)"),
        ("[profiles.prod", "(at line 1, column 15, the end of the file)"),
    ],
)
def test_syntax_errors_have_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    """A file that is no TOML is refused with the place, without its contents."""
    said = unreadable(written(tmp_path, text))
    assert said.startswith("profiles.toml: this is not valid TOML: ")
    assert place in said
    assert str(tmp_path / "profiles.toml") in said


@pytest.mark.parametrize(
    ("line", "is_path"),
    [
        (r'ca_bundle = "C:\Users\me\ca.pem"', True),
        (r'ca_bundle = "C:\Certificates\ca.pem"', True),
        (r'client_secret = { file = "\\share\x" }', True),
        (r"ca_bundle = 'C:\Users\me\ca.pem' x", False),
        ('ca_bundle = "C:/Users/me/ca.pem" x', False),
    ],
)
def test_a_path_of_windows_in_double_quotes(tmp_path: Path, line: str, *, is_path: bool) -> None:
    r"""TOML takes \U for the beginning of an escape, and says no more than that: what to write instead is said."""
    said = unreadable(written(tmp_path, f"[profiles.prod]\n{line}\n"))
    assert "at line 2, column" in said
    assert ("in single quotes: 'C:\\Users\\me\\ca.pem'" in said) == is_path


def test_a_path_of_windows_whose_escapes_are_good_ones(tmp_path: Path) -> None:
    r"""C:\temp and C:\new are a tab and a line end in double quotes."""
    text = TWO.partition("[profiles.test]")[0] + r'ca_bundle = "C:\temp\new.pem"'
    (problem,) = problem_lines(parsed(tmp_path, text))
    assert "profiles.prod.ca_bundle: must be text in one line" in problem
    assert problem.endswith("write a path of Windows in single quotes")


@pytest.mark.parametrize(
    "text", ["a = " + "9" * 5000, "a = " + "[" * 5000 + "]" * 5000], ids=["number", "depth"]
)
def test_what_the_parser_itself_cannot_bear(tmp_path: Path, text: str) -> None:
    """A huge number and deep nesting are an error of the file, not of the program."""
    assert "this is not valid TOML" in unreadable(written(tmp_path, text))


def test_relative_files_start_at_the_profiles_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret's file and a CA bundle stand beside profiles.toml, wherever the program runs."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secret").chmod(0o600)
    ca = tmp_path / "ca.pem"
    ca.touch()
    text = TWO.partition("[profiles.test]")[0] + "client_secret = { file = 'secret' }\nca_bundle = 'ca.pem'\n"
    profile = parsed(tmp_path, text).profile("prod")
    assert profile.ca_bundle == str(ca)
    assert profile.client_secret is not None
    assert profile.client_secret.read() == SECRET
    ca.unlink()
    (problem,) = problem_lines(parsed(tmp_path, text))
    assert problem.startswith(f"profiles.toml:5: profiles.prod.ca_bundle: names {ca}, which cannot be read: ")
