"""The Redis store: the name in the server's certificate, whatever redis-py's default is (it changed in 6.0)."""

from __future__ import annotations

import inspect
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from redis_server import RedisServer, wait_until
from redis_stores import KEY, SEAL, connects, save
from sockets import Authority, RawServer, lead_here
from support import free_port

from aventus_creds.errors import StoreError
from aventus_creds.stores.redis.store import RedisStore

FORMS = ["rediss://:pass-word@{}", "rediss+sentinel://:pass-word@{}/main", "rediss+cluster://:pass-word@{}"]


def lax(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any]) -> None:
    """Let ``function`` have the default of redis-py 5, whichever version is installed."""
    function = inspect.unwrap(function)
    given = [
        name
        for name, each in inspect.signature(function).parameters.items()
        if each.default is not each.empty
    ]
    at = given.index("ssl_check_hostname")
    assert function.__defaults__
    defaults = (*function.__defaults__[:at], False, *function.__defaults__[at + 1 :])
    monkeypatch.setattr(function, "__defaults__", defaults)


@pytest.fixture(autouse=True)
def _redis_py_5(monkeypatch: pytest.MonkeyPatch) -> None:
    lax(monkeypatch, redis.SSLConnection.__init__)
    lax(monkeypatch, redis.Redis.__init__)


@pytest.fixture(autouse=True)
def _redis_example(monkeypatch: pytest.MonkeyPatch) -> None:
    lead_here(monkeypatch)  # redis-py asks a cluster's localhost by its address


@pytest.fixture
def other(tmp_path: Path) -> Authority:
    """An authority, and a certificate for 127.0.0.1 and a name that is never asked for."""
    return Authority(tmp_path, ["other.example"])


class Listener:
    """A TLS server that keeps what it reads and answers nothing."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.read: list[bytes] = []

    def talk(self, connection: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(connection, server_side=True) as tls:
            self.read.append(tls.recv(1000))


@pytest.fixture
def listener(other: Authority) -> Iterator[tuple[Listener, int]]:
    listener = Listener(other.context)
    with RawServer(listener.talk) as server:
        yield listener, server.port


@connects
@pytest.mark.parametrize("form", FORMS)
def test_a_certificate_for_another_name_is_refused(
    form: str, other: Authority, listener: tuple[Listener, int]
) -> None:
    """In every form of the URL, before anything is sent; the URL itself may say otherwise."""
    heard, port = listener
    url = form.format(f"redis.example:{port}") + f"?ssl_ca_certs={other.bundle}"
    with pytest.raises(StoreError) as caught:
        RedisStore(url, [SEAL], timeout=0.3).load(KEY)
    assert "pass-word" not in str(caught.value)
    assert not any(heard.read)
    with pytest.raises(StoreError):
        RedisStore(f"{url}&ssl_check_hostname=false", [SEAL], timeout=0.3).load(KEY)
    wait_until(lambda: any(heard.read))


@connects
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("options", "checked"),
    [
        ("", (True, ssl.CERT_REQUIRED)),
        ("?ssl_cert_reqs=required", (True, ssl.CERT_REQUIRED)),
        ("?ssl_check_hostname=true", (True, ssl.CERT_REQUIRED)),
        ("?ssl_check_hostname=no", (False, ssl.CERT_REQUIRED)),
        ("?ssl_cert_reqs=none", (False, ssl.CERT_NONE)),
        ("?ssl_min_version=772", (True, ssl.CERT_REQUIRED)),
    ],
)
def test_what_reaches_the_handshake(
    form: str,
    options: str,
    checked: tuple[bool, ssl.VerifyMode],
    listener: tuple[Listener, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The name and the certificate are checked, unless the URL switches it off; its other options count too."""
    seen = []
    wrap = ssl.SSLContext.wrap_socket

    def wrapped(context: ssl.SSLContext, *args: Any, **more: Any) -> ssl.SSLSocket:
        if not more.get("server_side"):
            mode = (context.check_hostname, context.verify_mode)
            seen.append((more["server_hostname"], mode, context.minimum_version))
        return wrap(context, *args, **more)

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", wrapped)
    with pytest.raises(StoreError):
        RedisStore(form.format(f"redis.example:{listener[1]}") + options, [SEAL], timeout=0.3).load(KEY)
    lowest = (
        ssl.TLSVersion.TLSv1_3 if "min_version" in options else ssl.create_default_context().minimum_version
    )
    assert set(seen) == {("redis.example", checked, lowest)}


def test_a_real_redis_with_a_certificate_for_another_name(tmp_path: Path, other: Authority) -> None:
    """By its own name all goes well; by another it is refused, and the error says why."""
    certificate = (tmp_path / "server.pem", other.bundle)
    with RedisServer(tmp_path / "redis", password="pass-word", tls=certificate) as server:
        token = save(store := RedisStore(server.url, [SEAL]))
        assert store.load(KEY) == token
        misnamed = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(StoreError, match="not valid for 'localhost'"):
            RedisStore(misnamed, [SEAL], timeout=0.3).load(KEY)
        assert RedisStore(f"{misnamed}&ssl_check_hostname=false", [SEAL]).load(KEY) == token


def test_the_master_behind_a_sentinel(tmp_path: Path, other: Authority) -> None:
    """Its certificate is checked too, by the name that the Sentinel gives."""
    certificate = (tmp_path / "server.pem", other.bundle)
    port = free_port()
    configuration = tmp_path / "sentinel.conf"
    with RedisServer(tmp_path / "redis", tls=certificate) as server:
        configuration.write_text(
            f"bind 127.0.0.1\nport 0\ntls-port {port}\ntls-replication yes\ntls-auth-clients no\n"
            f"tls-cert-file {certificate[0]}\ntls-key-file {certificate[0]}\ntls-ca-cert-file {certificate[1]}\n"
            "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n"
            f"sentinel monitor main localhost {server.port} 1\n"
        )
        sentinel = subprocess.Popen(
            ["redis-server", str(configuration), "--sentinel"], stdout=subprocess.DEVNULL
        )
        try:
            url = f"rediss+sentinel://127.0.0.1:{port}/main?ssl_ca_certs={other.bundle}"
            unchecked = RedisStore(f"{url}&ssl_check_hostname=false", [SEAL], timeout=10)
            token = save(unchecked)
            assert unchecked.load(KEY) == token
            with pytest.raises(StoreError, match="not valid for 'localhost'"):
                RedisStore(url, [SEAL], timeout=0.3).load(KEY)
        finally:
            sentinel.kill()
            sentinel.wait()
