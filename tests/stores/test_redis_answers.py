"""The Redis store: what a Redis says back is foreign text. It shows no secret and drives no terminal."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from urllib.parse import quote

import pytest
from redis_stores import KEY, SEAL, connects, everything, links, save
from sockets import RawServer
from support import variables_shown

from aventus_creds.errors import AventusCredsError, StoreError
from aventus_creds.stores.redis.store import RedisStore

PASSWORD = "s3cr3t/of the-Redis"
CONTROLS = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e"

pytestmark = connects


def commands(data: bytes) -> list[list[str]]:
    """Return the commands in ``data``, which a client has sent, each as its words."""
    words = [part.decode("utf-8", "replace") for part in re.split(rb"\r\n", data)]
    found: list[list[str]] = []
    for word in words:
        if re.fullmatch(r"\*\d+", word):
            found.append([])
        elif found and not re.fullmatch(r"\$\d+", word) and word:
            found[-1].append(word)
    return found


def echo(name: str, *arguments: str) -> bytes:
    """Answer as a Redis before 6.0 answers a command that it does not know: with the arguments."""
    listed = ", ".join(f"`{argument}`" for argument in arguments)
    return f"-ERR unknown command `{name}`, with args beginning with: {listed}, {CONTROLS}\r\n".encode()


def fake(answer: Callable[..., bytes]) -> RawServer:
    """Return a server that gives ``answer`` to each command."""

    def talk(connection: socket.socket) -> None:
        while data := connection.recv(65536):
            connection.sendall(b"".join(answer(*command) for command in commands(data)))

    return RawServer(talk)


def fault_of(
    server: RawServer, options: str = "", scheme: str = "redis", path: str = ""
) -> AventusCredsError:
    """Return what loading and saving raise, which shows nothing of the password."""
    url = f"{scheme}://ann:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}{path}{options}"
    store = RedisStore(url, [SEAL], timeout=0.3)
    with pytest.raises(AventusCredsError):
        save(store)
    with pytest.raises(AventusCredsError) as caught:
        store.load(KEY)
    error = caught.value
    assert PASSWORD not in everything(error)
    assert list(links(error)) == [error]
    said = str(error)
    for part in ("s3cr3t", "of the", "the-Redis"):
        assert part not in said
    assert all(line.isprintable() for line in said.splitlines())
    assert "an-access-token" not in variables_shown(error)
    return error


def test_a_redis_that_knows_no_hello_and_says_the_arguments_back() -> None:
    """The command's name stays, with what to do; the password and the control characters go."""
    with fake(echo) as server:
        error = fault_of(server, "?protocol=3")
        assert "unknown command `HELLO`" in str(error)
        assert "?protocol=2" in error.hint
        assert "unknown command `AUTH`" in str(fault_of(server, "?protocol=2"))


@pytest.mark.parametrize(("scheme", "path"), [("redis+sentinel", "/main"), ("redis+cluster", "")])
def test_the_same_in_a_sentinel_and_a_cluster(scheme: str, path: str) -> None:
    with fake(echo) as server:
        options = f"?sentinel_password={quote(PASSWORD)}" if path else ""
        assert isinstance(fault_of(server, options, scheme, path), StoreError)


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: text,
        lambda text: quote(quote(text, safe=""), safe=""),
        lambda text: "".join(f"&#{ord(char)};" for char in text),
        lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
        " ".join,
        lambda text: text[::-1],
        lambda text: text.encode().hex(),
    ],
)
@pytest.mark.parametrize(
    "kind", ["-ERR no {}\r\n", "-NOAUTH2 {}\r\n", "!{}\r\n", "{}\r\n", "${}\r\n", "*{}\r\n"]
)
def test_any_answer_that_holds_the_password(kind: str, spell: Callable[[str], str]) -> None:
    """An error, or no answer at all that redis-py knows: in whichever spelling."""
    with fake(lambda *_: kind.format(spell(PASSWORD)).encode()) as server:
        fault_of(server, "?protocol=2")


def nonsense(answer: bytes) -> Callable[..., bytes]:
    return lambda name, *_: b"+OK\r\n" if name in {"AUTH", "CLIENT", "SELECT"} else answer


@pytest.mark.parametrize("answer", [b":1\r\n", b"*1\r\n:1\r\n", b"*0\r\n", b"*2\r\n$4\r\nheld\r\n:5\r\n"])
def test_answers_of_another_type(answer: bytes) -> None:
    """A Redis that answers nonsense is a StoreError that says so: no error of Python, no token, no lock."""
    with fake(nonsense(answer)) as server:
        store = RedisStore(f"redis://:pass-word@127.0.0.1:{server.port}?protocol=2", [SEAL], timeout=0.3)
        for ask in (store.load, lambda key: store.lock(key).__enter__()):
            with pytest.raises(StoreError, match="cannot be used: redis-py raised") as caught:
                ask(KEY)
            assert "pass-word" not in everything(caught.value)
