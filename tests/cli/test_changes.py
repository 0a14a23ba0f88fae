"""profile show, edit, remove and rename, and default: one thing changes, and every other byte stays."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest
from command_line import command, save
from support import make_token

from aventus_creds.cli.commands import run
from aventus_creds.profiles.file import read_profiles
from aventus_creds.stores.opening import default_store

SECRET = "hush-do-not-tell"
FILE = f"""\
#:schema ./profiles.schema.json
# mine
default = 'prod'   # yes

[defaults]
timeout = 30

# prod is
[profiles.prod]
issuer = "https://as.example.com" # prod
client_id = {{ env = "THE_CLIENT" }}
client_secret = "{SECRET}"
  [ profiles . "prod".token_params ]   # odd
password = "{SECRET}"

# other is
[profiles."ot.her"]
extends = "prod"

# the end
[profiles.last]
issuer = "https://b.example.com"
client_id = "prod"
"""


@pytest.fixture(params=["\n", "\r\n"], ids=["LF", "CRLF"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "profiles.toml"
    path.write_bytes(("\ufeff" + FILE.replace("\n", request.param)).encode())
    path.chmod(0o600)
    monkeypatch.setenv("THE_CLIENT", "c")
    return path


def changed(path: Path, *arguments: str) -> tuple[str, str]:
    """Run a command that works; return the file's text with plain line ends, and what was said."""
    ends = path.read_bytes().count(b"\r\n") > 0
    done = command(*arguments)
    assert done.returncode == 0, done.stderr
    content = path.read_bytes()
    assert content.startswith("\ufeff".encode())
    assert content.count(b"\n") == (content.count(b"\r\n") if ends else content.count(b"\n"))
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return content.decode("utf-8-sig").replace("\r\n", "\n"), done.stderr


def test_rename_moves_the_login_and_what_refers_to_it(path: Path) -> None:
    token = make_token()
    save("prod", token)
    text, said = changed(path, "profile", "rename", "prod", "new.prod")
    expected = FILE.replace("'prod'", "'new.prod'").replace("[profiles.prod]", '[profiles."new.prod"]')
    expected = expected.replace('profiles . "prod".', 'profiles . "new.prod".').replace(
        'extends = "prod"', 'extends = "new.prod"'
    )
    assert text == expected
    assert "its login moved along" in said
    assert default_store().load(read_profiles().profile("new.prod").key) == token
    text, _ = changed(path, "profile", "rename", "new.prod", "prod")
    assert default_store().load(read_profiles().profile("prod").key) == token
    assert len([*(Path(os.environ["AVENTUS_CREDS_STATE_DIR"]) / "tokens").glob("*.json")]) == 1


def test_remove_takes_the_login_too(path: Path) -> None:
    save("last", make_token(refresh_token=None))
    key = read_profiles().profile("last").key
    text, said = changed(path, "profile", "remove", "last")
    assert text == FILE[: FILE.index("[profiles.last]")]
    assert default_store().load(key) is None
    assert "its login is" in said


def test_remove_of_the_default_and_in_the_middle(path: Path) -> None:
    text, _ = changed(path, "profile", "remove", "ot.her")
    start, end = FILE.index('[profiles."ot.her"]'), FILE.index("# the end")
    assert text == FILE[:start] + FILE[end:]
    text, said = changed(path, "profile", "remove", "prod")
    assert text.startswith(
        "#:schema ./profiles.schema.json\n# mine\n\n[defaults]\ntimeout = 30\n\n# prod is\n# other is\n"
    )
    assert SECRET not in text
    assert "It was the default" in said


@pytest.mark.parametrize("before", [b"", b"# mine\n", b"[profiles]\n"])
def test_what_was_added_can_be_changed(path: Path, before: bytes) -> None:
    """All that ``profile add`` writes, in whatever file: each key in its line, and gone when it is removed."""
    path.write_bytes(before)
    path.chmod(0o600)
    place = '{ command = ["pass", "a\\"b"] }'
    more = [
        "--scope",
        '["a", "b"]',
        "--authorize-params",
        '{ "pro.mpt" = "login" }',
        "--client-secret",
        place,
    ]
    done = command(*("profile", "add", "p.1", "--issuer", "https://a.example.com", "--client-id", "c", *more))
    assert done.returncode == 0, done.stderr
    text = path.read_text("utf-8")
    assert text.endswith(
        '[profiles."p.1"]\nissuer = "https://a.example.com"\nclient_id = "c"\nscope = ["a", "b"]\n'
        'authorize_params = { "pro.mpt" = "login" }\nclient_secret = { command = ["pass", "a\\"b"] }\n'
    )
    path.write_bytes(path.read_bytes() + b"timeout = 7\n")  # as a person goes on
    assert read_profiles().profile("p.1").timeout == 7
    for arguments in (["profile", "rename", "p.1", "new"], ["default", "new"], ["profile", "remove", "new"]):
        done = command(*arguments)
        assert done.returncode == 0, done.stderr
    assert "It was the default" in done.stderr
    assert path.read_bytes() == before + b"\n" * bool(before)


def test_default(path: Path) -> None:
    assert command("default").stdout == "prod\n"
    text, _ = changed(path, "default", "last")
    assert text == FILE.replace("'prod'   # yes", '"last"   # yes')
    path.write_bytes(path.read_bytes().replace(b'default = "last"', b"# nothing"))
    text, _ = changed(path, "default", "last")
    assert text.startswith('#:schema ./profiles.schema.json\ndefault = "last"\n# mine\n')


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["profile", "remove", "prod"], 4, "ot.her needs prod"),
        (["profile", "rename", "prod", "last"], 4, "there is a profile last already"),
        (["profile", "rename", "prod", "no name"], 2, "the name may hold"),
        (["profile", "rename", "prd", "new"], 4, "did you mean 'prod'"),
        (["profile", "remove", "prd"], 4, "did you mean 'prod'"),
        (["default", "prd"], 4, "did you mean 'prod'"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], code: int, said: str, path: Path) -> None:
    before = path.read_bytes()
    done = command(*arguments)
    assert (done.returncode, path.read_bytes()) == (code, before)
    assert said in done.stderr
    assert SECRET not in done.stderr


TRAPS = (
    'profiles = { prod = { issuer = "https://a.example.com", client_id = "c" } }\n',
    '[profiles]\nprod.issuer = "https://a.example.com"\nprod.client_id = "c"\n',
    (
        '[profiles.x]\nissuer = "https://a.example.com"\nclient_id = "c"\n'
        'token_params.text = """\n[profiles.prod]\n"""\n'
        '[profiles.prod]\nissuer = "https://a.example.com"\nclient_id = "c"\n'
    ),
    (
        '[profiles.prod]\nissuer = "https://a.example.com"\nclient_id = "c"\nscope = "a"\n'
        "token_params.text = 'extends = \"prod\"'\n"
    ),
)


@pytest.mark.parametrize("text", TRAPS)
def test_a_file_that_lines_do_not_show_is_left_alone(text: str, tmp_path: Path) -> None:
    """What the new text says is compared with what was meant: nothing else is ever changed."""
    path = tmp_path / "profiles.toml"
    path.write_text(text)
    path.chmod(0o600)
    done = command("profile", "rename", "prod", "new")
    assert done.returncode == 4
    assert "aventus-creds profile edit" in done.stderr
    assert path.read_text() == text


@pytest.mark.usefixtures("path")
def test_show_tells_keys_and_their_places_but_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["profile", "show", "ot.her"]) == 0
    shown = capsys.readouterr().out
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in shown.splitlines()}
    assert rows["client_id"] == "the environment variable THE_CLIENT profiles.toml:11"
    assert rows["client_secret"] == "profiles.toml profiles.toml:12"
    assert rows["token_params"] == "password = … profiles.toml:13"
    assert rows["timeout"] == "30 profiles.toml:6"
    assert rows["scope"] == "openid the row of oidc"
    assert rows["retries"] == "3 the default"
    assert SECRET not in shown


@pytest.mark.skipif(os.name != "posix", reason="the editor is a shell command")
@pytest.mark.usefixtures("path")
def test_edit_opens_the_editor_and_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} -c 'pass'")
    assert "has no mistakes" in command("profile", "edit").stderr
    monkeypatch.setenv("EDITOR", "sed -i.bak s/timeout/timout/")
    done = command("profile", "edit")
    assert (done.returncode, "did you mean 'timeout'?" in done.stderr) == (4, True)
    monkeypatch.setenv("VISUAL", "no-such-editor")
    assert "no-such-editor cannot be started" in command("profile", "edit").stderr
    monkeypatch.setenv("VISUAL", "false")
    assert "ended with 1" in command("profile", "edit").stderr
