"""What other users of the machine see of a child that got a token: its arguments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import KEYS, WriteProfiles, command, save
from support import make_token

SHOW = (
    "from pathlib import Path; print(*(Path(f'/proc/{process}/cmdline').read_bytes() for process in"
    " ('self', __import__('os').getppid())))"
)


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
@pytest.mark.parametrize("variable", [(), ("--env", "API_TOKEN")])
def test_the_token_is_in_no_process_list(write_profiles: WriteProfiles, variable: tuple[str, ...]) -> None:
    """Neither the child's arguments hold it, nor those of a process in between."""
    write_profiles({"job": KEYS})
    save("job", make_token("a-token-for-the-child"))
    done = command("exec", *variable, "job", "--", sys.executable, "-c", SHOW)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cmdline" in done.stdout
    assert "a-token-for-the-child" not in done.stdout
    name = variable[1] if variable else "AVENTUS_CREDS_TOKEN_JOB"
    show = f"import os; print(os.environ[{name!r}])"
    done = command("exec", *variable, "job", "--", sys.executable, "-c", show)
    assert done.stdout == "a-token-for-the-child\n"  # it was there to be seen
