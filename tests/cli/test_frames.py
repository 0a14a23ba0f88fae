"""Mistakes in profiles.toml with their line, a caret and help; never with what may be a secret."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import command

from aventus_creds.cli.frames import framed
from aventus_creds.errors import ConfigError
from aventus_creds.profiles.file import read_profiles

SECRET = "hush-do-not-tell"
HEAD = '[profiles.prod]\nissuer = "https://as.example.com"\n'


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(tmp_path / "profiles.toml"))
    return tmp_path / "profiles.toml"


def told(path: Path, text: str) -> str:
    """Return what the command line says at a terminal about a file with ``text``."""
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        read_profiles(path).profile("prod")
    shown = framed(caught.value)
    assert SECRET not in shown
    assert str(caught.value).startswith(shown.splitlines()[0])
    return shown


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        (f"{HEAD}client_id = abc\n", '3 | client_id = …\n  |             ^ text needs quotes: "…"'),
        (f"{HEAD}client_secret = {SECRET}\n", '3 | client_secret = …\n  |                 ^ text needs quotes: "…"'),
        (f'{HEAD}client_id: "abc"\n', "3 | client_id: …\n  |          ^ this looks like YAML"),
        (f"{HEAD}- client_secret: {SECRET}\n", "3 | - client_secret: …\n  |"),
        ('{ "profiles": {} }', "1 | …\n  | ^ this looks like JSON"),
        ('[profiles.my prod]\nclient_id = "x"', "1 | [profiles.my prod]\n  |              ^ must be [profiles.NAME], "),
        (f"{HEAD}pkce = True\n", "3 | pkce = …\n  |        ^ write true or false in lower case"),
        (f'{HEAD}client_secret = "{SECRET}\n', "3 | client_secret = …\n  |                 ^ the quotes"),
        (f"{HEAD}client_id =\n", "3 | client_id =\n  |           ^ the value is missing"),
        (f"{HEAD}client_id = “abc”\n", "^ write straight quotes"),
        (f'{HEAD}scope = "a" client_secret = "{SECRET}"\n', "3 | scope = …\n"),
        (f"{HEAD}{SECRET}\n", '3 | …\n  | ^ a line is KEY = "VALUE"'),
        (f"{HEAD}{SECRET}== \n", "3 | …\n"),
        (f'{HEAD}client_secret = """\n{SECRET}=\n', "5 | …"),
        (f'{HEAD}client_secret = ["{SECRET}",\n"{SECRET}"\n"{SECRET}"=]\n', "5 | …\n"),
    ],
)  # fmt: skip
def test_a_mistake_of_syntax(text: str, frame: str, path: Path) -> None:
    assert frame in told(path, text)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        (f'{HEAD}client_id = "c"\ndefault = "prod"\n', "4 | default = …\n  | ^^^^^^^"),
        (f"{HEAD}client_id = 5\n", '3 | client_id = …\n  | ^^^^^^^^^ text needs quotes: "…"'),
        (f'{HEAD}client_id = "c"\npkce = "yes"\n', "  | ^^^^ true and false are written without quotes"),
        (f'{HEAD}client_id = "c"\ntimeout = "30"\n', "  | ^^^^^^^ a number is written without quotes"),
        (f'{HEAD}client_id = "c"\n[profiles.prod.eu]\nscope = "x"\n', "4 | [profiles.prod.eu]\n  | ^^^^^^^^^^^^^^^^^^"),
        (f'{HEAD}client_secrt = "{SECRET}"\nclient_id = "c"\n', "3 | client_secrt = …\n  | ^^^^^^^^^^^^"),
        (f'{HEAD}client_id = "c"\nclient_secret = {{ envv = "{SECRET}" }}\n', "4 | client_secret = …\n"),
        (HEAD, "1 | [profiles.prod]\n  | ^^^^^^^^^^^^^^^"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_key(text: str, frame: str, path: Path) -> None:
    assert frame in told(path, text)


def test_a_text_that_would_rule_the_terminal(path: Path) -> None:
    """Neither escapes nor a line of a megabyte reach it."""
    assert "\x1b" not in told(path, f'{HEAD}"\x1b[2J" = 5\n')
    assert "\x1b" not in told(path, '[profiles."\x1b[2J" x]\n')
    assert len(told(path, f"{HEAD}client_id = {'x' * 500_000}\n")) < 1000


def test_frames_are_for_terminals(path: Path) -> None:
    """A pipe gets one line for each mistake, as before."""
    path.write_text(f"{HEAD}client_id = 5\n")
    assert " | " not in command("login", "prod").stderr
    if sys.platform != "win32":
        from seated import at_terminal

        with at_terminal("login", "prod") as person:
            code, shown = person.ends()
        assert code == 4
        assert '| ^^^^^^^^^ text needs quotes: "…"' in shown
