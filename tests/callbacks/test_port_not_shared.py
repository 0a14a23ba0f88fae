"""A port of a login is that login's alone."""

from __future__ import annotations

import socket

import pytest
from support import free_port

from aventus_creds.callbacks.loopback import LoopbackCallback
from aventus_creds.errors import CallbackError


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="this system does not share ports")
def test_a_port_is_not_shared_with_one_who_asks_for_it() -> None:
    """Another program that would share it is refused while a login listens, and the login while that one does."""
    uri = f"http://127.0.0.1:{free_port()}/callback"
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        callback = LoopbackCallback([uri])
        try:
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", int(uri.split(":")[2].partition("/")[0])))
        finally:
            callback.close()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(CallbackError, match="taken"):
            LoopbackCallback([f"http://127.0.0.1:{other.getsockname()[1]}/callback"])
