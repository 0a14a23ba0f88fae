"""What a script pays: a fresh process that makes one API call with a cached token, beside bare requests.

    python tests/benchmarks/cold.py [PAIRS]

Both make the same call to the same local server, in turns. Prints the CPU time of each (user and system, of the
whole process) and the median of the pairs' ratios.
"""

from __future__ import annotations

import compileall
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tomli_w

sys.path.insert(0, str(Path(__file__).parents[1]))
from support import Sent, Web, make_token

import aventus_creds
from aventus_creds.profiles import read_profiles
from aventus_creds.stores import default_store

FLOOR = """
import requests
answer = requests.get({url!r} + "/v1/me", headers={{"Authorization": "Bearer an-access-token"}})
assert answer.status_code == 200
"""
OURS = """
from aventus_creds import get_session
answer = get_session("prod").get("/v1/me")
assert answer.status_code == 200
"""


def cpu_ms(code: str) -> float:
    """Return the CPU milliseconds of a fresh interpreter that runs ``code``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def main() -> None:
    """Measure and print."""
    compileall.compile_dir(Path(aventus_creds.__file__).parent, quiet=1)  # as an installed package is
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 31
    with tempfile.TemporaryDirectory() as folder, Web() as web:
        web.answer = lambda _: Sent(body={"sub": "ada"})
        profiles = Path(folder, "profiles.toml")
        keys = {"issuer": "https://as.example.com", "client_id": "c", "api_url": web.url}
        profiles.write_text(tomli_w.dumps({"profiles": {"prod": keys}}))
        os.environ["AVENTUS_CREDS_PROFILES"] = str(profiles)
        os.environ["AVENTUS_CREDS_STATE_DIR"] = folder
        key = read_profiles().profile("prod").key
        store = default_store()
        with store.lock(key):
            store.save(key, make_token(lifetime=86400))
        programs = {"bare requests": FLOOR.format(url=web.url), "aventus_creds": OURS}
        taken: dict[str, list[float]] = {name: [] for name in programs}
        for _ in range(pairs):
            for name, code in programs.items():
                taken[name].append(cpu_ms(code))
            time.sleep(0.01)
    ratios = [ours / floor for floor, ours in zip(*taken.values(), strict=True)]
    for name, times in taken.items():
        print(f"{name:14} CPU ms: median {statistics.median(times):6.1f}, least {min(times):6.1f}")
    print(f"ratio of CPU time: median {statistics.median(ratios):.3f} of {pairs} pairs")


main()
