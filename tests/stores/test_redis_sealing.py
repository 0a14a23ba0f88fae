"""The Redis store: what is sealed, what rests in Redis, and the addresses of one."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import sys
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from redis_server import RedisServer
from redis_stores import KEY, REFRESHABLE, SEAL, MakeStore, entry, save
from support import make_token, variables_shown

from aventus_creds.errors import ConfigError, InsecureStoreWarning, StoreError
from aventus_creds.stores.record import encode
from aventus_creds.stores.redis.address import read_address
from aventus_creds.stores.redis.sealing import MAKE_ONE, STAMP, Seal, new_key
from aventus_creds.stores.redis.store import RedisStore

# Sealing


def test_what_is_sealed_opens_again() -> None:
    """Each time with another nonce, so that no two entries begin alike."""
    seal = Seal([SEAL])
    one, two = seal.seal("a", b"content"), seal.seal("a", b"content")
    assert seal.open("a", one) == seal.open("a", two) == b"content"
    assert one[:STAMP] != two[:STAMP]


def test_what_was_changed_cut_or_moved_does_not_open() -> None:
    """A flipped bit anywhere, every shorter length, another name, another key: an error that names the entry."""
    seal = Seal([SEAL])
    sealed = seal.seal("a", b"c")
    changed = [bytes([*sealed[:at], sealed[at] ^ 1, *sealed[at + 1 :]]) for at in range(len(sealed))]
    for content in [*changed, *(sealed[:length] for length in range(len(sealed)))]:
        with pytest.raises(StoreError, match="the stored token a cannot be decrypted"):
            seal.open("a", content)
    for other, name in [(seal, "b"), (Seal([new_key()]), "a")]:
        with pytest.raises(StoreError, match="cannot be decrypted"):
            other.open(name, sealed)


def sealed_before(key: str, content: bytes) -> bytes:
    """Return what version 1 sealed: bound to the key alone."""
    nonce = os.urandom(12)
    cipher = AESGCM(base64.urlsafe_b64decode(SEAL))
    return b"\x01" + nonce + cipher.encrypt(nonce, content, b"aventus-creds \x01" + key.encode())


def test_an_entry_is_bound_to_its_prefix(make_store: MakeStore, admin: Any, prefix: str) -> None:
    """Copied to the same key under another prefix it does not open, nor as one that was sealed before."""
    token = save(make_store())
    sealed = admin.get(entry(prefix))
    other = make_store(prefix=f"{prefix}other:")
    for content in (sealed, b"\x01" + sealed[1:]):
        admin.set(entry(f"{prefix}other:"), content)
        with pytest.raises(StoreError, match=f"the stored token {KEY} cannot be decrypted"):
            other.load(KEY)
    assert make_store().load(KEY) == token


def test_an_entry_sealed_before_is_opened_and_resealed(
    make_store: MakeStore, admin: Any, prefix: str
) -> None:
    """It stays until the next write, which binds it to the whole name; another key's does not open."""
    store, token = make_store(), make_token(**REFRESHABLE)
    before = sealed_before(KEY, encode(KEY, token))
    admin.set(entry(prefix), before)
    assert store.load(KEY) == token
    assert admin.get(entry(prefix)) == before
    with store.lock(KEY):
        assert store.load(KEY) == token
        store.save(KEY, token)
    assert admin.get(entry(prefix))[:1] == b"\x02"
    assert store.load(KEY) == token
    admin.set(entry(prefix), sealed_before("another-key", encode(KEY, token)))
    with pytest.raises(StoreError, match="cannot be decrypted"):
        store.load(KEY)


def test_keys_are_rotated() -> None:
    """The first key seals, every key opens."""
    old, new = new_key(), new_key()
    sealed = Seal([old]).seal("a", b"content")
    assert Seal([new, old]).open("a", sealed) == b"content"
    resealed = Seal([new, old]).seal("a", b"content")
    assert Seal([new]).open("a", resealed) == b"content"
    with pytest.raises(StoreError, match="Add the key it was sealed with"):
        Seal([new]).open("a", sealed)


@pytest.mark.parametrize(
    "keys",
    [[], "", SEAL, [""], [SEAL[:-2]], [SEAL + "AAAA"], ["not base64: " + SEAL], [SEAL, "ä" * 43], [None]],
    ids=range(9),
)
def test_a_wrong_key_is_refused_and_not_shown(keys: Any) -> None:
    """The error tells how to make one; neither it nor a traceback with variables shows any."""
    with pytest.raises(ConfigError, match="aventus-creds store key") as caught:
        RedisStore("redis://127.0.0.1", keys)
    shown = f"{caught.value!r} {caught.value} {variables_shown(caught.value)}"
    assert SEAL[:20] not in shown
    assert SEAL not in repr(Seal([SEAL]))


@pytest.mark.skipif(
    not shutil.which("aventus-creds", path=Path(sys.executable).parent),
    reason="the command is not beside this Python",
)
def test_the_hint_makes_a_key() -> None:
    """The command in the hint works as it is pasted."""
    made = subprocess.run(MAKE_ONE, shell=True, capture_output=True, text=True, check=True, env={
        **os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    }).stdout  # fmt: skip
    Seal([made.strip()])


# Addresses


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://localhost", "redis://localhost:6379"),
        ("redis://ann:pass@127.0.0.1:7000/3", "redis://127.0.0.1:7000"),
        ("rediss://:pass@redis.example.com/0?ssl_ca_certs=/ca.pem", "rediss://redis.example.com:6379"),
        ("rediss://:p%40%2Fss@[::1]:7000", "rediss://[::1]:7000"),
        ("unix://ann:pass@/run/redis.sock?db=1", "unix:///run/redis.sock"),
        ("redis+sentinel://:pass@localhost,127.0.0.1:7/main/2", "redis+sentinel://localhost:26379,127.0.0.1:7/main"),
        ("rediss+cluster://:pass@a.example:1,b.example:2", "rediss+cluster://a.example:1,b.example:2"),
    ],
)  # fmt: skip
def test_a_store_shows_where_it_is_and_no_password(url: str, place: str) -> None:
    """In its repr, and so in tracebacks."""
    store = RedisStore(url, [SEAL])
    assert repr(store) == f"<RedisStore at {place}>"
    assert repr(read_address(url)) == f"<Redis at {place}>"
    assert "pass" not in repr(vars(store))
    assert SEAL not in repr(vars(store))


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost:6379", "http://:pass-word@localhost", "redis:/:pass-word@localhost", "redis://"),
        *("redis://:pass-word/x@localhost", "redis://:pass-word#x@localhost", "redis://:pass-word?x@localhost:1"),
        *("redis://:pass-word@host:port", "redis://:pass-word@a,b", "redis://:pass-word@host/database"),
        *("redis+sentinel://:pass-word@host", "unix://:pass-word@host/socket", "unix://"),
        *("redis://:pass-word@host:99999", "redis://:pass-word@ho st", "redis://:pass-word@host\n"),
    ],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_and_not_shown(url: str) -> None:
    """Half a password must not pass for a host or a port either."""
    with pytest.raises(ConfigError) as caught:
        RedisStore(url, [SEAL])
    shown = f"{caught.value!r} {caught.value} {variables_shown(caught.value)}"
    assert "pass-word" not in shown
    assert SEAL not in shown


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("redis://:pass@redis.example.com", True),
        ("redis+cluster://:pass@localhost,redis.example.com", True),
        ("redis://redis.example.com", False),
        ("redis://:pass@localhost", False),
        ("redis://:pass@[::1]", False),
        ("rediss://:pass@redis.example.com", False),
        ("unix://:pass@/run/redis.sock", False),
    ],
)
def test_a_password_in_the_clear_is_warned_of(url: str, *, exposed: bool) -> None:
    """Tokens are sealed, the password of a redis:// that is not this machine is not."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        RedisStore(url, [SEAL])
    assert [warning.category for warning in said] == [InsecureStoreWarning] * exposed
    assert all("pass@" not in str(warning.message) for warning in said)


@pytest.mark.parametrize("package", ["redis", "cryptography"])
def test_a_missing_package_is_named_with_its_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip install 'aventus-creds[redis]' brings both."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"pip install 'aventus-creds\[redis\]'"):
        RedisStore("redis://127.0.0.1", [SEAL])


# What rests in Redis


def test_a_token_that_nothing_can_renew_leaves_by_itself(
    make_store: MakeStore, admin: Any, prefix: str
) -> None:
    """Soon after its expiry; one with a refresh token stays."""
    store = make_store()
    save(store, make_token(lifetime=1000))
    assert 1000 < admin.ttl(entry(prefix)) < 1500
    save(store, make_token(lifetime=1000, age=5000))
    assert 0 < admin.ttl(entry(prefix)) < 500
    save(store)
    assert admin.ttl(entry(prefix)) == -1


def test_an_entry_that_no_key_opens_is_an_error_until_the_next_login(
    make_store: MakeStore, admin: Any, prefix: str
) -> None:
    """Of another key, of another entry, damaged: never None, and replaced by a save."""
    store = make_store()
    save(make_store([new_key()]))
    with pytest.raises(StoreError, match=KEY):
        store.load(KEY)
    save(store, key="other")
    for content in (admin.get(entry(prefix, "other")), b"garbage", b"\x01" * 200):
        admin.set(entry(prefix), content)
        with pytest.raises(StoreError, match=f"the stored token {KEY} cannot be decrypted"):
            store.load(KEY)
    token = save(store)
    assert store.load(KEY) == token


def test_a_rotated_key_keeps_the_login(make_store: MakeStore) -> None:
    """The old key still opens, the next save seals with the new one."""
    old, new = new_key(), new_key()
    token = save(make_store([old]))
    assert make_store([new, old]).load(KEY) == token
    save(make_store([new, old]), token)
    assert make_store([new]).load(KEY) == token


def test_no_token_is_readable_in_redis(tmp_path: Path) -> None:
    """Not in a dump of every key, not on the wire, not in its files; a control shows that the search finds."""
    with RedisServer(tmp_path / "redis", persist=True) as server, ExitStack() as stack:
        wire = b""
        monitor = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        monitor.sendall(b"MONITOR\r\n")
        store = RedisStore(server.url, [SEAL])
        token = make_token("the-access-token", refresh_token="the-refresh-token", scope="the-scope")
        save(store, token)
        save(store, make_token("the-access-token-2"), key="other")
        with store.lock("other"):
            store.delete("other")
        assert store.load(KEY) == token
        admin = stack.enter_context(server.admin)
        admin.set("control", "the-control")
        admin.save()
        dump = b"".join(admin.dump(key) for key in admin.scan_iter()) + b"".join(admin.scan_iter())
        while b"the-control" not in wire:
            wire += monitor.recv(65536)
        files = b"".join(path.read_bytes() for path in server.folder.rglob("*") if path.is_file())
        assert b"the-control" in dump
        assert b"the-control" in files
        for place in (dump, wire, files):
            assert b"the-access-token" not in place
            assert b"the-refresh-token" not in place
            assert b"the-scope" not in place
