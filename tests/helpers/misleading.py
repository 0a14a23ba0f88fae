"""An API, and a whole world of addresses that are not the API, however much they look like it.

``World`` is the API and everybody else; ``Source`` gives a new token for each that was refused.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from sockets import BASIC_OF_NETRC, Authority, RawServer, write_netrc
from support import Web, make_profile, make_token

from aventus_creds.profiles.profile import Profile
from aventus_creds.tokens import Token

BEARER, RENEWED, REFRESH_TOKEN = "the-bearer-0", "the-bearer-1", "the-refresh-token"
TLS, PLAIN = "https://api.example", "http://127.0.0.1"


class Source:
    """Gives the-bearer-0, and a new one for each that was refused."""

    def __init__(self) -> None:
        self.renewed = 0
        self._token = make_token(BEARER, refresh_token=REFRESH_TOKEN)

    def token(self, stale: Token | None = None, at_least: float = 0) -> Token:
        if stale is not None:
            self.renewed += 1
            self._token = make_token(f"the-bearer-{self.renewed}", refresh_token=REFRESH_TOKEN)
        return self._token


class World:
    """The API of ``session`` at ``origin``, and the rest of the world; ``heard`` is all that this has heard."""

    api: Web
    origin: str
    session: Any  # what asks, see clients.py
    name: str  # of the client
    netrc_is_theirs = False  # whether it may tell them what ~/.netrc has for them

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.answer: Callable[[bytes], bytes] = lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    def secrets_heard(self) -> list[bytes]:
        """Return what the world has heard and nobody was to tell it."""
        secrets = [b"the-bearer", REFRESH_TOKEN.encode()]
        if not self.netrc_is_theirs:
            secrets += [BASIC_OF_NETRC.encode(), b"netrc-pass"]
        return [heard for heard in self.heard if any(secret in heard for secret in secrets)]

    def bearers(self) -> list[str | None]:
        return [seen.headers.get("Authorization") for seen in self.api.seen]


def read_request(connection: socket.socket) -> bytes:
    """Return one request, whole or as far as it came."""
    heard = b""
    while chunk := connection.recv(65536):
        heard += chunk
        head, _, body = heard.partition(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
        if b"\r\n\r\n" in heard and len(body) >= int(length[1] if length else 0):
            break
    return heard


@contextmanager
def one_world(
    where: str,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    open_client: Callable[[Profile, Source], AbstractContextManager[Any]],
) -> Iterator[World]:
    """Let one name and port be the API, and every other the rest of the world; a netrc has a word for each.

    Args:
        where: TLS or PLAIN, the origin of the API.
        open_client: makes what asks, from the profile and the source of its tokens.
    """
    write_netrc(monkeypatch, folder, by_variable=False)
    world, tls = World(), where == TLS

    def talk(connection: socket.socket) -> None:
        connection.settimeout(5)
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":  # a handshake
            connection = authority.context.wrap_socket(connection, server_side=True)
        with connection:
            while heard := read_request(connection):
                world.heard.append(heard)
                connection.sendall(world.answer(heard))

    with authority.web() if tls else Web() as api, RawServer(talk) as rest:
        there = ("api.example", 443) if tls else ("127.0.0.1", api.port)
        origin = where if tls else f"{where}:{api.port}"

        def port_of(host: Any, port: Any) -> int:
            return api.port if (host, port) == there else rest.port

        def look_up(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port_of(host, port)))]

        async def connect(remote_host: str, remote_port: int, **how: Any) -> Any:
            return await connect_really("127.0.0.1", port_of(remote_host, remote_port), **how)

        connect_really = anyio.connect_tcp
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        monkeypatch.setattr(anyio, "connect_tcp", connect)  # of httpx.AsyncClient
        with open_client(make_profile(api_url=origin, timeout=5, retries=0), Source()) as session:
            world.api, world.origin, world.session = api, origin, session
            yield world


def hostile(world: World) -> list[str]:
    """Return addresses that are not the API's, however much they look like it."""
    scheme, _, place = world.origin.partition("://")
    host, _, port = place.partition(":")
    other = "http" if scheme == "https" else "https"
    return [
        "https://evil.example/",
        "http://evil.example/",
        "HTTPS://EVIL.EXAMPLE/",
        f"{other}://{place}/",
        f"{scheme}://{host}:81/",
        f"{scheme}://{host}.:{port or 443}/",
        f"{scheme}://{host}.evil.example/",
        f"{scheme}://evil.example.{host}/" if port == "" else f"{scheme}://1{host}:{port}/",
        f"{scheme}://{host}%2eevil.example/",
        f"{scheme}://{host}%00.evil.example/",
        f"{scheme}://{place}@evil.example/",
        f"{scheme}://{place}%40evil.example/",
        f"{scheme}://{place}:443@evil.example/",
        f"{scheme}://me:pw@evil.example/",
        f"{scheme}://evil.example\\@{place}/",
        f"{scheme}://{place}\\@evil.example/",
        f"{scheme}://{place}\\.evil.example/",
        f"{scheme}://evil.example#@{place}/",
        f"{scheme}://evil.example?@{place}/",
        f"{scheme}://evil.example/{world.origin}",
        f"{scheme}://evil.example:443#@{place}",
        f"{scheme}://{place}\t.evil.example/",
        f"{scheme}://{place}\n@evil.example/",
        f"{scheme}://[::1]:{port or 443}/",
        f"{scheme}://[::ffff:127.0.0.1]:{port or 443}/",
        f"{scheme}://[{host}]/",
        f"{scheme}://127.1:{port or 443}/",
        f"{scheme}://0x7f000001:{port or 443}/",
        f"{scheme}://2130706433:{port or 443}/",
        f"{scheme}://0:{port or 443}/",
        f"{scheme}://localhost:{port or 443}/",
        f"{scheme}://\u0430pi.example/",
        f"{scheme}://api.example\u3002evil.example/",
        f"{scheme}://xn--pi-7kc.example/",
        f"{scheme}://faß.example/",
        f"{scheme}:/evil.example/",
        f"{scheme}:///evil.example/",
        f"{scheme}:////evil.example/",
        f" {scheme}://evil.example/",
        f"\x01{scheme}://evil.example/",
        f"{scheme}+unix://evil.example/",
        "ftp://evil.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//evil.example/",
        "///evil.example/",
        "\\\\evil.example/",
        "/\\evil.example/",
        "https:evil.example/",
        "https:\\\\evil.example/",
        "http:\\\\evil.example",
        "http:/\\evil.example",
        "@evil.example/",
        ":443@evil.example/",
        ".evil.example/",
        "?@evil.example/",
        "#@evil.example/",
        "/..//evil.example/",
        "\r\nHost: evil.example",
    ]
