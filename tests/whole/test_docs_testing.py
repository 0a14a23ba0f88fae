"""The page on testing programs that use this library: its examples pass, and its cassettes keep no token."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import aventus_creds

PAGE = (Path(aventus_creds.__file__).parent / "docs" / "testing.md").read_text("utf-8")
CONFTEST, *EXAMPLES, RECORDER = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

PLAY = """
import time

import pytest

from aventus_creds import get_session, login
from aventus_creds.sandbox import Sandbox
from aventus_creds.stores.memory import MemoryStore
from aventus_creds.tokens import Token


def write(path, table, **more):
    lines = [f"{key} = {value!r}" for key, value in (table | more).items() if isinstance(value, str)]
    path.write_text("[profiles.mine]\\n" + "\\n".join(lines))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("client", ["backoffice", "oidc-confidential"])  # JSON, and a form with Basic
def test_a_cassette(tmp_path, client):
    seen, tape, path = [], tmp_path / "tape.yaml", tmp_path / "mine.toml"
    with Sandbox() as sandbox:
        table = sandbox.profiles()[client]
        for key in ("redirect_uri", "callback"):
            table.pop(key, None)
        write(path, table, grant="client_credentials")
        for _ in range(2):
            store = MemoryStore()
            with recorder.use_cassette(str(tape)) as cassette:
                session = get_session("mine", profiles=path, store=store)
                assert session.get("/v1/me").status_code == 200
            seen.append(next(iter(store._tokens.values())).access_token)
            text = tape.read_text()
            for secret in (seen[0], table["client_secret"], "Basic", "Bearer "):
                assert secret not in text
        assert seen[0] != "filtered"
        assert seen[1] == "filtered"
        assert cassette.play_count >= 2  # the token and the API; discovery is cached
"""


def run(tmp_path: Path, **files: str) -> str:
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text), "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100, env=os.environ
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_examples_pass(tmp_path: Path) -> None:
    """Each block with the conftest.py of the page, in a process of its own."""
    told = run(
        tmp_path, conftest=CONFTEST, **{f"test_{number}": text for number, text in enumerate(EXAMPLES)}
    )
    assert f"{PAGE.count('def test_')} passed" in told


def test_no_cassette_keeps_a_token(tmp_path: Path) -> None:
    """Recorded against a real server and played again: neither tokens nor the client's secret are in the file."""
    run(tmp_path, conftest=CONFTEST, test_play=RECORDER + PLAY)
