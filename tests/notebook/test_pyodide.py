"""In a browser's Python: real Pyodide, as JupyterLite runs it, from npm."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from support import MACHINE, REPOSITORY, unavailable

pytestmark = pytest.mark.heavy

VERSION = "314.0.7"
START = """
import { loadPyodide } from "pyodide";
const python = await loadPyodide();
const [packages, own, code] = process.argv.slice(2);
python.FS.mkdirTree("/packages");
python.FS.mkdirTree("/source/aventus_creds");
python.mountNodeFS("/packages", packages);
python.mountNodeFS("/source/aventus_creds", own);
await python.runPythonAsync(code);
"""
CODE = """
import os, sys, warnings
sys.path[:0] = ["/source"]
sys.path.append("/packages")  # after Pyodide's own
warnings.simplefilter("ignore")
os.environ["AVENTUS_CREDS_PROFILES"] = "/profiles.toml"
open("/profiles.toml", "w").write('''
[profiles.prod]
authorize_url = "https://login.example.com/authorize"
token_url = "https://login.example.com/token"
client_id = "someone"
redirect_uri = "http://127.0.0.1:8765/callback"
api_url = "https://api.example.com/"
''')
from aventus_creds import AventusCredsError, get_session, get_token, login, logout

def say(call):
    try:
        print(call())
    except AventusCredsError as error:
        print(type(error).__name__, "AVENTUS_CREDS_TOKEN_PROD" in str(error))

say(lambda: get_session("prod"))
say(lambda: get_session("prod", interactive=True))
say(lambda: get_token("prod"))
say(lambda: login("prod"))
say(lambda: login("prod", browser=print))
say(lambda: logout("prod").found)
os.environ["AVENTUS_CREDS_TOKEN_PROD"] = "injected"
say(lambda: get_session("prod"))
"""


@pytest.fixture(scope="session")
def pyodide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where Pyodide is installed, with a program that runs Python in it."""
    folder = tmp_path_factory.mktemp("pyodide")
    (folder / "start.mjs").write_text(START)
    try:
        install = [shutil.which("npm") or "npm", "install", "--silent", "--no-audit", f"pyodide@{VERSION}"]
        subprocess.run(install, cwd=folder, env=MACHINE, check=True, timeout=110, capture_output=True)
    except (OSError, subprocess.SubprocessError) as fault:
        unavailable(f"Pyodide cannot be installed: {fault}")
    return folder


def test_what_is_possible_in_pyodide(pyodide: Path) -> None:
    """A login is not, and the error names what is: an injected token, which works."""
    packages = sysconfig.get_paths()["purelib"]
    command = ["node", "start.mjs", packages, str(REPOSITORY / "aventus_creds"), CODE]
    ended = subprocess.run(command, cwd=pyodide, capture_output=True, text=True, timeout=110, check=False)
    assert ended.stdout.splitlines() == [
        *["LoginRequired True"] * 5,
        "False",
        "<ApiSession prod https://api.example.com/>",
    ], ended.stderr
