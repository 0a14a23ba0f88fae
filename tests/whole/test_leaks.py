"""No secret shows: whole logins in processes that tell all they can, and a search through everything they left.

``Run`` is a process that tells all it can; ``EvilServer`` quotes what it is told, or answers something else wrong.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from pathlib import Path
from urllib.parse import quote, urlencode

import nbformat
import pytest
from jupyter_apps import KERNEL, install_kernel, isolated_environment, notebook_of
from leaks import Wire, forms, hits
from nbclient import NotebookClient

from aventus_creds import errors, login
from aventus_creds.sandbox import Sandbox
from aventus_creds.sandbox.robot import Robot

if sys.platform == "win32":
    pytest.skip("what is looked into here are /proc and pseudo-terminals", allow_module_level=True)

from leak_run import EVIL_SECRET, EvilServer, Run


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


@pytest.mark.heavy
def test_errors(run: Run, wire: Wire) -> None:
    """Answers that quote the request or are wrong otherwise, an interrupt, and faults of files and commands."""
    run.witness("errors")
    told = run.texts["stdout"].decode()
    assert told.count("failed as expected") >= len(EvilServer.MODES) + 17
    assert hits(wire.values, run.texts | run.files()) == []


@pytest.mark.heavy
def test_every_kind_of_error(run: Run, wire: Wire) -> None:
    """Each of errors.py, and each step of a refresh that can fail, as IPython's Verbose mode and others draw it."""
    run.witness("every_kind")
    told = run.texts["stdout"].decode()
    drawn = {line.partition(": ")[2] for line in told.splitlines() if line.startswith("drawn: ")}
    assert {kind.__name__ for kind in vars(errors).values() if is_raised(kind)} - drawn == set()
    assert told.count("drawn: ") > 25
    assert "profile.client_secret" in told
    assert hits(wire.values, run.texts | run.files()) == []


def is_raised(kind: object) -> bool:
    """Whether ``kind`` is an error that is raised itself, not only the base of others."""
    bases = {errors.AventusCredsError, errors.LoginError, errors.ServerError}
    return isinstance(kind, type) and issubclass(kind, errors.AventusCredsError) and kind not in bases


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
    assert "box.inner = '" in run.texts["stdout"].decode()  # Verbose mode evaluates attributes


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
