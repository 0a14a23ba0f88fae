"""Fixtures for the search for leaked secrets: a sandbox behind a tap, profiles for everything, a process that tells."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from leaks import Wire
from support import Web, free_port

from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot

if TYPE_CHECKING or sys.platform != "win32":
    from leak_run import ELSEWHERE, EVIL_SECRET, EvilServer, Run, new_secret


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
        "api_url": f"{web.url}/",
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
            "evil-slow": {**evil_table, "login_timeout": 1},
            "evil-secret": {**evil_table, "client_secret": shell["failing"]},
            "evil-discovery": {**evil_table, "token_url": f"{web.url}/token", "issuer": f"{web.url}/x"},
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
