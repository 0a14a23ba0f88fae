"""Hours in minutes: workers that share one login whose tokens live two seconds, while everything goes wrong.

    python -m tests.soak --processes 8 --minutes 10

Workers are killed, terminated and interrupted, also in the middle of a refresh; the server fails, hangs up before
and after it has acted, is slow, restarts, and revokes access tokens. Exits with 0 when every lost login was taken
by the server or the killer, and no failure was of an unexpected kind. ``--no-locks`` breaks the client: 1 is right.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import tomli_w
from support import free_port

import aventus_creds
from aventus_creds import AventusCredsError, get_session, login
from aventus_creds.profiles.file import read_profiles
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot
from aventus_creds.stores.opening import default_store
from aventus_creds.tokens import Token

from .ledger import Ledger
from .worker import PROFILE

LIFETIME = 2
HARMLESS = {signal.SIGINT, signal.SIGTERM}
"""Signals that a worker must be able to take in the middle of a refresh, once, without losing the login."""
EXPECTED = (
    r"KeyboardInterrupt",
    r"NetworkError in (transport|renewals|cached)\..*",
    r"TokenRefused 50[03] in (answer|renewals)\..*",
    r"ConnectionError in (retries|session|bearer)\..*",  # the API while the server restarts
    r"API answers 401",  # its renewed token was revoked too, before it came to use
)


class Soak:
    """The server, the workers and the mischief."""

    def __init__(self, processes: int, seed: int, folder: Path, ledger: Ledger, *, locks: bool) -> None:
        self.random, self._seed, self._folder, self._locks = random.Random(seed), seed, folder, locks
        self._ledger, self._counts, self._failures = ledger, Counter[str](), Counter[str]()
        self._slowest, self._dead, self._ready = 0.0, list[tuple[float, float]](), set[str]()
        self._struck = set[str]()
        self._good = [0, 0]  # calls with a good token, and how many of them waited
        self._accusations: list[tuple[str, float, float]] = []
        self._needs_login, self._ending, self._lock = threading.Event(), False, threading.Lock()
        self._log = (folder / "stderr").open("wb")
        self._sandbox = self._serve(redirect_uri=f"http://127.0.0.1:{free_port()}/callback")
        profile = {**self._sandbox.profiles()["athoc"], "callback": "loopback", "login_timeout": 10}
        (folder / "profiles.toml").write_text(tomli_w.dumps({"profiles": {PROFILE: profile}}))
        (folder / "profiles.toml").chmod(0o600)
        os.environ["AVENTUS_CREDS_PROFILES"] = str(folder / "profiles.toml")
        os.environ["AVENTUS_CREDS_STATE_DIR"] = str(folder / "state")
        os.environ["PYTHONPATH"] = str(Path(aventus_creds.__file__).parents[1])  # no other copy of it
        self._key = read_profiles().profile(PROFILE).key
        self._log_in()
        self._workers: list[tuple[str, subprocess.Popen[bytes]]] = []
        for _ in range(processes):
            self._workers.append(self._start())
        while len(self._ready) < processes:  # a slow machine is no reason to count from before the first call
            time.sleep(0.02)
        threading.Thread(target=self._keep_logged_in, daemon=True).start()
        self._first_size = ""

    # The server

    def _serve(self, before: Sandbox | None = None, **settings: Any) -> Sandbox:
        port = int(before.url.rpartition(":")[2]) if before else 0
        sandbox = Sandbox(port, token_lifetime=LIFETIME, **settings)
        if before:  # it restarts, and forgets nothing
            vars(sandbox._state).update(vars(before._state))
            vars(sandbox._journal).update(vars(before._journal))
        self._ledger.watch_answers(sandbox)
        return sandbox.__enter__()

    def _restart(self) -> None:
        self._sandbox.close()
        time.sleep(self.random.uniform(0, 1))
        self._sandbox = self._serve(self._sandbox)

    # The person

    def _keep_logged_in(self) -> None:
        while self._needs_login.wait() and not self._ending:
            if self._is_dead():
                self._log_in()
                died = min((loss.at for loss in self._ledger.losses[len(self._dead) :]), default=time.time())
                self._dead.append((died, time.time()))
                self._counts["logins again"] += 1
            self._needs_login.clear()

    def _log_in(self) -> None:
        for _ in range(20):  # the mischief strikes the token requests of logins too
            try:
                with redirect_stderr(io.StringIO()):
                    login(PROFILE, browser=Robot())
            except AventusCredsError as fault:
                self._counts[f"logins disturbed: {type(fault).__name__}"] += 1
            else:
                return
        raise AssertionError("twenty logins failed")

    # The workers

    def _start(self) -> tuple[str, subprocess.Popen[bytes]]:
        self._counts["workers started"] += 1
        name = f"worker-{self._counts['workers started']}"
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), name, str(self._seed)]
        process = subprocess.Popen(
            command if self._locks else [*command, "--no-locks"], stdout=subprocess.PIPE, stderr=self._log
        )
        threading.Thread(target=self._listen, args=(name, process), daemon=True).start()
        return name, process

    def _listen(self, name: str, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout
        for line in process.stdout:
            if not line.endswith(b"\n"):
                continue  # it was killed while it wrote this
            told = json.loads(line)
            with self._lock:
                self._ready.add(name)
                self._slowest = max(self._slowest, told.get("slowest", 0))
                self._good[0] += told.get("good", 0)
                self._good[1] += told.get("waited", 0)
                for answer, count in told.get("answers", {}).items():
                    self._counts["calls"] += count
                    if answer not in {"200", "token", "too late"}:
                        self._failures[f"API answers {answer}"] += count
                if kind := told.get("failure"):
                    self._failures[kind] += 1
                    if kind.startswith("LoginRequired"):
                        self._accusations.append((kind, told["begin"], told["end"]))
                        self._needs_login.set()
        process.stdout.close()

    # The mischief

    def _strike(self, signals: tuple[int, ...], victim: int | None = None) -> None:
        """Send ``signals`` to a worker. The first one is never killed: it shows what grows."""
        if victim is None:
            victim = self.random.randrange(1 if signals[0] != signal.SIGINT else 0, len(self._workers))
        name, process = self._workers[victim]
        if signals[0] == signal.SIGINT and name not in self._ready:
            return  # Python itself ends by an interrupt while it starts
        self._struck.add(name)
        for number in signals:
            self._ledger.struck(name, signal.Signals(number).name, harmless=number in HARMLESS)
            process.send_signal(number)
            time.sleep(0.05)
        self._counts["struck by " + " ".join(signal.Signals(number).name for number in signals)] += 1

    def _strike_in_mid_refresh(self) -> None:
        self._sandbox.token_delay = delay = self.random.uniform(0, 0.2)
        asking = self._ledger.next_worker(LIFETIME + 1)
        time.sleep(self.random.uniform(0, delay + 0.05))
        for victim, (name, _) in enumerate(self._workers):
            if victim and name == asking:
                self._counts["of these in mid-refresh"] += 1
                self._strike((self.random.choice([signal.SIGKILL, signal.SIGTERM]),), victim)

    def _freeze(self) -> None:
        """Stop a worker for a while, as docker pause and a laptop that sleeps do."""
        name, process = self._workers[self.random.randrange(1, len(self._workers))]
        if name in self._ready and process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            threading.Timer(self.random.uniform(0.2, 1.5), process.send_signal, [signal.SIGCONT]).start()

    def misbehave(self) -> None:
        """Do one thing that goes wrong out there, and start the killed workers again."""
        sandbox, rare = self._sandbox, self.random.random() < 0.3
        quiet = not sandbox._faults  # else they would pile up, and no refresh ever succeed
        mischief: dict[str, tuple[float, Callable[[], object]]] = {
            "500": (6 * quiet, lambda: sandbox.fail_next_token(1, 500)),
            "503": (6 * quiet, lambda: sandbox.fail_next_token(self.random.randint(1, 3), 503)),
            "dropped": (6 * quiet, lambda: sandbox.fail_next_token(1, "drop")),
            "answer lost": (2 * quiet * rare, lambda: sandbox.fail_next_token(1, "lose")),
            "slow": (10, lambda: setattr(sandbox, "token_delay", self.random.uniform(0, 0.5))),
            "quick": (10, lambda: setattr(sandbox, "token_delay", 0)),
            "access tokens revoked": (8, lambda: sandbox.revoke_all("athoc-pkce", refresh_tokens=False)),
            "restart": (3, self._restart),
            "kill": (12, lambda: self._strike((signal.SIGKILL,))),
            "terminate": (6, lambda: self._strike((signal.SIGTERM,))),
            "interrupt": (8, lambda: self._strike((signal.SIGINT,))),
            "interrupt twice": (1, lambda: self._strike((signal.SIGINT, signal.SIGINT))),
            "kill in mid-refresh": (2, self._strike_in_mid_refresh),
            "frozen": (4, self._freeze),
        }
        weights = [weight for weight, _ in mischief.values()]
        [what] = self.random.choices(list(mischief), weights) if self._locks else ["slow"]
        self._counts[f"mischief: {what}"] += 1
        mischief[what][1]()
        self.token()
        for place, (name, process) in enumerate(self._workers):
            if (code := process.poll()) is not None:
                if name not in self._struck:
                    self._failures[f"a worker ended by itself with {code}"] += 1
                self._workers[place] = self._start()

    def token(self) -> Token | None:
        """Return what the store holds, and let the ledger know."""
        token = default_store().load(self._key)
        self._ledger.stored(token.refresh_token if token else None)
        return token

    def end(self, seconds: float) -> list[str]:
        """Stop everything, see that the login goes on or was taken, and return the report on those ``seconds``."""
        time.sleep(1)  # what is under way comes to its end
        size = self._size()
        self._ending = True
        for name, process in self._workers:
            self._ledger.struck(name, "SIGKILL", harmless=False)
            process.kill()
            process.wait()
        self._sandbox.token_delay, self._sandbox._faults = 0, type(self._sandbox._faults)()
        losses = len(self._ledger.losses)
        try:
            status = get_session(PROFILE, interactive=False).get("/v1/me").status_code
        except AventusCredsError as fault:
            if len(self._ledger.losses) == losses and not self._is_dead():
                self._failures[f"{type(fault).__name__} at the end"] += 1
        else:
            self._counts["calls"] += status == 200
        self._sandbox.close()
        self._log.close()
        return self._report(seconds, size)

    def _is_dead(self) -> bool:
        token = self.token()
        return not token or self._sandbox._state.refresh_tokens[token.refresh_token or ""].is_revoked()

    # The report

    def line(self) -> str:
        """Return how it goes, in one line."""
        size = self._size()
        self._first_size = self._first_size or size
        return (
            f"{self._counts['calls']} calls, {len(self._ledger.rotations)} refreshes,"
            f" {sum(self._failures.values())} failures, {len(self._ledger.losses)} logins lost"
            f" ({self.judged()['']} without a cause), oldest worker {size}"
        )

    def _report(self, seconds: float, size: str) -> list[str]:
        refreshes, losses = len(self._ledger.rotations), self.judged()
        files = [path for path in (self._folder / "state").rglob("*") if path.is_file()]
        return [
            f"{seconds:.0f} s, {self._counts['calls']} calls, the slowest {self._slowest:.1f} s",
            f"calls with a good token: {self._good[0]}, that waited more than half a second: {self._good[1]}",
            f"refreshes: {refreshes}, {refreshes * LIFETIME / seconds:.2f} in each lifetime of {LIFETIME} s",
            f"requests that the server answered: {len(self._sandbox.journal)}",
            *(f"{what}: {count}" for what, count in sorted(self._counts.items()) if what != "calls"),
            *(f"failure: {kind}: {count}" for kind, count in sorted(self._failures.items())),
            f"reuse detections: {self._sandbox.reuse_detections}",
            f"logins taken: {losses['answer lost']} with a lost answer, {losses['holder killed']} with their holder",
            f"logins lost otherwise: {losses['']}",
            *(self._ledger.story(loss) for loss in self._ledger.losses if not self._ledger.cause(loss)),
            f"oldest worker: {self._first_size or '?'} after a minute, {size} at the end",
            "files: " + ", ".join(sorted(path.name.replace(self._key, "KEY") for path in files)),
        ]

    def _size(self) -> str:
        """Return what the oldest worker holds, where the system tells."""
        process = Path(f"/proc/{self._workers[0][1].pid}")
        if not process.exists():
            return "of unknown size"
        status = (process / "status").read_text()
        memory, threads = (re.findall(rf"{word}:\s+(\d+)", status)[0] for word in ("VmRSS", "Threads"))
        files = len(list((process / "fd").iterdir()))
        return f"{int(memory) / 1024:.1f} MiB, {files} descriptors, {threads} threads"

    def judged(self) -> Counter[str]:
        """Count the lost logins by their cause. "" is the client's fault."""
        return Counter(map(self._ledger.cause, self._ledger.losses))

    def unexpected(self) -> list[str]:
        """Return the kinds of failure that nothing here explains."""
        dead = [*self._dead, *((loss.at, time.time()) for loss in self._ledger.losses[len(self._dead) :])]
        without_cause = [
            f"{kind} while the login lived"
            for kind, begin, end in self._accusations
            if not any(begin <= until and end >= since for since, until in dead)
        ]
        kinds = [
            kind for kind in self._failures if not re.match(r"LoginRequired in (renewals|renewing)\.", kind)
        ]
        noise = re.findall(
            r"^(?:Exception ignored|Traceback).*(?:\n .*)*(?:\n.*)?",
            (self._folder / "stderr").read_text(),
            re.MULTILINE,
        )
        files = {path.name.removeprefix(self._key) for path in (self._folder / "state").rglob("*.*")}
        # A note says what the last refresh met; that of a worker that was killed waits for the next refresh.
        strange = files - {".json", ".lock", ".json.tmp", ".note"}
        return [
            *without_cause,
            *(kind for kind in kinds if not any(re.fullmatch(known, kind) for known in EXPECTED)),
            *noise,
            *(f"left in the state folder: {name}" for name in sorted(strange)),
        ]


def main() -> int:
    """Run the soak. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--no-locks", action="store_true", help="break the client, until it is noticed")
    wanted = parser.parse_args()
    print(f"seed {wanted.seed}", flush=True)
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as folder, ledger.watching():
        soak = Soak(wanted.processes, wanted.seed, Path(folder), ledger, locks=not wanted.no_locks)
        begin = time.monotonic()
        minute = begin + 60
        try:
            while (now := time.monotonic()) < begin + wanted.minutes * 60:
                soak.misbehave()
                if wanted.no_locks and soak.judged()[""]:
                    break
                time.sleep(soak.random.uniform(0, 0.8))
                if now > minute:
                    minute += 60
                    print(f"{(now - begin) / 60:3.0f} min: {soak.line()}", flush=True)
        finally:
            report = soak.end(time.monotonic() - begin)
            print("\n".join(report), flush=True)
        unexpected, lost = soak.unexpected(), soak.judged()[""]
    print("unexpected:", *(unexpected or ["nothing"]), sep="\n  ")
    return 1 if unexpected or lost else 0


if __name__ == "__main__":
    sys.exit(main())
