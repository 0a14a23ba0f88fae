"""Other users of the machine, and other programs: none of them gets a redirect, or hands one over."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from attempts import FakeAttempt
from users import STRANGER, only_root

from aventus_creds.basics.hidden import Hidden
from aventus_creds.basics.private_folder import PrivateFolder
from aventus_creds.callbacks import rendezvous
from aventus_creds.callbacks.announcement import JupyterServer
from aventus_creds.callbacks.jupyter import JupyterCallback
from aventus_creds.callbacks.rendezvous import ask, name_of
from aventus_creds.errors import StoreError

QUERY = "right&state=the-state"
NAME = name_of(QUERY)

VISIT = """
import os, socket, sys
os.chdir(os.path.dirname(sys.argv[1]))  # the folders above may be closed to others as well
os.setgid({uid}); os.setuid({uid})
visit = socket.socket(socket.AF_UNIX)
visit.settimeout(10)
visit.connect(os.path.basename(sys.argv[1]))
query = b"right&state=the-state"
try:
    visit.sendall(len(query).to_bytes(4, "big") + query)
    print(visit.recv(100))
except OSError:
    print(b"")
"""
LISTEN = """
import os, socket, sys
os.chdir(os.path.dirname(sys.argv[1]))  # the folders above may be closed to others as well
os.setgid({uid}); os.setuid({uid})
listener = socket.socket(socket.AF_UNIX)
listener.bind(os.path.basename(sys.argv[1]))
listener.listen()
print("listens", flush=True)
visit, _ = listener.accept()
print(visit.recv(100))
"""


@pytest.fixture
def folder() -> Iterator[PrivateFolder]:
    """The folder of doors. Its path is short, so that any program can name a socket in it."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="doors-") as path:
        yield PrivateFolder(Path(path))


@pytest.fixture
def attempt(folder: PrivateFolder) -> Iterator[FakeAttempt]:
    """A login that waits."""
    callback, attempt = JupyterCallback("", JupyterServer(folder, "", ())), FakeAttempt()
    callback.start(attempt)
    yield attempt
    callback.close()


def run_as(uid: int, code: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code.format(uid=uid), str(path)], stdout=subprocess.PIPE, text=True
    )


@only_root
def test_another_user_cannot_enter(folder: PrivateFolder, attempt: FakeAttempt) -> None:
    """The folder is closed: they can neither connect nor put anything there."""
    with run_as(STRANGER, VISIT, folder.path / NAME) as visitor:
        output, _ = visitor.communicate(timeout=10)
    assert output == ""
    assert visitor.returncode == 1
    with run_as(STRANGER, LISTEN, folder.path / "other") as listener:
        output, _ = listener.communicate(timeout=10)
    assert output == ""
    assert attempt.delivered == []


@only_root
@pytest.mark.skipif(sys.platform != "linux", reason="run where SO_PEERCRED is")
def test_another_user_is_not_answered(folder: PrivateFolder, attempt: FakeAttempt) -> None:
    """Even if the folder were open: the system says who it is."""
    folder.path.chmod(0o755)
    (folder.path / NAME).chmod(0o777)
    with run_as(os.getuid(), VISIT, folder.path / NAME) as visitor:
        assert "Logged in." in visitor.communicate(timeout=10)[0]
    assert attempt.delivered == [QUERY]
    with run_as(STRANGER, VISIT, folder.path / NAME) as visitor:
        assert visitor.communicate(timeout=10)[0] == "b''\n"
    assert attempt.delivered == [QUERY]


@only_root
@pytest.mark.skipif(sys.platform != "linux", reason="run where SO_PEERCRED is")
def test_a_door_of_another_user_gets_nothing(folder: PrivateFolder) -> None:
    """Even if they had made one here while the folder was open."""
    folder.path.chmod(0o777)
    with run_as(STRANGER, LISTEN, folder.path / NAME) as listener:
        assert listener.stdout
        assert listener.stdout.readline() == "listens\n"
        assert ask(folder, Hidden(QUERY)) is None
        assert listener.communicate(timeout=10)[0] == "b''\n"


@only_root
def test_a_folder_of_another_user_is_refused(folder: PrivateFolder) -> None:
    """Neither side uses it."""
    os.chown(folder.path, STRANGER, STRANGER)
    callback, attempt = JupyterCallback("", JupyterServer(folder, "", ())), FakeAttempt()
    callback.start(attempt)
    callback.close()
    assert "belongs to another user" in str(attempt.error)
    with pytest.raises(StoreError, match="belongs to another user"):
        ask(folder, Hidden(QUERY))


def test_a_link_in_the_place_of_the_folder_is_refused(folder: PrivateFolder) -> None:
    link = PrivateFolder(folder.path / "link")
    link.path.symlink_to(folder.path)
    with pytest.raises(StoreError, match="is a link"):
        ask(link, Hidden(QUERY))


# --- a port of this machine, where there are no Unix sockets


@pytest.fixture
def _no_unix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendezvous, "UNIX", False)


class Impostor:
    """Has a port of this machine, and answers a connection with ``say``; ``heard`` is all that came."""

    def __init__(self, say: Callable[[bytes], bytes]) -> None:
        self._say = say
        self.heard = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        with self._listener, self._listener.accept()[0] as visit:
            visit.settimeout(10)
            visit.sendall(b"c" * 32)
            while part := visit.recv(4096):
                self.heard += part
                visit.sendall(self._say(part))

    def end(self) -> None:
        self._thread.join()


@pytest.mark.parametrize("say", [lambda _: b"x" * 32, lambda part: part[:32], lambda part: part[32:64]])
def test_whoever_has_the_port_of_a_dead_login_gets_nothing(
    folder: PrivateFolder, say: Callable[[bytes], bytes]
) -> None:
    """It cannot prove that it has read the key, also not by saying what it is told."""
    impostor = Impostor(say)
    folder.write(NAME, json.dumps({"port": impostor.port, "key": "ab" * 32}).encode())
    assert ask(folder, Hidden(QUERY)) is None
    impostor.end()
    assert len(impostor.heard) == 64
    assert b"state" not in impostor.heard


@pytest.mark.usefixtures("_no_unix")
def test_who_has_not_read_the_key_is_not_heard(folder: PrivateFolder, attempt: FakeAttempt) -> None:
    """Any user can connect to the port of a waiting login."""
    port = json.loads((folder.path / NAME).read_text("utf-8"))["port"]
    for proof in (b"x" * 64, b""):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as visit:
            challenge = visit.recv(32)
            assert len(challenge) == 32
            with suppress(OSError):  # it hangs up at once
                visit.sendall(proof or challenge * 2)
                visit.sendall(len(QUERY).to_bytes(4, "big") + QUERY.encode())
                visit.shutdown(socket.SHUT_WR)
                assert visit.recv(100) == b""
    assert attempt.delivered == []
    assert ask(folder, Hidden(QUERY)) is not None
    assert attempt.delivered == [QUERY]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"port": "x", "key": "ab"}', b'{"port": 1, "key": 2}']
)
def test_a_broken_door_is_none(folder: PrivateFolder, content: bytes) -> None:
    folder.write(NAME, content)
    assert ask(folder, Hidden(QUERY)) is None


def test_a_visitor_who_says_too_much_or_nothing(folder: PrivateFolder, attempt: FakeAttempt) -> None:
    """Sizes are bounded, and the login waits on."""
    for said in (b"", b"\0\0", b"\0\1\0\1", b"\xff\xff\xff\xff" + b"x" * 1000, b"\0\0\0\x09half"):
        visit = socket.socket(socket.AF_UNIX)
        with visit:
            visit.settimeout(10)
            visit.connect(str(folder.path / NAME))
            with suppress(ConnectionError):  # what it has not read resets the connection
                visit.sendall(said)
                visit.shutdown(socket.SHUT_WR)
                assert visit.recv(100) == b""
    assert attempt.delivered == []
    assert ask(folder, Hidden(QUERY)) is not None
