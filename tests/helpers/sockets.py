"""Servers that misbehave, certificates made for a test, and host names that resolve to this machine."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support import Web, hang_up


class RawServer:
    """A TCP server that is no HTTP server: ``talk`` has each connection, in a thread of its own."""

    def __init__(self, talk: Callable[[socket.socket], object]) -> None:
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.connections: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            hang_up(connection)
            connection.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            self._talk(connection)


def says(*parts: bytes, every: float = 0) -> Callable[[socket.socket], None]:
    """Read a request, then send ``parts``, one each ``every`` seconds, and hang up."""

    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)
            pause(connection, every)

    return talk


def pause(connection: socket.socket, seconds: float) -> None:
    """Say nothing for so long, or until the server is closed."""
    deadline = time.monotonic() + seconds
    while connection.fileno() >= 0 and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, 0.02))


def silent(seconds: float) -> Callable[[socket.socket], None]:
    """Say nothing at all for so long, then hang up."""
    return lambda connection: pause(connection, seconds)


def drips(
    start: bytes, drop: bytes, *, every: float = 0.05, times: int = 60
) -> Callable[[socket.socket], None]:
    """Read a request, send ``start``, then ``drop`` again and again: no single wait is long."""
    return says(start, *[drop] * times, every=every)


def tunnel(port: int, seen: list[bytes]) -> Callable[[socket.socket], None]:
    """Be a proxy: answer CONNECT, whatever it names, with a tunnel to ``port`` here; ``seen`` gets all bytes."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                seen.append(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def talk(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)) as target:
            back = threading.Thread(target=pump, args=(target, connection), daemon=True)
            back.start()
            pump(connection, target)
            back.join()

    return talk


class Authority:
    """A certificate authority of the test's own, and one certificate by it. ``bundle`` is the file to trust.

    ``days`` are the first and the last on which the server's certificate is valid, counted from today; with
    ``alone`` it is signed by itself.
    """

    def __init__(
        self,
        folder: Path,
        names: Iterable[str] = ("localhost", "api.example", "evil.example"),
        *,
        days: tuple[float, float] = (-1, 1),
        alone: bool = False,
    ) -> None:
        key, self._root = self._make("test authority", None, ())
        self._key = key
        leaf_key, leaf = self._make("test server", None if alone else (key, self._root), names, days)
        self.bundle = folder / "authority.pem"
        self.bundle.write_bytes(self._root.public_bytes(serialization.Encoding.PEM))
        self.server = server = folder / "server.pem"
        server.write_bytes(
            leaf_key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + leaf.public_bytes(serialization.Encoding.PEM)
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(server)

    def client(self, folder: Path, name: str = "test client", *, alone: bool = False) -> Path:
        """Return a PEM file with the certificate of a client, by this authority or ``alone``, and its key."""
        key, certificate = self._make(name, None if alone else (self._key, self._root), (f"{name}.example",))
        path = folder / f"{name}.pem"
        path.touch(0o600)
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path

    def web(self) -> Web:
        """Return a Web that speaks TLS."""
        web = Web()
        web._server.socket = self.context.wrap_socket(
            web._server.socket, server_side=True, do_handshake_on_connect=False
        )
        web.url = f"https://127.0.0.1:{web.port}"
        return web

    @staticmethod
    def _make(
        name: str,
        issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None,
        names: Iterable[str],
        days: tuple[float, float] = (-1, 1),
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer, now = issuer[0] if issuer else key, datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer[1].subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    key_cert_sign=issuer is None,
                    crl_sign=issuer is None,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        )
        if names:
            alternatives = [
                x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                *map(x509.DNSName, names),
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return key, builder.sign(signer, hashes.SHA256())


def lead_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every name under ``.example`` be this machine."""
    ask = socket.getaddrinfo

    def answer(host: Any, *args: Any, **more: Any) -> Any:
        here = isinstance(host, str) and host.endswith(".example")
        return ask("127.0.0.1" if here else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def write_netrc(monkeypatch: pytest.MonkeyPatch, folder: Path, *, by_variable: bool) -> None:
    """Write a netrc for every host, where ``HOME`` is or where ``NETRC`` names it."""
    path = folder / "netrc" if by_variable else folder / "home" / ".netrc"
    path.write_text(
        "".join(
            f"machine {host} login netrc-user password netrc-pass\n" for host in ("127.0.0.1", "localhost")
        )
        + "default login netrc-user password netrc-pass\n"
    )
    path.chmod(0o600)
    if by_variable:
        monkeypatch.setenv("NETRC", str(path))


BASIC_OF_NETRC = "Basic bmV0cmMtdXNlcjpuZXRyYy1wYXNz"
