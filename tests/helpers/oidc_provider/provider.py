"""Starts oidc-provider, a certified authorization server from npm, for tests that need a real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin

import requests
from support import MACHINE

HERE = Path(__file__).parent
STARTS_WITHIN = 30.0
STEPS = 20


def why_unavailable() -> str | None:
    """Say why the server cannot run on this machine; None where it can."""
    absent = [program for program in ("node", "npm") if shutil.which(program) is None]
    return (
        f"{' and '.join(absent)} not found: the tests against oidc-provider need Node.js" if absent else None
    )


class OidcProvider:
    """A context manager: installed into ``directory`` and running inside the ``with`` block.

    ``issuer``, ``resource`` (of the API that gets JWT access tokens) and ``secrets`` (by client id; ``""``
    for a public client) are known once it runs. ``clients`` are registered beside its own. ``machine`` has clients with
    a key or a certificate, and the certificate of the port that asks for theirs: see server.mjs. ``port`` 0 is a free
    one. Packages that ``directory`` holds already serve again.
    """

    issuer: str
    resource: str
    secrets: dict[str, str]

    def __init__(
        self,
        directory: Path,
        *,
        access_token_ttl: int = 60,
        clients: Sequence[Mapping[str, Any]] = (),
        machine: Mapping[str, Any] | None = None,
        port: int = 0,
    ) -> None:
        self._directory = directory
        self._environment = {"ACCESS_TOKEN_TTL": str(access_token_ttl), "CLIENTS": json.dumps(clients)}
        if machine:
            self._environment["MACHINE"] = json.dumps(machine)
        self._port = port
        self._log = directory / "log.jsonl"
        self._errors = directory / "errors.txt"
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self._install()
        with ExitStack() as starting:
            self._start(starting)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def log(self) -> list[dict[str, str]]:
        """What happened so far, the oldest first, complete up to the last answer that the server gave.

        Each has ``event`` (grant.success, refresh_token.consumed ...), ``client_id``, ``client_auth`` (basic,
        post, assertion), ``grant_type``, ``error``, ``error_description`` and ``error_detail`` (what the client was not
        told); ``""`` stands for what does not apply.
        """
        return self._lines()[1:]

    def login(self, url: str, *, refuse: bool = False) -> str:
        """Log in at the authorize address ``url``; return the address redirected to, without fetching it."""
        answer = self._walk(url, refuse=refuse)
        if not answer.is_redirect:
            raise AssertionError(f"a page instead of a redirect: {answer.status_code} {answer.text}")
        return urljoin(answer.url, answer.headers["Location"])

    def approve_device(self, user_code_url: str, *, refuse: bool = False) -> None:
        """Approve, or refuse, the device at its ``verification_uri_complete``."""
        answer = self._walk(user_code_url, refuse=refuse)
        title = "Device refused" if refuse else "Device approved"
        if f"<title>{title}</title>" not in answer.text:
            raise AssertionError(f"not the page {title!r}: {answer.status_code} {answer.text}")

    def _walk(self, url: str, *, refuse: bool) -> requests.Response:
        """Submit every form on the way to a redirect elsewhere or a page without a form; return that."""
        with requests.Session() as browser:
            browser.trust_env = False  # the machine's proxy must not be used for the loopback interface
            answer = browser.get(url, allow_redirects=False, timeout=10)
            for _ in range(STEPS):
                if answer.is_redirect:
                    address = urljoin(answer.url, answer.headers["Location"])
                    if not address.startswith(f"{self.issuer}/"):
                        return answer
                    answer = browser.get(address, allow_redirects=False, timeout=10)
                    continue
                form = _Form(answer.text)
                if form.action is None:
                    return answer
                choice = {"abort": "yes"} if refuse else {}
                address = urljoin(answer.url, form.action)
                answer = browser.post(address, form.fields | choice, allow_redirects=False, timeout=10)
        raise AssertionError(f"no end after {STEPS} steps, now at {answer.url}")

    def _install(self) -> None:
        directory, lock = self._directory, "package-lock.json"
        directory.mkdir(parents=True, exist_ok=True)
        # npm writes this file last. If it exists, the packages are complete and need not be installed again.
        finished = directory / "node_modules" / ".package-lock.json"
        same = (directory / lock).is_file() and (directory / lock).read_bytes() == (HERE / lock).read_bytes()
        for name in ("package.json", lock, "server.mjs"):
            shutil.copyfile(HERE / name, directory / name)
        if same and finished.is_file():
            return
        command = [_program("npm"), "ci", "--omit=dev", "--no-audit", "--no-fund"]
        for attempts_left in (1, 0):
            done = subprocess.run(
                command, cwd=directory, env=MACHINE, capture_output=True, text=True, timeout=50, check=False
            )
            if done.returncode == 0:
                return
            if not attempts_left:
                raise RuntimeError(f"npm ci failed twice:\n{done.stdout}{done.stderr}")

    def _start(self, stack: ExitStack) -> None:
        # Use files and not pipes: nothing has to read them, and Node writes to files synchronously.
        out, err = (stack.enter_context(path.open("wb")) for path in (self._log, self._errors))
        process = subprocess.Popen(
            [_program("node"), "server.mjs"],
            cwd=self._directory,
            env=os.environ | {"PORT": str(self._port)} | self._environment,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=err,
        )
        stack.callback(_stop, process)
        until = time.monotonic() + STARTS_WITHIN
        while not (lines := self._lines()):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the server did not start:\n{self._errors.read_text('utf-8')}")
            time.sleep(0.02)
        self.issuer = f"http://127.0.0.1:{lines[0]['port']}"
        self.resource = lines[0]["resource"]
        self.secrets = lines[0]["secrets"]

    def _lines(self) -> list[dict[str, Any]]:
        """Return the log; a line that is still being written is none yet."""
        lines = self._log.read_text("utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]


class _Form(HTMLParser):
    """The only form of a page: where it goes (None without a form) and what its inputs hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given["action"]
        elif tag == "input":
            self.fields[given["name"]] = given.get("value", "")


def _program(name: str) -> str:
    """Return the full path: on Windows npm is npm.cmd, which subprocess does not find by itself."""
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(why_unavailable())
    return path


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Close the server's stdin, at which it ends by itself."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
