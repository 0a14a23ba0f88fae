"""No secret shows: whole logins in processes that tell all they can, and a search through everything they left.

``Run`` is a process that tells all it can; ``EvilServer`` quotes what it is told, or answers something else wrong.
"""

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
from collections.abc import Callable, Iterator
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import nbformat
import pytest
import requests
from jupyter_apps import KERNEL, install_kernel, isolated_environment, notebook_of
from leaks import Wire, forms, hits
from nbclient import NotebookClient
from support import HELPERS, Seen, Sent, Web, free_port

from aventus_creds import login
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot

if sys.platform == "win32":
    pytest.skip("what is looked into here are /proc and pseudo-terminals", allow_module_level=True)

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
        told = f"{seen.body.decode()} {seen.headers.get('Authorization', '')}"
        tokens = {name: new_secret() for name in ("access_token", "refresh_token", "device_code")}
        text = json.dumps(tokens).encode()
        self._wire.answer("", text)
        if seen.path == "/me":
            return Sent(drop=True)
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
            stdout, stderr = process.communicate(timeout=60)
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
                assert set(json.loads(path.read_bytes())) == {
                    *("format", "key", "access_token", "token_type", "obtained_at"),
                    *("expires_at", "refresh_token", "scope"),
                }
                continue
            found[f"file {path.relative_to(self.folder)}"] = path.read_bytes()
        return found


def _read_all(descriptor: int, into: list[bytes]) -> None:
    with suppress(OSError):  # the other side has hung up
        while select.select([descriptor], [], [], 10)[0] and (data := os.read(descriptor, 65536)):
            into.append(data)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def sandbox(wire: Wire) -> Iterator[Sandbox]:
    with Sandbox(redirect_uri=f"http://127.0.0.1:{free_port()}/callback", device_interval=0.1) as sandbox:
        sandbox._server.app = wire.tap(sandbox._server.app)
        sandbox.register(ELSEWHERE)
        stop = threading.Event()
        thread = threading.Thread(target=approve_devices, args=(sandbox, stop), daemon=True)
        thread.start()
        yield sandbox
        stop.set()
        thread.join(5)


def approve_devices(sandbox: Sandbox, stop: threading.Event) -> None:
    """Be the person at the other device."""
    while not stop.wait(0.05):
        for device in list(sandbox._state.device_logins.values()):
            if device.approved is None:
                Robot().approve(f"{sandbox.url}/aventus/activate", device.user_code)


@pytest.fixture
def run(
    sandbox: Sandbox,
    web: Web,
    wire: Wire,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_profiles: Callable[..., Path],
) -> Run:
    """Profiles for everything, and folders that are searched afterwards."""
    given, work, temporary = tmp_path / "given", tmp_path / "work", tmp_path / "tmp"
    for folder in (given, work, temporary):
        folder.mkdir()
    evil = EvilServer(web, wire)
    injected = new_secret()
    base = sandbox.profiles()
    confidential = base["backoffice"]["client_secret"]
    for name, content in (
        ("secret", confidential.encode()),
        ("two-lines", f"{EVIL_SECRET}\n{EVIL_SECRET}\n".encode()),
        ("no-text", confidential.encode() + b"\xff"),
        ("broken.toml", f'client_secret = "{confidential}"\n[profiles.x\n'.encode()),
    ):
        (given / name).write_bytes(content)
        (given / name).chmod(0o600)
    loopback = {"redirect_uri": base["aventus"]["redirect_uri"], "login_timeout": 20, "retries": 0}
    made = {name: {**table, **loopback, "callback": "loopback"} for name, table in base.items()}
    backoffice = made.pop("backoffice")
    evil_table = {
        **loopback,
        "provider": "oidc",
        "issuer": web.url,
        **{f"{name}_url": f"{web.url}/{name}" for name in ("authorize", "token", "revoke", "device")},
        "client_id": "the-client",
        "client_secret": {"env": "EVIL_SECRET"},
        "client_auth": "post",
        "scope": "openid",
        "callback": "loopback",
    }
    shell = {
        name: {"command": ["sh", "-c", f"sleep 0.1; {line}"]}
        for name, line in (
            ("good", f"cat '{given / 'secret'}'"),
            ("failing", f"cat '{given / 'secret'}'; exit 3"),
            ("loud", f"cat '{given / 'no-text'}'"),
        )
    }

    def without_redirect(table: dict[str, Any], grant: str) -> dict[str, Any]:
        return {k: v for k, v in table.items() if k not in {"redirect_uri", "callback"}} | {"grant": grant}

    write_profiles(
        {
            **made,
            "injected": made["oidc"],
            "damaged": made["oidc"],
            "basic": made["oidc-confidential"],
            "by-env": {**backoffice, "client_secret": {"env": "BACKOFFICE_SECRET"}},
            "by-file": {**backoffice, "client_secret": {"file": str(given / "secret")}},
            "by-command": {**backoffice, "client_secret": shell["good"]},
            "two-lines": {**backoffice, "client_secret": {"file": str(given / "two-lines")}},
            "no-text": {**backoffice, "client_secret": {"file": str(given / "no-text")}},
            "failing-command": {**backoffice, "client_secret": shell["failing"]},
            "loud-command": {**backoffice, "client_secret": shell["loud"]},
            "service": without_redirect(backoffice, "client_credentials"),
            "by-device": without_redirect(made["aventus"], "device"),
            "by-paste": {
                **base["aventus"],
                "redirect_uri": ELSEWHERE,
                "callback": "paste",
                "login_timeout": 20,
            },
            "evil": evil_table,
            "evil-basic": {**evil_table, "client_auth": "basic"},
            "evil-device": without_redirect(evil_table, "device"),
            "evil-service": {
                **without_redirect(evil_table, "client_credentials"),
                "client_auth": "basic",
                "api_url": web.url,
            },
            "mistaken": {**backoffice, "scop": "x", "client_id": 4},
        }
    )
    for name, value in {
        "TMPDIR": str(temporary),
        "BACKOFFICE_SECRET": confidential,
        "EVIL_SECRET": EVIL_SECRET,
        "AVENTUS_CREDS_TOKEN_INJECTED": injected,
        "AVENTUS_CREDS_TOKEN_DAMAGED": f"{injected} x",
        "ELSEWHERE": f"{web.url}/elsewhere",
        "MODES": " ".join(evil.MODES),
        "STATE_OF_NO_USE": str(temporary / "tokens"),
        "BROKEN_TOML": str(given / "broken.toml"),
        "PLANTED": new_secret(),
        "COLUMNS": "300",
    }.items():
        monkeypatch.setenv(name, value)
    for value in (confidential, EVIL_SECRET, base["oidc-confidential"]["client_secret"]):
        wire.learn("client_secret", value)
    wire.learn("access_token", injected)
    return Run(sandbox, evil, wire, tmp_path)


def kinds(wire: Wire) -> set[str]:
    return set(wire.values.values())


def test_logins_and_sessions(run: Run, wire: Wire) -> None:
    """Every grant, refreshes, refusals, redirects and logouts."""
    run.witness("logins")
    assert kinds(wire) >= {
        "code",
        "state",
        "nonce",
        "code_verifier",
        "client_secret",
        "device_code",
        "password",
    }
    assert kinds(wire) >= {"access_token", "refresh_token", "id_token"}
    assert any("cat" in place for place in run.texts if place.startswith("process"))
    assert hits(wire.values, run.texts | run.files()) == []


def test_errors(run: Run, wire: Wire) -> None:
    """Answers that quote the request or are wrong otherwise, an interrupt, and faults of files and commands."""
    run.witness("errors")
    told = run.texts["stdout"].decode()
    assert told.count("failed as expected") >= len(EvilServer.MODES) + 17
    assert hits(wire.values, run.texts | run.files()) == []


def test_panels_magics_and_commands(run: Run, wire: Wire) -> None:
    """What widgets hold, what the magics show and what the commands print."""
    run.witness("widgets")
    assert hits(wire.values, run.texts | run.files()) == []


def test_pasting_at_a_terminal(run: Run, wire: Wire) -> None:
    """What is pasted is not echoed, and is in no variable."""
    run.witness("paste", terminal=True)
    assert b"paste it here" in run.texts["stderr"]
    assert hits(wire.values, run.texts | run.files()) == []


def test_a_notebook_that_is_executed_and_saved(
    run: Run, sandbox: Sandbox, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a session in use nor errors shown with all their variables leave a secret in the file."""
    folder = tmp_path / "jupyter"
    for name, value in isolated_environment(folder).items():
        if name.startswith(("JUPYTER", "IPYTHON")):
            monkeypatch.setenv(name, value)
    install_kernel(folder / "jupyter_data_dir")
    login("athoc", browser=Robot())
    content = nbformat.from_dict(  # type: ignore[no-untyped-call,unused-ignore]
        notebook_of(
            "%xmode Verbose\n%load_ext aventus_creds\nimport logging; logging.basicConfig(level=0)",
            "from aventus_creds import get_session, get_token, login\nsession = get_session('athoc'); session",
            "%whos\nprint(vars(session), session.get('/v1/me').status_code)\nget_token('athoc')",
            "%aventus_status",
            "%aventus_login athoc",
            "get_session('two-lines')",
            "get_token('evil-service')",
            "get_session('damaged')",
        )
    )
    run.evil.mode = "quote"
    client = NotebookClient(
        content,
        timeout=60,
        kernel_name=KERNEL,
        allow_errors=True,
        store_widget_state=True,
        resources={"metadata": {"path": str(tmp_path / "work")}},
    )
    client.execute()
    nbformat.write(content, tmp_path / "work" / "saved.ipynb")  # type: ignore[no-untyped-call,unused-ignore]
    errors = [output.ename for cell in content.cells for output in cell.outputs if "ename" in output]
    assert errors == ["LoginRequired", "TokenRefused", "ConfigError"]
    assert kinds(wire) >= {"access_token", "client_secret", "code"}
    assert hits(wire.values, run.files()) == []


def test_the_search_finds_what_shows(run: Run, wire: Wire) -> None:
    """The control: with a repr that does not hide, in a log, in an event and in an error's variables."""
    wire.learn("token", os.environ["PLANTED"])
    run.witness("plant")
    found = "\n".join(hits(wire.values, run.texts))
    for trace in ("code (raw)", "token (raw) in stderr", "access_token (raw)"):
        assert trace in found
    planted = os.environ["PLANTED"].encode()
    assert b"audit open ('/nowhere/" + planted in run.texts["stdout"]
    assert b"'inner': \"'" + planted in run.texts["stdout"]


@pytest.mark.parametrize(
    "secret",
    ["sandbox secret:50%25/+=", EVIL_SECRET, secrets.token_urlsafe(32)],
    ids=["odd", "evil", "random"],
)
def test_the_search_finds_each_form(secret: str) -> None:
    """The control of the control: each form is found in the midst of other text."""
    raw = secret.encode()
    planted = {
        "raw": raw,
        "JSON": json.dumps({"a": secret}).encode(),
        "percent": quote(secret, safe="").encode(),
        "form": urlencode({"a": secret}).encode(),
        "hex": raw.hex().encode(),
        "reversed": raw[::-1],
        **{f"base64 {shift}": base64.b64encode(b"x" * shift + raw + b"yyy") for shift in range(5)},
        **{f"base64url {shift}": base64.urlsafe_b64encode(b"x" * shift + raw + b"y") for shift in range(5)},
        **({"first": raw[:12], "last": raw[-12:]} if len(raw) >= 24 else {}),
    }
    for name, text in planted.items():
        assert hits({secret: "x"}, {name: b"before " + text + b" after"}), name
    assert hits({secret: "x"}, {"nothing": b"before and after"}) == []
    assert len({pattern for _, pattern in forms(secret)}) > 8
