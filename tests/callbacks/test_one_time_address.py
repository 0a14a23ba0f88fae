"""The address that the browser is started with: worth nothing to who reads it in the browser's arguments."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from attempts import ACCESS_TOKEN, CODE, TokenEndpoint, endpoints, follow, log_in, state_of
from loopback_listener import Listen
from support import free_port, make_profile

from aventus_creds.callbacks.loopback import LoopbackCallback
from aventus_creds.errors import LoginError

if sys.platform == "win32":
    pytest.skip("its browsers are shell scripts", allow_module_level=True)

BROWSER = """#!/bin/sh
echo "$@" >> "$OPENED.part" && mv "$OPENED.part" "$OPENED"
"""


class Desktop:
    """A screen with one browser, which only writes down how it was started."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.programs, self._opened = folder / "bin", folder / "opened"
        self.programs.mkdir()
        (self.programs / "helper").write_text(BROWSER)
        (self.programs / "helper").chmod(0o700)
        (self.programs / "x-www-browser").symlink_to("helper")
        monkeypatch.setenv("PATH", f"{self.programs}:/usr/bin:/bin")
        monkeypatch.setenv("DISPLAY", ":0")
        monkeypatch.setenv("OPENED", str(self._opened))
        monkeypatch.setattr("webbrowser._tryorder", None)  # it looks for browsers once
        monkeypatch.setattr("webbrowser._browsers", {})
        monkeypatch.setattr("shutil.which", lambda name, *_: _which(self.programs, name))

    def arguments(self) -> str:
        deadline = time.monotonic() + 20
        while not self._opened.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self._opened.read_text().strip()


def _which(folder: Path, name: str) -> str | None:
    return str(folder / name) if (folder / name).exists() else None


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    return Desktop(tmp_path, monkeypatch)


class Outcome:
    """A login in a thread, with the system's browser, and what came of it."""

    def __init__(self, **keys: Any) -> None:
        self.endpoint = TokenEndpoint()
        self.error: Exception | None = None
        self.token = ""
        self._profile = make_profile(**{"redirect_uri": "http://127.0.0.1:0/callback", **keys})
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.token = log_in(
                self._profile, endpoints(), post=self.endpoint, save=lambda _: None
            ).access_token
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def wait(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_the_arguments_of_the_browser_hold_nothing_of_the_login(
    desktop: Desktop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every user of the machine can read them. The address that is printed stays the server's own."""
    outcome = Outcome()
    started_with = desktop.arguments()
    page = follow(started_with)
    assert page.status == 302
    url = page.headers["Location"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert state_of(url) not in started_with
    assert "as.example.com" not in started_with
    assert f"\n  {url}\n" in capsys.readouterr().err
    uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
    assert urlsplit(started_with).netloc == urlsplit(uri).netloc
    assert follow(uri, f"code={CODE}&state={state_of(url)}").status == 200
    outcome.wait()
    assert outcome.token == ACCESS_TOKEN


def test_a_second_opening_ends_the_login(desktop: Desktop) -> None:
    """Somebody else has read the address too, whoever of the two was first."""
    outcome = Outcome()
    started_with = desktop.arguments()
    url = follow(started_with).headers["Location"]
    page = follow(started_with)
    assert page.status == 410
    assert "opened twice" in page.body
    assert state_of(url) not in page.body
    outcome.wait()
    assert isinstance(outcome.error, LoginError)
    assert "opened twice" in outcome.error.message
    assert "may be watching" in outcome.error.hint
    assert outcome.endpoint.requests == []


def test_a_program_named_in_browser_gets_the_full_address(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may open the address on another machine, where this one's listener is not."""
    monkeypatch.setenv("BROWSER", "helper")
    outcome = Outcome()
    url = desktop.arguments()
    assert url.startswith("https://as.example.com/")
    uri = parse_qs(urlsplit(url).query)["redirect_uri"][0]
    follow(uri, f"code={CODE}&state={state_of(url)}")
    outcome.wait()
    assert outcome.token == ACCESS_TOKEN


def test_it_is_guarded_like_the_redirect(listen: Listen) -> None:
    """GET only, the right Host only, and a guess is a stray path."""
    callback, attempt = listen()
    address = callback.one_time_address
    assert follow(address, host="evil.example.com").status == 400
    assert follow(address, method="HEAD").status == 405
    assert follow(address, method="POST").status == 404
    for wrong in (address[:-1], f"{address}x", address.rpartition("/")[0]):
        assert follow(wrong).status == 404
    assert len(address.rpartition("/")[2]) >= 22
    assert not attempt.ended.is_set()
    assert follow(address).headers["Location"] == attempt.url


def test_each_login_has_its_own_on_this_machine_only() -> None:
    """Elsewhere plain HTTP could be read on the way."""
    opened = [LoopbackCallback(["http://localhost:0/callback"]) for _ in range(2)]
    addresses = [callback.one_time_address for callback in opened]
    for callback in opened:
        callback.close()
    assert len({urlsplit(address).path for address in addresses}) == 2
    assert all(address.startswith("http://127.0.0.1:") for address in addresses)


def test_a_listener_for_a_proxy_has_one_too(listen: Listen) -> None:
    """The browser of this machine reaches the address that is bound."""
    port = free_port()
    callback, attempt = listen("https://hub.example.com/proxy/callback", listen=f"127.0.0.1:{port}")
    assert callback.one_time_address.startswith(f"http://127.0.0.1:{port}/")
    assert follow(callback.one_time_address).headers["Location"] == attempt.url
