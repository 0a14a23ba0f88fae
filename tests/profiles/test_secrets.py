from __future__ import annotations

import copy
import os
import pickle
import re
import sys
import traceback
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support import make_profile

from aventus_creds.basics.places import expand
from aventus_creds.errors import InsecureFileWarning, SecretError
from aventus_creds.profiles import secrets as secret_refs
from aventus_creds.profiles.secrets import SecretRef

SECRET = "hunter2-is-the-secret"
AVENTUS = {"provider": "aventus", "redirect_uri": "http://127.0.0.1:8765/callback"}
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX file modes")


def ref(place: Any) -> SecretRef:
    """Return the reference that a profile with this client_secret holds."""
    found = make_profile(client_secret=place, **AVENTUS).client_secret
    assert found is not None
    return found


def command(code: str, *arguments: str) -> SecretRef:
    """Return the reference to a Python program that prints the secret."""
    return ref({"command": [sys.executable, "-c", code, *arguments]})


def refusal(reference: SecretRef) -> str:
    """Return what is said when the secret cannot be read, after a check that the secret is not in it."""
    with pytest.raises(SecretError) as caught:
        reference.read()
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    assert SECRET not in repr(caught.value) + str(caught.value)
    return str(caught.value)


class FakeKeyring(ModuleType):
    """Stands in for the keyring library: one entry, or a fault."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__("keyring")
        errors = ModuleType("keyring.errors")
        self.fault: Exception | None = None
        self.KeyringError = type("KeyringError", (Exception,), {})
        vars(errors)["KeyringError"] = self.KeyringError
        self.errors = errors
        self.entries = {("service", "me"): SECRET}
        monkeypatch.setitem(sys.modules, "keyring", self)
        monkeypatch.setitem(sys.modules, "keyring.errors", errors)

    def get_password(self, service: str, username: str) -> str | None:
        """Return the entry, as the library does."""
        if self.fault:
            raise self.fault
        return self.entries.get((service, username))


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> FakeKeyring:
    """Put a fake in the place of the keyring library."""
    return FakeKeyring(monkeypatch)


def test_text() -> None:
    """A secret written outright is what it is."""
    assert ref(SECRET).read() == SECRET


def test_env(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable is read at each use, so a new value counts at once."""
    reference = ref({"env": "THE_SECRET"})
    monkeypatch.setenv("THE_SECRET", "first")
    assert reference.read() == "first"
    monkeypatch.setenv("THE_SECRET", SECRET)
    assert reference.read() == SECRET


def test_env_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set is named, with what to do."""
    monkeypatch.delenv("THE_SECRET", raising=False)
    said = refusal(ref({"env": "THE_SECRET"}))
    assert "the environment variable THE_SECRET is not set" in said
    assert "Set THE_SECRET" in said


def test_env_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable is no secret."""
    monkeypatch.setenv("THE_SECRET", "")
    assert "THE_SECRET is empty" in refusal(ref({"env": "THE_SECRET"}))


@pytest.mark.parametrize("written", [SECRET, f"{SECRET}\n", f"{SECRET}\r\n", f"\ufeff{SECRET}\r\n"])
def test_file(tmp_path: Path, written: str) -> None:
    """Line ends after the secret and a byte order mark before it do not belong to it."""
    path = tmp_path / "secret"
    path.write_bytes(written.encode())
    path.chmod(0o600)
    assert ref({"file": str(path)}).read() == SECRET


def test_file_in_the_home_folder(tmp_path: Path) -> None:
    """~ is the home folder."""
    path = tmp_path / "home" / "secret"
    path.write_text(SECRET)
    path.chmod(0o600)
    assert ref({"file": "~/secret"}).read() == SECRET


def test_file_of_an_unknown_user() -> None:
    """~ of a user who does not exist is a file that does not exist."""
    assert "cannot be read: No such file" in refusal(ref({"file": "~nobody-of-that-name/secret"}))
    assert expand("~nobody-of-that-name/secret") == Path("~nobody-of-that-name/secret")


def test_a_relative_file_starts_where_it_is_told_to(tmp_path: Path) -> None:
    """A relative file is taken from the given folder, an absolute one is not."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(0o600)
    assert SecretRef("file", "secret").relative_to(tmp_path).read() == SECRET
    assert SecretRef("file", str(path)).relative_to(tmp_path / "elsewhere").read() == SECRET


def test_file_faults(tmp_path: Path) -> None:
    """A missing file, a folder, another encoding and an empty file are told apart, with the file's name."""
    path = tmp_path / "secret"
    assert f"{path} cannot be read: No such file" in refusal(ref({"file": str(path)}))
    assert "Is a directory" in refusal(ref({"file": str(tmp_path)})) or os.name != "posix"
    path.touch(0o600)
    path.write_bytes(SECRET.encode("utf-16"))
    assert "it is not UTF-8 text" in refusal(ref({"file": str(path)}))
    path.write_bytes(b"\n")
    assert f"the file {path} is empty" in refusal(ref({"file": str(path)}))


@pytest.mark.parametrize(
    "written", [f"user\n{SECRET}\n", f"{SECRET}\n# comment", f"{SECRET}\0", f"\t{SECRET}"]
)
def test_more_than_a_secret_is_refused(tmp_path: Path, written: str) -> None:
    """Several lines or control characters never reach the server as a secret."""
    path = tmp_path / "secret"
    path.write_text(written)
    path.chmod(0o600)
    assert "several lines, or control characters" in refusal(ref({"file": str(path)}))


@POSIX
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o444])
def test_a_secret_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    """The secret is read, and the warning names the file and a fix that a shell takes as it is."""
    path = tmp_path / "the secret's file"
    path.write_text(SECRET)
    path.chmod(mode)
    with pytest.warns(InsecureFileWarning) as caught:
        assert ref({"file": str(path)}).read() == SECRET
    said = str(caught[0].message)
    assert str(path) in said
    assert SECRET not in said
    fix = said.rpartition("fix: ")[2]
    assert os.system(fix) == 0
    assert path.stat().st_mode & 0o777 == 0o600


@POSIX
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_secret_file_of_ones_own(tmp_path: Path, mode: int) -> None:
    """A file that only its owner can read brings no warning."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(mode)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ref({"file": str(path)}).read() == SECRET


def test_command() -> None:
    """A command's output without the line end is the secret; its arguments go through no shell."""
    assert command(f"print({SECRET!r})").read() == SECRET
    assert command("import sys; print(sys.argv[1])", "a b; $(x) * ''").read() == "a b; $(x) * ''"
    assert command("import sys; print(len(sys.argv))", "", "").read() == "3"


def test_command_gets_no_input() -> None:
    """A command that asks for a password gets the end of its input, and does not take what is typed here."""
    ours = os.dup(0)
    reading, writing = os.pipe()
    try:
        os.write(writing, b"typed")
        os.close(writing)
        os.dup2(reading, 0)
        assert command("import sys; print('<' + sys.stdin.read() + '>')").read() == "<>"
    finally:
        os.dup2(ours, 0)
        os.close(ours)
        os.close(reading)


def test_command_is_run_at_each_use(tmp_path: Path) -> None:
    """The secret is kept nowhere."""
    count = tmp_path / "count"
    reference = command(
        "import pathlib, sys; f = pathlib.Path(sys.argv[1]); f.open('a').write('x'); print(f.read_text())",
        str(count),
    )
    assert [reference.read(), reference.read()] == ["x", "xx"]


def test_command_that_fails() -> None:
    """The exit code is told; what the command printed is not, and neither are its arguments."""
    code = "import sys; print(sys.argv[1]); print(sys.argv[1], file=sys.stderr); sys.exit(7)"
    said = refusal(command(code, SECRET))
    assert f"the command {sys.executable} failed with exit code 7" in said
    assert "Run it by hand" in said


def test_command_that_prints_nothing_or_no_text() -> None:
    """No output, and output that is no text, are refused."""
    assert "is empty" in refusal(command("print()"))
    assert "is not UTF-8 text" in refusal(command(r"import sys; sys.stdout.buffer.write(b'\xff\xfe')"))
    assert "several lines" in refusal(command(f"print({SECRET!r}, 'more', sep=chr(10))"))


def test_command_that_cannot_be_started(tmp_path: Path) -> None:
    """A program that does not exist is named, without its arguments."""
    said = refusal(ref({"command": [str(tmp_path / "absent"), SECRET]}))
    assert f"{tmp_path / 'absent'} cannot be started: No such file" in said


def test_command_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that does not end is ended."""
    monkeypatch.setattr(secret_refs, "COMMAND_TIMEOUT", 0.3)
    code = "import sys, time; print(sys.argv[1], flush=True); time.sleep(60)"
    assert "gave no client secret in 0.3 s" in refusal(command(code, SECRET))


def test_keyring(keyring: FakeKeyring) -> None:
    """The entry of the service and the user name is the secret."""
    assert ref({"keyring": "service", "username": "me"}).read() == SECRET


def test_keyring_without_the_entry(keyring: FakeKeyring) -> None:
    """A missing entry is named, with the command that makes it."""
    said = refusal(ref({"keyring": "my service", "username": "you"}))
    assert "the keyring entry my service has no secret for the user name 'you'" in said
    assert "keyring set 'my service' you" in said


def test_keyring_locked(keyring: FakeKeyring) -> None:
    """A fault of the keyring is told by its kind; its own words might hold the secret."""
    keyring.fault = keyring.KeyringError(f"cannot unlock {SECRET}")
    said = refusal(ref({"keyring": "service", "username": "me"}))
    assert "the keyring entry service cannot be read: KeyringError" in said
    assert "Unlock" in said


def test_keyring_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library, the message says how to get it."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    said = refusal(ref({"keyring": "service", "username": "me"}))
    assert "the keyring library is not installed" in said
    assert "pip install 'aventus-creds[keyring]'" in said


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (SECRET, "profiles.toml"),
        ({"env": "NAME"}, "the environment variable NAME"),
        ({"file": "/a/b"}, "the file /a/b"),
        ({"command": ["pass", SECRET]}, "the command pass"),
        ({"keyring": "service", "username": "me"}, "the keyring entry service"),
    ],
)
def test_repr_names_the_place(place: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The repr of a reference, and of a profile with it, names the place and holds no secret."""
    monkeypatch.setenv("NAME", SECRET)
    profile = make_profile(client_secret=place, **AVENTUS)
    reference = profile.client_secret
    assert reference is not None
    assert repr(reference) == f"<SecretRef in {words}>"
    for shown in (repr(profile), str(profile), f"{reference}", f"{reference!s}", profile.key):
        assert SECRET not in shown
    assert words in repr(profile)


def test_a_reference_is_not_pickled() -> None:
    """It may hold the secret itself, and so may the profile that it is in: a worker reads its own."""
    with pytest.raises(TypeError, match="read the profile in the other process"):
        pickle.dumps(ref(SECRET))
    assert copy.deepcopy(one := ref(SECRET)) is one


def test_the_arguments_of_a_command_are_in_no_verbose_traceback() -> None:
    """IPython's Verbose mode evaluates the attributes and subscripts of the line that failed."""
    from IPython.core.ultratb import VerboseTB

    for command in ((sys.executable, "-c", "raise SystemExit(3)", SECRET), ("/no/such/program", SECRET)):
        hidden = [SecretRef("command", command)]
        with pytest.raises(SecretError) as caught:
            hidden[0].read()
        error = caught.value.with_traceback(caught.value.__traceback__.tb_next)  # type: ignore[union-attr]
        text = re.sub(r"\x1b\[[0-9;]*m", "", VerboseTB().text(type(error), error, error.__traceback__))
        assert "self" in text
        assert SECRET not in text
