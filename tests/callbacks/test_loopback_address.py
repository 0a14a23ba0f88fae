"""Where the listener listens, and how it is reached from a public address."""

from __future__ import annotations

import html
import re
import socket
import sys
from urllib.parse import urlsplit

import pytest
from attempts import FakeAttempt, connect, follow, read_page, request_bytes, send
from loopback_listener import ANY_PORT, Listen, port_of
from support import free_port

from aventus_creds.callbacks.loopback import LoopbackCallback
from aventus_creds.errors import CallbackError

PUBLIC = "https://hub.example.com/user/ann/proxy/8765/callback"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


# --- where it listens


def test_the_port_is_bound_before_start(listen: Listen) -> None:
    """The browser may come back at once: its connection waits until somebody serves it."""
    callback = LoopbackCallback([ANY_PORT])
    with connect(port_of(callback)) as early:
        early.sendall(request_bytes("/callback?right", Host=f"127.0.0.1:{port_of(callback)}"))
        callback.start(FakeAttempt())
        assert read_page(early).status == 200
    callback.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of this machine")
def test_no_other_address_of_this_machine_is_listened_on(listen: Listen) -> None:
    """127.0.0.2 reaches a listener on all interfaces, and no listener on 127.0.0.1."""
    callback, _ = listen()
    with pytest.raises(ConnectionRefusedError):
        connect(port_of(callback), "127.0.0.2")


@pytest.mark.parametrize(
    "address", ["0.0.0.0:0", "0:0", "0x0:0", pytest.param("[::]:0", marks=needs_ipv6), "[0:0::0]:0", ":0"]
)
def test_all_interfaces_are_never_listened_on(address: str) -> None:
    """However all interfaces are spelt."""
    with pytest.raises(CallbackError, match="cannot be listened on"):
        LoopbackCallback([PUBLIC], address).close()


def test_a_taken_port_is_named_and_the_next_candidate_is_tried(listen: Listen) -> None:
    """A profile may list several redirect URIs, all of them registered."""
    taken, _ = listen()
    with pytest.raises(CallbackError) as caught:
        LoopbackCallback([taken.redirect_uri])
    assert f"{taken.redirect_uri} is taken" in caught.value.message
    assert "register" in caught.value.hint
    second = f"http://127.0.0.1:{free_port()}/callback"
    callback, _ = listen(taken.redirect_uri, second)
    assert callback.redirect_uri == second
    with pytest.raises(CallbackError) as caught:
        LoopbackCallback([taken.redirect_uri, second])
    assert taken.redirect_uri in caught.value.message
    assert second in caught.value.message


def test_an_address_of_another_machine_is_no_traceback() -> None:
    """192.0.2.1 is nobody's (RFC 5737)."""
    with pytest.raises(CallbackError, match=r"192\.0\.2\.1:8765 cannot be listened on"):
        LoopbackCallback([PUBLIC], "192.0.2.1:8765")


def test_port_0_takes_any_free_port_and_the_redirect_uri_tells_it(listen: Listen) -> None:
    """RFC 8252 section 7.3: the server allows any port of a loopback redirect."""
    first, _ = listen()
    second, _ = listen()
    assert 0 < port_of(first) != port_of(second) > 0
    assert first.redirect_uri == f"http://127.0.0.1:{port_of(first)}/callback"
    assert follow(first.redirect_uri, "right").status == 200


def test_the_redirect_uri_is_used_exactly_as_written(listen: Listen) -> None:
    """It must equal the registered one to the letter, a query of its own included."""
    written = f"http://127.0.0.1:{free_port()}/a%20b/c;d?tenant=x"
    callback, attempt = listen(written)
    assert callback.redirect_uri == written
    assert follow(written, "tenant=x&right+%2B").status == 200
    assert attempt.delivered == ["tenant=x&right+%2B"]


@needs_ipv6
def test_localhost_listens_on_both_its_addresses(listen: Listen) -> None:
    """A browser takes whichever it finds first, and nobody else may sit on the other."""
    callback, attempt = listen("http://localhost:0/callback")
    assert callback.redirect_uri.startswith("http://localhost:")
    for address in ("127.0.0.1", "::1"):
        page = send(
            port_of(callback),
            request_bytes("/callback?wrong", Host=f"localhost:{port_of(callback)}"),
            address,
        )
        assert page.status == 400
    assert len(attempt.delivered) == 2


@needs_ipv6
def test_localhost_is_taken_when_one_of_its_addresses_is(listen: Listen) -> None:
    """Another program on [::1] would get the redirect."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        port = other.getsockname()[1]
        with pytest.raises(CallbackError, match="taken"):
            LoopbackCallback([f"http://localhost:{port}/callback"])
    listen(f"http://localhost:{port}/callback")


@needs_ipv6
def test_an_ipv6_literal_is_listened_on(listen: Listen) -> None:
    """Its Host header has brackets."""
    callback, _ = listen("http://[::1]:0/callback")
    assert re.fullmatch(r"http://\[::1\]:[1-9]\d*/callback", callback.redirect_uri)
    with pytest.raises(ConnectionRefusedError):
        connect(port_of(callback))
    assert follow(callback.redirect_uri, "right", host="evil.example.com").status == 400
    assert follow(callback.redirect_uri, "right").status == 200


# --- forwarded from a public address


@pytest.mark.parametrize(
    "path", [urlsplit(PUBLIC).path, "/proxy/8765/callback", "/8765/callback", "/callback"]
)
@pytest.mark.parametrize("host", ["hub.example.com", "hub.example.com:443", "127.0.0.1:{port}"])
def test_a_proxy_may_cut_the_path_and_keep_or_change_the_host(listen: Listen, path: str, host: str) -> None:
    """Jupyter's proxies forward /user/ann/proxy/8765/callback as /callback."""
    port = free_port()
    callback, _ = listen(PUBLIC, listen=f"127.0.0.1:{port}")
    assert callback.redirect_uri == PUBLIC
    assert send(port, request_bytes(f"{path}?right", Host=host.format(port=port))).status == 200


def test_a_forwarded_listener_is_as_strict_as_any(listen: Listen) -> None:
    """A part of the path's last word is no path, and a foreign host stays foreign."""
    port = free_port()
    _, attempt = listen(PUBLIC, listen=f"127.0.0.1:{port}")
    for path in ("/", "/back", "/ann", "/other/callback", "callback"):
        assert send(port, request_bytes(f"{path}?right", Host="hub.example.com")).status == 404
    for host in ("evil.example.com", "hub.example.com:444", "hub.example.com.evil.example.com"):
        assert send(port, request_bytes("/callback?right", Host=host)).status == 400
    assert attempt.delivered == []


@pytest.mark.parametrize("named", ["", "project"])
def test_a_redirect_by_another_users_server_is_refused(
    listen: Listen, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """On a shared machine a port is whoever's binds it first; the hub's proxy says whose server it came by."""
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", f"/user/ann/{named}/".replace("//", "/"))
    monkeypatch.setenv("JUPYTERHUB_SERVER_NAME", named)
    port = free_port()
    _, attempt = listen(PUBLIC, listen=f"127.0.0.1:{port}")
    for context in (
        "/user/bob/proxy/8765",
        "/user/anna/proxy/8765",
        "/user/",
        "/",
        "/user/ann/../bob/proxy/8765",
    ):
        headers = {"Host": "hub.example.com", "X-Forwarded-Context": context}
        page = send(port, request_bytes("/callback?right", **headers))
        assert page.status == 403
        assert "another user's server" in html.unescape(page.body)
    assert attempt.delivered == []
    for context in ("/user/ann/proxy/8765", "/user/ann/other/proxy/8765", "/user/ann"):
        headers = {"Host": "hub.example.com", "X-Forwarded-Context": context}
        assert send(port, request_bytes("/callback?right", **headers)).status == 200


def test_without_a_hub_a_proxy_may_say_what_it_likes(listen: Listen) -> None:
    port = free_port()
    listen(PUBLIC, listen=f"127.0.0.1:{port}")
    headers = {"Host": "hub.example.com", "X-Forwarded-Context": "/anything"}
    assert send(port, request_bytes("/callback?right", **headers)).status == 200


def test_the_path_is_cut_by_proxies_only(listen: Listen) -> None:
    """Where nothing forwards, the whole path arrives."""
    callback, attempt = listen("http://127.0.0.1:0/app/callback")
    for path in ("/callback", "/app", "/app/"):
        assert follow(callback.redirect_uri.replace("/app/callback", path), "right").status == 404
    assert attempt.delivered == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of this machine")
def test_a_proxy_may_name_the_listener_by_the_address_that_is_bound(listen: Listen) -> None:
    """nginx sends the address of its proxy_pass as Host, unless it is told otherwise."""
    port = free_port()
    listen(PUBLIC, listen=f"127.0.0.2:{port}")
    request = request_bytes("/callback?right", Host=f"127.0.0.2:{port}")
    assert send(port, request, "127.0.0.2").status == 200


def test_a_redirect_uri_that_is_a_name(listen: Listen) -> None:
    """EBay's RuName: whatever path its redirects are forwarded to, but only under a Host of the listener."""
    port = free_port()
    callback, attempt = listen("My_Co-MyApp-PRD-abc", listen=f"127.0.0.1:{port}")
    assert callback.redirect_uri == "My_Co-MyApp-PRD-abc"
    for host in ("evil.example", f"evil.example:{port}", "", f":{port}", "My_Co-MyApp-PRD-abc"):
        assert send(port, request_bytes("/x?right", Host=host)).status == 400
    assert attempt.delivered == []
    assert send(port, request_bytes("/any/path?right", Host=f"127.0.0.1:{port}")).status == 200
    assert attempt.delivered == ["right"]
