"""Fixtures for every test: a clean environment, profiles, and two browsers of our own."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import tomli_w
from environment import passed_on
from hypothesis.configuration import set_hypothesis_home_dir
from oidc_provider.provider import OidcProvider, why_unavailable
from redis_server import RedisServer
from secret_service import SecretService
from strategies import ASKED, TRIED
from support import REPOSITORY, Web, unavailable

CHROMIUM_FLAGS = [
    "--no-sandbox",  # the tests run as root in containers
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


def pytest_configure(config: pytest.Config) -> None:
    """Keep Hypothesis' tables of characters out of the source tree; let no program of the tests ignore signals.

    Under nohup, and in the background of a script, one is ignored, and every child inherits that.
    """
    for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
            signal.signal(getattr(signal, name), handler)
    folder = tempfile.TemporaryDirectory(prefix="hypothesis-")
    set_hypothesis_home_dir(folder.name)
    config.add_cleanup(folder.cleanup)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Count the inputs of property tests, and let a long run of them take its time."""
    handle = getattr(getattr(item, "obj", None), "hypothesis", None)
    if handle is not None and not hasattr(handle.inner_test, "counted"):
        inner = handle.inner_test

        @functools.wraps(inner)
        def counted(*arguments: Any, **named: Any) -> Any:
            TRIED[0] += 1
            return inner(*arguments, **named)

        counted.counted = True  # type: ignore[attr-defined]
        handle.inner_test = counted
    if ASKED and (handle is not None or "fuzz" in item.nodeid):
        item.add_marker(pytest.mark.timeout(0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if ASKED:
        terminalreporter.write_line(f"hypothesis tried {TRIED[0]} inputs")


@pytest.fixture(autouse=True)
def _close_sessions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close every session of requests that a test has made: the socket of a forgotten one warns in another test."""
    made: list[requests.Session] = []
    begin = requests.Session.__init__

    def noted(self: requests.Session) -> None:
        begin(self)
        made.append(self)

    monkeypatch.setattr(requests.Session, "__init__", noted)
    yield
    for session in made:
        if hasattr(session, "adapters"):
            session.close()


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Every test ends without a thread that was not there before it; those that are about to end have a moment.

    Left alone are the workers of an event loop, which ``asyncio`` keeps until the loop ends (Playwright runs one for a
    module) and trio for some seconds. Threads of servers that serve a whole session are there before the test, or are
    of other processes.
    """
    before = set(threading.enumerate())
    yield
    # Under wine, a connection that is hung up does not wake the thread that reads it: its own time limit does.
    deadline = time.monotonic() + (3 if os.name == "posix" else 15)
    new = [thread for thread in threading.enumerate() if thread not in before]
    for thread in (
        new := [thread for thread in new if not thread.name.startswith(("asyncio_", "Trio thread"))]
    ):
        thread.join(max(0, deadline - time.monotonic()))
    assert [thread for thread in new if thread.is_alive()] == [], "threads are left"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees or touches the files, proxies and browser of whoever runs it, nor the variables of the machine."""
    for name in set(os.environ) - set(passed_on(os.environ)):
        monkeypatch.delenv(name)
    # What the tests' programs import is what is tested, whatever is installed: a mutant, say, or an unpacked sdist.
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    # Whoever runs the tests at a terminal is not asked to paste anything.
    monkeypatch.setattr("aventus_creds.callbacks.typed_lines.CONTROLLING_TERMINAL", str(tmp_path / "no-tty"))
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("AVENTUS_CREDS_PROFILES", str(tmp_path / "profiles.toml"))
    monkeypatch.setenv("AVENTUS_CREDS_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def write_profiles(tmp_path: Path) -> Callable[..., Path]:
    """Write the profiles.toml that this test's processes read."""

    def write(profiles: Mapping[str, Any], **top: Any) -> Path:
        path = tmp_path / "profiles.toml"
        path.write_text(tomli_w.dumps({**top, "profiles": profiles}), encoding="utf-8")
        path.chmod(0o600)
        return path

    return write


@pytest.fixture
def web() -> Iterator[Web]:
    """Run a small real HTTP server whose answers the test sets."""
    with Web() as server:
        yield server


@pytest.fixture
def no_browser() -> Callable[[str], object]:
    """Give a browser that fails the test when it is opened."""

    def fail(url: str) -> object:
        pytest.fail("the browser was opened")

    return fail


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    """Run oidc-provider, a certified server from npm."""
    if reason := why_unavailable():
        unavailable(reason)
    with OidcProvider(tmp_path_factory.mktemp("oidc-provider"), access_token_ttl=3600) as provider:
        yield provider


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run a redis-server for every test that leaves it as it is."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def _one_secret_service() -> Iterator[SecretService]:
    with SecretService() as service:
        yield service


@pytest.fixture
def secret_service(_one_secret_service: SecretService, monkeypatch: pytest.MonkeyPatch) -> SecretService:
    """Run gnome-keyring, and have this process and its children use it, for every test that leaves it as it is."""
    from keyring.backends.SecretService import Keyring

    _one_secret_service.revive()
    monkeypatch.setattr("keyring.core._keyring_backend", Keyring())
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", _one_secret_service.address)
    return _one_secret_service


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Run headless Chromium. A module at a time: Playwright keeps an event loop running in this thread."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        unavailable("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


THIN = int(os.environ.get("AVENTUS_CREDS_TEST_THIN", "0"))
"""The most cases of one test that run: for other Pythons and systems, which the whole suite would take too long on."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what only Windows does, and all but some cases of each test if the environment says so."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if os.name == "nt" or not item.get_closest_marker("windows"):
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    # Those that are chosen are spread over the test's table.
    chosen = {id(item) for them in cases.values() for item in them[:: -(-len(them) // (THIN or len(them)))]}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in chosen])
    items[:] = [item for item in items if id(item) in chosen]
