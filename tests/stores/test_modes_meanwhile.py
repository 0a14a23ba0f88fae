"""Modes while a file is made, not only afterwards: what is open for a moment can be opened in that moment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = '''
import os, stat, sys
from pathlib import Path
from support import make_token
from aventus_creds.stores.file import FileStore

top = Path(sys.argv[1])
looking, seen = [], set()

def look(event, arguments):
    """Before each call of the system: the state after the one before."""
    if looking or not event.startswith(("open", "os.", "fcntl.", "socket.")):
        return
    looking.append(event)
    try:
        for folder, folders, files in os.walk(top):
            for name in (*folders, *files):
                try:
                    mode = stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode)
                except FileNotFoundError:
                    continue
                seen.add(name)
                if mode & 0o077:
                    print(f"{name} is {mode:o} before {event}")
    finally:
        looking.clear()

store, token = FileStore(top / "state"), make_token()
with store.lock("warm"):
    pass
for path in sorted(top.rglob("*"), reverse=True):
    path.rmdir() if path.is_dir() else path.unlink()
(top / "state").rmdir() if (top / "state").exists() else None
os.umask(0)
sys.addaudithook(look)
for _ in range(2):
    with store.lock("prod"):
        store.save("prod", token)
look("os.end", ())
assert {"state", "tokens", "prod.json", "prod.json.tmp", "prod.lock"} <= seen, seen
'''


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_nothing_is_open_meanwhile(tmp_path: Path) -> None:
    """Not for a moment between two calls of the system, with a umask that closes nothing."""
    helpers = Path(__file__).parents[1] / "helpers"
    path = os.pathsep.join(filter(None, [str(helpers), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("", "")
