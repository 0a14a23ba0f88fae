"""Profiles of different servers that share a redirect URI: one server could get another's code (RFC 9700 4.4)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import command
from support import Seen, Sent, Web, free_port

WriteProfiles = Callable[..., Path]


class Servers:
    """Two issuers on one machine, each with a discovery document."""

    def __init__(self, web: Web, *, announce: str) -> None:
        self._web, self._announce = web, announce
        web.answer = self._answer

    def issuer(self, name: str) -> str:
        return f"{self._web.url}/{name}"

    def _answer(self, seen: Seen) -> Sent:
        name = seen.path.split("/")[1]
        if ".well-known" not in seen.path:
            return Sent(400)
        issuer = self.issuer(name)
        return Sent(
            body={
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "authorization_response_iss_parameter_supported": name in self._announce,
            }
        )


def profile(servers: Servers, name: str, port: int, path: str = "callback", **keys: Any) -> dict[str, Any]:
    uri = f"http://127.0.0.1:{port}/{path}"
    return {"issuer": servers.issuer(name), "client_id": "c", "scope": "openid", "redirect_uri": uri, **keys}


@pytest.mark.parametrize("announce", ["", "a", "b"])
def test_a_shared_redirect_uri_is_warned_about(
    web: Web, write_profiles: WriteProfiles, announce: str
) -> None:
    """By ``profiles`` and by ``doctor``, with a remedy; it is no error, for the registration may be somebody else's."""
    servers, port = Servers(web, announce=announce), free_port()
    write_profiles({name: profile(servers, name, port) for name in ("a", "b")})
    for arguments in (["doctor"], ["doctor", "b"], ["profiles"]):
        done = command(*arguments)
        assert done.returncode == 0, done.stdout
        said = done.stdout + done.stderr
        assert (
            f"{'warning:' if arguments == ['profiles'] else '!'} a, b share http://127.0.0.1:{port}/callback"
            in said
        )
        assert "http://127.0.0.1:8765/callback/aventus" in said


def test_servers_that_name_themselves_and_paths_of_their_own_are_fine(
    web: Web, write_profiles: WriteProfiles
) -> None:
    """Where both announce ``iss``, it is checked; another path tells the servers apart; one server may be shared."""
    servers, port = Servers(web, announce="ab"), free_port()
    write_profiles(
        {
            "a": profile(servers, "a", port),
            "a2": profile(servers, "a", port, client_id="other"),
            "b": profile(servers, "b", port),
            "c": profile(servers, "c", port, "callback/c"),
            "service": {
                "issuer": servers.issuer("d"),
                "client_id": "c",
                "client_secret": {"env": "X"},
                "grant": "client_credentials",
            },
        }
    )
    for arguments in (["doctor", "a"], ["doctor", "b"], ["profiles"]):
        done = command(*arguments)
        assert "warning" not in done.stdout + done.stderr


def test_a_profile_with_mistakes_is_no_reason_to_keep_silent(web: Web, write_profiles: WriteProfiles) -> None:
    """The others are compared; ``doctor`` of a third profile says nothing of them."""
    servers, port = Servers(web, announce=""), free_port()
    write_profiles(
        {
            "bad": {"client_id": 5},
            "a": profile(servers, "a", port),
            "b": profile(servers, "b", port),
            "c": profile(servers, "c", port, "callback/c"),
        }
    )
    assert "warning: a, b share" in command("profiles").stderr
    assert "warning" not in command("doctor", "c").stdout
