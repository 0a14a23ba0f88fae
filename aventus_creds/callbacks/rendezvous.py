"""Where a redirect that a Jupyter server has received meets the login that waits for it, in another process.

The login has a door in a folder that its user alone can open, under a name that follows from its ``state``. Where the
system has Unix sockets, the door is one, and both sides look at the user of the other. Elsewhere (Windows, a path that
is too long, a file system without sockets) it is a file with the port of a listener on this machine and a key, and both
sides prove that they have read it before the redirect is sent: another program may have taken the port.

A message is its length in four bytes, and then itself.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.callbacks import Reply
from aventus_creds.errors import StoreError

UNIX: Final = hasattr(socket, "AF_UNIX") and os.name == "posix"

LONGEST: Final = 64 * 1024
"""Bytes of a message. A Jupyter server takes no longer request."""

SHAKE_LIMIT: Final = 10
"""Seconds for all that comes before the login's own answer."""

ANSWER_LIMIT: Final = 180
"""Seconds for the login to exchange the code and store the token: a few requests with limits of their own."""

LEFT_AFTER: Final = 60
"""Seconds after which an unfinished door was left by a program that was killed."""

LONGEST_PATH: Final = 100
"""Bytes of a socket's path that every system takes: Linux has 108, macOS 104, with the zero at the end."""

_HASH: Final = 32  # characters of a name, and bytes of a key and of a proof


class Unanswered(Exception):
    """The redirect was handed over, and the login did not say how it ended."""


def name_of(query: str) -> str:
    """Return the name of the door for the login that a redirect, or the address of a login, has the state of.

    Args:
        query: the raw query. Without a state the name is "".
    """
    try:
        states = parse_qs(query, max_num_fields=200).get("state", [""])
    except ValueError:  # too many fields
        return ""
    return hashlib.sha256(states[0].encode()).hexdigest()[:_HASH] if states[0] else ""


class Door:
    """The door of one login: a bound socket that listens, and its name in the folder.

    Args:
        folder: the user's folder of doors.
        name: see ``name_of``.

    Raises:
        OSError, StoreError: it cannot be made.
    """

    def __init__(self, folder: PrivateFolder, name: str) -> None:
        self.path = folder.path / name
        self.key: Hidden[bytes] | None = None
        folder.make()
        try:
            self.socket = _unix_listener(self.path)
        except OSError:
            self.key = Hidden(secrets.token_bytes(_HASH))
            self.socket = socket.create_server(("127.0.0.1", 0))
            port = self.socket.getsockname()[1]
            try:
                folder.write(name, json.dumps({"port": port, "key": self.key.reveal().hex()}).encode())
            except StoreError:
                self.socket.close()
                raise

    def admits(self, visitor: socket.socket) -> bool:
        """Whether a new connection is from this user, as far as that is known before it is asked for a proof."""
        return self.key is not None or same_user(visitor)

    def proven(self, visitor: socket.socket) -> bool:
        """Whether the visitor has read the key, where there is one. Tells it so, with a proof of our own."""
        if self.key is None:
            return True
        challenge = secrets.token_bytes(_HASH)
        visitor.sendall(challenge)
        answer = _read(visitor, 2 * _HASH)
        theirs = answer[:_HASH]
        if not hmac.compare_digest(answer[_HASH:], _proof(self.key, b"visitor", challenge, theirs)):
            return False
        visitor.sendall(_proof(self.key, b"login", theirs, challenge))
        return True

    def close(self) -> None:
        """Stop listening, and remove the name."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # it stops, even if a forked child still has the socket
        self.socket.close()
        with suppress(OSError):
            self.path.unlink()


def ask(folder: PrivateFolder, query: Hidden[str]) -> Reply | None:
    """Hand a redirect over to the login that waits for it, and return what that says; None if none waits.

    Raises:
        Unanswered: the login took it, and ended or was not done in time.
        StoreError: the folder is not this user's alone.
    """
    name = name_of(query.reveal())
    message = Hidden(query.reveal().encode())
    if not name or len(message.reveal()) > LONGEST:
        return None
    with suppress(OSError):
        folder.make()
        visit = _visit(folder, name)
        if visit is None:
            return None
        with visit:
            try:
                send(visit, message)
                visit.settimeout(ANSWER_LIMIT)
                return Reply(*json.loads(receive(visit)))
            except (OSError, ValueError, TypeError):
                raise Unanswered from None
    return None


def sweep(folder: PrivateFolder) -> None:
    """Remove the doors that killed programs have left behind. Nothing that goes wrong here matters."""
    with suppress(OSError, StoreError):
        for path in list(folder.path.iterdir()):
            name = path.name.partition(".")[0]
            if len(name) != _HASH or not set(name) <= set("0123456789abcdef"):
                continue
            with suppress(OSError):
                if name != path.name:  # it was being made
                    left = time.time() - path.lstat().st_mtime > LEFT_AFTER
                else:
                    left = not _lives(folder, name)
                if left:
                    path.unlink()


def _lives(folder: PrivateFolder, name: str) -> bool:
    try:
        visit = _visit(folder, name)
    except ConnectionRefusedError:
        return False
    except OSError:  # it is busy
        return True
    if visit is not None:
        visit.close()
    return visit is not None


def _visit(folder: PrivateFolder, name: str) -> socket.socket | None:
    """Connect to a door. None means that what listens there is no login of this user. Raises OSError, StoreError."""
    path = folder.path / name
    unix = stat.S_ISSOCK(path.lstat().st_mode)
    visit = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    visit.settimeout(SHAKE_LIMIT)
    try:
        if unix:
            with _short(path) as address:
                visit.connect(address)
            known = same_user(visit)
        else:
            known = _prove(visit, folder.read(name))
        if known:
            return visit
    except BaseException:
        visit.close()
        raise
    visit.close()
    return None


def _prove(visit: socket.socket, content: bytes | None) -> bool:
    """Connect to the port that a door's file names, and return whether both sides have read its key."""
    try:
        door = json.loads(content or b"")
        port, key = int(door["port"]), Hidden(bytes.fromhex(door["key"]))
    except (ValueError, TypeError, KeyError):
        return False
    visit.connect(("127.0.0.1", port))
    ours = secrets.token_bytes(_HASH)
    try:
        challenge = _read(visit, _HASH)
        visit.sendall(ours + _proof(key, b"visitor", challenge, ours))
        return hmac.compare_digest(_read(visit, _HASH), _proof(key, b"login", ours, challenge))
    except OSError:  # another program has the port now
        return False


def _proof(key: Hidden[bytes], who: bytes, theirs: bytes, ours: bytes) -> bytes:
    return hmac.digest(key.reveal(), who + theirs + ours, "sha256")


def send(connection: socket.socket, message: Hidden[bytes]) -> None:
    """Send a message. Raises OSError."""
    connection.sendall(struct.pack(">I", len(message.reveal())) + message.reveal())


def receive(connection: socket.socket) -> bytes:
    """Receive a message. Raises OSError, also if it is too long, or if there is none."""
    (length,) = struct.unpack(">I", _read(connection, 4))
    if length > LONGEST:
        raise OSError("the message is too long")
    return _read(connection, length)


def _read(connection: socket.socket, length: int) -> bytes:
    """Receive exactly ``length`` bytes. Raises OSError."""
    with connection.makefile("rb", buffering=0) as file:
        content = bytearray()
        while len(content) < length:
            part = file.read(length - len(content))
            if not part:
                raise OSError("the connection has ended")
            content += part
    return bytes(content)


def same_user(connection: socket.socket) -> bool:
    """Whether the program at the other end of a Unix socket runs as this user, where the system tells."""
    return _peer(connection) in {None, os.geteuid()}


def _peer(connection: socket.socket) -> int | None:
    """Return the user id of the program at the other end, or None if the system does not tell."""
    if hasattr(socket, "SO_PEERCRED"):
        return int(struct.unpack("iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])
    if (
        sys.platform == "darwin" or "bsd" in sys.platform
    ):  # getsockopt(SOL_LOCAL, LOCAL_PEERCRED): a struct xucred
        return int(struct.unpack("II", connection.getsockopt(0, 1, 8))[1])
    return None


def _unix_listener(path: Path) -> socket.socket:
    if not UNIX:
        raise OSError("there are no Unix sockets here")
    listener = socket.socket(socket.AF_UNIX)
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        with _short(fresh) as address:
            listener.bind(address)
        fresh.chmod(0o600)
        listener.listen(16)
        fresh.replace(path)  # only now: a door that does not answer is swept away
    except OSError:
        listener.close()
        with suppress(OSError):
            fresh.unlink()
        raise
    return listener


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Give a path that fits into the address of a socket, by Linux's name of an open folder if need be."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)
