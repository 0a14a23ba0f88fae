"""A minimal HTTP/1.1 server that runs as a program: an API that requires one header, and a token endpoint.

It keeps connections alive and does almost nothing else, so the benchmarks measure the client. It prints its port, and
a second one for https, whose certificate is in the file that its argument names. It stops when its standard input ends.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import sys

SLOW = 0.1
"""Seconds that /slow-token takes to answer: time enough for all who wait to arrive."""

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
AUTHORIZATION = re.compile(rb"\r\nauthorization: *bearer an-access-token[-0-9]*\r\n", re.IGNORECASE)
TOKEN = (
    b'{"access_token":"an-access-token-%d","token_type":"Bearer","expires_in":86400,"refresh_token":"next"}'
)
BIG = 2**30
"""Bytes of /v1/big."""
PART = bytes(2**20)


def answer(status: bytes, body: bytes) -> bytes:
    return (
        b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\nCache-Control: no-store\r\n\r\n%b"
        % (status, len(body), body)
    )


ME = answer(b"200 OK", b'{"sub": "ada"}')
REFUSED = answer(b"401 Unauthorized", b'{"error": "invalid_token"}')
MISSING = answer(b"404 Not Found", b"{}")


class Connection(asyncio.Protocol):
    """One client's connection."""

    token_requests = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""
        self._left = 0  # bytes of a long answer
        self._full = False

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        while self._left and not self._full:
            self._left -= len(PART)
            self._transport.write(PART)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[: end + 2]
            length = LENGTH.search(head)
            rest = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < rest:
                return
            self._received = self._received[rest:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        write = self._transport.write
        if head.startswith(b"GET /v1/me "):
            write(ME if AUTHORIZATION.search(head) else REFUSED)
        elif head.startswith(b"GET /v1/big "):
            write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
                % BIG
            )
            self._left = BIG
            self.resume_writing()
        elif head.startswith(b"GET /count "):
            write(answer(b"200 OK", b"%d" % Connection.token_requests))
        elif head.startswith((b"POST /token ", b"POST /slow-token ")):
            Connection.token_requests += 1
            wait = SLOW if b"/slow-token" in head else 0
            asyncio.get_running_loop().call_later(
                wait, write, answer(b"200 OK", TOKEN % Connection.token_requests)
            )
        else:
            write(MISSING)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    for way in (None, context):
        server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024, ssl=way)
        print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
