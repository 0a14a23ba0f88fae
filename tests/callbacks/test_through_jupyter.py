"""Which way a redirect takes: through the Jupyter server, a listener, or pasted, and the reason that is told."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import WriteProfiles
from support import free_port, make_profile

from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.callbacks import Callback
from aventus_creds.callbacks.announcement import VARIABLE, Announcement, JupyterServer, find_server
from aventus_creds.callbacks.hub import leads_elsewhere, own_servers, user_redirect
from aventus_creds.callbacks.jupyter import JupyterCallback
from aventus_creds.callbacks.loopback import LoopbackCallback
from aventus_creds.callbacks.opening import (
    SHARED_PORT,
    only_pasted,
    open_callbacks,
    pasted_uri,
    why_not_forwarded,
)
from aventus_creds.cli.commands import run
from aventus_creds.errors import CallbackError, ProfileError
from aventus_creds.profiles.file import read_profiles
from aventus_creds.server_extension.address import known_address, page_origin

END = "/aventus-creds/callback"
HUB = f"https://hub.example.com/hub/user-redirect{END}"
HOME = f"http://localhost:8888{END}"
MINE = f"https://hub.example.com/user/ann{END}"
BARE = "http://127.0.0.1:0/callback"
NO_SERVER = "this process was not started by a Jupyter server that has the extension of aventus-creds"
Prints = pytest.CaptureFixture[str]


@pytest.fixture
def on_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is one of ann's server on a hub."""
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ann/")
    monkeypatch.setenv("JUPYTERHUB_BASE_URL", "/")


@pytest.fixture
def announce(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Announcement]:
    """Say that a Jupyter server with the extension has started this process, at the given address."""
    monkeypatch.setenv(VARIABLE, "")

    def say(redirect_uri: str, *paths: str, hub: str = "/hub/user-redirect") -> Announcement:
        announcement = Announcement(paths or (f"/user/ann{END}", f"/hub/user-redirect{END}"), hub)
        announcement.say(redirect_uri)
        return announcement

    return say


@contextlib.contextmanager
def opened(**keys: Any) -> Any:
    callbacks: list[Callback] = []

    def panel(redirect_uri: str, why: str) -> Callback:
        said.append(why)
        return SimpleNamespace(redirect_uri=redirect_uri, close=lambda: None)

    said: list[str] = []
    profile = make_profile(**keys)
    try:
        callbacks = open_callbacks(profile, None, panel)
        yield SimpleNamespace(
            first=callbacks[0], uri=callbacks[0].redirect_uri, why=said[0], count=len(callbacks)
        )
    finally:
        for callback in callbacks:
            callback.close()


@pytest.mark.parametrize(
    ("known", "hub", "given", "chosen"),
    [
        (HUB, "/hub/user-redirect", [HUB], HUB),
        (HUB, "/hub/user-redirect", [HOME, HUB], HUB),
        (HUB, "/hub/user-redirect", [HOME, MINE], MINE),
        (HUB, "/hub/user-redirect", ["jupyter", HOME], HUB),
        (HUB, "/hub/user-redirect", [f"https://other.example.com/user/bob{END}"], ""),
        ("", "/hub/user-redirect", ["jupyter"], ""),
        ("", "/hub/user-redirect", ["jupyter", HUB], HUB),
        (HOME, "", [HUB, HOME], HOME),
        (HOME, "", [HUB], ""),
        (HOME, "", [f"http://127.0.0.1:8888{END}"], f"http://127.0.0.1:8888{END}"),
        ("", "", [f"https://host.example.com/prefix{END}"], f"https://host.example.com/prefix{END}"),
    ],
)
def test_the_address_of_several_that_leads_here(known: str, hub: str, given: list[str], chosen: str) -> None:
    """One profile serves a laptop and a hub: the server takes what leads to it, and first what it knows of itself."""
    paths = (f"/user/ann{END}", f"/hub/user-redirect{END}") if hub else (END,)
    assert JupyterServer(PrivateFolder(Path("x")), known, paths, hub).choose(given) == chosen


@pytest.mark.parametrize("way", ["auto", "jupyter", "widget"])
@pytest.mark.parametrize("given", [HUB, "jupyter", [BARE, HUB], ["jupyter", BARE]])
def test_through_the_server(announce: Any, on_a_hub: None, way: str, given: Any) -> None:
    """Also where a listener would be open."""
    announce(HUB)
    with opened(redirect_uri=given, callback=way) as way_here:
        assert isinstance(way_here.first, JupyterCallback)
        assert way_here.uri == HUB
        assert (way_here.why, way_here.count) == ("", 2)
        assert not only_pasted(make_profile(redirect_uri=given, callback=way))


@pytest.mark.parametrize("way", ["paste", "loopback"])
def test_other_ways_do_not_take_it(announce: Any, on_a_hub: None, way: str) -> None:
    announce(HUB)
    with opened(redirect_uri=f"http://127.0.0.1:{free_port()}{END}", callback=way) as way_here:
        assert not isinstance(way_here.first, JupyterCallback)


def test_without_a_server_a_listener_is_opened() -> None:
    """The same profile on a laptop: what cannot be listened on is left out, and no reason is told."""
    for given in ([HUB, BARE], ["jupyter", BARE]):
        with opened(redirect_uri=given) as way_here:
            assert isinstance(way_here.first, LoopbackCallback)
            assert (way_here.why, way_here.count) == ("", 2)


@pytest.mark.parametrize("way", ["auto", "jupyter"])
def test_without_a_server_it_is_pasted_and_said_why(way: str) -> None:
    with opened(redirect_uri=HUB, callback=way) as way_here:
        assert way_here.uri == HUB
        assert way_here.why.startswith(NO_SERVER)
        assert way_here.count == 1
    assert only_pasted(make_profile(redirect_uri=HUB, callback=way))


def test_pasting_that_is_usual_needs_no_reason() -> None:
    with opened(redirect_uri="https://app.example.com/callback") as way_here:
        assert (way_here.why, way_here.count) == ("", 1)


def test_what_is_pasted_is_an_address_that_can_be(announce: Any, on_a_hub: None) -> None:
    """Not port 0, which is for listeners; and the server's own address where pasting is what the person wants."""
    with opened(redirect_uri=[BARE, HUB], callback="jupyter") as way_here:
        assert way_here.uri == HUB
    announce(HUB)
    pasted = make_profile(redirect_uri="jupyter")._replace(callback="paste")  # as %aventus_login --paste does
    assert pasted_uri(pasted) == HUB


def test_an_address_of_another_server_is_pasted(announce: Any, on_a_hub: None) -> None:
    announce(HUB)
    with opened(redirect_uri=f"https://hub.example.com/user/bob{END}") as way_here:
        assert way_here.why == f"no redirect_uri of the profile leads to this Jupyter server (/user/ann{END})"


def test_an_address_that_is_not_known(announce: Any, on_a_hub: None) -> None:
    """There is nothing to paste either: the error says what to write."""
    for end in (lambda: None, lambda: announce("")):
        end()
        with pytest.raises(CallbackError, match='redirect_uri = "jupyter", and') as raised:
            open_callbacks(make_profile(redirect_uri="jupyter"), None)
        assert 'redirect_uri = ["jupyter", "…"]' in raised.value.hint
    assert "the address of this Jupyter server is not known" in raised.value.message


def test_what_the_server_says_must_be_whole(announce: Any) -> None:
    """A file that is broken, or that others could have written, is no server."""
    announcement = announce(HUB)
    path = Path(os.environ[VARIABLE])
    assert find_server()[0]
    assert os.name != "posix" or path.stat().st_mode & 0o777 == 0o600
    for broken in ("", "{}", "[]", '{"pid": "x"}'):
        path.write_text(broken, "utf-8")
        server, why = find_server()
        assert server is None
        assert "is not what the extension of aventus-creds writes" in why
    path.unlink()
    path.symlink_to("/dev/null")
    assert find_server()[0] is None
    announcement.end()
    assert not path.is_symlink()


@pytest.mark.parametrize(
    ("prefix", "name", "own"),
    [
        ("", "", ""),
        ("/user/ann/", "", "/user/ann/"),
        ("/user/ann", "", "/user/ann/"),
        ("/base/user/ann/project/", "project", "/base/user/ann/"),
        ("/user/a%40b/", "", "/user/a%40b/"),
    ],
)
def test_whose_servers_these_are(monkeypatch: pytest.MonkeyPatch, prefix: str, name: str, own: str) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", prefix)
    monkeypatch.setenv("JUPYTERHUB_SERVER_NAME", name)
    assert own_servers() == own
    assert bool(leads_elsewhere(HUB)) == bool(name)
    assert leads_elsewhere(MINE) == ""


@pytest.mark.parametrize(
    ("variables", "seen", "address"),
    [
        ({}, "https://hub.example.com", f"https://hub.example.com/base/hub/user-redirect{END}"),
        ({}, "", ""),
        ({"JUPYTERHUB_PUBLIC_HUB_URL": "https://h.example.com/base/hub/"}, "https://x.example.com", "h"),
        (
            {"JUPYTERHUB_PUBLIC_HUB_URL": "https://h.example.com/outer/hub/"},
            "",
            f"https://h.example.com/outer/hub/user-redirect{END}",
        ),
        ({"JUPYTERHUB_HOST": "https://h.example.com"}, "https://ann.h.example.com", "h"),
        ({"JUPYTERHUB_PUBLIC_HUB_URL": "", "JUPYTERHUB_HOST": ""}, "https://h.example.com", "h"),
        ({"JUPYTERHUB_PUBLIC_HUB_URL": "http://h.example.com/hub/"}, "https://h.example.com", ""),
    ],
)
def test_the_address_on_a_hub(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], seen: str, address: str
) -> None:
    """The hub's own word first, then what its user's browser shows."""
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/base/user/ann/")
    monkeypatch.setenv("JUPYTERHUB_BASE_URL", "/base/")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    expected = f"https://h.example.com{user_redirect()}{END}" if address == "h" else address
    assert known_address(app_at("/base/user/ann/"), seen) == expected


@pytest.mark.parametrize(
    ("app", "seen", "address"),
    [
        ({}, "", HOME),
        ({}, "http://127.0.0.1:8888", f"http://127.0.0.1:8888{END}"),
        ({"ip": "::1"}, "", f"http://[::1]:8888{END}"),
        ({"certfile": "x"}, "", f"https://localhost:8888{END}"),
        ({"ip": ""}, "", ""),
        ({"ip": "0.0.0.0"}, "https://host.example.com", f"https://host.example.com{END}"),
        ({"sock": "/run/x"}, "", ""),
        (
            {"custom_display_url": "https://d.example.com/"},
            "http://127.0.0.1:8888",
            f"https://d.example.com{END}",
        ),
    ],
)
def test_the_address_of_a_single_server(app: dict[str, str], seen: str, address: str) -> None:
    assert known_address(app_at("/", **app), seen) == address


def app_at(base_url: str, **more: str) -> Any:
    usual = {"ip": "localhost", "port": 8888, "sock": "", "certfile": "", "custom_display_url": ""}
    return SimpleNamespace(base_url=base_url, **{**usual, **more})


@pytest.mark.parametrize(
    ("origin", "host", "user", "seen"),
    [
        ("https://hub.example.com", "hub.example.com", "ann", "https://hub.example.com"),
        ("http://localhost:8888", "localhost:8888", "ann", "http://localhost:8888"),
        ("https://hub.example.com", "hub.example.com", None, ""),
        ("https://evil.example.com", "hub.example.com", "ann", ""),
        ("http://hub.example.com", "hub.example.com", "ann", ""),
        ("null", "null", "ann", ""),
        ("", "", "ann", ""),
        ("https://a@hub.example.com", "a@hub.example.com", "ann", ""),
    ],
)
def test_what_a_browser_shows_of_the_address(origin: str, host: str, user: str | None, seen: str) -> None:
    """Only the server's own pages, of somebody who is logged in; a page of others has another origin."""
    request = SimpleNamespace(headers={"Origin": origin}, host=host)
    assert page_origin(SimpleNamespace(request=request, current_user=user)) == seen


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ({"callback": "jupyter", "redirect_uri": BARE}, f"needs an address that ends in {END}"),
        ({"callback": "loopback", "redirect_uri": "jupyter"}, "is the address of a Jupyter server"),
        ({"callback": "paste", "redirect_uri": ["jupyter"]}, "is the address of a Jupyter server"),
        ({"redirect_uri": ["jupyter", "Jupyter"]}, "Jupyter is a name and no address"),
    ],
)
def test_mistakes(write_profiles: WriteProfiles, keys: dict[str, Any], mistake: str) -> None:
    write_profiles({"prod": {"issuer": "https://as.example.com", "client_id": "c", **keys}})
    with pytest.raises(ProfileError, match=mistake):
        read_profiles().profile("prod")


def examine(write_profiles: WriteProfiles, capsys: Prints, **keys: Any) -> str:
    write_profiles(
        {"prod": {"issuer": "http://127.0.0.1:9", "client_id": "c", "timeout": 1, "retries": 0, **keys}}
    )
    run(["doctor", "prod"])
    return next(line for line in capsys.readouterr().out.splitlines() if "the redirect URI" in line)


def test_doctor_names_the_way_and_what_to_register(
    write_profiles: WriteProfiles,
    capsys: Prints,
    announce: Any,
    on_a_hub: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    public = "https://hub.example.com/hub/user-redirect/proxy/1/callback"
    forwarded = {"redirect_uri": public, "listen": f"127.0.0.1:{port}"}
    assert f"must be pasted after the login, because {NO_SERVER}" in examine(
        write_profiles, capsys, redirect_uri=HUB
    )
    assert examine(write_profiles, capsys, **forwarded).endswith(SHARED_PORT)
    announce(HUB)
    assert f"✓ the redirect URI: {HUB} comes back through" in examine(
        write_profiles, capsys, redirect_uri="jupyter"
    )
    better = f"register {HUB} at the server, and add it to redirect_uri"
    assert examine(write_profiles, capsys, redirect_uri="https://app.example.com/callback").endswith(better)
    assert f"{SHARED_PORT}. It would come back by itself" in examine(write_profiles, capsys, **forwarded)
    monkeypatch.setenv("JUPYTERHUB_SERVER_NAME", "project")
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ann/project/")
    assert "It leads to your default server" in examine(write_profiles, capsys, redirect_uri=HUB)


def test_the_panel_says_why_not_by_a_port(on_a_hub: None, announce: Any) -> None:
    keys: dict[str, Any] = {"redirect_uri": [HUB, BARE.replace(":0", ":8765")], "listen": "127.0.0.1:8765"}
    assert why_not_forwarded(make_profile(**keys)) == SHARED_PORT
    assert why_not_forwarded(make_profile(**keys, callback="paste")) == ""
    announce(HUB)
    assert why_not_forwarded(make_profile(**keys)) == ""


def test_elsewhere_a_forwarded_port_is_nobody_elses() -> None:
    assert why_not_forwarded(make_profile(redirect_uri=MINE, listen="127.0.0.1:8765")) == ""
