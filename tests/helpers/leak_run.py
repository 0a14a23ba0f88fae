"""A process that tells all it can, a server that quotes what it is told, and what is searched afterwards."""

from __future__ import annotations

import base64
import json
import os
import pty
import secrets
import select
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from html import escape
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from leaks import Wire
from support import HELPERS, Seen, Sent, Web

from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot

WITNESS = HELPERS / "leak_witness.py"
ELSEWHERE = "https://app.example.com/callback"
EVIL_SECRET = 'evil "client" secret: 50%/+é'


def new_secret() -> str:
    return secrets.token_urlsafe(27)


class EvilServer:
    """An authorization server that quotes what it is told, or answers something else that is wrong: by ``mode``."""

    MODES = (
        "quote",
        "quote-text",
        "quote-nested",
        "unusable",
        "other-type",
        "endless",
        "redirect",
        "drop",
        "html",
    )

    def __init__(self, web: Web, wire: Wire) -> None:
        self.mode = "good"
        self.client = 0
        self.url = web.url
        self._wire = wire
        web.answer = wire.tap_web(self._answer)

    def _answer(self, seen: Seen) -> Sent:
        told = f"{seen.body.decode()} {seen.headers.get('Authorization', '')} {seen.headers.get('DPoP', '')}"
        tokens = {name: new_secret() for name in ("access_token", "refresh_token", "device_code")}
        text = json.dumps(tokens).encode()
        self._wire.answer("", text)
        if seen.path == "/me":
            return Sent(drop=True)
        if seen.path == "/short":
            wants = 'Bearer error="insufficient_scope", scope="everything"'
            return Sent(403, b"no", {"WWW-Authenticate": wants})
        if self.mode == "interrupt":
            os.kill(self.client, signal.SIGINT)
            time.sleep(0.3)
        if self.mode == "nonce":
            claims = base64.urlsafe_b64encode(json.dumps({"nonce": new_secret()}).encode()).decode()
            return Sent(body={**tokens, "id_token": f"e30.{claims}.{secrets.token_urlsafe(24)}"})
        return {
            "quote": Sent(400, {"error": "invalid_grant", "error_description": told}),
            "quote-text": Sent(400, told.encode(), {"Content-Type": "text/plain"}),
            "quote-nested": Sent(500, {"error": {"code": told, "message": told}, "detail": told}),
            "unusable": Sent(200, {**tokens, "access_token": tokens["access_token"] + " x"}),
            "other-type": Sent(200, {**tokens, "token_type": "mac"}),
            "endless": Sent(200, text + b" " * 2**21),
            "redirect": Sent(302, text, {"Location": f"{self.url}/?{urlencode(tokens)}"}),
            "drop": Sent(drop=True),
            "html": Sent(200, f"<p>{told}".encode(), {"Content-Type": "text/html"}),
        }.get(self.mode, Sent(200, {**tokens, "expires_in": 3600}))

    def redirect(self, url: str) -> None:
        """Be the browser that comes back from the authorization endpoint."""
        query = parse_qs(urlsplit(url).query)
        state = query["state"][0]
        answer = {"code": new_secret(), "state": state}
        if self.mode == "denied":
            answer = {"error": "access_denied", "error_description": f"no {state} {query}", "state": state}
        if self.mode == "foreign":
            answer["iss"] = "https://evil.example"
        self._wire.request(f"?{urlencode(answer)}", {}, b"")
        with suppress(requests.RequestException):
            requests.get(query["redirect_uri"][0], params=answer, timeout=5)


class Run:
    """A process that tells all it can; ``texts`` is what it told, by place, the authorization requests taken out.

    Those are shown to the person and given to the browser by design; their state dies with the login.
    """

    def __init__(self, sandbox: Sandbox, evil: EvilServer, wire: Wire, folder: Path) -> None:
        self._sandbox = sandbox
        self.evil = evil
        self._wire = wire
        self.folder = folder
        self.texts: dict[str, bytes] = {}
        self._processes: dict[str, bytes] = {}
        self._urls: set[str] = set()
        self._mark = f"LEAK_RUN={secrets.token_hex(8)}"
        self._stop = threading.Event()

    def witness(self, *scenarios: str, terminal: bool = False, **variables: str) -> None:
        """Run the scenarios of leak_witness.py in one process, and wait for its end."""
        hear, to_child = os.pipe()
        from_child, tell = os.pipe()
        name, _, value = self._mark.partition("=")
        environment = os.environ | variables | {"TELL": str(tell), "HEAR": str(hear), name: value}
        master = slave = -1
        if terminal:
            master, slave = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-X", "faulthandler", str(WITNESS), *scenarios],
            env=environment,
            cwd=self.folder / "work",
            stdin=slave if terminal else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=slave if terminal else subprocess.PIPE,
            pass_fds=(hear, tell),
            start_new_session=True,
        )
        for descriptor in (hear, tell, *([slave] if terminal else [])):
            os.close(descriptor)
        self.evil.client = process.pid
        shown: list[bytes] = []
        threads = [
            threading.Thread(target=self._serve, args=(from_child, to_child, master)),
            threading.Thread(target=self._watch, args=(environment,)),
            *([threading.Thread(target=_read_all, args=(master, shown))] if terminal else []),
        ]
        for thread in threads:
            thread.start()
        try:
            stdout, stderr = process.communicate(timeout=100)
        finally:
            process.kill()
            self._stop.set()
            for thread in threads:
                thread.join(5)
            for descriptor in (from_child, to_child, *([master] if terminal else [])):
                os.close(descriptor)
        assert process.returncode == 0, (stderr or b"".join(shown))[-3000:].decode("utf-8", "replace")
        self._keep("stdout", stdout)
        self._keep("stderr", stderr or b"".join(shown))
        for place, text in self._processes.items():
            self._keep(place, text)

    def _keep(self, place: str, text: bytes) -> None:
        """Keep a text, without the authorization requests."""
        for url in sorted(self._urls, key=len, reverse=True):
            for form in (url, escape(url, quote=True), json.dumps(escape(url, quote=True))[1:-1]):
                text = text.replace(form.encode(), b"<the authorization request>")
        self.texts[place] = text

    def _serve(self, source: int, target: int, master: int) -> None:
        """Answer what the process asks for: a browser, a redirect's address, a revocation."""
        with os.fdopen(os.dup(source), encoding="utf-8") as lines:
            for line in lines:
                what, _, rest = line.strip().partition(" ")
                os.write(target, f"{self._do(what, rest, master)}\n".encode())

    def _do(self, what: str, rest: str, master: int) -> str:
        if what in {"open", "address", "paste"}:
            self._urls.add(rest)
            self._wire.request(rest, {}, b"")
        if what == "open" and rest.startswith(self.evil.url):
            threading.Thread(target=self.evil.redirect, args=(rest,), daemon=True).start()
        elif what == "open":
            Robot()(rest)
        elif what == "address":
            return Robot().redirect_address(rest)
        elif what == "paste":
            os.write(master, Robot().redirect_address(rest).encode() + b"\n")
        elif what == "mode":
            self.evil.mode = rest
        elif what == "revoke":
            client, _, which = rest.partition(" ")
            self._sandbox.revoke_all(client, refresh_tokens=which == "all")
        return "done"

    def _watch(self, given: dict[str, str]) -> None:
        """Look at the process list until the end: arguments, and what variables were added."""
        variables = {f"{name}={value}".encode() for name, value in given.items()}
        others: set[str] = set()  # which stay so: a process of ours has the mark from its beginning on
        while not self._stop.wait(0.02):
            for folder in Path("/proc").iterdir():
                if not folder.name.isdigit() or folder.name in others:
                    continue
                with suppress(OSError):
                    found = (folder / "environ").read_bytes()
                    if self._mark.encode() not in found:
                        others.add(folder.name)
                        continue
                    line = (folder / "cmdline").read_bytes()
                    added = set(found.split(b"\0")) - variables
                    self._processes[f"process {line!r}"] = line + b"\n" + b"\n".join(added)

    def files(self) -> dict[str, bytes]:
        """Return what lies in every folder after the run, but for what the test wrote, and the token files."""
        found = {}
        for path in self.folder.rglob("*"):
            given = path.is_relative_to(self.folder / "given") or path.name == "profiles.toml"
            if given or not path.is_file():
                continue
            if path.parent.name == "tokens" and path.suffix == ".json":
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
                assert set(json.loads(path.read_bytes())) - {"proof_key"} == {
                    *("format", "key", "access_token", "token_type", "obtained_at"),
                    *("expires_at", "refresh_token", "refresh_expires_at", "scope", "id_token", "extra"),
                }
                continue
            found[f"file {path.relative_to(self.folder)}"] = path.read_bytes()
        return found


def _read_all(descriptor: int, into: list[bytes]) -> None:
    with suppress(OSError):  # the other side has hung up
        while select.select([descriptor], [], [], 10)[0] and (data := os.read(descriptor, 65536)):
            into.append(data)
