"""doctor: endpoints are asked as a login asks them, and a healthy server is not called ill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from command_line import WriteProfiles
from discovery_documents import OIDC, document
from support import Seen, Sent, Web, free_port

from aventus_creds.cli.commands import run

Prints = pytest.CaptureFixture[str]

POSTED = ("/token", "/revoke", "/device")


def strict(refusal: Sent, **elsewhere: Sent) -> Callable[[Seen], Sent]:
    """Answer as GitHub, oidc-provider and Auth0 do: 404 to a GET of what takes POST only."""

    def answer(seen: Seen) -> Sent:
        path = seen.path.partition("?")[0]
        if sent := elsewhere.get(path[1:]):
            return sent
        if seen.method == "POST":
            return refusal if path in POSTED else Sent(404)
        return Sent(200) if path == "/authorize" else Sent(404)

    return answer


def examine(write_profiles: WriteProfiles, web: Web, **keys: Any) -> int:
    endpoints = {f"{name}_url": f"{web.url}/{name}" for name in ("authorize", "token", "revoke", "device")}
    write_profiles({"prod": {**endpoints, "client_id": "the-client", "timeout": 5, **keys}})
    return run(["doctor", "prod"])


@pytest.mark.parametrize("grant", ["pkce", "confidential", "client_credentials", "device"])
@pytest.mark.parametrize("status", [400, 401, 403, 415, 200])
def test_what_takes_post_only_is_there(
    web: Web, write_profiles: WriteProfiles, capsys: Prints, grant: str, status: int
) -> None:
    """Its refusal of a form that asks for nothing says so; nothing but the client's name is told."""
    web.answer = strict(Sent(status, {"error": "invalid_request"}))
    secret = {"client_secret": "a-secret"} if grant in {"confidential", "client_credentials"} else {}
    assert examine(write_profiles, web, grant=grant, **secret) == 0, capsys.readouterr().out
    assert "✗" not in capsys.readouterr().out
    asked = {(seen.method, seen.path): seen for seen in web.seen}
    assert {path for method, path in asked if method == "POST"} == {
        "/token",
        "/revoke",
        *(["/device"] if grant == "device" else []),
    }
    for (method, path), seen in asked.items():
        assert seen.body == (b"client_id=the-client" if method == "POST" and path != "/device" else b"")
        assert "Authorization" not in seen.headers
        if method == "POST":
            assert seen.headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "sent",
    [Sent(404), Sent(405), Sent(500), Sent(302, headers={"Location": "/x"}), Sent(drop=True)],
    ids=["none", "page", "down", "moved", "dropped"],
)
@pytest.mark.parametrize("path", ["token", "revoke", "device"])
def test_what_is_not_there(
    web: Web, write_profiles: WriteProfiles, capsys: Prints, path: str, sent: Sent
) -> None:
    """Each endpoint that a login or a logout posts to is told by its name."""
    web.answer = strict(Sent(400), **{path: sent})
    assert examine(write_profiles, web, grant="device") != 0
    shown = capsys.readouterr().out
    assert f"✗ the {path} endpoint: {web.url}/{path} " in shown
    assert shown.count("✗") == 1


def test_an_authorization_endpoint_that_redirects_is_there(
    web: Web, write_profiles: WriteProfiles, capsys: Prints
) -> None:
    """A browser follows; one that answers 404 is not there."""
    web.answer = strict(Sent(400), authorize=Sent(302, headers={"Location": "/login"}))
    assert examine(write_profiles, web) == 0
    web.answer = strict(Sent(400), authorize=Sent(404))
    assert examine(write_profiles, web) == 6
    assert "✗ the authorize endpoint" in capsys.readouterr().out


def test_a_server_without_revocation(web: Web, write_profiles: WriteProfiles, capsys: Prints) -> None:
    """It is not asked for one."""
    web.answer = lambda seen: Sent(200, document(web.url)) if seen.path == OIDC else strict(Sent(400))(seen)
    write_profiles({"prod": {"issuer": web.url, "client_id": "c", "timeout": 5}})
    assert run(["doctor", "prod"]) == 0
    shown = capsys.readouterr().out
    assert f"✓ discovery: {web.url}" in shown
    assert "revoke" not in shown


def test_a_row_without_its_document(web: Web, write_profiles: WriteProfiles, capsys: Prints) -> None:
    """It is said that the known endpoints serve, and those are examined."""
    web.answer = lambda seen: Sent(400 if "-srv/" in seen.path else 404)
    uri = f"http://127.0.0.1:{free_port()}/callback"
    keys = {"provider": "cidaas", "base_url": web.url, "client_id": "c", "redirect_uri": uri, "timeout": 5}
    write_profiles({"prod": keys})
    assert run(["doctor", "prod"]) == 0
    shown = capsys.readouterr().out
    assert (
        f"✓ discovery: there is no usable document at {web.url}, so the known endpoints of cidaas are used"
        in shown
    )
    assert f"✓ the revoke endpoint: {web.url}/token-srv/revoke" in shown


@pytest.mark.parametrize(
    ("uris", "free"),
    [
        ([], True),
        (["http://127.0.0.1:0/callback"], True),
        (["http://[::1]:0"], True),
        (["HTTP://127.0.0.1:{port}/callback"], False),
        (["http://127.0.0.1:{port}/callback", "http://127.0.0.1:0/callback"], False),
    ],
)
def test_a_free_port_is_not_to_be_registered(
    web: Web, write_profiles: WriteProfiles, capsys: Prints, uris: list[str], *, free: bool
) -> None:
    """The next login has another one."""
    web.answer = strict(Sent(400))
    port = free_port()
    given = [uri.format(port=port) for uri in uris]
    assert examine(write_profiles, web, **({"redirect_uri": given} if given else {})) == 0
    shown = capsys.readouterr().out
    assert ("it must be registered at the server exactly so" in shown) is not free
    assert ("takes any free port: the server must let the port" in shown) is free


@pytest.mark.parametrize(
    ("provider", "told"),
    [
        ("spotify", "Spotify lets the port of a registered address differ"),
        ("auth0", "it must be registered at the server exactly so"),
    ],
)
def test_the_rule_for_redirects_of_a_known_server(
    web: Web, write_profiles: WriteProfiles, capsys: Prints, provider: str, told: str
) -> None:
    """What the server's documentation says is said, and nothing that depends."""
    web.answer = strict(Sent(400))
    keys = {
        key: f"{web.url}/{key.removesuffix('_url')}" for key in ("authorize_url", "token_url", "revoke_url")
    }
    if provider == "auth0":
        keys |= {"domain": "acme.auth0.com", "redirect_uri": f"http://127.0.0.1:{free_port()}/callback"}
    write_profiles({"prod": {"provider": provider, "client_id": "c", "timeout": 5, **keys}})
    assert run(["doctor", "prod"]) == 0
    assert told in capsys.readouterr().out
